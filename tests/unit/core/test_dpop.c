/*
 * DPoP proofs: what is refused, in header, claims and time; and a browser's own key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "broker/core/portal/dpop.h"
#include "keys/jws.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define NOW_MS   ((uint64_t)1700000000000)
#define URL      "https://portal.example/v1/consents"

struct fixture {
    struct nonces *nonces;
    struct arena *arena;
    struct sign_private *key;
    const char *x;
    const char *nonce;
};

static int setup(void **state) {
    static struct fixture fixture;
    OK(secret_setup());
    fixture = (struct fixture){.nonces = nonces_new("test.example"), .arena = arena_new(1 << 20)};
    OK(sign_generate(&fixture.key));
    struct sign_public key = sign_public_of(fixture.key);
    fixture.x = text_base64url(fixture.arena, BYTES_ARRAY(key.b));
    fixture.nonce = nonces_issue(fixture.nonces, NOW_MS, fixture.arena);
    *state = &fixture;
    return fixture.nonces && fixture.x && fixture.nonce ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    nonces_free(fixture->nonces);
    sign_free(fixture->key);
    arena_free(fixture->arena);
    return 0;
}

/* %x in the header is the public key, %n in the claims a good nonce. */
static const char *fill(struct fixture *fixture, const char *form) {
    const char *place = strchr(form, '%');
    if (!place) return form;
    const char *with = place[1] == 'x' ? fixture->x : fixture->nonce;
    const char *text = arena_printf(fixture->arena, "%.*s%s%s", (int)(place - form), form, with, place + 2);
    assert_non_null(text);
    return text;
}

static struct bytes make(struct fixture *fixture, const char *header, const char *claims) {
    const char *compact = NULL;
    OK(jws_sign(fixture->key, fill(fixture, header), bytes_text(fill(fixture, claims)), fixture->arena, &compact));
    return bytes_text(compact);
}

#define JWK    "\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%x\"}"
#define HEADER "{\"alg\":\"EdDSA\"," JWK ",\"typ\":\"dpop+jwt\"}"
#define CLAIMS "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1700000000,\"jti\":\"a\",\"nonce\":\"%n\"}"

static const struct {
    const char *name;
    const char *header;
    const char *claims;
    enum status status;
} forms[] = {
    {"another typ", "{\"alg\":\"EdDSA\"," JWK ",\"typ\":\"JWT\"}", CLAIMS, STATUS_MALFORMED},
    {"no typ", "{\"alg\":\"EdDSA\"," JWK "}", CLAIMS, STATUS_MALFORMED},
    {"no key", "{\"alg\":\"EdDSA\",\"typ\":\"dpop+jwt\"}", CLAIMS, STATUS_MALFORMED},
    {"a key that is no object", "{\"alg\":\"EdDSA\",\"jwk\":\"%x\",\"typ\":\"dpop+jwt\"}", CLAIMS, STATUS_MALFORMED},
    {"a private key",
     "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"Ed25519\",\"d\":\"AA\",\"kty\":\"OKP\",\"x\":\"%x\"},\"typ\":\"dpop+jwt\"}",
     CLAIMS, STATUS_MALFORMED},
    {"another curve",
     "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"%x\"},\"typ\":\"dpop+jwt\"}", CLAIMS,
     STATUS_UNSUPPORTED},
    {"another kind of key",
     "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"EC\",\"x\":\"%x\"},\"typ\":\"dpop+jwt\"}", CLAIMS,
     STATUS_UNSUPPORTED},
    {"a short key",
     "{\"alg\":\"EdDSA\",\"jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"AAAA\"},\"typ\":\"dpop+jwt\"}", CLAIMS,
     STATUS_MALFORMED},
    {"more in the header", "{\"alg\":\"EdDSA\"," JWK ",\"kid\":\"x\",\"typ\":\"dpop+jwt\"}", CLAIMS, STATUS_MALFORMED},
    {"more in the claims", HEADER,
     "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1700000000,\"jti\":\"a\",\"nonce\":\"%n\",\"sub\":\"x\"}",
     STATUS_MALFORMED},
    {"no htm", HEADER, "{\"htu\":\"" URL "\",\"iat\":1700000000,\"jti\":\"a\",\"nonce\":\"%n\"}", STATUS_MALFORMED},
    {"no htu", HEADER, "{\"htm\":\"GET\",\"iat\":1700000000,\"jti\":\"a\",\"nonce\":\"%n\"}", STATUS_MALFORMED},
    {"no iat", HEADER, "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"jti\":\"a\",\"nonce\":\"%n\"}", STATUS_MALFORMED},
    {"iat as text", HEADER,
     "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":\"1700000000\",\"jti\":\"a\",\"nonce\":\"%n\"}", STATUS_MALFORMED},
    {"iat beyond time", HEADER,
     "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":9223372036854775807,\"jti\":\"a\",\"nonce\":\"%n\"}",
     STATUS_MALFORMED},
    {"no jti", HEADER, "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1700000000,\"nonce\":\"%n\"}", STATUS_MALFORMED},
    {"empty jti", HEADER, "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1700000000,\"jti\":\"\",\"nonce\":\"%n\"}",
     STATUS_MALFORMED},
    {"a list", HEADER, "[1]", STATUS_MALFORMED},
    {"no JSON", HEADER, "x", STATUS_MALFORMED},
};

