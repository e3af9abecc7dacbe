/*
 * Statements of a device. Guards P2 and P5: what ends or narrows sharing is what the device signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "proto/statement.h"
#include "support/jose.h"
#include "support/vectors.h"

#define FEDERATION "test.sluss.example"
#define TYP        "statement+jwt"
#define B32        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define B16        "AAECAwQFBgcICQoLDA0ODw"

struct fixture {
    struct arena *arena;
    json_t *vectors;
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    fixture.arena = arena_new(64 << 20);
    fixture.vectors = vectors_load("jose.json");
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    json_decref(fixture->vectors);
    arena_free(fixture->arena);
    return 0;
}

/* The vector of this type that stands first. */
static const json_t *find(const struct fixture *f, const char *type) {
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(f->vectors, "statements"), index, one) {
        if (strcmp(vectors_text(one, "type"), type) == 0) return one;
    }
    fail_msg("no statement of type %s", type);
    return NULL;
}

static struct sign_private *signer(const json_t *one) { return jose_key(vectors_text(one, "signer")); }

/* Signs the payload and parses it; on refusal the result must be untouched. */
static enum status parse_as(struct fixture *f, const char *typ, const char *payload, const struct sign_private *key,
                            struct statement *out) {
    struct statement untouched;
    memset(&untouched, 0xa5, sizeof untouched);
    *out = untouched;
    enum status status = statement_parse(f->arena, FEDERATION, jose_sign(f->arena, typ, payload, key), out);
    if (status != STATUS_OK) assert_memory_equal(out, &untouched, sizeof untouched);
    return status;
}

struct refused_case {
    const char *type;
    const char *path;
    const char *value;
    enum status expected;
};

static const struct refused_case refused_cases[] = {
    {"refuse", "aud", "\"other.example\"", STATUS_FEDERATION},
    {"refuse", "iss", "\"urn:ietf:params:oauth:jwk-thumbprint:sha-256:" B32 "\"", STATUS_MALFORMED},
    {"refuse", "type", "\"unknown\"", STATUS_UNSUPPORTED},
    {"refuse", "type", "\"none\"", STATUS_UNSUPPORTED},
    {"refuse", "type", "\"Refuse\"", STATUS_UNSUPPORTED},
    {"refuse", "type", "\"\"", STATUS_UNSUPPORTED},
    {"refuse", "type", "\"revoke\"", STATUS_MALFORMED},
    {"refuse", "tell", "1", STATUS_MALFORMED},
    {"refuse", "tell", "\"true\"", STATUS_MALFORMED},
    {"refuse", "request", "\"" B32 "\"", STATUS_MALFORMED},
    {"refuse", "consent", "\"" B16 "\"", STATUS_MALFORMED},
    {"revoke", "consent", "\"\"", STATUS_MALFORMED},
    {"revoke", "consent", "\"" B32 "\"", STATUS_MALFORMED},
    {"revoke", "request", "\"" B16 "\"", STATUS_MALFORMED},
    {"revoke", "tell", "true", STATUS_MALFORMED},
    {"revoke", "prev", "\"" B16 "\"", STATUS_MALFORMED},
    {"revoke", "prev", "\"" B32 "=\"", STATUS_MALFORMED},
    {"revoke", "sub", "\"" B16 "\"", STATUS_MALFORMED},
    {"revoke", "iat", "253402300800", STATUS_MALFORMED},
    {"revoke", "iat", "1.5", STATUS_MALFORMED},
    {"suspend", "since", "0", STATUS_MALFORMED},
    {"resume", "scope", "\"all\"", STATUS_MALFORMED},
    {"read", "source", "\"0192:310999008\"", STATUS_MALFORMED},
    {"read", "source", "\"\"", STATUS_MALFORMED},
    {"read", "source", "[\"0192:310999008/career\"]", STATUS_MALFORMED},
    {"remove_device", "device", "\"" B16 "\"", STATUS_MALFORMED},
    {"remove_device", "since", "-1", STATUS_MALFORMED},
    {"remove_device", "since", "253402300800", STATUS_MALFORMED},
    {"remove_device", "since", "9223372036854775807", STATUS_MALFORMED},
    {"countersign", "since", "0", STATUS_MALFORMED},
    {"countersign", "device", "\"\"", STATUS_MALFORMED},
    {"erase", "scope", "\"All\"", STATUS_MALFORMED},
    {"erase", "scope", "\"\"", STATUS_MALFORMED},
    {"erase", "scope", "true", STATUS_MALFORMED},
};

