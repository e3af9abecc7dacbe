/*
 * Releases under a consent, and its end: by the person, by members, by code, by time, by a newer one; and access once
 * (P2, P5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "broker/core/portal/nonces.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "support/core/scene.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* ---- release: who, what, when ---- */

static void test_stranger(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    struct token unknown = consent.tokens[0];
    unknown.jti = ids_random();

    /* A token that exists and one that does not are alike to whoever it is not for, source and revoker included. */
    const struct token *const tokens[] = {&consent.tokens[0], &unknown};
    const enum federation_unit units[] = {UNIT_LABOUR, UNIT_EDUCATION};
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 2; k++) {
            uint64_t before = rig_leaves(rig);
            struct rig_answer answer = rig_release(rig, units[k], tokens[i]);
            scene_assert_refused(rig, &answer, RULE_RECIPIENT);
            assert_int_equal(rig_leaves(rig), before + 1);
            bool slot = true;
            struct opening opening = rig_opening(rig, answer.leaves[0], &slot);
            assert_false(slot);
            assert_int_equal(opening.subject.len + opening.consent.len + opening.slot_commitment.len, 0);
            assert_string_equal(opening.recipient, "");
            assert_string_equal(opening.source, "");
            assert_int_equal(opening.prior_leaf, 0);
        }
    }
    scene_end(&scene);
}

static struct rig_answer release_with(struct rig *rig, const struct token *token, const char *purpose,
                                      const uint32_t *kinds, size_t n_kinds) {
    const struct msg_release message = {
        .token = token->jti, .purpose = purpose, .kinds = kinds, .n_kinds = n_kinds, .most = 64};
    return rig_send(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
}

static void test_clauses(void **state) {
    (void)state;
    static const uint32_t more[] = {KIND_GOAL, KIND_DECISION};
    static const uint32_t activity[] = {KIND_ACTIVITY};
    static const uint32_t goal[] = {KIND_GOAL};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    struct rig_answer answer = release_with(rig, token, token->purpose, goal, 1);
    scene_assert_refused(rig, &answer, RULE_GRANT);
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    answer = release_with(rig, token, "statistics_free", goal, 1);
    scene_assert_refused(rig, &answer, RULE_PURPOSE);
    answer = release_with(rig, token, token->purpose, more, 2);
    scene_assert_refused(rig, &answer, RULE_KIND);
    answer = release_with(rig, token, token->purpose, activity, 1);
    scene_assert_refused(rig, &answer, RULE_FRAGMENT);
    /* The other source's token does not reach this source's fragments. */
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[1]);
    scene_assert_refused(rig, &answer, RULE_FRAGMENT);
    const struct msg_release one = {.token = consent.tokens[1].jti,
                                    .purpose = token->purpose,
                                    .kinds = goal,
                                    .n_kinds = 1,
                                    .fragment = ids_bytes(&scene.goal.core.fragment),
                                    .most = 1};
    answer = rig_send(rig, UNIT_CAREER, MESSAGE_RELEASE, &one);
    scene_assert_refused(rig, &answer, RULE_SOURCE);
    answer = release_with(rig, token, token->purpose, goal, 1);
    assert_int_equal(answer.code, REPLY_DONE);
    /* The end of its time, before the schedule has run. */
    clock_advance(&rig->parts.clock, 30 * 86400000ULL);
    answer = release_with(rig, token, token->purpose, goal, 1);
    scene_assert_refused(rig, &answer, RULE_NOT_EXPIRED);
    scene_end(&scene);
}

static void test_agreement_ends(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    /* Other attesters from now on: the device is not accepted any more. */
    static const char *const others[] = {FEDERATION_CITY};
    struct agreement agreement = federation_agreement(rig->fed, 2);
    agreement.attesters = others;
    (void)federation_admit(rig->fed, DIRECTORY_AGREEMENT, federation_sign_agreement(rig->fed, &agreement));
    rig_use_directory(rig);
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_DEVICE);
    /* Another kind only. */
    static const uint32_t kinds[] = {KIND_EVENT};
    agreement = federation_agreement(rig->fed, 3);
    agreement.kinds = kinds;
    agreement.n_kinds = 1;
    (void)federation_admit(rig->fed, DIRECTORY_AGREEMENT, federation_sign_agreement(rig->fed, &agreement));
    rig_use_directory(rig);
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_AGREEMENT);
    scene_end(&scene);
}

