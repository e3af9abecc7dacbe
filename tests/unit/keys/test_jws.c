#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "keys/jws.h"
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

#define SIGNATURE86 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* header is plain JSON; the rest is the text behind its dot. */
struct bad_case {
    const char *name;
    const char *header;
    const char *rest;
    enum status expected;
};

static const struct bad_case bad_cases[] = {
    {"alg none", "{\"alg\":\"none\"}", "e30.", STATUS_UNSUPPORTED},
    {"alg none before a bad payload", "{\"alg\":\"none\"}", "!.!", STATUS_UNSUPPORTED},
    {"alg of another kind", "{\"alg\":\"HS256\"}", "e30." SIGNATURE86, STATUS_UNSUPPORTED},
    {"alg in another case", "{\"alg\":\"eddsa\"}", "e30." SIGNATURE86, STATUS_UNSUPPORTED},
    {"alg with NUL inside", "{\"alg\":\"EdDSA\\u0000\"}", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"alg is a list", "{\"alg\":[\"EdDSA\"]}", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"no alg", "{\"typ\":\"consent+jwt\"}", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"alg twice", "{\"alg\":\"none\",\"alg\":\"EdDSA\"}", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"crit", "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}", "e30." SIGNATURE86, STATUS_UNSUPPORTED},
    {"b64", "{\"alg\":\"EdDSA\",\"b64\":false}", "e30." SIGNATURE86, STATUS_UNSUPPORTED},
    {"header is a list", "[\"alg\"]", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"header is not JSON", "alg", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"something after the header", "{\"alg\":\"EdDSA\"}{}", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"empty header", "", "e30." SIGNATURE86, STATUS_MALFORMED},
    {"two parts", "{\"alg\":\"EdDSA\"}", "e30", STATUS_MALFORMED},
    {"four parts", "{\"alg\":\"EdDSA\"}", "e30." SIGNATURE86 ".", STATUS_MALFORMED},
    {"no signature", "{\"alg\":\"EdDSA\"}", "e30.", STATUS_MALFORMED},
    {"short signature", "{\"alg\":\"EdDSA\"}", "e30.AAAA", STATUS_MALFORMED},
    {"padded payload", "{\"alg\":\"EdDSA\"}", "e30=." SIGNATURE86, STATUS_MALFORMED},
    {"payload with bits left over", "{\"alg\":\"EdDSA\"}", "e31." SIGNATURE86, STATUS_MALFORMED},
    {"newline at the end", "{\"alg\":\"EdDSA\"}", "e30." SIGNATURE86 "\n", STATUS_MALFORMED},
};

static void test_split_refuses(void **state) {
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *bad = &bad_cases[i];
        const char *text = arena_printf(*state, "%s.%s", text_base64url(*state, bytes_text(bad->header)), bad->rest);
        struct jws jws = {.input = BYTES("untouched", 9)};
        enum status status = jws_split(bytes_text(text), 4096, *state, &jws);
        if (status != bad->expected) fail_msg("%s: %s", bad->name, status_name(status));
        assert_true(bytes_equal_text(jws.input, "untouched"));
    }
    struct jws jws;
    assert_int_equal(jws_split(BYTES_EMPTY, 4096, *state, &jws), STATUS_MALFORMED);
    assert_int_equal(jws_split(bytes_text(".."), 4096, *state, &jws), STATUS_MALFORMED);
}

static void test_bound(void **state) {
    struct sign_private *key = NULL;
    assert_int_equal(sign_generate(&key), STATUS_OK);
    const char *compact = NULL;
    assert_int_equal(jws_sign(key, "{\"alg\":\"EdDSA\"}", bytes_text("{}"), *state, &compact), STATUS_OK);
    struct jws jws;
    assert_int_equal(jws_split(bytes_text(compact), strlen(compact) - 1, *state, &jws), STATUS_TOO_LARGE);
    assert_int_equal(jws_split(bytes_text(compact), strlen(compact), *state, &jws), STATUS_OK);
    sign_free(key);
}

static void test_sign_refuses_another_algorithm(void **state) {
    struct sign_private *key = NULL;
    assert_int_equal(sign_generate(&key), STATUS_OK);
    const char *compact = NULL;
    assert_int_equal(jws_sign(key, "{\"alg\":\"none\"}", BYTES_EMPTY, *state, &compact), STATUS_UNSUPPORTED);
    assert_int_equal(jws_sign(key, "{}", BYTES_EMPTY, *state, &compact), STATUS_MALFORMED);
    assert_null(compact);
    sign_free(key);
}

/* P2: a token whose header, payload or signature was changed does not verify, nor does it under another key. */
static void test_p2_changes_do_not_verify(void **state) {
    struct sign_private *key = NULL;
    struct sign_private *other = NULL;
    assert_int_equal(sign_generate(&key), STATUS_OK);
    assert_int_equal(sign_generate(&other), STATUS_OK);
    const char *compact = NULL;
    assert_int_equal(jws_sign(key, "{\"alg\":\"EdDSA\"}", bytes_text("{\"a\":1}"), *state, &compact), STATUS_OK);
    struct sign_public public = sign_public_of(key);
    struct sign_public stranger = sign_public_of(other);
    struct jws jws;
    assert_int_equal(jws_split(bytes_text(compact), 4096, *state, &jws), STATUS_OK);
    assert_int_equal(jws_verify(&jws, &public), STATUS_OK);
    assert_int_equal(jws_verify(&jws, &stranger), STATUS_SIGNATURE);
    const char *last_dot = strrchr(compact, '.');
    const char *swapped = arena_printf(*state, "%s.%s%s", text_base64url(*state, bytes_text("{\"alg\":\"Ed25519\"}")),
                                       text_base64url(*state, bytes_text("{\"a\":1}")), last_dot);
    assert_int_equal(jws_split(bytes_text(swapped), 4096, *state, &jws), STATUS_OK);
    assert_int_equal(jws_verify(&jws, &public), STATUS_SIGNATURE);
    sign_free(key);
    sign_free(other);
}

static void test_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "tokens"), index, one) {
        struct secret *seed = vectors_secret(*state, one, "seed");
        struct sign_private *key = NULL;
        assert_int_equal(sign_from_seed(seed, &key), STATUS_OK);
        struct sign_public public = sign_public_of(key);
        const char *compact = NULL;
        struct bytes payload = vectors_hex(*state, one, "payload");
        assert_int_equal(jws_sign(key, vectors_text(one, "header"), payload, *state, &compact), STATUS_OK);
        assert_string_equal(compact, vectors_text(one, "compact"));
        struct jws jws;
        assert_int_equal(jws_split(bytes_text(compact), 4096, *state, &jws), STATUS_OK);
        assert_int_equal(jws_verify(&jws, &public), STATUS_OK);
        assert_true(bytes_equal(jws.payload, payload));
        assert_true(bytes_equal_text(jws.header, vectors_text(one, "header")));
        assert_string_equal(jws_thumbprint_text(*state, &public), vectors_text(one, "thumbprint"));
        secret_free(seed);
        sign_free(key);
    }
    assert_true(index >= 3);
    json_decref(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_refuses),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_sign_refuses_another_algorithm),
        cmocka_unit_test(test_p2_changes_do_not_verify),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
