/*
 * Consent tokens. Guards P2: a token says exactly what the device signed, and nothing else parses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "keys/jws.h"
#include "proto/token.h"
#include "support/jose.h"
#include "support/vectors.h"

#define FEDERATION "test.sluss.example"
#define TYP        "consent+jwt"
#define B32        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define B16        "AAECAwQFBgcICQoLDA0ODw"

struct fixture {
    struct arena *arena;
    struct sign_private *key;
    struct sign_private *other;
    const char *payload; /* of a token by key */
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    fixture.arena = arena_new(64 << 20);
    fixture.key = jose_key("device one");
    fixture.other = jose_key("device two");
    json_t *vectors = vectors_load("jose.json");
    const json_t *token = json_array_get(json_object_get(vectors, "tokens"), 0);
    struct bytes compact = bytes_text(vectors_text(token, "compact"));
    fixture.payload = jose_payload(fixture.arena, compact);
    json_decref(vectors);
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    sign_free(fixture->key);
    sign_free(fixture->other);
    arena_free(fixture->arena);
    return 0;
}

/* Signs the payload and parses it; on refusal the result must be untouched. */
static enum status parse(struct fixture *f, const char *payload, struct token *out_token) {
    struct bytes compact = jose_sign(f->arena, TYP, payload, f->key);
    struct token untouched;
    memset(&untouched, 0xa5, sizeof untouched);
    *out_token = untouched;
    enum status status = token_parse(f->arena, FEDERATION, compact, out_token);
    if (status != STATUS_OK) assert_memory_equal(out_token, &untouched, sizeof untouched);
    return status;
}

static struct token parsed(struct fixture *f, const char *payload) {
    struct token token;
    assert_int_equal(parse(f, payload, &token), STATUS_OK);
    return token;
}

/* ---- what is refused ---- */

struct refused_case {
    const char *name;
    const char *path;
    const char *value;
    enum status expected;
};