static void test_refused(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        const struct refused_case *one = &refused_cases[i];
        const json_t *vector = find(f, one->type);
        struct sign_private *key CLEANUP(sign_free_cleanup) = signer(vector);
        const char *payload = jose_payload(f->arena, bytes_text(vectors_text(vector, "compact")));
        struct statement statement;
        enum status status = parse_as(f, TYP, jose_patch(f->arena, payload, one->path, one->value), key, &statement);
        if (status != one->expected) fail_msg("%s, %s %s: %s", one->type, one->path, one->value, status_name(status));
    }
}

/* Of every type: each member absent, null and twice, one more, and the typ of a token. */
static void test_exactly_its_members(void **state) {
    struct fixture *f = *state;
    size_t index;
    json_t *vector;
    json_array_foreach(json_object_get(f->vectors, "statements"), index, vector) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = signer(vector);
        const char *payload = jose_payload(f->arena, bytes_text(vectors_text(vector, "compact")));
        json_t *object CLEANUP(json_cleanup) = json_loads(payload, 0, NULL);
        struct statement statement;
        const char *name;
        json_t *value;
        json_object_foreach(object, name, value) {
            const char *without = jose_patch(f->arena, payload, name, NULL);
            if (parse_as(f, TYP, without, key, &statement) != STATUS_MALFORMED) fail_msg("without %s", name);
            const char *null = jose_patch(f->arena, payload, name, "null");
            if (parse_as(f, TYP, null, key, &statement) != STATUS_MALFORMED) fail_msg("null as %s", name);
            const char *twice = arena_printf(f->arena, "{\"%s\":null,%s", name, payload + 1);
            if (parse_as(f, TYP, twice, key, &statement) != STATUS_MALFORMED) fail_msg("%s twice", name);
        }
        const char *more = jose_patch(f->arena, payload, "more", "1");
        assert_int_equal(parse_as(f, TYP, more, key, &statement), STATUS_MALFORMED);
        assert_int_equal(parse_as(f, "consent+jwt", payload, key, &statement), STATUS_MALFORMED);
    }
}

static void test_bound(void **state) {
    struct fixture *f = *state;
    const json_t *vector = find(f, "erase");
    struct sign_private *key CLEANUP(sign_free_cleanup) = signer(vector);
    const char *payload = jose_payload(f->arena, bytes_text(vectors_text(vector, "compact")));
    const char *padded = arena_printf(f->arena, "%-*s", STATEMENT_MAX_BYTES * 3 / 4, payload);
    struct statement statement;
    assert_int_equal(parse_as(f, TYP, padded, key, &statement), STATUS_TOO_LARGE);
}

/* Each member altered under the old signature. */
static void test_p2_altered_does_not_verify(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *type, *path, *value;
    } changes[] = {
        {"revoke", "consent", "\"" B16 "\""},
        {"revoke", "type", "\"resume\""},
        {"revoke", "sub", "\"" B32 "\""},
        {"revoke", "jti", "\"" B16 "\""},
        {"revoke", "iat", "1795315396"},
        {"revoke", "prev", "\"\""},
        {"refuse", "tell", "false"},
        {"refuse", "request", "\"" B16 "\""},
        {"read", "source", "\"0007:2129990004/a\""},
        {"remove_device", "device", "\"" B32 "\""},
        {"remove_device", "since", "1"},
        {"countersign", "device", "\"" B32 "\""},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const json_t *vector = find(f, changes[i].type);
        struct sign_private *key CLEANUP(sign_free_cleanup) = signer(vector);
        struct sign_public public = sign_public_of(key);
        struct bytes compact = bytes_text(vectors_text(vector, "compact"));
        const char *changed = jose_patch(f->arena, jose_payload(f->arena, compact), changes[i].path, changes[i].value);
        struct statement statement;
        assert_int_equal(
            statement_parse(f->arena, FEDERATION, jose_swap_payload(f->arena, compact, changed), &statement),
            STATUS_OK);
        if (statement_verify(&statement, &public) != STATUS_SIGNATURE) fail_msg("%s", changes[i].path);
    }
}

