#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/hash.h"
#include "support/vectors.h"

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void test_wrong_length_is_no_hash(void **state) {
    (void)state;
    uint8_t bytes[33] = {0};
    struct hash hash;
    memset(&hash, 7, sizeof hash);
    struct hash before = hash;
    assert_int_equal(hash_from_bytes(BYTES(bytes, 31), &hash), STATUS_MALFORMED);
    assert_int_equal(hash_from_bytes(BYTES(bytes, 33), &hash), STATUS_MALFORMED);
    assert_true(hash_equal(&hash, &before));
    assert_int_equal(hash_from_bytes(BYTES(bytes, 32), &hash), STATUS_OK);
    assert_true(hash_is_zero(&hash));
    assert_false(hash_equal(&hash, &before));
}

static void test_sha256(void **state) {
    json_t *object =
        json_pack("{s:s, s:s}", "empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "abc",
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct hash empty = hash_sha256(BYTES_EMPTY);
    struct hash abc = hash_sha256(bytes_text("abc"));
    assert_true(bytes_equal(hash_bytes(&empty), vectors_hex(*state, object, "empty")));
    assert_true(bytes_equal(hash_bytes(&abc), vectors_hex(*state, object, "abc")));
    json_decref(object);
}

static void test_incremental_is_the_same(void **state) {
    (void)state;
    uint8_t text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)i;
    struct hash whole = hash_sha256(BYTES_ARRAY(text));
    for (size_t step = 1; step < 130; step += 7) {
        struct hash_state hashing;
        hash_init(&hashing);
        for (size_t at = 0; at < sizeof text; at += step)
            hash_update(&hashing, BYTES(text + at, at + step > sizeof text ? sizeof text - at : step));
        struct hash pieces = hash_final(&hashing);
        assert_true(hash_equal(&whole, &pieces));
    }
}

static void test_hmac_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "macs"), index, one) {
        struct bytes message = vectors_hex(*state, one, "message");
        struct hash mac = hash_hmac_sha256(vectors_hex(*state, one, "key"), message);
        if (!bytes_equal(hash_bytes(&mac), vectors_hex(*state, one, "mac"))) fail_msg("%s", vectors_text(one, "name"));
        const struct bytes parts[] = {{message.data, message.len / 2},
                                      {message.data + message.len / 2, message.len - message.len / 2}};
        struct hash again = hash_hmac_sha256_parts(vectors_hex(*state, one, "key"), parts, 2);
        assert_true(hash_equal(&mac, &again));
    }
    assert_true(index >= 3);
    json_decref(vectors);
}

static void test_hkdf_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "derivations"), index, one) {
        struct bytes expected = vectors_hex(*state, one, "out");
        struct secret *out = NULL;
        assert_int_equal(hash_hkdf_sha256(vectors_hex(*state, one, "key"), vectors_hex(*state, one, "salt"),
                                          vectors_hex(*state, one, "info"), expected.len, &out),
                         STATUS_OK);
        if (!bytes_equal(secret_bytes(out), expected)) fail_msg("%s", vectors_text(one, "name"));
        secret_free(out);
    }
    assert_true(index >= 4);
    json_decref(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_length_is_no_hash),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_incremental_is_the_same),
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hkdf_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
