/*
 * What a person does with devices: proofs, statements in their chain, a second device, loss, the code, the person's own
 * plan and accesses (P2, P5, P6, P12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "broker/core/device_rows.h"
#include "broker/core/portal/nonces.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "support/core/scene.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* ---- proofs ---- */

static struct portal_ask ask_for_consents(struct rig *rig, const struct rig_person *person) {
    return (struct portal_ask){.op = PORTAL_CONSENTS_GET,
                               .method = "GET",
                               .url = RIG_URL "/v1/consents",
                               .proof = rig_proof(rig, person, "GET", "/v1/consents")};
}

static void test_proofs(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person nobody;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct portal_ask ask = ask_for_consents(rig, &scene.person);
    RIG_DONE(rig_ask_as_is(rig, &ask));
    /* Reading again with the same proof is reading. */
    RIG_DONE(rig_ask_as_is(rig, &ask));
    ask.proof = BYTES_EMPTY;
    assert_int_not_equal(rig_ask_as_is(rig, &ask).status, STATUS_OK);
    ask.proof = rig_proof(rig, &scene.person, "GET", "/v1/plan");
    assert_int_equal(rig_ask_as_is(rig, &ask).status, STATUS_DENIED);
    rig_person_init(rig, &nobody, &scene.person.subject);
    ask.proof = rig_proof(rig, &nobody, "GET", "/v1/consents");
    assert_int_equal(rig_ask_as_is(rig, &ask).status, STATUS_DENIED);
    /* A stale nonce: 401, and another one to use. */
    ask.proof = rig_proof(rig, &scene.person, "GET", "/v1/consents");
    clock_advance(&rig->parts.clock, 299000);
    RIG_DONE(rig_ask_as_is(rig, &ask));
    ask = ask_for_consents(rig, &scene.person);
    uint64_t to_next = 600000 - rig_now_ms(rig) % 300000;
    clock_advance(&rig->parts.clock, to_next > 300000 ? 300000 : to_next);
    clock_advance(&rig->parts.clock, 300000);
    struct rig_answer answer = rig_ask_as_is(rig, &ask);
    assert_int_not_equal(answer.status, STATUS_OK);
    rig_person_clear(&nobody);
    scene_end(&scene);
}

static void test_use_dpop_nonce(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    /* Signed just now, with the nonce of a core that was another process. */
    struct portal_ask ask = ask_for_consents(rig, &scene.person);
    struct nonces *own = rig->parts.core.nonces;
    rig->parts.core.nonces = nonces_new(FEDERATION_NAME);
    struct rig_answer answer = rig_ask_as_is(rig, &ask);
    nonces_free(rig->parts.core.nonces);
    rig->parts.core.nonces = own;
    assert_int_equal(answer.http_status, 401);
    assert_non_null(answer.nonce);
    assert_true(bytes_equal_text(answer.body, "{\"error\":\"use_dpop_nonce\"}"));
    scene_end(&scene);
}

/* ---- statements ---- */