static void test_fresh(void **state) {
    (void)state;
    const struct statement statement = {.iat_s = 1000};
    assert_int_equal(statement_fresh(&statement, 1301000), STATUS_TIME);
    assert_int_equal(statement_fresh(&statement, 699999), STATUS_TIME);
    assert_int_equal(statement_fresh(&statement, 1300999), STATUS_OK);
    assert_int_equal(statement_fresh(&statement, 700000), STATUS_OK);
}

static void check_hex(struct fixture *f, const json_t *one, const char *name, struct bytes found) {
    if (!bytes_equal(vectors_hex(f->arena, one, name), found)) fail_msg("%s", name);
}

/* A member in base64url, when the vector has it. */
static void check_text_form(struct fixture *f, const json_t *one, const char *name, struct bytes found) {
    const char *expected = json_string_value(json_object_get(one, name));
    if (expected) assert_string_equal(text_base64url(f->arena, found), expected);
}

static void check_statement(struct fixture *f, const json_t *one, const struct statement *statement) {
    assert_string_equal(statement_type_name(statement->type), vectors_text(one, "type"));
    assert_int_equal(statement->iat_s, vectors_number(one, "iat"));
    check_hex(f, one, "jti", BYTES_ARRAY(statement->jti.b));
    check_hex(f, one, "prev", statement->prev);
    check_hex(f, one, "subject", hash_bytes(&statement->subject));
    check_text_form(f, one, "request", BYTES_ARRAY(statement->request.b));
    check_text_form(f, one, "consent", BYTES_ARRAY(statement->consent.b));
    check_text_form(f, one, "device", hash_bytes(&statement->other_device));
    assert_int_equal(statement->tell, json_is_true(json_object_get(one, "tell")));
    assert_int_equal(statement->since_s, json_integer_value(json_object_get(one, "since")));
    const char *source = json_string_value(json_object_get(one, "source"));
    assert_string_equal(statement->source, source ? source : "");
}

/* Statements of an independent maker parse, verify, name their predecessor, and say the same when made again. */
static void test_vectors(void **state) {
    struct fixture *f = *state;
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(f->vectors, "statements"), index, one) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = signer(one);
        struct sign_private *other CLEANUP(sign_free_cleanup) = jose_key("another device");
        struct sign_public public = sign_public_of(key);
        struct sign_public stranger = sign_public_of(other);
        struct bytes compact = bytes_text(vectors_text(one, "compact"));
        struct statement statement;
        assert_int_equal(statement_parse(f->arena, FEDERATION, compact, &statement), STATUS_OK);
        assert_int_equal(statement_verify(&statement, &public), STATUS_OK);
        assert_int_equal(statement_verify(&statement, &stranger), STATUS_SIGNATURE);
        check_statement(f, one, &statement);
        struct hash hash = hash_sha256(statement.compact);
        check_hex(f, one, "hash", hash_bytes(&hash));
        struct bytes again;
        assert_int_equal(statement_make(f->arena, FEDERATION, &statement, key, &again), STATUS_OK);
        assert_int_equal(statement_parse(f->arena, FEDERATION, again, &statement), STATUS_OK);
        assert_int_equal(statement_verify(&statement, &public), STATUS_OK);
        check_statement(f, one, &statement);
    }
    assert_int_equal(index, 10);
}

/* Nothing is made that would not be read. */
static void test_make_refuses(void **state) {
    struct fixture *f = *state;
    struct sign_private *key CLEANUP(sign_free_cleanup) = jose_key("device one");
    const struct statement bad[] = {
        {.type = STATEMENT_NONE, .source = ""},
        {.type = (enum statement_type)(STATEMENT_ERASE + 1), .source = ""},
        {.type = STATEMENT_READ, .source = "nobody"},
        {.type = STATEMENT_REVOKE, .source = "", .prev = BYTES("short", 5)},
        {.type = STATEMENT_REVOKE, .source = "", .iat_s = UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bytes compact = BYTES("untouched", 9);
        if (statement_make(f->arena, FEDERATION, &bad[i], key, &compact) == STATUS_OK) fail_msg("case %zu", i);
        assert_true(bytes_equal_text(compact, "untouched"));
    }
    assert_string_equal(statement_type_name(STATEMENT_NONE), "none");
    assert_string_equal(statement_type_name((enum statement_type)99), "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_exactly_its_members),
        cmocka_unit_test(test_bound),        cmocka_unit_test(test_p2_altered_does_not_verify),
        cmocka_unit_test(test_fresh),        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_make_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
