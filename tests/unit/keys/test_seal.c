#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/seal.h"
#include "keys/seal_internal.h"
#include "support/alloc_fail.h"
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

static struct seal_private *key_of(struct arena *arena, const json_t *one, const char *name) {
    struct secret *scalar = vectors_secret(arena, one, name);
    struct seal_private *key = NULL;
    assert_int_equal(seal_from_secret(scalar, &key), STATUS_OK);
    secret_free(scalar);
    return key;
}

/* P3: a sealed key opens under its info, aad and receiver only. */
static void test_p3_sealed_is_bound(void **state) {
    struct seal_private *key = NULL;
    struct seal_private *other = NULL;
    assert_int_equal(seal_generate(&key), STATUS_OK);
    assert_int_equal(seal_generate(&other), STATUS_OK);
    struct seal_public public = seal_public_of(key);
    struct bytes sealed;
    assert_int_equal(seal_bytes(&public, bytes_text("info"), bytes_text("aad"), bytes_text("key"), *state, &sealed),
                     STATUS_OK);
    assert_int_equal(sealed.len, 3 + SEAL_OVERHEAD_BYTES);
    const struct {
        const char *name;
        const struct seal_private *key;
        const char *info;
        const char *aad;
        size_t len;
        enum status expected;
    } cases[] = {
        {"other receiver", other, "info", "aad", sealed.len, STATUS_PROOF},
        {"other info", key, "infp", "aad", sealed.len, STATUS_PROOF},
        {"other aad", key, "info", "aae", sealed.len, STATUS_PROOF},
        {"boundary moved from info to aad", key, "inf", "oaad", sealed.len, STATUS_PROOF},
        {"cut by one", key, "info", "aad", sealed.len - 1, STATUS_PROOF},
        {"shorter than the overhead", key, "info", "aad", SEAL_OVERHEAD_BYTES - 1, STATUS_MALFORMED},
        {"nothing", key, "info", "aad", 0, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes out = BYTES("untouched", 9);
        enum status status = seal_open(cases[i].key, bytes_text(cases[i].info), bytes_text(cases[i].aad),
                                       BYTES(sealed.data, cases[i].len), *state, &out);
        if (status != cases[i].expected) fail_msg("%s: %s", cases[i].name, status_name(status));
        assert_true(bytes_equal_text(out, "untouched"));
    }
    struct bytes opened;
    assert_int_equal(seal_open(key, bytes_text("info"), bytes_text("aad"), sealed, *state, &opened), STATUS_OK);
    assert_true(bytes_equal_text(opened, "key"));
    struct secret *secret = NULL;
    assert_int_equal(seal_open_secret(key, bytes_text("info"), bytes_text("aad"), sealed, &secret), STATUS_OK);
    assert_true(bytes_equal_text(secret_bytes(secret), "key"));
    secret_free(secret);
    seal_free(key);
    seal_free(other);
}

static void test_every_flipped_byte_is_found(void **state) {
    struct seal_private *key = NULL;
    assert_int_equal(seal_generate(&key), STATUS_OK);
    struct seal_public public = seal_public_of(key);
    struct bytes sealed;
    assert_int_equal(seal_bytes(&public, BYTES_EMPTY, BYTES_EMPTY, bytes_text("key"), *state, &sealed), STATUS_OK);
    for (size_t i = 0; i < sealed.len; i++) {
        struct bytes copy;
        assert_int_equal(arena_copy(*state, sealed, &copy), STATUS_OK);
        uint8_t *bytes = (uint8_t *)copy.data;
        bytes[i] ^= 0x01;
        struct bytes out;
        assert_int_equal(seal_open(key, BYTES_EMPTY, BYTES_EMPTY, copy, *state, &out), STATUS_PROOF);
    }
    seal_free(key);
}

static void test_small_order_is_refused(void **state) {
    struct seal_private *key = NULL;
    assert_int_equal(seal_generate(&key), STATUS_OK);
    static const struct seal_public small[] = {
        {{0}},
        {{1}},
        {{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
          0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00}},
    };
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        struct bytes out;
        assert_int_equal(seal_bytes(&small[i], BYTES_EMPTY, BYTES_EMPTY, bytes_text("key"), *state, &out),
                         STATUS_INVALID);
        uint8_t sealed[SEAL_OVERHEAD_BYTES + 4] = {0};
        memcpy(sealed, small[i].b, sizeof small[i].b);
        assert_int_equal(seal_open(key, BYTES_EMPTY, BYTES_EMPTY, BYTES_ARRAY(sealed), *state, &out), STATUS_INVALID);
    }
    seal_free(key);
}