/* ---- P5 ---- */

static void test_revoked_by_person(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    struct rig_answer before = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    RIG_DONE(before);
    struct rig_answer answer =
        rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent),
                  (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    assert_int_equal(answer.n_leaves, 2);
    struct opening opening = rig_opening(rig, answer.leaves[0], NULL);
    assert_int_equal(opening.type, LEAF_CONSENT_REVOKED);
    assert_int_equal(opening.number, CONSENT_STATE_REVOKED);
    assert_string_equal(opening.actor, scene.person.kid);
    scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
    scene_end(&scene);
}

/* A release message that was answered before the revocation is decided anew when it comes again. */
static void test_repeated_release_after_revocation(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    const struct msg_release message = {
        .token = token->jti, .purpose = token->purpose, .kinds = token->kinds, .n_kinds = token->n_kinds, .most = 64};
    struct bytes envelope = rig_envelope(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
    struct rig_answer first = rig_send_envelope(rig, UNIT_CAREER, envelope);
    struct rig_answer second = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(second.code, REPLY_DONE);
    assert_int_equal(second.leaves[0], first.leaves[0]);
    assert_int_equal(scene_released(rig, &second).n_items, 1);
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent),
                    (struct statement){.type = STATEMENT_REVOKE, .consent = token->consent});
    struct rig_answer third = rig_send_envelope(rig, UNIT_CAREER, envelope);
    scene_assert_refused(rig, &third, RULE_CONSENT_ACTIVE);
    assert_int_not_equal(third.leaves[0], first.leaves[0]);
    struct rig_answer fourth = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(fourth.leaves[0], third.leaves[0]);
    scene_end(&scene);
}