static void test_statements(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const char *id = scene_consent_id(rig, &consent);
    const struct statement suspend = {.type = STATEMENT_SUSPEND, .consent = consent.tokens[0].consent};
    struct rig_person fork = scene.person;

    /* Another type than the path asks for; another consent; too old; not next in the chain. */
    struct statement other = suspend;
    other.type = STATEMENT_REVOKE;
    const char *body = rig_statement(rig, &fork, other);
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body).status, STATUS_UNSUPPORTED);
    fork = scene.person;
    other = suspend;
    other.consent = ids_random();
    body = rig_statement(rig, &fork, other);
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body).status, STATUS_INVALID);
    fork = scene.person;
    other = suspend;
    other.iat_s = rig_now_ms(rig) / 1000 - 301;
    body = rig_statement(rig, &fork, other);
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body).status, STATUS_TIME);
    fork = scene.person;
    fork.prev = hash_bytes(&scene.goal.header_hash);
    body = rig_statement(rig, &fork, suspend);
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body).status, STATUS_CONFLICT);

    fork = scene.person;
    body = rig_statement(rig, &fork, suspend);
    char *forged = arena_string(rig->arena, body);
    char *at = forged + strlen(forged) - 12;
    *at = *at == 'A' ? 'B' : 'A';
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, forged).status, STATUS_SIGNATURE);

    /* The right one, twice: one leaf for each token. */
    body = rig_statement(rig, &scene.person, suspend);
    struct rig_answer first = rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body);
    RIG_DONE(first);
    uint64_t leaves = rig_leaves(rig);
    struct rig_answer again = rig_ask(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id, body);
    RIG_DONE(again);
    assert_int_equal(again.n_leaves, first.n_leaves);
    assert_int_equal(again.leaves[1], first.leaves[1]);
    assert_int_equal(rig_leaves(rig), leaves);
    /* A second statement that names no predecessor is another line of the chain. */
    fork = scene.person;
    fork.prev = BYTES_EMPTY;
    struct statement resume = suspend;
    resume.type = STATEMENT_RESUME;
    body = rig_statement(rig, &fork, resume);
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_RESUME, id, body).status, STATUS_CONFLICT);
    scene_end(&scene);
}

/* The proof of a write counts once. */
static void test_proof_of_a_write(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const char *id = scene_consent_id(rig, &consent);
    const char *path = arena_printf(rig->arena, "/v1/consents/%s/revoke", id);
    const char *body = rig_statement(
        rig, &scene.person, (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    const struct portal_ask ask = {
        .op = PORTAL_CONSENT_REVOKE,
        .method = "POST",
        .url = arena_printf(rig->arena, RIG_URL "%s", path),
        .proof = rig_proof(rig, &scene.person, "POST", path),
        .id = bytes_text(id),
        .body = bytes_text(body),
    };
    RIG_DONE(rig_ask_as_is(rig, &ask));
    assert_int_equal(rig_ask_as_is(rig, &ask).status, STATUS_DENIED);
    scene_end(&scene);
}

/* ---- several devices ---- */

static void test_second_device_waits(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person second;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    rig_person_init(rig, &second, &scene.person.subject);
    RIG_DONE(rig_enrol(rig, &second, false));

    /* It signs no consent, removes nobody, reads nothing, lists no accesses; but it may end sharing. */
    struct rig_consent consent = rig_consent_make(rig, &second, &scene.request);
    assert_int_equal(rig_consent_send(rig, &second, &scene.request, &consent).status, STATUS_DENIED);
    struct rig_person fork = second;
    const char *body = rig_statement(
        rig, &fork, (struct statement){.type = STATEMENT_REMOVE_DEVICE, .other_device = scene.person.device});
    assert_int_equal(rig_ask(rig, &second, PORTAL_DEVICES_DELETE, scene.person.kid, body).status, STATUS_DENIED);
    fork = second;
    body = rig_statement(rig, &fork, (struct statement){.type = STATEMENT_READ, .source = FEDERATION_EDUCATION});
    assert_int_equal(rig_ask(rig, &second, PORTAL_READ_REQUEST, NULL, body).status, STATUS_DENIED);
    assert_int_equal(rig_ask(rig, &second, PORTAL_ACCESSES_GET, NULL, NULL).status, STATUS_DENIED);
    /* Nor does it vouch for itself. */
    fork = second;
    body = rig_statement(
        rig, &fork, (struct statement){.type = STATEMENT_COUNTERSIGN, .source = "", .other_device = second.device});
    assert_int_equal(rig_ask(rig, &second, PORTAL_READ_REQUEST, NULL, body).status, STATUS_DENIED);
    struct rig_consent first = scene_consent(&scene);
    const struct id16 first_id = first.tokens[0].consent;
    (void)rig_state(rig, &second, PORTAL_CONSENT_SUSPEND, scene_consent_id(rig, &first),
                    (struct statement){.type = STATEMENT_SUSPEND, .consent = first_id});
    fork = second;
    body = rig_statement(rig, &fork, (struct statement){.type = STATEMENT_RESUME, .consent = first_id});
    struct rig_answer resumed = rig_ask(rig, &second, PORTAL_CONSENT_RESUME, scene_consent_id(rig, &first), body);
    assert_int_equal(resumed.status, STATUS_DENIED);
    (void)rig_state(rig, &second, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &first),
                    (struct statement){.type = STATEMENT_REVOKE, .consent = first.tokens[0].consent});

    /* Countersigned by the first, twice the same: then it may. */
    const char *countersign =
        rig_statement(rig, &scene.person,
                      (struct statement){.type = STATEMENT_COUNTERSIGN, .source = "", .other_device = second.device});
    uint64_t leaves = rig_leaves(rig);
    for (size_t i = 0; i < 2; i++) {
        struct rig_answer answer = rig_ask(rig, &scene.person, PORTAL_READ_REQUEST, NULL, countersign);
        RIG_DONE(answer);
        assert_true(bytes_equal_text(answer.body, "{\"receipts\":[]}"));
    }
    assert_int_equal(rig_leaves(rig), leaves);
    RIG_DONE(rig_ask(rig, &second, PORTAL_ACCESSES_GET, NULL, NULL));
    static const enum federation_unit sources[] = {UNIT_EDUCATION};
    struct rig_request request = rig_request_make(rig, UNIT_LABOUR, &scene.person.subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &request));
    consent = rig_consent_make(rig, &second, &request);
    RIG_DONE(rig_consent_send(rig, &second, &request, &consent));
    rig_person_clear(&second);
    scene_end(&scene);
}