static void test_empty_is_no_key(void **state) {
    struct seal_private *key = NULL;
    assert_int_equal(seal_generate(&key), STATUS_OK);
    struct seal_public public = seal_public_of(key);
    struct bytes sealed;
    assert_int_equal(seal_bytes(&public, BYTES_EMPTY, BYTES_EMPTY, BYTES_EMPTY, *state, &sealed), STATUS_OK);
    struct secret *secret = NULL;
    assert_int_equal(seal_open_secret(key, BYTES_EMPTY, BYTES_EMPTY, sealed, &secret), STATUS_MALFORMED);
    struct bytes opened;
    assert_int_equal(seal_open(key, BYTES_EMPTY, BYTES_EMPTY, sealed, *state, &opened), STATUS_OK);
    assert_int_equal(opened.len, 0);
    seal_free(key);
}

static void check_shared_parts(struct arena *arena, const json_t *one, const struct seal_private *receiver) {
    struct seal_public enc;
    vectors_copy(arena, one, "enc", enc.b, sizeof enc.b);
    struct hash shared;
    assert_int_equal(seal_decapsulate(receiver, &enc, &shared), STATUS_OK);
    assert_true(bytes_equal(hash_bytes(&shared), vectors_hex(arena, one, "shared_secret")));
    struct seal_private *ephemeral = key_of(arena, one, "ephemeral_private");
    struct seal_public receiver_public = seal_public_of(receiver);
    uint8_t sealed[SEAL_OVERHEAD_BYTES + 5];
    assert_int_equal(seal_bytes_ephemeral(ephemeral, &receiver_public, bytes_text("i"), bytes_text("a"),
                                          bytes_text("plain"), sealed),
                     STATUS_OK);
    assert_true(bytes_equal(BYTES(sealed, SEAL_ENC_BYTES), BYTES_ARRAY(enc.b)));
    struct bytes opened;
    assert_int_equal(seal_open(receiver, bytes_text("i"), bytes_text("a"), BYTES_ARRAY(sealed), arena, &opened),
                     STATUS_OK);
    assert_true(bytes_equal_text(opened, "plain"));
    seal_free(ephemeral);
}

static void check_whole(struct arena *arena, const json_t *one, const struct seal_private *receiver) {
    struct bytes enc = vectors_hex(arena, one, "enc");
    struct bytes ciphertext = vectors_hex(arena, one, "ciphertext");
    uint8_t sealed[256];
    struct writer writer = writer_init(sealed, sizeof sealed);
    writer_put(&writer, enc);
    writer_put(&writer, ciphertext);
    struct bytes whole;
    assert_int_equal(writer_end(&writer, &whole), STATUS_OK);
    struct bytes opened;
    assert_int_equal(
        seal_open(receiver, vectors_hex(arena, one, "info"), vectors_hex(arena, one, "aad"), whole, arena, &opened),
        STATUS_OK);
    assert_true(bytes_equal(opened, vectors_hex(arena, one, "plaintext")));
}

/* RFC 9180 and CFRG values: the cases with AES-128-GCM share everything up to the AEAD. */
static void test_vectors(void **state) {
    json_t *vectors = vectors_load("hpke.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "cases"), index, one) {
        struct seal_private *receiver = key_of(*state, one, "receiver_private");
        struct seal_public public = seal_public_of(receiver);
        assert_true(bytes_equal(BYTES_ARRAY(public.b), vectors_hex(*state, one, "receiver_public")));
        if (vectors_number(one, "aead") == 2) {
            check_whole(*state, one, receiver);
        } else {
            check_shared_parts(*state, one, receiver);
        }
        seal_free(receiver);
    }
    assert_int_equal(index, 2);
    json_decref(vectors);
}

static void test_memory_is_out(void **state) {
    (void)state;
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
        struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
        struct secret *opened CLEANUP(secret_free_cleanup) = NULL;
        struct bytes sealed = BYTES_EMPTY;
        alloc_fail_at(nth);
        status = seal_generate(&key);
        struct seal_public public = key ? seal_public_of(key) : (struct seal_public){0};
        if (status == STATUS_OK)
            status = seal_bytes(&public, BYTES_EMPTY, BYTES_EMPTY, bytes_text("key"), arena, &sealed);
        if (status == STATUS_OK) status = seal_open_secret(key, BYTES_EMPTY, BYTES_EMPTY, sealed, &opened);
        assert_int_equal(status, alloc_fail_happened() ? STATUS_MEMORY : STATUS_OK);
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p3_sealed_is_bound),     cmocka_unit_test(test_every_flipped_byte_is_found),
        cmocka_unit_test(test_small_order_is_refused), cmocka_unit_test(test_empty_is_no_key),
        cmocka_unit_test(test_memory_is_out),          cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
