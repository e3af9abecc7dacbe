/*
 * Derivations against values that Node's cryptography made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/derive.h"
#include "proto/key_grant.h"
#include "support/vectors.h"

#define FED "test.sluss.example"

struct fixture {
    struct arena *arena;
    json_t *vectors;
    const json_t *open; /* the derivation being tested */
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    fixture = (struct fixture){.arena = arena_new(1 << 20), .vectors = vectors_load("objects.json")};
    *state = &fixture;
    return fixture.arena ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    json_decref(fixture->vectors);
    return 0;
}

static void open_case(struct fixture *fixture, const char *name) {
    fixture->open = json_object_get(json_object_get(fixture->vectors, "derivations"), name);
    if (!fixture->open) fail_msg("no derivation %s", name);
}

static struct bytes hex(struct fixture *fixture, const char *name) {
    struct bytes out = BYTES_EMPTY;
    const char *text = json_string_value(json_object_get(fixture->open, name));
    if (!text) fail_msg("no value %s", name);
    assert_int_equal(text_from_hex(fixture->arena, bytes_text(text), &out), STATUS_OK);
    return out;
}

static struct hash hash_of(struct fixture *fixture, const char *name) {
    struct hash hash;
    assert_int_equal(hash_from_bytes(hex(fixture, name), &hash), STATUS_OK);
    return hash;
}

static struct id16 id_of(struct fixture *fixture, const char *name) {
    struct id16 id;
    assert_int_equal(ids_from_bytes(hex(fixture, name), &id), STATUS_OK);
    return id;
}

static const char *text_of(struct fixture *fixture, const char *name) {
    return json_string_value(json_object_get(fixture->open, name));
}

static void assert_hash(struct fixture *fixture, const char *name, struct hash hash) {
    assert_true(bytes_equal(hash_bytes(&hash), hex(fixture, name)));
}

static void test_event_and_handle(void **state) {
    struct fixture *fixture = *state;
    open_case(fixture, "event");
    struct id16 message = id_of(fixture, "message");
    struct id16 event = derive_event_id(FED, text_of(fixture, "sender"), &message, 1);
    assert_true(bytes_equal(ids_bytes(&event), hex(fixture, "event")));
    event = derive_event_id(FED, text_of(fixture, "sender"), &message, 2);
    assert_false(bytes_equal(ids_bytes(&event), hex(fixture, "event")));
    open_case(fixture, "handle");
    struct voprf_output output;
    memcpy(output.b, hex(fixture, "output").data, sizeof output.b);
    assert_hash(fixture, "handle", derive_handle(FED, 7, &output));
}

static void test_commitments(void **state) {
    struct fixture *fixture = *state;
    open_case(fixture, "source");
    struct hash salt = hash_of(fixture, "salt");
    assert_hash(fixture, "commitment", derive_source_commitment(FED, text_of(fixture, "unit"), &salt));
    open_case(fixture, "code");
    struct id16 code = id_of(fixture, "code");
    assert_hash(fixture, "hash", derive_code_hash(FED, &code));
    open_case(fixture, "leaf");
    struct hash nonce = hash_of(fixture, "nonce");
    assert_hash(fixture, "commitment", derive_leaf_commitment(FED, &nonce, hex(fixture, "opening")));
}

static void test_slot(void **state) {
    struct fixture *fixture = *state;
    open_case(fixture, "slot");
    struct secret *key CLEANUP(secret_free_cleanup) = secret_from(hex(fixture, "key"));
    assert_hash(fixture, "commitment", derive_slot_commitment(FED, key));
    open_case(fixture, "subject_tag");
    struct id16 event = id_of(fixture, "event");
    struct id16 tag = derive_subject_tag(key, &event);
    assert_true(bytes_equal(ids_bytes(&tag), hex(fixture, "tag")));
    struct bytes aad = BYTES_EMPTY;
    open_case(fixture, "opening_aad");
    assert_int_equal(derive_opening_aad(fixture->arena, FED, &event, &aad), STATUS_OK);
    assert_true(bytes_equal(aad, hex(fixture, "aad")));
    open_case(fixture, "evidence_aad");
    struct hash hash = hash_of(fixture, "hash");
    assert_int_equal(derive_evidence_aad(fixture->arena, FED, &hash, &aad), STATUS_OK);
    assert_true(bytes_equal(aad, hex(fixture, "aad")));
}