static void test_waiting_ends_by_time(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person second;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    rig_person_init(rig, &second, &scene.person.subject);
    RIG_DONE(rig_enrol(rig, &second, false));
    clock_advance(&rig->parts.clock, 72ULL * 3600000 - 1);
    assert_int_equal(rig_ask(rig, &second, PORTAL_ACCESSES_GET, NULL, NULL).status, STATUS_DENIED);
    clock_advance(&rig->parts.clock, 1);
    RIG_DONE(rig_ask(rig, &second, PORTAL_ACCESSES_GET, NULL, NULL));
    rig_person_clear(&second);
    scene_end(&scene);
}

/* The person, identified anew, says that all others are lost. */
static void test_others_lost(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person second;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    rig_person_init(rig, &second, &scene.person.subject);
    RIG_DONE(rig_enrol(rig, &second, true));
    /* The lost one is out at once, and what it signed does not release any more. */
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENTS_GET, NULL, NULL).status, STATUS_DENIED);
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_DEVICE);
    /* The new one acts at once. */
    RIG_DONE(rig_ask(rig, &second, PORTAL_ACCESSES_GET, NULL, NULL));
    answer = rig_ask(rig, &second, PORTAL_DEVICES_GET, NULL, NULL);
    RIG_DONE(answer);
    assert_non_null(strstr((const char *)answer.body.data, "\"suspended\""));
    clock_advance(&rig->parts.clock, 72ULL * 3600000);
    answer = rig_ask(rig, &second, PORTAL_DEVICES_GET, NULL, NULL);
    assert_non_null(strstr((const char *)answer.body.data, "\"removed\""));
    rig_person_clear(&second);
    scene_end(&scene);
}