/* What ends or narrows a right is acknowledged in order: after every answer from a state before it. */
static void test_ends_are_acknowledged_in_order(void **state) {
    (void)state;
    static const struct {
        enum face face;
        unsigned type;
    } ends[] = {{FACE_GATE, MESSAGE_REVOKE},
                {FACE_PORTAL, PORTAL_CODE},
                {FACE_PORTAL, PORTAL_CONSENT_REVOKE},
                {FACE_PORTAL, PORTAL_CONSENT_SUSPEND},
                {FACE_PORTAL, PORTAL_DEVICES_DELETE},
                {FACE_PORTAL, PORTAL_DECISION},
                {FACE_GATE, MESSAGE_ERASE}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        assert_int_equal(dispatch_find(ends[i].face, ends[i].type)->pace, PACE_BOUNDARY);
}

/* P12: the code alone, in the page's form; once more, or a wrong one, says the same. */
static void test_revoked_with_code_by_form(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    const struct id16 wrong = ids_random();
    const struct id16 *const codes[] = {&wrong, &consent.code, &consent.code};
    for (size_t i = 0; i < 3; i++) {
        const char *text = ids_text(rig->arena, codes[i]);
        const struct portal_ask ask = {.op = PORTAL_CODE, .method = "POST", .url = "", .id = bytes_text(text)};
        struct rig_answer answer = rig_ask_as_is(rig, &ask);
        RIG_DONE(answer);
        assert_true(bytes_equal_text(answer.body, "{}"));
        assert_int_equal(answer.n_leaves, i == 1 ? 2 : 0);
    }
    scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
    scene_end(&scene);
}

/* Until there is no room for more. */
static size_t use_up_proofs(struct rig *rig) {
    size_t count = 0;
    for (;; count++) {
        struct hash use;
        secret_random_public(use.b, sizeof use.b);
        enum status used = nonces_use(rig->parts.core.nonces, rig_now_ms(rig) / NONCES_STEP_MS, &use);
        if (used == STATUS_LIMIT) return count;
        assert_int_equal(used, STATUS_OK);
    }
}

/* P12: keys that nobody has enrolled take no room among the proofs in use, and a full table stops no revocation. */
static void test_revoked_in_a_flood_of_proofs(void **state) {
    (void)state;
    struct rig rig;
    struct rig_person stranger;
    const struct hash subject = scene_subject();
    rig_init(&rig, CORE_PARTS_MEMORY);
    rig_person_init(&rig, &stranger, &subject);
    const struct id16 id = ids_random();
    struct rig_answer answer = rig_ask(&rig, &stranger, PORTAL_CONSENT_REVOKE, ids_text(rig.arena, &id), "{}");
    assert_int_equal(answer.status, STATUS_DENIED);
    assert_int_equal(use_up_proofs(&rig), NONCES_USES_MAX);
    rig_person_clear(&stranger);
    rig_clear(&rig);

    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    (void)use_up_proofs(&scene.rig);
    answer = rig_state(&scene.rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(&scene.rig, &consent),
                       (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    RIG_DONE(answer);
    scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
    scene_end(&scene);
}

static void test_revoked_by_members(void **state) {
    (void)state;
    static const struct {
        enum federation_unit unit;
        bool may;
    } cases[] = {{UNIT_CAREER, true}, {UNIT_EDUCATION, true}, {UNIT_GUIDANCE, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
        struct rig_consent consent = scene_consent(&scene);
        const struct msg_revoke message = {.consent = consent.tokens[0].consent, .reason = "said so"};
        struct rig_answer answer = rig_send(&scene.rig, cases[i].unit, MESSAGE_REVOKE, &message);
        RIG_DONE(answer);
        assert_int_equal(answer.n_leaves, 2);
        /* Each gets the receipt of what concerns it. */
        struct opening opening = rig_opening(&scene.rig, answer.leaves[0], NULL);
        if (cases[i].unit != UNIT_CAREER) {
            assert_string_equal(opening.source, scene.rig.fed->units[cases[i].unit].id);
        }
        scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
        answer = rig_send(&scene.rig, cases[i].unit, MESSAGE_REVOKE, &message);
        assert_int_equal(answer.status, STATUS_CONFLICT);
        scene_end(&scene);
    }
}

/* No party: alike for a consent that is there and one that is not; with the code: done. */
static void test_revoked_with_code_by_any(void **state) {
    (void)state;
    static const enum federation_unit sources[] = {UNIT_GUIDANCE};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_request request = rig_request_make(rig, UNIT_CAREER, &scene.person.subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &request));
    struct rig_consent consent = rig_consent_make(rig, &scene.person, &request);
    RIG_DONE(rig_consent_send(rig, &scene.person, &request, &consent));
    const struct msg_revoke known = {.consent = consent.tokens[0].consent, .reason = ""};
    const struct msg_revoke unknown = {.consent = ids_random(), .reason = ""};
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_REVOKE, &known).status, STATUS_NOT_FOUND);
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_REVOKE, &unknown).status, STATUS_NOT_FOUND);
    struct id16 wrong = ids_random();
    const struct msg_revoke guess = {.consent = known.consent, .reason = "", .code = ids_bytes(&wrong)};
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_REVOKE, &guess).status, STATUS_NOT_FOUND);
    const struct msg_revoke other = {.consent = ids_random(), .reason = "", .code = ids_bytes(&consent.code)};
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_REVOKE, &other).status, STATUS_NOT_FOUND);
    const struct msg_revoke shown = {.reason = "", .code = ids_bytes(&consent.code)};
    RIG_DONE(rig_send(rig, UNIT_LABOUR, MESSAGE_REVOKE, &shown));
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_CONSENT_ACTIVE);
    scene_end(&scene);
}

static void test_suspended_and_resumed(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    const char *id = scene_consent_id(rig, &consent);
    const struct id16 consent_bytes = consent.tokens[0].consent;
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id,
                    (struct statement){.type = STATEMENT_SUSPEND, .consent = consent_bytes});
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_CONSENT_ACTIVE);
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_RESUME, id,
                    (struct statement){.type = STATEMENT_RESUME, .consent = consent_bytes});
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    assert_int_equal(answer.code, REPLY_DONE);
    /* What is active is not resumed; what has ended neither. */
    struct rig_person keep = scene.person;
    const char *resume =
        rig_statement(rig, &scene.person, (struct statement){.type = STATEMENT_RESUME, .consent = consent_bytes});
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_RESUME, id, resume).status, STATUS_CONFLICT);
    scene.person.prev = keep.prev;
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, id,
                    (struct statement){.type = STATEMENT_REVOKE, .consent = consent_bytes});
    resume = rig_statement(rig, &scene.person, (struct statement){.type = STATEMENT_RESUME, .consent = consent_bytes});
    assert_int_equal(rig_ask(rig, &scene.person, PORTAL_CONSENT_RESUME, id, resume).status, STATUS_CONFLICT);
    scene_assert_ended(&scene, &consent, CONSENT_STATE_REVOKED);
    scene_end(&scene);
}