static void test_forms_refused(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct dpop proof;
        struct bytes compact = make(fixture, forms[i].header, forms[i].claims);
        enum status status = dpop_parse(fixture->arena, compact, &proof);
        if (status != forms[i].status) fail_msg("%s: %s", forms[i].name, status_name(status));
    }
}

static void test_signature(void **state) {
    struct fixture *fixture = *state;
    struct dpop proof;
    struct bytes good = make(fixture, HEADER, CLAIMS);
    OK(dpop_parse(fixture->arena, good, &proof));
    struct sign_public key = sign_public_of(fixture->key);
    struct hash device = jws_thumbprint(&key);
    assert_true(hash_equal(&proof.device, &device));
    /* The claims of another proof under this signature. */
    char *bad = arena_string(fixture->arena, (const char *)good.data);
    size_t last = strlen(bad) - 10;
    bad[last] = bad[last] == 'A' ? 'B' : 'A';
    assert_int_equal(dpop_parse(fixture->arena, bytes_text(bad), &proof), STATUS_SIGNATURE);
    /* Somebody else's key in the header. */
    struct sign_private *other CLEANUP(sign_free_cleanup) = NULL;
    OK(sign_generate(&other));
    const char *compact = NULL;
    OK(jws_sign(other, fill(fixture, HEADER), bytes_text(fill(fixture, CLAIMS)), fixture->arena, &compact));
    assert_int_equal(dpop_parse(fixture->arena, bytes_text(compact), &proof), STATUS_SIGNATURE);
}

/* Chromium exports a key with members that say nothing here, and names the algorithm after the curve. */
static void test_key_of_a_browser(void **state) {
    struct fixture *fixture = *state;
    struct dpop proof;
    struct bytes compact = make(fixture,
                                "{\"alg\":\"Ed25519\",\"jwk\":{\"alg\":\"Ed25519\",\"crv\":\"Ed25519\",\"ext\":true,"
                                "\"key_ops\":[\"verify\"],\"kty\":\"OKP\",\"x\":\"%x\"},\"typ\":\"dpop+jwt\"}",
                                CLAIMS);
    OK(dpop_parse(fixture->arena, compact, &proof));
    assert_string_equal(proof.htu, URL);
    assert_string_equal(proof.jti, "a");
}

static const struct {
    const char *name;
    const char *method;
    const char *url;
    uint64_t now_ms;
    enum status status;
} requests[] = {
    {"another method", "POST", URL, NOW_MS, STATUS_DENIED},
    {"another path", "GET", "https://portal.example/v1/plan", NOW_MS, STATUS_DENIED},
    {"another host", "GET", "https://other.example/v1/consents", NOW_MS, STATUS_DENIED},
    {"a query", "GET", URL "?a=1", NOW_MS, STATUS_DENIED},
    {"too old", "GET", URL, NOW_MS + 301000, STATUS_TIME},
    {"too early", "GET", URL, NOW_MS - 301000, STATUS_TIME},
    {"just in time", "GET", URL, NOW_MS + 300000, STATUS_OK},
};

static void test_for_this_request(void **state) {
    struct fixture *fixture = *state;
    struct dpop proof;
    uint64_t step = 0;
    OK(dpop_parse(fixture->arena, make(fixture, HEADER, CLAIMS), &proof));
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        enum status status =
            dpop_check(&proof, requests[i].method, requests[i].url, fixture->nonces, requests[i].now_ms, &step);
        if (status != requests[i].status) fail_msg("%s: %s", requests[i].name, status_name(status));
    }
    OK(dpop_parse(fixture->arena,
                  make(fixture, HEADER, "{\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1700000000,\"jti\":\"a\"}"),
                  &proof));
    assert_int_equal(dpop_check(&proof, "GET", URL, fixture->nonces, NOW_MS, &step), STATUS_EXPIRED);
}

/* The same jti by another device is another proof. */
static void test_used_once(void **state) {
    struct fixture *fixture = *state;
    struct dpop proof;
    OK(dpop_parse(fixture->arena, make(fixture, HEADER, CLAIMS), &proof));
    OK(dpop_use(&proof, "test.example", fixture->nonces, 5));
    assert_int_equal(dpop_use(&proof, "test.example", fixture->nonces, 5), STATUS_CONFLICT);
    struct dpop other = proof;
    other.device.b[0] ^= 1;
    OK(dpop_use(&other, "test.example", fixture->nonces, 5));
    other = proof;
    other.jti = "b";
    OK(dpop_use(&other, "test.example", fixture->nonces, 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(test_for_this_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_used_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_of_a_browser, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