#define DETAIL "authorization_details."
static const struct refused_case refused_cases[] = {
    {"another federation", "aud", "\"other.example\"", STATUS_FEDERATION},
    {"a list of federations", "aud", "[\"" FEDERATION "\"]", STATUS_MALFORMED},
    {"issuer of another form", "iss", "\"" B32 "\"", STATUS_MALFORMED},
    {"issuer is another device", "iss", "\"urn:ietf:params:oauth:jwk-thumbprint:sha-256:" B32 "\"", STATUS_MALFORMED},
    {"a member more", "more", "1", STATUS_MALFORMED},
    {"a member of the statement", "prev", "\"\"", STATUS_MALFORMED},
    {"subject too short", "sub", "\"" B16 "\"", STATUS_MALFORMED},
    {"subject padded", "sub", "\"" B32 "=\"", STATUS_MALFORMED},
    {"subject not canonical", "sub", "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\"", STATUS_MALFORMED},
    {"jti too long", "jti", "\"" B32 "\"", STATUS_MALFORMED},
    {"jti empty", "jti", "\"\"", STATUS_MALFORMED},
    {"iat with a fraction", "iat", "1795315395.0", STATUS_MALFORMED},
    {"iat as text", "iat", "\"1795315395\"", STATUS_MALFORMED},
    {"iat negative", "iat", "-1", STATUS_MALFORMED},
    {"iat after the year 9999", "iat", "253402300800", STATUS_MALFORMED},
    {"nbf equal to exp", "nbf", "1795401795", STATUS_MALFORMED},
    {"nbf after exp", "nbf", "1795401796", STATUS_MALFORMED},
    {"exp after the year 9999", "exp", "253402300800", STATUS_MALFORMED},
    {"exp beyond 63 bits", "exp", "9223372036854775807", STATUS_MALFORMED},
    {"no detail", "authorization_details", "[]", STATUS_MALFORMED},
    {"two details", DETAIL "1", "{}", STATUS_MALFORMED},
    {"detail is a text", DETAIL "0", "\"\"", STATUS_MALFORMED},
    {"details are an object", "authorization_details", "{\"0\":{}}", STATUS_MALFORMED},
    {"a member more in the detail", DETAIL "0.locations", "[]", STATUS_MALFORMED},
    {"another type of detail", DETAIL "0.type", "\"urn:sluss:plan-fragment:2\"", STATUS_MALFORMED},
    {"to is a member", DETAIL "0.to", "\"0007:2029990005\"", STATUS_MALFORMED},
    {"to in capitals", DETAIL "0.to", "\"0007:2029990005/Guidance\"", STATUS_MALFORMED},
    {"from with a path", DETAIL "0.from", "\"0007:2129990004/a/b\"", STATUS_MALFORMED},
    {"from empty", DETAIL "0.from", "\"\"", STATUS_MALFORMED},
    {"no kinds", DETAIL "0.kinds", "[]", STATUS_MALFORMED},
    {"kinds not sorted", DETAIL "0.kinds", "[\"goal\",\"activity\"]", STATUS_MALFORMED},
    {"a kind twice", DETAIL "0.kinds", "[\"goal\",\"goal\"]", STATUS_MALFORMED},
    {"an unknown kind", DETAIL "0.kinds", "[\"goal\",\"zebra\"]", STATUS_MALFORMED},
    {"an empty kind", DETAIL "0.kinds", "[\"\"]", STATUS_MALFORMED},
    {"a kind by number", DETAIL "0.kinds", "[2]", STATUS_MALFORMED},
    {"kinds as an object", DETAIL "0.kinds", "{\"goal\":1}", STATUS_MALFORMED},
    {"kinds as text", DETAIL "0.kinds", "\"goal\"", STATUS_MALFORMED},
    {"no action", DETAIL "0.actions", "[]", STATUS_MALFORMED},
    {"another action", DETAIL "0.actions", "[\"write\"]", STATUS_MALFORMED},
    {"an action more", DETAIL "0.actions", "[\"read\",\"write\"]", STATUS_MALFORMED},
    {"an action twice", DETAIL "0.actions", "[\"read\",\"read\"]", STATUS_MALFORMED},
    {"purpose empty", DETAIL "0.purpose", "\"\"", STATUS_MALFORMED},
    {"purpose is no code", DETAIL "0.purpose", "\"Joint plan\"", STATUS_MALFORMED},
    {"purpose too long", DETAIL "0.purpose", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", STATUS_MALFORMED},
    {"access unknown", DETAIL "0.access", "\"always\"", STATUS_MALFORMED},
    {"access in capitals", DETAIL "0.access", "\"Once\"", STATUS_MALFORMED},
    {"basis unknown", "basis", "\"legitimate_interest\"", STATUS_MALFORMED},
    {"basis empty", "basis", "\"\"", STATUS_MALFORMED},
    {"request in hex", "request", "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"",
     STATUS_MALFORMED},
    {"notice as text", "notice", "\"" B32 "\"", STATUS_MALFORMED},
    {"a member more in the notice", "notice.text", "\"\"", STATUS_MALFORMED},
    {"language empty", "notice.lang", "\"\"", STATUS_MALFORMED},
    {"language is no tag", "notice.lang", "\"sv/../nb\"", STATUS_MALFORMED},
    {"language too long", "notice.lang", "\"aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa-\"", STATUS_MALFORMED},
    {"notice hash too short", "notice.sha256", "\"" B16 "\"", STATUS_MALFORMED},
    {"rev too short", "rev", "\"" B16 "\"", STATUS_MALFORMED},
    {"rev is null", "rev", "null", STATUS_MALFORMED},
};

static void test_refused(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        const struct refused_case *one = &refused_cases[i];
        struct token token;
        enum status status = parse(f, jose_patch(f->arena, f->payload, one->path, one->value), &token);
        if (status != one->expected) fail_msg("%s: %s", one->name, status_name(status));
    }
}

static const char *const member_paths[] = {"iss",
                                           "sub",
                                           "aud",
                                           "jti",
                                           "consent",
                                           "iat",
                                           "nbf",
                                           "exp",
                                           "authorization_details",
                                           DETAIL "0.type",
                                           DETAIL "0.to",
                                           DETAIL "0.from",
                                           DETAIL "0.kinds",
                                           DETAIL "0.actions",
                                           DETAIL "0.purpose",
                                           DETAIL "0.access",
                                           "basis",
                                           "request",
                                           "notice",
                                           "notice.lang",
                                           "notice.sha256",
                                           "rev"};
static const size_t member_count = sizeof member_paths / sizeof member_paths[0];

