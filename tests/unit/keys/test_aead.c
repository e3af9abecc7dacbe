#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/aead.h"

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void test_damage_is_found(void **state) {
    struct secret *key = secret_random(AEAD_KEY_BYTES);
    struct secret *other = secret_random(AEAD_KEY_BYTES);
    struct bytes aad = bytes_text("row 7");
    struct bytes sealed;
    assert_int_equal(aead_seal(key, aad, bytes_text("record"), *state, &sealed), STATUS_OK);
    struct bytes out = BYTES("untouched", 9);
    assert_int_equal(aead_open(other, aad, sealed, *state, &out), STATUS_PROOF);
    assert_int_equal(aead_open(key, bytes_text("row 8"), sealed, *state, &out), STATUS_PROOF);
    assert_int_equal(aead_open(key, aad, BYTES(sealed.data, sealed.len - 1), *state, &out), STATUS_PROOF);
    assert_int_equal(aead_open(key, aad, BYTES(sealed.data, AEAD_OVERHEAD_BYTES - 1), *state, &out), STATUS_MALFORMED);
    assert_int_equal(aead_open(key, aad, BYTES_EMPTY, *state, &out), STATUS_MALFORMED);
    for (size_t i = 0; i < sealed.len; i++) {
        uint8_t *bytes = (uint8_t *)sealed.data;
        bytes[i] ^= 0x80;
        assert_int_equal(aead_open(key, aad, sealed, *state, &out), STATUS_PROOF);
        bytes[i] ^= 0x80;
    }
    assert_true(bytes_equal_text(out, "untouched"));
    assert_int_equal(aead_open(key, aad, sealed, *state, &out), STATUS_OK);
    assert_true(bytes_equal_text(out, "record"));
    secret_free(key);
    secret_free(other);
}

static void test_lengths(void **state) {
    struct secret *key = secret_random(AEAD_KEY_BYTES);
    struct secret *shorter = secret_random(16);
    struct bytes out;
    uint8_t memory[AEAD_OVERHEAD_BYTES + 3];
    assert_int_equal(aead_seal(shorter, BYTES_EMPTY, BYTES_EMPTY, *state, &out), STATUS_MALFORMED);
    assert_int_equal(aead_seal_into(key, BYTES_EMPTY, bytes_text("ab"), memory, sizeof memory), STATUS_MALFORMED);
    assert_int_equal(aead_seal_into(key, BYTES_EMPTY, bytes_text("abc"), memory, sizeof memory), STATUS_OK);
    struct secret *opened = NULL;
    assert_int_equal(aead_open_secret(key, BYTES_EMPTY, BYTES_ARRAY(memory), &opened), STATUS_OK);
    assert_true(bytes_equal_text(secret_bytes(opened), "abc"));
    secret_free(opened);
    assert_int_equal(aead_seal(key, BYTES_EMPTY, BYTES_EMPTY, *state, &out), STATUS_OK);
    assert_int_equal(aead_open(key, BYTES_EMPTY, out, *state, &out), STATUS_OK);
    assert_int_equal(out.len, 0);
    secret_free(key);
    secret_free(shorter);
}

static void test_nonce_is_fresh(void **state) {
    struct secret *key = secret_random(AEAD_KEY_BYTES);
    struct bytes a;
    struct bytes b;
    assert_int_equal(aead_seal(key, BYTES_EMPTY, bytes_text("x"), *state, &a), STATUS_OK);
    assert_int_equal(aead_seal(key, BYTES_EMPTY, bytes_text("x"), *state, &b), STATUS_OK);
    assert_false(bytes_equal(BYTES(a.data, AEAD_NONCE_BYTES), BYTES(b.data, AEAD_NONCE_BYTES)));
    secret_free(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_nonce_is_fresh),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
