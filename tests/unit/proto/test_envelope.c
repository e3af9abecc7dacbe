/*
 * Envelopes, replies and fragment headers: what must be refused, in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/fragment_header.h"
#include "proto/reply.h"

#define FED    "test.sluss.example"
#define MEMBER "0007:1234567890"
#define NOW    1637539200000

struct fixture {
    struct arena *arena;
    struct sign_private *key;
    struct sign_private *stranger;
    unsigned asked;
};

static int setup(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.arena = arena_new(8 << 20)};
    *state = &fixture;
    if (secret_setup() != STATUS_OK || sign_generate(&fixture.key) != STATUS_OK) return -1;
    return sign_generate(&fixture.stranger) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    sign_free(fixture->key);
    sign_free(fixture->stranger);
    arena_free(fixture->arena);
    return 0;
}

static enum status find_key(void *arg, const struct hash *key_id, struct envelope_key *out_key) {
    struct fixture *fixture = arg;
    struct sign_public public = sign_public_of(fixture->key);
    struct hash known = sign_key_id(FED, &public);
    fixture->asked++;
    ENSURE(hash_equal(&known, key_id), STATUS_NOT_FOUND);
    *out_key = (struct envelope_key){.key = public, .member = MEMBER};
    return STATUS_OK;
}

static const struct envelope plain = {
    .version = 1,
    .federation = FED,
    .type = MESSAGE_RELEASE,
    .sender = MEMBER "/skola",
    .official = "x17",
    .message = {{1, 2, 3}},
    .time_ms = NOW,
    .body = {(const uint8_t *)"body", 4},
};

static enum status send_and_open(struct fixture *fixture, const struct envelope *envelope,
                                 const struct sign_private *key, struct envelope_opened *out) {
    struct bytes whole = BYTES_EMPTY;
    TRY(envelope_sign(fixture->arena, envelope, key, &whole));
    return envelope_open(fixture->arena, FED, whole, find_key, fixture, out);
}

static void test_envelope_opens(void **state) {
    struct fixture *fixture = *state;
    struct envelope_opened opened = {0};
    assert_int_equal(send_and_open(fixture, &plain, fixture->key, &opened), STATUS_OK);
    assert_int_equal(opened.envelope.type, MESSAGE_RELEASE);
    assert_string_equal(opened.envelope.sender, MEMBER "/skola");
    assert_string_equal(opened.envelope.official, "x17");
    assert_memory_equal(opened.envelope.message.b, plain.message.b, 16);
    assert_int_equal(opened.envelope.time_ms, NOW);
    assert_true(bytes_equal_text(opened.envelope.body, "body"));
    assert_string_equal(opened.member, MEMBER);
    assert_true(opened.object.whole.len > opened.object.body.len);
}

static void test_envelope_refuses(void **state) {
    struct fixture *fixture = *state;
    struct envelope_opened opened = {.member = "untouched"};
    struct envelope other = plain;
    assert_int_equal(send_and_open(fixture, &plain, fixture->stranger, &opened), STATUS_NOT_FOUND);
    other.sender = "0007:1234567891/skola";
    assert_int_equal(send_and_open(fixture, &other, fixture->key, &opened), STATUS_DENIED);
    other = plain;
    other.federation = "other.example";
    assert_int_equal(send_and_open(fixture, &other, fixture->key, &opened), STATUS_NOT_FOUND);
    other = plain;
    other.type = MESSAGE_NONE;
    assert_int_equal(send_and_open(fixture, &other, fixture->key, &opened), STATUS_MALFORMED);
    other.type = (enum message_type)(MESSAGE_LAST + 1);
    assert_int_equal(send_and_open(fixture, &other, fixture->key, &opened), STATUS_MALFORMED);
    other = plain;
    other.sender = MEMBER;
    assert_int_equal(send_and_open(fixture, &other, fixture->key, &opened), STATUS_MALFORMED);
    assert_string_equal(opened.member, "untouched");
}

/* The signature is checked before the body is looked at: a body that is no envelope, signed by nobody, says signature.
 */
static void test_envelope_verifies_first(void **state) {
    struct fixture *fixture = *state;
    struct envelope_opened opened = {0};
    struct bytes whole = BYTES_EMPTY;
    assert_int_equal(signed_make(fixture->arena, SIGNED_GRANT, FED, BYTES("\xff\xff", 2), fixture->key, &whole),
                     STATUS_OK);
    assert_int_equal(envelope_open(fixture->arena, FED, whole, find_key, fixture, &opened), STATUS_SIGNATURE);
    assert_int_equal(signed_make(fixture->arena, SIGNED_ENVELOPE, FED, BYTES("\xff\xff", 2), fixture->key, &whole),
                     STATUS_OK);
    assert_int_equal(envelope_open(fixture->arena, FED, whole, find_key, fixture, &opened), STATUS_MALFORMED);
    fixture->asked = 0;
    assert_int_equal(envelope_open(fixture->arena, FED, BYTES("\x0a", 1), find_key, fixture, &opened),
                     STATUS_MALFORMED);
    assert_int_equal(fixture->asked, 0);
}