static void test_removed_device(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person second;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    rig_person_init(rig, &second, &scene.person.subject);
    RIG_DONE(rig_enrol(rig, &second, false));
    clock_advance(&rig->parts.clock, 72ULL * 3600000);
    static const enum federation_unit sources[] = {UNIT_EDUCATION};
    struct rig_request request = rig_request_make(rig, UNIT_CAREER, &scene.person.subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &request));
    struct rig_consent consent = rig_consent_make(rig, &second, &request);
    RIG_DONE(rig_consent_send(rig, &second, &request, &consent));
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));

    /* Stolen a minute ago: gone, and what it signed since is suspended. */
    struct rig_answer answer = rig_state(rig, &scene.person, PORTAL_DEVICES_DELETE, second.kid,
                                         (struct statement){.type = STATEMENT_REMOVE_DEVICE,
                                                            .other_device = second.device,
                                                            .since_s = rig_now_ms(rig) / 1000 - 60});
    assert_int_equal(answer.n_leaves, 2);
    assert_int_equal(rig_opening(rig, answer.leaves[0], NULL).type, LEAF_DEVICE_REMOVED);
    assert_int_equal(rig_opening(rig, answer.leaves[1], NULL).type, LEAF_CONSENT_SUSPENDED);
    assert_int_equal(rig_ask(rig, &second, PORTAL_CONSENTS_GET, NULL, NULL).status, STATUS_DENIED);
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_CONSENT_ACTIVE);
    assert_int_equal(rig_mail(rig, UNIT_EDUCATION, EVENT_CONSENT_SUSPENDED, NULL), 1);
    /* Resumed by the other device it is still not to be had: its device is no more. */
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_RESUME, scene_consent_id(rig, &consent),
                    (struct statement){.type = STATEMENT_RESUME, .consent = consent.tokens[0].consent});
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_DEVICE);
    rig_person_clear(&second);
    scene_end(&scene);
}

/* ---- code ---- */

static struct rig_answer send_code(struct rig *rig, const char *code) {
    const struct portal_ask ask = {
        .op = PORTAL_CODE, .method = "POST", .url = RIG_URL "/revoke", .id = bytes_text(code)};
    return rig_ask_as_is(rig, &ask);
}

static void test_code(void **state) {
    (void)state;
    static const char *const malformed[] = {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "!!!!!!!!!!!!!!!!!!!!!!",
                                            "AAAAAAAAAAAAAAAAAAAAAB"};
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    struct id16 other_code = ids_random();
    const char *right = ids_text(rig->arena, &consent.code);
    const char *wrong = ids_text(rig->arena, &other_code);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(send_code(rig, malformed[i]).status, STATUS_MALFORMED);
    }
    uint64_t leaves = rig_leaves(rig);
    struct rig_answer unknown = send_code(rig, wrong);
    RIG_DONE(unknown);
    assert_int_equal(rig_leaves(rig), leaves);
    struct rig_answer answer = send_code(rig, right);
    RIG_DONE(answer);
    assert_int_equal(rig_leaves(rig), leaves + 2);
    /* Nothing in the answers tells them apart. */
    assert_true(bytes_equal(answer.body, unknown.body));
    assert_int_equal(answer.http_status, unknown.http_status);
    scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
    leaves = rig_leaves(rig);
    RIG_DONE(send_code(rig, right));
    assert_int_equal(rig_leaves(rig), leaves);
    for (unsigned i = 0; i < NONCES_CODES_BURST; i++) {
        answer = send_code(rig, wrong);
    }
    assert_int_equal(answer.status, STATUS_LIMIT);
    assert_int_equal(send_code(rig, right).status, STATUS_LIMIT);
    scene_end(&scene);
}

/* ---- the person's own plan, and who saw it ---- */

static struct key_grant grant_for_device(struct rig *rig, const struct rig_person *person,
                                         const struct rig_fragment *fragment) {
    struct seal_public key = seal_public_of(person->read);
    struct key_grant grant = {
        .version = 1,
        .federation = FEDERATION_NAME,
        .fragment = fragment->core.fragment,
        .revision = fragment->core.revision,
        .kind = fragment->core.kind,
        .purpose = "",
        .header_hash = fragment->header_hash,
        .recipient = person->kid,
        .recipient_key_id = seal_key_id(FEDERATION_NAME, &key),
    };
    (void)rig;
    secret_random_public(grant.enc, sizeof grant.enc);
    secret_random_public(grant.sealed, sizeof grant.sealed);
    return grant;
}