/* Every member absent, null, true, a fraction, and a list around nothing. */
static void test_every_member_is_needed_in_its_type(void **state) {
    struct fixture *f = *state;
    static const char *const values[] = {NULL, "null", "true", "7.5", "[[]]"};
    for (size_t i = 0; i < member_count; i++) {
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            struct token token;
            enum status status = parse(f, jose_patch(f->arena, f->payload, member_paths[i], values[k]), &token);
            if (status != STATUS_MALFORMED) {
                fail_msg("%s as %s: %s", member_paths[i], values[k] ? values[k] : "absent", status_name(status));
            }
        }
    }
}

/* The same member twice, with the same value, at each of the three levels. */
static void test_no_member_twice(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < member_count; i++) {
        const char *dot = strrchr(member_paths[i], '.');
        const char *quoted = arena_printf(f->arena, "\"%s\":", dot ? dot + 1 : member_paths[i]);
        const char *at = strstr(f->payload, quoted);
        assert_non_null(at);
        const char *twice = arena_printf(f->arena, "%.*s%snull,%s", (int)(at - f->payload), f->payload, quoted, at);
        struct token token;
        if (parse(f, twice, &token) != STATUS_MALFORMED) fail_msg("%s twice", member_paths[i]);
    }
}

struct header_case {
    const char *name;
    const char *header; /* %s: kid */
    enum status expected;
};

static const struct header_case header_cases[] = {
    {"alg none", "{\"alg\":\"none\",\"kid\":\"%s\",\"typ\":\"consent+jwt\"}", STATUS_UNSUPPORTED},
    {"alg HS256", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"consent+jwt\"}", STATUS_UNSUPPORTED},
    {"alg first, though all else is wrong", "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":1,\"x\":2}", STATUS_UNSUPPORTED},
    {"no alg", "{\"kid\":\"%s\",\"typ\":\"consent+jwt\"}", STATUS_MALFORMED},
    {"no typ", "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", STATUS_MALFORMED},
    {"typ of a statement", "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"statement+jwt\"}", STATUS_MALFORMED},
    {"typ in capitals", "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"Consent+JWT\"}", STATUS_MALFORMED},
    {"typ JWT", "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", STATUS_MALFORMED},
    {"kid with more", "{\"alg\":\"EdDSA\",\"kid\":\"%sA\",\"typ\":\"consent+jwt\"}", STATUS_MALFORMED},
    {"no kid", "{\"alg\":\"EdDSA\",\"typ\":\"consent+jwt\"}", STATUS_MALFORMED},
    {"a jwk", "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"consent+jwt\",\"jwk\":{}}", STATUS_MALFORMED},
    {"crit", "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"consent+jwt\",\"crit\":[]}", STATUS_UNSUPPORTED},
};

static void test_header(void **state) {
    struct fixture *f = *state;
    const char *kid = jose_kid(f->arena, f->key);
    for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
        const char *before = strstr(header_cases[i].header, "%s");
        const char *header = header_cases[i].header;
        if (before) {
            header = arena_printf(f->arena, "%.*s%s%s", (int)(before - header), header, kid, before + 2);
        }
        struct bytes compact = jose_sign_exact(f->arena, header, f->payload, f->key);
        struct token token;
        enum status status = token_parse(f->arena, FEDERATION, compact, &token);
        if (status != header_cases[i].expected) fail_msg("%s: %s", header_cases[i].name, status_name(status));
    }
}

static void test_payload_is_one_object(void **state) {
    struct fixture *f = *state;
    const char *const payloads[] = {"[]",
                                    "null",
                                    "",
                                    "{",
                                    "\"text\"",
                                    arena_printf(f->arena, "%s{}", f->payload),
                                    arena_printf(f->arena, "[%s]", f->payload)};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct token token;
        if (parse(f, payloads[i], &token) != STATUS_MALFORMED) fail_msg("payload %zu", i);
    }
}

/* White space is free inside JSON, so it can fill a token up to its bound. */
static void test_bound(void **state) {
    struct fixture *f = *state;
    size_t len = jose_sign(f->arena, TYP, f->payload, f->key).len;
    size_t fits = strlen(f->payload) + (TOKEN_MAX_BYTES - len) / 4 * 3;
    for (size_t pad = fits - 3; pad <= fits + 3; pad++) {
        const char *padded = arena_printf(f->arena, "%-*s", (int)pad, f->payload);
        struct bytes compact = jose_sign(f->arena, TYP, padded, f->key);
        enum status expected = compact.len <= TOKEN_MAX_BYTES ? STATUS_OK : STATUS_TOO_LARGE;
        struct token token;
        assert_int_equal(token_parse(f->arena, FEDERATION, compact, &token), expected);
    }
}

