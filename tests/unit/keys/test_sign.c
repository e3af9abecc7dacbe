#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/sign.h"
#include "support/alloc_fail.h"
#include "support/vectors.h"

static const char federation[] = "plan.example";

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void test_seed_of_another_length(void **state) {
    (void)state;
    struct secret *seed = secret_random(31);
    struct sign_private *key = NULL;
    assert_int_equal(sign_from_seed(seed, &key), STATUS_MALFORMED);
    assert_null(key);
    secret_free(seed);
}

/* P3: what is signed holds for its label, federation and bytes only. */
static void test_p3_signature_is_bound(void **state) {
    (void)state;
    struct sign_private *key = NULL;
    struct sign_private *other = NULL;
    assert_int_equal(sign_generate(&key), STATUS_OK);
    assert_int_equal(sign_generate(&other), STATUS_OK);
    struct sign_public public = sign_public_of(key);
    struct sign_public stranger = sign_public_of(other);
    struct bytes body = bytes_text("body");
    struct sign_signature good;
    assert_int_equal(sign_framed(key, "sluss grant v1", federation, body, &good), STATUS_OK);
    struct sign_signature bad = good;
    bad.b[40] ^= 1;
    const struct {
        const char *name;
        const struct sign_public *key;
        const char *label;
        const char *federation;
        const char *body;
        const struct sign_signature *signature;
    } cases[] = {
        {"other key", &stranger, "sluss grant v1", federation, "body", &good},
        {"other label", &public, "sluss header v1", federation, "body", &good},
        {"other federation", &public, "sluss grant v1", "plan.exampl", "body", &good},
        {"other body", &public, "sluss grant v1", federation, "bodz", &good},
        {"longer body", &public, "sluss grant v1", federation, "bodyy", &good},
        {"changed signature", &public, "sluss grant v1", federation, "body", &bad},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status status = sign_verify_framed(cases[i].key, cases[i].label, cases[i].federation,
                                                bytes_text(cases[i].body), cases[i].signature);
        if (status != STATUS_SIGNATURE) fail_msg("%s", cases[i].name);
    }
    assert_int_equal(sign_verify_framed(&public, "sluss grant v1", federation, body, &good), STATUS_OK);
    assert_int_equal(sign_verify(&public, body, &good), STATUS_SIGNATURE);
    sign_free(key);
    sign_free(other);
}

/* A key of small order verifies nothing; S above the group's order is refused. */
static void test_degenerate_values_are_refused(void **state) {
    (void)state;
    struct sign_public identity = {{1}};
    struct sign_signature signature = {{1}};
    assert_int_equal(sign_verify(&identity, bytes_text("any"), &signature), STATUS_SIGNATURE);
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                      0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    struct sign_private *key = NULL;
    assert_int_equal(sign_generate(&key), STATUS_OK);
    struct sign_public public = sign_public_of(key);
    signature = sign_bytes(key, bytes_text("any"));
    assert_int_equal(sign_verify(&public, bytes_text("any"), &signature), STATUS_OK);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature.b[32 + i] + order[i];
        signature.b[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(sign_verify(&public, bytes_text("any"), &signature), STATUS_SIGNATURE);
    sign_free(key);
}

static void test_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "signed"), index, one) {
        struct secret *seed = vectors_secret(*state, one, "seed");
        struct sign_private *key = NULL;
        assert_int_equal(sign_from_seed(seed, &key), STATUS_OK);
        struct sign_public public = sign_public_of(key);
        assert_true(bytes_equal(BYTES_ARRAY(public.b), vectors_hex(*state, one, "public")));
        struct hash id = sign_key_id(vectors_text(one, "federation"), &public);
        assert_true(bytes_equal(hash_bytes(&id), vectors_hex(*state, one, "key_id")));
        struct bytes body = vectors_hex(*state, one, "body");
        struct sign_signature signature;
        const char *label = vectors_text(one, "label");
        assert_int_equal(sign_framed(key, label, federation, body, &signature), STATUS_OK);
        if (!bytes_equal(BYTES_ARRAY(signature.b), vectors_hex(*state, one, "signature")))
            fail_msg("%s", vectors_text(one, "name"));
        assert_int_equal(sign_verify_framed(&public, label, federation, body, &signature), STATUS_OK);
        struct secret *again = NULL;
        assert_int_equal(sign_seed(key, &again), STATUS_OK);
        assert_true(bytes_equal(secret_bytes(seed), secret_bytes(again)));
        secret_free(again);
        secret_free(seed);
        sign_free(key);
    }
    assert_true(index >= 3);
    json_decref(vectors);
}

static void test_memory_is_out(void **state) {
    (void)state;
    static const uint8_t body[5000];
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
        struct sign_signature signature;
        alloc_fail_at(nth);
        status = sign_generate(&key);
        if (status == STATUS_OK) status = sign_framed(key, "sluss test v1", federation, BYTES_ARRAY(body), &signature);
        assert_int_equal(status, alloc_fail_happened() ? STATUS_MEMORY : STATUS_OK);
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_of_another_length),
        cmocka_unit_test(test_p3_signature_is_bound),
        cmocka_unit_test(test_degenerate_values_are_refused),
        cmocka_unit_test(test_memory_is_out),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