static void test_expired(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    uint64_t before = rig_leaves(rig);
    clock_advance(&rig->parts.clock, 30 * 86400000ULL - 1);
    rig_run_due(rig);
    assert_int_equal(rig_leaves(rig), before);
    clock_advance(&rig->parts.clock, 1);
    rig_run_due(rig);
    assert_int_equal(rig_leaves(rig), before + 2);
    struct opening opening = rig_opening(rig, before, NULL);
    assert_int_equal(opening.type, LEAF_CONSENT_EXPIRED);
    assert_string_equal(opening.actor, "broker");
    scene_assert_ended(&scene, &consent, CONSENT_STATE_EXPIRED);
    scene_end(&scene);
}

static void test_superseded(void **state) {
    (void)state;
    static const enum federation_unit one_source[] = {UNIT_EDUCATION};
    static const enum federation_unit sources[] = {UNIT_GUIDANCE, UNIT_EDUCATION};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent first = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &first.tokens[0], &scene.goal));

    /* Other sources: both stand. */
    struct rig_request narrower =
        rig_request_make(rig, UNIT_CAREER, &scene.person.subject, one_source, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &narrower));
    struct rig_consent beside = rig_consent_make(rig, &scene.person, &narrower);
    struct rig_answer answer = rig_consent_send(rig, &scene.person, &narrower, &beside);
    RIG_DONE(answer);
    assert_int_equal(answer.n_leaves, 1);
    answer = rig_release(rig, UNIT_CAREER, &first.tokens[0]);
    assert_int_equal(answer.code, REPLY_DONE);

    /* The same recipient, purpose and sources, in another order: the earlier one ends. */
    struct rig_request again = rig_request_make(rig, UNIT_CAREER, &scene.person.subject, sources, 2, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &again));
    struct rig_consent second = rig_consent_make(rig, &scene.person, &again);
    answer = rig_consent_send(rig, &scene.person, &again, &second);
    RIG_DONE(answer);
    assert_int_equal(answer.n_leaves, 4);
    assert_int_equal(rig_opening(rig, answer.leaves[2], NULL).type, LEAF_CONSENT_SUPERSEDED);
    scene_assert_ended(&scene, &first, CONSENT_STATE_SUPERSEDED);
    answer = rig_release(rig, UNIT_CAREER, &beside.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_GRANT);
    scene_end(&scene);
}

/* ---- once ---- */