/* ---- P2: what was signed ---- */

struct change_case {
    const char *path;
    const char *value; /* well-formed, but another */
};

static const struct change_case change_cases[] = {
    {"sub", "\"" B32 "\""},
    {"jti", "\"" B16 "\""},
    {"consent", "\"" B16 "\""},
    {"iat", "1795315396"},
    {"nbf", "1795315394"},
    {"exp", "1795401796"},
    {DETAIL "0.to", "\"0192:310999008/career\""},
    {DETAIL "0.from", "\"0192:310999008/career\""},
    {DETAIL "0.kinds", "[\"activity\",\"assessment\",\"goal\"]"},
    {DETAIL "0.purpose", "\"statistics_free\""},
    {DETAIL "0.access", "\"once\""},
    {"basis", "\"both\""},
    {"request", "\"" B32 "\""},
    {"notice.lang", "\"en\""},
    {"notice.sha256", "\"" B32 "\""},
    {"rev", "\"" B32 "\""},
};

static void test_p2_altered_claim_does_not_verify(void **state) {
    struct fixture *f = *state;
    struct sign_public key = sign_public_of(f->key);
    struct bytes compact = jose_sign(f->arena, TYP, f->payload, f->key);
    struct token token;
    assert_int_equal(token_parse(f->arena, FEDERATION, compact, &token), STATUS_OK);
    assert_int_equal(token_verify(&token, &key), STATUS_OK);
    for (size_t i = 0; i < sizeof change_cases / sizeof change_cases[0]; i++) {
        const char *changed = jose_patch(f->arena, f->payload, change_cases[i].path, change_cases[i].value);
        struct bytes altered = jose_swap_payload(f->arena, compact, changed);
        if (token_parse(f->arena, FEDERATION, altered, &token) != STATUS_OK) fail_msg("%s", change_cases[i].path);
        if (token_verify(&token, &key) != STATUS_SIGNATURE) fail_msg("%s is not signed", change_cases[i].path);
    }
}

/* aud cannot be altered at all, and white space alone breaks the signature too. */
static void test_p2_altered_bytes_do_not_verify(void **state) {
    struct fixture *f = *state;
    struct sign_public key = sign_public_of(f->key);
    struct bytes compact = jose_sign(f->arena, TYP, f->payload, f->key);
    struct token token;
    const char *other = jose_patch(f->arena, f->payload, "aud", "\"other.example\"");
    assert_int_equal(token_parse(f->arena, FEDERATION, jose_swap_payload(f->arena, compact, other), &token),
                     STATUS_FEDERATION);
    const char *spaced = arena_printf(f->arena, "%s ", f->payload);
    struct bytes altered = jose_swap_payload(f->arena, compact, spaced);
    assert_int_equal(token_parse(f->arena, FEDERATION, altered, &token), STATUS_OK);
    assert_int_equal(token_verify(&token, &key), STATUS_SIGNATURE);
}

static void test_p2_another_key_does_not_verify(void **state) {
    struct fixture *f = *state;
    struct sign_public key = sign_public_of(f->key);
    struct sign_public other = sign_public_of(f->other);
    const char *kid = jose_kid(f->arena, f->key);
    const char *header = arena_printf(f->arena, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}", kid, TYP);
    struct token token;
    /* Signed by a stranger in the name of the device: neither its key nor the stranger's verifies. */
    struct bytes forged = jose_sign_exact(f->arena, header, f->payload, f->other);
    assert_int_equal(token_parse(f->arena, FEDERATION, forged, &token), STATUS_OK);
    assert_int_equal(token_verify(&token, &key), STATUS_SIGNATURE);
    assert_int_equal(token_verify(&token, &other), STATUS_SIGNATURE);
    /* Rightly signed: a key that is not the named device's does not count. */
    struct bytes right = jose_sign_exact(f->arena, header, f->payload, f->key);
    assert_int_equal(token_parse(f->arena, FEDERATION, right, &token), STATUS_OK);
    assert_int_equal(token_verify(&token, &other), STATUS_SIGNATURE);
    assert_int_equal(token_verify(&token, &key), STATUS_OK);
}

/* ---- vectors ---- */