static struct rig_answer upload_one(struct rig *rig, enum federation_unit unit, const struct key_grant *grant) {
    struct bytes whole = rig_grant_sign(rig, unit, grant);
    return rig_send(rig, unit, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
}

static json_t *plan_of(struct rig *rig, const struct rig_person *person) {
    json_t *plan = NULL;
    struct rig_answer answer = rig_ask(rig, person, PORTAL_PLAN_GET, NULL, NULL);
    RIG_DONE(answer);
    OK(json_read(answer.body, 1 << 22, &plan));
    return plan;
}

static void test_own_plan(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct key_grant grant = grant_for_device(rig, &scene.person, &scene.goal);
    /* Nobody grants what was not asked for, and nobody else does. */
    struct rig_answer answer = upload_one(rig, UNIT_EDUCATION, &grant);
    scene_assert_grant(rig, &answer, RULE_CONSENT_KNOWN);
    struct rig_person fork = scene.person;
    const char *body =
        rig_statement(rig, &fork, (struct statement){.type = STATEMENT_READ, .source = "0007:2129990004/nobody"});
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_READ_REQUEST, NULL, body).status, STATUS_NOT_FOUND);
    answer = rig_state(rig, &scene.person, PORTAL_READ_REQUEST, NULL,
                       (struct statement){.type = STATEMENT_READ, .source = FEDERATION_EDUCATION});
    assert_int_equal(rig_opening(rig, answer.leaves[0], NULL).type, LEAF_READ_REQUESTED);
    const struct msg_mail_event *event = NULL;
    assert_int_equal(rig_mail(rig, UNIT_EDUCATION, EVENT_READ_REQUESTED, &event), 1);
    assert_int_equal(event->n_receipts, 2);
    json_t *plan = plan_of(rig, &scene.person);
    assert_int_equal(json_array_size(json_object_get(plan, "items")), 0);
    assert_int_equal(json_array_size(json_object_get(plan, "waiting")), 1);
    json_decref(plan);

    answer = upload_one(rig, UNIT_LABOUR, &grant);
    scene_assert_grant(rig, &answer, RULE_CONSENT_KNOWN);
    struct key_grant other = grant;
    other.recipient_key_id.b[0] ^= 1;
    answer = upload_one(rig, UNIT_EDUCATION, &other);
    scene_assert_grant(rig, &answer, RULE_GRANT);
    other = grant;
    other.purpose = FEDERATION_PURPOSE;
    answer = upload_one(rig, UNIT_EDUCATION, &other);
    scene_assert_grant(rig, &answer, RULE_PURPOSE);
    answer = upload_one(rig, UNIT_EDUCATION, &grant);
    scene_assert_grant(rig, &answer, RULE_PASS);
    plan = plan_of(rig, &scene.person);
    const json_t *items = json_object_get(plan, "items");
    assert_int_equal(json_array_size(items), 1);
    const char *ciphertext = json_string_value(json_object_get(json_array_get(items, 0), "ciphertext"));
    assert_string_equal(ciphertext, text_base64url(rig->arena, scene.goal.ciphertext));
    assert_int_equal(json_array_size(json_object_get(plan, "waiting")), 0);
    json_decref(plan);
    /* A lost device is granted nothing more. */
    struct rig_person anew;
    rig_person_init(rig, &anew, &scene.person.subject);
    RIG_DONE(rig_enrol(rig, &anew, true));
    answer = upload_one(rig, UNIT_EDUCATION, &grant);
    scene_assert_grant(rig, &answer, RULE_DEVICE);
    rig_person_clear(&anew);
    scene_end(&scene);
}

/* A revision that is newer than its grant is not shown. */
static void test_own_plan_after_replacement(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct key_grant grant = grant_for_device(rig, &scene.person, &scene.goal);
    (void)rig_state(rig, &scene.person, PORTAL_READ_REQUEST, NULL,
                    (struct statement){.type = STATEMENT_READ, .source = FEDERATION_EDUCATION});
    struct rig_answer answer = upload_one(rig, UNIT_EDUCATION, &grant);
    scene_assert_grant(rig, &answer, RULE_PASS);
    struct rig_fragment next = rig_fragment_next(rig, &scene.goal);
    RIG_DONE(rig_publish(rig, &next));
    json_t *plan = plan_of(rig, &scene.person);
    assert_int_equal(json_array_size(json_object_get(plan, "items")), 0);
    json_decref(plan);
    scene_end(&scene);
}