static void test_enrolment(void **state) {
    struct fixture *fixture = *state;
    open_case(fixture, "enrolment");
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(hex(fixture, "secret"));
    struct sign_public sign_key;
    struct seal_public read_key;
    memcpy(sign_key.b, hex(fixture, "sign_key").data, sizeof sign_key.b);
    memcpy(read_key.b, hex(fixture, "read_key").data, sizeof read_key.b);
    assert_hash(fixture, "mac", derive_enrolment_mac(secret, FED, &sign_key, &read_key));
}

/* The KeyGrant of the vectors, opened with the recipient's key: info, aad and HPKE fit together. */
static void test_grant(void **state) {
    struct fixture *fixture = *state;
    const json_t *messages = json_object_get(fixture->vectors, "messages");
    struct key_grant grant = {0};
    for (size_t i = 0; i < json_array_size(messages); i++) {
        fixture->open = json_array_get(messages, i);
        if (strcmp(text_of(fixture, "message"), "KeyGrant") != 0) continue;
        assert_int_equal(key_grant_parse(fixture->arena, FED, hex(fixture, "encoding"), &grant), STATUS_OK);
    }
    open_case(fixture, "grant");
    struct bytes info = BYTES_EMPTY;
    assert_int_equal(key_grant_info(fixture->arena, &grant, &info), STATUS_OK);
    assert_true(bytes_equal(info, hex(fixture, "info")));
    assert_true(bytes_equal(hash_bytes(&grant.header_hash), hex(fixture, "aad")));
    struct secret *scalar CLEANUP(secret_free_cleanup) = secret_from(hex(fixture, "recipient_private"));
    struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
    assert_int_equal(seal_from_secret(scalar, &key), STATUS_OK);
    struct seal_public public = seal_public_of(key);
    assert_hash(fixture, "recipient_key_id", seal_key_id(FED, &public));
    assert_hash(fixture, "recipient_key_id", grant.recipient_key_id);
    uint8_t sealed[SEAL_ENC_BYTES + KEY_GRANT_SEALED_BYTES];
    memcpy(sealed, grant.enc, sizeof grant.enc);
    memcpy(sealed + sizeof grant.enc, grant.sealed, sizeof grant.sealed);
    struct secret *opened CLEANUP(secret_free_cleanup) = NULL;
    struct bytes aad = hash_bytes(&grant.header_hash);
    assert_int_equal(seal_open_secret(key, info, aad, BYTES_ARRAY(sealed), &opened), STATUS_OK);
    assert_true(bytes_equal(secret_bytes(opened), hex(fixture, "content_key")));
}

/* P3: each thing a grant is bound to is in the info. */
static void test_grant_info_binds(void **state) {
    struct arena *arena = ((struct fixture *)*state)->arena;
    static const uint8_t token[16] = {1};
    const struct key_grant base = {.federation = FED,
                                   .token = BYTES_ARRAY(token),
                                   .revision = 1,
                                   .kind = KIND_GOAL,
                                   .purpose = "p",
                                   .recipient = "r"};
    struct key_grant others[8];
    for (size_t i = 0; i < 8; i++) {
        others[i] = base;
    }
    others[0].federation = "other.example";
    others[1].token = BYTES_EMPTY;
    others[2].fragment.b[0] = 1;
    others[3].revision = 2;
    others[4].kind = KIND_EVENT;
    others[5].purpose = "q";
    others[6].recipient = "s";
    others[7].recipient_key_id.b[0] = 1;
    struct bytes info = BYTES_EMPTY;
    struct bytes other = BYTES_EMPTY;
    assert_int_equal(key_grant_info(arena, &base, &info), STATUS_OK);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(key_grant_info(arena, &others[i], &other), STATUS_OK);
        if (bytes_equal(info, other)) fail_msg("field %zu is not bound", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_event_and_handle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commitments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enrolment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grant_info_binds, setup, teardown),
    };
    return cmocka_run_group_tests_name("proto/derive", tests, NULL, NULL);
}
