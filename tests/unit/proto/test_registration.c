/*
 * Registrations: the key signs for itself, and only who holds the code's secret can have made the mac.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/secret.h"
#include "keys/jws.h"
#include "proto/statement.h"
#include "support/jose.h"
#include "support/vectors.h"

#define FEDERATION "test.sluss.example"
#define TYP        "device+jwt"
#define B32        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define B16        "AAECAwQFBgcICQoLDA0ODw"

struct fixture {
    struct arena *arena;
    json_t *vectors;
    const json_t *first;
    const char *payload;
    struct sign_private *key;
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    fixture.arena = arena_new(16 << 20);
    fixture.vectors = vectors_load("jose.json");
    fixture.first = json_array_get(json_object_get(fixture.vectors, "registrations"), 0);
    fixture.payload = jose_payload(fixture.arena, bytes_text(vectors_text(fixture.first, "compact")));
    fixture.key = jose_key(vectors_text(fixture.first, "signer"));
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    sign_free(fixture->key);
    json_decref(fixture->vectors);
    arena_free(fixture->arena);
    return 0;
}

static enum status parse(struct fixture *f, const char *payload, struct registration *out) {
    struct registration untouched;
    memset(&untouched, 0xa5, sizeof untouched);
    *out = untouched;
    enum status status = registration_parse(f->arena, FEDERATION, jose_sign(f->arena, TYP, payload, f->key), out);
    if (status != STATUS_OK) assert_memory_equal(out, &untouched, sizeof untouched);
    return status;
}

struct refused_case {
    const char *path;
    const char *value;
    enum status expected;
};

static const struct refused_case refused_cases[] = {
    {"aud", "\"other.example\"", STATUS_FEDERATION},
    {"iss", "\"urn:ietf:params:oauth:jwk-thumbprint:sha-256:" B32 "\"", STATUS_MALFORMED},
    {"sub", "\"" B32 "\"", STATUS_MALFORMED},
    {"iat", "253402300800", STATUS_MALFORMED},
    {"jti", "\"\"", STATUS_MALFORMED},
    {"enrolment", "\"" B32 "\"", STATUS_MALFORMED},
    {"read", "\"" B16 "\"", STATUS_MALFORMED},
    {"mac", "\"" B16 "\"", STATUS_MALFORMED},
    {"jwk", "\"" B32 "\"", STATUS_MALFORMED},
    {"jwk", "{}", STATUS_MALFORMED},
    {"jwk.kty", "\"EC\"", STATUS_UNSUPPORTED},
    {"jwk.crv", "\"Ed448\"", STATUS_UNSUPPORTED},
    {"jwk.crv", "\"X25519\"", STATUS_UNSUPPORTED},
    {"jwk.x", "\"" B16 "\"", STATUS_MALFORMED},
    {"jwk.d", "\"" B32 "\"", STATUS_MALFORMED},
    {"jwk.kid", "\"" B32 "\"", STATUS_MALFORMED},
    /* A key that did not sign: the thumbprint is not that of kid. */
    {"jwk.x", "\"" B32 "\"", STATUS_SIGNATURE},
};

static void test_refused(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        const struct refused_case *one = &refused_cases[i];
        struct registration registration;
        enum status status = parse(f, jose_patch(f->arena, f->payload, one->path, one->value), &registration);
        if (status != one->expected) fail_msg("%s %s: %s", one->path, one->value, status_name(status));
    }
    static const char *const members[] = {"iss",  "aud", "iat",     "jti",     "enrolment", "jwk",
                                          "read", "mac", "jwk.kty", "jwk.crv", "jwk.x"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct registration registration;
        if (parse(f, jose_patch(f->arena, f->payload, members[i], NULL), &registration) != STATUS_MALFORMED ||
            parse(f, jose_patch(f->arena, f->payload, members[i], "null"), &registration) != STATUS_MALFORMED)
            fail_msg("%s", members[i]);
    }
}

/* The portal or the broker puts in keys of its own. */
static void test_exchanged_keys(void **state) {
    struct fixture *f = *state;
    struct bytes compact = bytes_text(vectors_text(f->first, "compact"));
    uint8_t secret[16];
    vectors_copy(f->arena, f->first, "secret", secret, sizeof secret);
    struct registration registration;
    /* Another reading key under the old signature. */
    const char *read = jose_patch(f->arena, f->payload, "read", "\"" B32 "\"");
    assert_int_equal(
        registration_parse(f->arena, FEDERATION, jose_swap_payload(f->arena, compact, read), &registration),
        STATUS_SIGNATURE);
    /* Signed anew by the device itself: the form is right, the mac is not. */
    assert_int_equal(parse(f, read, &registration), STATUS_OK);
    assert_int_equal(registration_check(FEDERATION, &registration, secret), STATUS_SIGNATURE);
    /* All anew by a stranger who knows the enrolment but not the secret. */
    struct sign_private *stranger CLEANUP(sign_free_cleanup) = jose_key("stranger");
    struct id16 enrolment;
    vectors_copy(f->arena, f->first, "enrolment", enrolment.b, sizeof enrolment.b);
    const uint8_t guessed[16] = {0};
    struct bytes made;
    assert_int_equal(registration_make(f->arena, FEDERATION, &enrolment, guessed, stranger, &registration.read_key,
                                       1795315395000, &made),
                     STATUS_OK);
    assert_int_equal(registration_parse(f->arena, FEDERATION, made, &registration), STATUS_OK);
    assert_int_equal(registration_check(FEDERATION, &registration, secret), STATUS_SIGNATURE);
    assert_int_equal(registration_check(FEDERATION, &registration, guessed), STATUS_OK);
    assert_int_equal(registration_check("other.example", &registration, guessed), STATUS_SIGNATURE);
}

static void check_hex(struct fixture *f, const json_t *one, const char *name, struct bytes found) {
    if (!bytes_equal(vectors_hex(f->arena, one, name), found)) fail_msg("%s", name);
}

static void test_vectors(void **state) {
    struct fixture *f = *state;
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(f->vectors, "registrations"), index, one) {
        const json_t *device = json_array_get(json_object_get(f->vectors, "devices"), index);
        struct registration registration;
        uint8_t secret[16];
        vectors_copy(f->arena, one, "secret", secret, sizeof secret);
        struct bytes compact = bytes_text(vectors_text(one, "compact"));
        assert_int_equal(registration_parse(f->arena, FEDERATION, compact, &registration), STATUS_OK);
        assert_int_equal(registration_check(FEDERATION, &registration, secret), STATUS_OK);
        check_hex(f, one, "enrolment", BYTES_ARRAY(registration.enrolment.b));
        check_hex(f, one, "jti", BYTES_ARRAY(registration.jti.b));
        check_hex(f, one, "mac", BYTES_ARRAY(registration.mac));
        check_hex(f, one, "read", BYTES_ARRAY(registration.read_key.b));
        check_hex(f, device, "public", BYTES_ARRAY(registration.sign_key.b));
        check_hex(f, device, "thumbprint", hash_bytes(&registration.device));
        assert_string_equal(jws_thumbprint_text(f->arena, &registration.sign_key), vectors_text(device, "kid"));
        secret[15] ^= 1;
        assert_int_equal(registration_check(FEDERATION, &registration, secret), STATUS_SIGNATURE);
    }
    assert_int_equal(index, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_exchanged_keys),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