/* Every bit of a signed envelope counts. */
static void test_envelope_every_bit(void **state) {
    struct fixture *fixture = *state;
    struct bytes whole = BYTES_EMPTY;
    struct bytes copy = BYTES_EMPTY;
    struct envelope_opened opened = {0};
    assert_int_equal(envelope_sign(fixture->arena, &plain, fixture->key, &whole), STATUS_OK);
    for (size_t i = 0; i < whole.len; i++) {
        assert_int_equal(arena_copy(fixture->arena, whole, &copy), STATUS_OK);
        ((uint8_t *)(uintptr_t)copy.data)[i] ^= (uint8_t)(1U << (i % 8));
        if (envelope_open(fixture->arena, FED, copy, find_key, fixture, &opened) == STATUS_OK) fail_msg("byte %zu", i);
    }
}

static void test_envelope_time(void **state) {
    (void)state;
    assert_int_equal(envelope_check_time(&plain, NOW), STATUS_OK);
    assert_int_equal(envelope_check_time(&plain, NOW + 120000), STATUS_OK);
    assert_int_equal(envelope_check_time(&plain, NOW - 120000), STATUS_OK);
    assert_int_equal(envelope_check_time(&plain, NOW + 120001), STATUS_TIME);
    assert_int_equal(envelope_check_time(&plain, NOW - 120001), STATUS_TIME);
    assert_int_equal(envelope_check_time(&plain, 0), STATUS_TIME);
    assert_string_equal(envelope_type_name(MESSAGE_CONSENTS), "CONSENTS");
    assert_null(envelope_type_name(MESSAGE_NONE));
    assert_null(envelope_type_name((enum message_type)(MESSAGE_LAST + 1)));
}

static void test_reply_codes(void **state) {
    struct arena *arena = ((struct fixture *)*state)->arena;
    struct bytes wire = BYTES_EMPTY;
    struct reply reply = {.code = 9};
    assert_int_equal(reply_encode(arena, &reply, &wire), STATUS_OK);
    assert_int_equal(reply_parse(arena, wire, &reply), STATUS_MALFORMED);
    reply.code = 65;
    assert_int_equal(reply_encode(arena, &reply, &wire), STATUS_TOO_LARGE);
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        struct reply made = reply_from_status((enum status)i);
        assert_int_equal(reply_encode(arena, &made, &wire), STATUS_OK);
        assert_int_equal(reply_parse(arena, wire, &reply), STATUS_OK);
        assert_int_equal(reply.code, reply_code_of((enum status)i));
        assert_string_equal(reply.text, made.text);
    }
}

static void test_reply_tells_nothing_of_local_faults(void **state) {
    (void)state;
    assert_string_equal(reply_from_status(STATUS_PERMISSION).text, reply_from_status(STATUS_IO).text);
    assert_string_equal(reply_from_status(STATUS_OK).text, "");
    assert_int_equal(reply_from_status(STATUS_MALFORMED).retry_after_ms, 0);
    assert_int_not_equal(reply_from_status(STATUS_LIMIT).retry_after_ms, 0);
    assert_int_not_equal(reply_from_status(STATUS_IO).retry_after_ms, 0);
}

static enum status header_of(struct fixture *fixture, uint32_t revision, size_t replaces_len, struct bytes *out_whole) {
    static const uint8_t before[32] = {7};
    struct fragment_core core = {
        .version = 1,
        .revision = revision,
        .replaces = {before, replaces_len},
        .source = MEMBER "/skola",
        .kind = KIND_ACTIVITY,
        .created_ms = NOW,
        .media_type = "application/json",
        .schema = 1,
    };
    struct fragment_header header = {.ciphertext_len = 16};
    struct bytes body = BYTES_EMPTY;
    TRY(fragment_header_core_encode(fixture->arena, &core, &header.core));
    TRY(fragment_header_encode(fixture->arena, &header, &body));
    return signed_make(fixture->arena, SIGNED_HEADER, FED, body, fixture->key, out_whole);
}

static void test_fragment_header(void **state) {
    struct fixture *fixture = *state;
    struct sign_public public = sign_public_of(fixture->key);
    struct sign_public strange = sign_public_of(fixture->stranger);
    struct fragment_signed parts = {0};
    struct bytes whole = BYTES_EMPTY;
    assert_int_equal(header_of(fixture, 1, 32, &whole), STATUS_OK);
    assert_int_equal(fragment_header_open(fixture->arena, FED, whole, &public, &parts), STATUS_MALFORMED);
    assert_int_equal(header_of(fixture, 2, 0, &whole), STATUS_OK);
    assert_int_equal(fragment_header_split(fixture->arena, whole, &parts), STATUS_MALFORMED);
    assert_int_equal(header_of(fixture, 0, 0, &whole), STATUS_MALFORMED);
    assert_int_equal(header_of(fixture, 2, 32, &whole), STATUS_OK);
    assert_int_equal(fragment_header_open(fixture->arena, FED, whole, &strange, &parts), STATUS_SIGNATURE);
    assert_int_equal(fragment_header_open(fixture->arena, "other.example", whole, &public, &parts), STATUS_SIGNATURE);
    assert_int_equal(fragment_header_open(fixture->arena, FED, whole, &public, &parts), STATUS_OK);
    assert_int_equal(parts.core.revision, 2);
    struct hash hash = hash_sha256(whole);
    assert_true(hash_equal(&parts.hash, &hash));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_envelope_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope_verifies_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope_every_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reply_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reply_tells_nothing_of_local_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fragment_header, setup, teardown),
    };
    return cmocka_run_group_tests_name("proto/envelope", tests, NULL, NULL);
}