static void test_once(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_ONCE);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];

    /* Nothing is granted before it is used. */
    struct key_grant early = rig_grant_fill(rig, token, &scene.goal);
    struct bytes whole = rig_grant_sign(rig, UNIT_EDUCATION, &early);
    struct rig_answer answer =
        rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    scene_assert_grant(rig, &answer, RULE_UNUSED);

    const struct msg_release message = {
        .token = token->jti, .purpose = token->purpose, .kinds = token->kinds, .n_kinds = token->n_kinds, .most = 64};
    struct bytes envelope = rig_envelope(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
    struct rig_answer first = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(first.code, REPLY_DONE);
    assert_int_equal(scene_released(rig, &first).n_items, 1);
    assert_int_equal(scene_released(rig, &first).items[0].grant.len, 0);
    const struct msg_mail_event *event = NULL;
    assert_int_equal(rig_mail(rig, UNIT_EDUCATION, EVENT_USED_ONCE, &event), 1);

    /* Another message: used up. The same message: the same leaf. */
    answer = rig_release(rig, UNIT_CAREER, token);
    scene_assert_refused(rig, &answer, RULE_UNUSED);
    answer = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(answer.code, REPLY_DONE);
    assert_int_equal(answer.leaves[0], first.leaves[0]);

    /* FETCH waits for the grant against that very event. */
    struct id16 released_event;
    OK(ids_from_bytes(event->release_event, &released_event));
    const struct msg_fetch fetch = {
        .event = released_event, .fragment = scene.goal.core.fragment, .offset = 0, .length = 524288};
    answer = rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &fetch);
    assert_int_equal(answer.code, REPLY_TRY_LATER);
    struct key_grant grant = rig_grant_fill(rig, token, &scene.goal);
    struct id16 other = ids_random();
    grant.release_event = ids_bytes(&other);
    whole = rig_grant_sign(rig, UNIT_EDUCATION, &grant);
    answer = rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    scene_assert_grant(rig, &answer, RULE_UNUSED);
    grant.release_event = event->release_event;
    whole = rig_grant_sign(rig, UNIT_EDUCATION, &grant);
    answer = rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    scene_assert_grant(rig, &answer, RULE_PASS);

    struct msg_fetched fetched;
    for (size_t i = 0; i < 2; i++) {
        answer = rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &fetch);
        RIG_DONE(answer);
        OK(msg_fetched_parse(rig->arena, answer.body, &fetched));
        assert_true(bytes_equal(fetched.ciphertext, scene.goal.ciphertext));
        assert_true(bytes_equal(fetched.grant, whole));
    }
    /* Nobody else fetches it, and nobody after the end. */
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_FETCH, &fetch).status, STATUS_NOT_FOUND);
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent),
                    (struct statement){.type = STATEMENT_REVOKE, .consent = token->consent});
    answer = rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &fetch);
    assert_int_equal(answer.code, REPLY_CONSENT_ENDED);
    scene_end(&scene);
}

/* A once consent is not used again by repeating its message after the fragment was replaced. */
/* A message that was refused first and released then: its repetition is the release once more, not a second use. */
static void test_once_after_refusal(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_ONCE);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    const char *id = scene_consent_id(rig, &consent);
    const struct msg_release message = {
        .token = token->jti, .purpose = token->purpose, .kinds = token->kinds, .n_kinds = token->n_kinds, .most = 64};
    struct bytes envelope = rig_envelope(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
    RIG_DONE(rig_state(rig, &scene.person, PORTAL_CONSENT_SUSPEND, id,
                       (struct statement){.type = STATEMENT_SUSPEND, .consent = token->consent}));
    struct rig_answer answer = rig_send_envelope(rig, UNIT_CAREER, envelope);
    scene_assert_refused(rig, &answer, RULE_CONSENT_ACTIVE);
    RIG_DONE(rig_state(rig, &scene.person, PORTAL_CONSENT_RESUME, id,
                       (struct statement){.type = STATEMENT_RESUME, .consent = token->consent}));
    struct rig_answer released = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(released.code, REPLY_DONE);
    answer = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(answer.code, REPLY_DONE);
    assert_int_equal(answer.leaves[0], released.leaves[0]);
    scene_end(&scene);
}

static void test_once_after_replacement(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_ONCE);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    const struct msg_release message = {
        .token = token->jti, .purpose = token->purpose, .kinds = token->kinds, .n_kinds = token->n_kinds, .most = 64};
    struct bytes envelope = rig_envelope(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
    struct rig_answer answer = rig_send_envelope(rig, UNIT_CAREER, envelope);
    assert_int_equal(answer.code, REPLY_DONE);
    struct rig_fragment next = rig_fragment_next(rig, &scene.goal);
    RIG_DONE(rig_publish(rig, &next));
    answer = rig_send_envelope(rig, UNIT_CAREER, envelope);
    scene_assert_refused(rig, &answer, RULE_UNUSED);
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_clauses),
        cmocka_unit_test(test_agreement_ends),
        cmocka_unit_test(test_revoked_by_person),
        cmocka_unit_test(test_repeated_release_after_revocation),
        cmocka_unit_test(test_ends_are_acknowledged_in_order),
        cmocka_unit_test(test_revoked_with_code_by_form),
        cmocka_unit_test(test_revoked_in_a_flood_of_proofs),
        cmocka_unit_test(test_revoked_by_members),
        cmocka_unit_test(test_revoked_with_code_by_any),
        cmocka_unit_test(test_suspended_and_resumed),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_once_after_refusal),
        cmocka_unit_test(test_once_after_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