static void test_accesses(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    RIG_DONE(rig_release(rig, UNIT_CAREER, &consent.tokens[0]));
    (void)rig_release(rig, UNIT_CAREER, &consent.tokens[1]);
    static const char *const types[] = {"DEVICE_ENROLLED", "PUBLISHED",   "CONSENT_REQUESTED", "CONSENT_GRANTED",
                                        "CONSENT_GRANTED", "GRANTED_KEY", "RELEASED",          "REFUSED"};
    struct rig_answer answer = rig_ask(rig, &scene.person, PORTAL_ACCESSES_GET, NULL, NULL);
    json_t *root CLEANUP(json_cleanup) = NULL;
    RIG_DONE(answer);
    OK(json_read(answer.body, 1 << 22, &root));
    const json_t *list = json_object_get(root, "accesses");
    assert_int_equal(json_array_size(list), sizeof types / sizeof types[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(row, "type")), types[i]);
        assert_true(strlen(json_string_value(json_object_get(row, "receipt"))) > 100);
    }
    assert_true(json_is_null(json_object_get(root, "cursor")));
    scene_end(&scene);
}

static void test_lists(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person other;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_answer answer = rig_ask(rig, &scene.person, PORTAL_REQUESTS_GET, NULL, NULL);
    json_t *root CLEANUP(json_cleanup) = NULL;
    RIG_DONE(answer);
    OK(json_read(answer.body, 1 << 20, &root));
    const json_t *row = json_array_get(json_object_get(root, "requests"), 0);
    assert_int_equal(json_array_size(json_object_get(root, "requests")), 1);
    assert_string_equal(json_string_value(json_object_get(row, "recipient")), FEDERATION_CAREER);
    assert_string_equal(json_string_value(json_object_get(row, "request")),
                        text_base64url(rig->arena, hash_bytes(&scene.request.hash)));
    assert_int_equal(json_array_size(json_object_get(row, "sources")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "duration_s")), 30 * 86400);
    assert_non_null(json_object_get(json_object_get(row, "purpose_texts"), "sv"));
    /* Decided: it is a consent now, and no request. */
    struct rig_consent consent = scene_consent(&scene);
    answer = rig_ask(rig, &scene.person, PORTAL_REQUESTS_GET, NULL, NULL);
    assert_true(bytes_equal_text(answer.body, "{\"requests\":[]}"));
    answer = rig_ask(rig, &scene.person, PORTAL_CONSENTS_GET, NULL, NULL);
    assert_non_null(strstr((const char *)answer.body.data, scene_consent_id(rig, &consent)));
    answer = rig_ask(rig, &scene.person, PORTAL_RECEIPT, scene_consent_id(rig, &consent), NULL);
    RIG_DONE(answer);
    /* To another person all of it is empty or unknown. */
    struct hash subject = scene_subject();
    rig_person_init(rig, &other, &subject);
    RIG_DONE(rig_enrol(rig, &other, false));
    answer = rig_ask(rig, &other, PORTAL_CONSENTS_GET, NULL, NULL);
    assert_true(bytes_equal_text(answer.body, "{\"consents\":[]}"));
    answer = rig_ask(rig, &other, PORTAL_RECEIPT, scene_consent_id(rig, &consent), NULL);
    assert_int_equal(answer.status, STATUS_NOT_FOUND);
    const char *body =
        rig_statement(rig, &other, (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    answer = rig_ask(rig, &other, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent), body);
    assert_int_equal(answer.status, STATUS_NOT_FOUND);
    rig_person_clear(&other);
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_use_dpop_nonce),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_proof_of_a_write),
        cmocka_unit_test(test_second_device_waits),
        cmocka_unit_test(test_waiting_ends_by_time),
        cmocka_unit_test(test_others_lost),
        cmocka_unit_test(test_removed_device),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_own_plan),
        cmocka_unit_test(test_own_plan_after_replacement),
        cmocka_unit_test(test_accesses),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