static void check_kinds(const struct token *token, const json_t *names) {
    assert_int_equal(token->n_kinds, json_array_size(names));
    uint32_t mask = 0;
    for (size_t i = 0; i < token->n_kinds; i++) {
        if (i > 0) assert_true(token->kinds[i - 1] < token->kinds[i]);
        mask |= 1U << token->kinds[i];
    }
    for (size_t i = 0; i < token->n_kinds; i++) {
        enum kind kind = KIND_NONE;
        assert_int_equal(kind_from_name(bytes_text(json_string_value(json_array_get(names, i))), &kind), STATUS_OK);
        assert_true(mask & 1U << kind);
    }
}

static void check_id(struct arena *arena, const json_t *one, const char *name, const struct id16 *id) {
    assert_true(bytes_equal(vectors_hex(arena, one, name), ids_bytes(id)));
}

static void check_hash(struct arena *arena, const json_t *one, const char *name, const struct hash *hash) {
    assert_true(bytes_equal(vectors_hex(arena, one, name), hash_bytes(hash)));
}

static void check_token(struct arena *arena, const json_t *one, const struct token *token) {
    check_id(arena, one, "jti", &token->jti);
    check_id(arena, one, "consent", &token->consent);
    check_hash(arena, one, "subject", &token->subject);
    check_hash(arena, one, "request", &token->request);
    check_hash(arena, one, "notice", &token->notice);
    check_hash(arena, one, "rev", &token->rev);
    check_kinds(token, json_object_get(one, "kinds"));
    assert_int_equal(token->iat_s, vectors_number(one, "iat"));
    assert_int_equal(token->nbf_s, vectors_number(one, "nbf"));
    assert_int_equal(token->exp_s, vectors_number(one, "exp"));
    assert_string_equal(token->to, vectors_text(one, "to"));
    assert_string_equal(token->from, vectors_text(one, "from"));
    assert_string_equal(token->purpose, vectors_text(one, "purpose"));
    assert_string_equal(token->notice_lang, vectors_text(one, "lang"));
    assert_string_equal(consent_request_access_name(token->access), vectors_text(one, "access"));
    assert_string_equal(consent_request_basis_name(token->basis), vectors_text(one, "basis"));
}

/* Tokens of an independent maker parse to what they say and verify; made again they say the same. */
static void test_vectors(void **state) {
    struct fixture *f = *state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("jose.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "tokens"), index, one) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = jose_key(vectors_text(one, "signer"));
        struct sign_public public = sign_public_of(key);
        struct hash thumbprint = jws_thumbprint(&public);
        struct token token;
        struct bytes compact = bytes_text(vectors_text(one, "compact"));
        assert_int_equal(token_parse(f->arena, FEDERATION, compact, &token), STATUS_OK);
        assert_int_equal(token_verify(&token, &public), STATUS_OK);
        assert_true(hash_equal(&token.device, &thumbprint));
        assert_true(bytes_equal(token.compact, compact));
        check_token(f->arena, one, &token);
        struct bytes again;
        struct token second;
        assert_int_equal(token_make(f->arena, FEDERATION, &token, key, &again), STATUS_OK);
        assert_int_equal(token_parse(f->arena, FEDERATION, again, &second), STATUS_OK);
        assert_int_equal(token_verify(&second, &public), STATUS_OK);
        check_token(f->arena, one, &second);
    }
    assert_int_equal(index, 4);
}

/* Nothing is made that would not be read. */
static void test_make_refuses(void **state) {
    struct fixture *f = *state;
    const struct token good = parsed(f, f->payload);
    struct token bad[7];
    for (size_t i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].kinds[0] = KIND_NONE;
    bad[0].n_kinds = 1;
    bad[1].n_kinds = 0;
    bad[2].to = "nobody";
    bad[3].exp_s = bad[3].nbf_s;
    bad[4].access = ACCESS_NONE;
    bad[5].basis = (enum basis)9;
    bad[6].purpose = "Joint plan";
    for (size_t i = 0; i < 7; i++) {
        struct bytes compact = BYTES("untouched", 9);
        if (token_make(f->arena, FEDERATION, &bad[i], f->key, &compact) == STATUS_OK) fail_msg("case %zu", i);
        assert_true(bytes_equal_text(compact, "untouched"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_member_is_needed_in_its_type),
        cmocka_unit_test(test_no_member_twice),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_payload_is_one_object),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_p2_altered_claim_does_not_verify),
        cmocka_unit_test(test_p2_altered_bytes_do_not_verify),
        cmocka_unit_test(test_p2_another_key_does_not_verify),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_make_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
