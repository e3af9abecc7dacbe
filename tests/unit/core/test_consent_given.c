/*
 * What a person must have signed, and a source granted, before anything is released; and what requests and publications
 * show of a person (P2, P3, P6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"
#include "support/core/scene.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* ---- the whole way ---- */

static void run_whole_way(enum core_parts_engine engine) {
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, engine, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    RIG_DONE(rig_grant(rig, token, &scene.goal));

    struct rig_answer answer = rig_release(rig, UNIT_CAREER, token);
    RIG_DONE(answer);
    assert_int_equal(answer.code, REPLY_DONE);
    struct msg_released page = scene_released(rig, &answer);
    assert_int_equal(page.n_items, 1);
    assert_true(bytes_equal(page.items[0].header, scene.goal.header));
    assert_true(bytes_equal(page.items[0].ciphertext, scene.goal.ciphertext));
    assert_int_equal(page.cursor.len, 0);

    bool slot = false;
    struct opening opening = rig_opening(rig, answer.leaves[0], &slot);
    assert_true(slot);
    assert_int_equal(opening.type, LEAF_RELEASED);
    assert_int_equal(opening.n_items, 1);
    struct hash grant = hash_sha256(page.items[0].grant);
    assert_true(bytes_equal(opening.items[0].grant_hash, hash_bytes(&grant)));
    assert_true(bytes_equal(opening.subject, hash_bytes(&scene.person.subject)));

    /* Everybody concerned was told, once: the recipient of both tokens, each source of its own. */
    const struct msg_mail_event *event = NULL;
    assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_CONSENT_GRANTED, NULL), 2);
    assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_PUBLISHED, NULL), 1);
    assert_int_equal(rig_mail(rig, UNIT_GUIDANCE, EVENT_CONSENT_GRANTED, NULL), 1);
    assert_int_equal(rig_mail(rig, UNIT_EDUCATION, EVENT_CONSENT_GRANTED, &event), 1);
    assert_int_equal(event->n_receipts, 3);
    assert_true(bytes_equal(event->salt, hash_bytes(&scene.request.salts[0].salt)));
    assert_true(bytes_equal(event->token, consent.compact[0]));
    assert_int_equal(event->state, CONSENT_ACTIVE);
    scene_end(&scene);
}

static void test_whole_way(void **state) {
    (void)state;
    run_whole_way(CORE_PARTS_MEMORY);
}

static void test_whole_way_lmdb(void **state) {
    (void)state;
    run_whole_way(CORE_PARTS_LMDB);
}

/* ---- P2, P3: tokens that must not stand ---- */

struct alteration {
    const char *name;
    void (*alter)(struct scene *scene, struct rig_consent *consent);
    enum status status;
};

static void other_subject(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].subject.b[0] ^= 1;
}
static void other_recipient(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].to = FEDERATION_LABOUR;
    rig_consent_notice(&scene->rig, consent);
}
static void other_source(struct scene *scene, struct rig_consent *consent) {
    consent->tokens[0].from = FEDERATION_LABOUR;
    rig_consent_notice(&scene->rig, consent);
}
static void same_source_twice(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    consent->tokens[1].from = consent->tokens[0].from;
}
static void same_id_twice(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    consent->tokens[1].jti = consent->tokens[0].jti;
}
static void more_kinds(struct scene *scene, struct rig_consent *consent) {
    for (size_t i = 0; i < 2; i++) {
        consent->tokens[i].kinds[2] = KIND_DECISION;
        consent->tokens[i].n_kinds = 3;
    }
    rig_consent_notice(&scene->rig, consent);
}
static void longer(struct scene *scene, struct rig_consent *consent) {
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].exp_s++;
    rig_consent_notice(&scene->rig, consent);
}
static void other_purpose(struct scene *scene, struct rig_consent *consent) {
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].purpose = "statistics_free";
    rig_consent_notice(&scene->rig, consent);
}
static void other_basis(struct scene *scene, struct rig_consent *consent) {
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].basis = BASIS_BOTH;
    rig_consent_notice(&scene->rig, consent);
}
static void other_request(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].request.b[5] ^= 1;
}
static void other_notice(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].notice.b[5] ^= 1;
}
static void notice_of_one_source(struct scene *scene, struct rig_consent *consent) {
    struct rig_consent one = *consent;
    one.n_tokens = 1;
    rig_consent_notice(&scene->rig, &one);
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].notice = one.tokens[0].notice;
}
static void not_siblings(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    consent->tokens[1].consent = ids_random();
}
static void signed_earlier(struct scene *scene, struct rig_consent *consent) {
    (void)scene;
    for (size_t i = 0; i < 2; i++)
        consent->tokens[i].iat_s -= 301;
}

static const struct alteration alterations[] = {
    {"another person", other_subject, STATUS_DENIED},
    {"another recipient", other_recipient, STATUS_INVALID},
    {"a source that was not asked for", other_source, STATUS_INVALID},
    {"the same source twice", same_source_twice, STATUS_INVALID},
    {"the same id twice", same_id_twice, STATUS_INVALID},
    {"a kind that was not asked for", more_kinds, STATUS_INVALID},
    {"longer than asked for", longer, STATUS_INVALID},
    {"another purpose", other_purpose, STATUS_INVALID},
    {"another basis", other_basis, STATUS_INVALID},
    {"another request", other_request, STATUS_INVALID},
    {"another notice", other_notice, STATUS_INVALID},
    {"the notice of fewer sources", notice_of_one_source, STATUS_INVALID},
    {"tokens of two consents", not_siblings, STATUS_INVALID},
    {"signed too early", signed_earlier, STATUS_TIME},
};

static void test_altered_tokens(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    for (size_t i = 0; i < sizeof alterations / sizeof alterations[0]; i++) {
        struct rig_consent consent = rig_consent_make(&scene.rig, &scene.person, &scene.request);
        alterations[i].alter(&scene, &consent);
        rig_consent_sign(&scene.rig, &scene.person, &consent);
        uint64_t before = rig_leaves(&scene.rig);
        struct rig_answer answer = rig_consent_send(&scene.rig, &scene.person, &scene.request, &consent);
        if (answer.status != alterations[i].status) {
            fail_msg("%s: %s", alterations[i].name, status_name(answer.status));
        }
        assert_int_equal(rig_leaves(&scene.rig), before);
        struct rig_answer release = rig_release(&scene.rig, UNIT_CAREER, &consent.tokens[0]);
        scene_assert_refused(&scene.rig, &release, RULE_RECIPIENT);
    }
    /* The request is still there to be answered. */
    (void)scene_consent(&scene);
    scene_end(&scene);
}

/* Everything as it should be, but for the signature. */
static void test_forged_signatures(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = rig_consent_make(rig, &scene.person, &scene.request);
    struct rig_consent forged = consent;
    forged.compact[1] = rig_forge(rig, consent.compact[1]);
    assert_int_equal(rig_consent_send(rig, &scene.person, &scene.request, &forged).status, STATUS_SIGNATURE);
    RIG_DONE(rig_consent_send(rig, &scene.person, &scene.request, &consent));

    struct key_grant grant = rig_grant_fill(rig, &consent.tokens[0], &scene.goal);
    struct bytes whole = rig_forge(rig, rig_grant_sign(rig, UNIT_EDUCATION, &grant));
    struct rig_answer answer =
        rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    assert_int_equal(answer.status, STATUS_SIGNATURE);

    static const enum federation_unit sources[] = {UNIT_GUIDANCE};
    struct rig_request request = rig_request_make(rig, UNIT_LABOUR, &scene.person.subject, sources, 1, ACCESS_REPEATED);
    request.whole = rig_forge(rig, request.whole);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_SIGNATURE);

    struct rig_fragment fragment = rig_fragment_make(rig, UNIT_LABOUR, &scene.person.subject, KIND_GOAL, 16);
    fragment.header = rig_forge(rig, fragment.header);
    assert_int_equal(rig_publish(rig, &fragment).status, STATUS_SIGNATURE);
    scene_end(&scene);
}

/* What a request must say before it is put to the person. */
static void test_requests_refused(void **state) {
    (void)state;
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_LABOUR};
    static const enum federation_unit itself[] = {UNIT_CAREER};
    static const enum federation_unit twice[] = {UNIT_EDUCATION, UNIT_EDUCATION};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    const struct hash *subject = &scene.person.subject;
    struct rig_request request = rig_request_make(rig, UNIT_CAREER, subject, sources, 2, ACCESS_REPEATED);
    const struct rig_request good = request;
    uint64_t leaves = rig_leaves(rig);

    struct msg_source_salt kept = request.salts[0];
    request.salts[0] = request.salts[1];
    request.salts[1] = kept;
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_INVALID);
    request = good;
    request.n_sources = 1;
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_INVALID);
    request = rig_request_make(rig, UNIT_CAREER, subject, itself, 1, ACCESS_REPEATED);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_INVALID);
    request = rig_request_make(rig, UNIT_CAREER, subject, twice, 2, ACCESS_REPEATED);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_INVALID);
    request = good;
    request.unit = UNIT_LABOUR;
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_SIGNATURE);
    request = good;
    request.request.recipient = FEDERATION_LABOUR;
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_DENIED);
    request = good;
    request.request.expires_ms = rig_now_ms(rig);
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_EXPIRED);
    request = good;
    request.request.purpose = "unknown";
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).clause, RULE_CAPS);
    request = good;
    request.request.duration_s = 181 * 86400;
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).clause, RULE_AGREEMENT);
    request = good;
    request.request.duration_s = 366 * 86400;
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).clause, RULE_CAPS);
    assert_int_equal(rig_leaves(rig), leaves);

    /* The same request in another message: the same leaf. Another under its id: a conflict. */
    struct rig_answer first = rig_request_send(rig, &good);
    RIG_DONE(first);
    assert_int_equal(rig_request_send(rig, &good).leaves[0], first.leaves[0]);
    request = good;
    request.request.duration_s--;
    rig_request_sign(rig, &request);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_CONFLICT);
    scene_end(&scene);
}

/* Undecided requests are bounded for each asking member, whatever others have asked. */
static void test_pending_bound(void **state) {
    (void)state;
    static const enum federation_unit sources[] = {UNIT_EDUCATION};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    const struct hash *subject = &scene.person.subject;
    struct rules rules = federation_rules(rig->fed, 2);
    struct bytes body;
    rules.most_pending = 2;
    OK(record_rules_encode(rig->fed->arena, &rules, &body));
    (void)federation_admit(rig->fed, DIRECTORY_RULES, body);
    rig_use_directory(rig);
    struct rig_request request = rig_request_make(rig, UNIT_CAREER, subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &request));
    request = rig_request_make(rig, UNIT_CAREER, subject, sources, 1, ACCESS_REPEATED);
    assert_int_equal(rig_request_send(rig, &request).status, STATUS_LIMIT);
    struct rig_request other = rig_request_make(rig, UNIT_GUIDANCE, subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &other));
    /* One is decided: there is room again. */
    (void)scene_consent(&scene);
    RIG_DONE(rig_request_send(rig, &request));
    scene_end(&scene);
}

static void test_token_of_another_device(void **state) {
    (void)state;
    struct scene scene;
    struct rig_person other;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct hash subject = scene_subject();
    rig_person_init(&scene.rig, &other, &subject);
    RIG_DONE(rig_enrol(&scene.rig, &other, false));

    /* Tokens about the first person, signed by another person's device, sent by either. */
    struct rig_consent consent = rig_consent_make(&scene.rig, &scene.person, &scene.request);
    rig_consent_sign(&scene.rig, &other, &consent);
    assert_int_equal(rig_consent_send(&scene.rig, &scene.person, &scene.request, &consent).status, STATUS_DENIED);
    assert_int_equal(rig_consent_send(&scene.rig, &other, &scene.request, &consent).status, STATUS_DENIED);
    /* Good tokens of the first person under the other's proof. */
    rig_consent_sign(&scene.rig, &scene.person, &consent);
    assert_int_equal(rig_consent_send(&scene.rig, &other, &scene.request, &consent).status, STATUS_DENIED);
    /* Another person's request is as unknown as none. */
    struct rig_consent own = rig_consent_make(&scene.rig, &other, &scene.request);
    assert_int_equal(rig_consent_send(&scene.rig, &other, &scene.request, &own).status, STATUS_NOT_FOUND);
    rig_person_clear(&other);
    scene_end(&scene);
}

/* The recipient's own member attested the device, and the agreement does not say that it may. */
static void test_device_not_accepted(void **state) {
    (void)state;
    static const enum federation_unit sources[] = {UNIT_EDUCATION};
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_request request =
        rig_request_make(&scene.rig, UNIT_GUIDANCE, &scene.person.subject, sources, 1, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(&scene.rig, &request));
    struct rig_consent consent = rig_consent_make(&scene.rig, &scene.person, &request);
    assert_int_equal(rig_consent_send(&scene.rig, &scene.person, &request, &consent).status, STATUS_DENIED);
    scene_end(&scene);
}

/* An id that a statement of the same device has used is no token's: refused before anything is written. */
static void test_token_id_of_a_statement(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent first = scene_consent(&scene);
    const struct id16 used = ids_random();
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_SUSPEND, scene_consent_id(rig, &first),
                    (struct statement){.type = STATEMENT_SUSPEND, .consent = first.tokens[0].consent, .jti = used});
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_GUIDANCE};
    struct rig_request request = rig_request_make(rig, UNIT_CAREER, &scene.person.subject, sources, 2, ACCESS_REPEATED);
    RIG_DONE(rig_request_send(rig, &request));
    struct rig_consent second = rig_consent_make(rig, &scene.person, &request);
    second.tokens[1].jti = used;
    rig_consent_sign(rig, &scene.person, &second);
    assert_int_equal(rig_consent_send(rig, &scene.person, &request, &second).status, STATUS_CONFLICT);
    scene_end(&scene);
}

static void test_decided_once(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    uint64_t leaves = rig_leaves(&scene.rig);
    /* The same tokens again: the same leaves. */
    struct rig_answer again = rig_consent_send(&scene.rig, &scene.person, &scene.request, &consent);
    RIG_DONE(again);
    json_t *body CLEANUP(json_cleanup) = NULL;
    OK(json_read(again.body, 1 << 20, &body));
    assert_int_equal(json_array_size(json_object_get(body, "receipts")), 2);
    assert_int_equal(rig_leaves(&scene.rig), leaves);
    /* Others for the same request: too late. */
    struct rig_consent other = rig_consent_make(&scene.rig, &scene.person, &scene.request);
    assert_int_equal(rig_consent_send(&scene.rig, &scene.person, &scene.request, &other).status, STATUS_CONFLICT);
    scene_end(&scene);
}

/* ---- grants ---- */

struct grant_alteration {
    const char *name;
    void (*alter)(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant);
    enum rule_clause clause;
};

static void grant_other_kind(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->kind = KIND_ACTIVITY;
}
static void grant_other_header(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->header_hash.b[0] ^= 1;
}
static void grant_other_revision(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->revision = 2;
}
static void grant_other_fragment(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->fragment = ids_random();
}
static void grant_other_purpose(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->purpose = "statistics_free";
}
static void grant_other_recipient(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->recipient = FEDERATION_LABOUR;
}
static void grant_other_key(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->recipient_key_id.b[0] ^= 1;
}
static void grant_unknown_token(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)consent;
    struct id16 id = ids_random();
    OK(arena_copy(scene->rig.arena, ids_bytes(&id), &grant->token));
}
static void grant_token_of_another_source(struct scene *scene, const struct rig_consent *consent,
                                          struct key_grant *grant) {
    (void)scene;
    grant->token = ids_bytes(&consent->tokens[1].jti);
}
static void grant_old_state(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    grant->state =
        rig_state_statement(&scene->rig, &consent->tokens[0].jti, CONSENT_ACTIVE, rig_now_ms(&scene->rig) - 600001);
}
static void grant_state_suspended(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    grant->state =
        rig_state_statement(&scene->rig, &consent->tokens[0].jti, CONSENT_STATE_SUSPENDED, rig_now_ms(&scene->rig));
}
static void grant_state_of_another(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    grant->state = rig_state_statement(&scene->rig, &consent->tokens[1].jti, CONSENT_ACTIVE, rig_now_ms(&scene->rig));
}
static void grant_without_state(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    (void)consent;
    grant->state = BYTES_EMPTY;
}
static void grant_state_forged(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    struct sign_private *right = scene->rig.fed->status_key;
    scene->rig.fed->status_key = scene->rig.fed->log_key;
    grant->state = rig_state_statement(&scene->rig, &consent->tokens[0].jti, CONSENT_ACTIVE, rig_now_ms(&scene->rig));
    scene->rig.fed->status_key = right;
}
static void grant_state_tampered(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)consent;
    grant->state = rig_forge(&scene->rig, grant->state);
}
static void grant_with_event(struct scene *scene, const struct rig_consent *consent, struct key_grant *grant) {
    (void)scene;
    grant->release_event = ids_bytes(&consent->tokens[1].jti);
}

static const struct grant_alteration grant_alterations[] = {
    {"another kind", grant_other_kind, RULE_FRAGMENT},
    {"another header", grant_other_header, RULE_FRAGMENT},
    {"another revision", grant_other_revision, RULE_FRAGMENT},
    {"an unknown fragment", grant_other_fragment, RULE_FRAGMENT},
    {"another purpose", grant_other_purpose, RULE_PURPOSE},
    {"another recipient", grant_other_recipient, RULE_RECIPIENT},
    {"another key of the recipient", grant_other_key, RULE_GRANT},
    {"an unknown token", grant_unknown_token, RULE_CONSENT_KNOWN},
    {"the token of another source", grant_token_of_another_source, RULE_CONSENT_KNOWN},
    {"a state of eleven minutes ago", grant_old_state, RULE_CONSENT_ACTIVE},
    {"a state that is not active", grant_state_suspended, RULE_CONSENT_ACTIVE},
    {"the state of another token", grant_state_of_another, RULE_CONSENT_ACTIVE},
    {"no state", grant_without_state, RULE_CONSENT_ACTIVE},
    {"a state by another key", grant_state_forged, RULE_CONSENT_ACTIVE},
    {"a state that was altered", grant_state_tampered, RULE_CONSENT_ACTIVE},
    {"a release event", grant_with_event, RULE_UNUSED},
};

static void test_altered_grants(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    for (size_t i = 0; i < sizeof grant_alterations / sizeof grant_alterations[0]; i++) {
        struct key_grant grant = rig_grant_fill(rig, &consent.tokens[0], &scene.goal);
        grant_alterations[i].alter(&scene, &consent, &grant);
        struct bytes whole = rig_grant_sign(rig, UNIT_EDUCATION, &grant);
        uint64_t leaves = rig_leaves(rig);
        struct rig_answer answer =
            rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
        struct msg_uploaded_grants uploaded;
        RIG_DONE(answer);
        OK(msg_uploaded_grants_parse(rig->arena, answer.body, &uploaded));
        if (uploaded.clauses[0] != grant_alterations[i].clause) {
            fail_msg("%s: clause %u", grant_alterations[i].name, uploaded.clauses[0]);
        }
        assert_int_equal(uploaded.receipt.len, 0);
        assert_int_equal(rig_leaves(rig), leaves);
        struct rig_answer release = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
        scene_assert_refused(rig, &release, RULE_GRANT);
    }
    scene_end(&scene);
}

static void test_grant_by_another_member(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig_consent consent = scene_consent(&scene);
    struct key_grant grant = rig_grant_fill(rig, &consent.tokens[0], &scene.goal);
    struct bytes forged = rig_grant_sign(rig, UNIT_CAREER, &grant);
    struct rig_answer answer =
        rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&forged, 1});
    assert_int_equal(answer.status, STATUS_SIGNATURE);
    /* The recipient itself, with its own signature: no source of this token. */
    answer = rig_send(rig, UNIT_CAREER, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&forged, 1});
    scene_assert_grant(rig, &answer, RULE_CONSENT_KNOWN);
    scene_end(&scene);
}

/* ---- P6 ---- */

struct counts {
    uint64_t leaves;
    struct rig_answer answer;
};

/* What a request costs for somebody known and for somebody unknown: the same leaves, the same form of answer. */
static void test_known_and_unknown_requests(void **state) {
    (void)state;
    static const enum federation_unit sources[] = {UNIT_EDUCATION};
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    (void)scene_consent(&scene);
    struct hash unknown = scene_subject();
    const struct hash *const subjects[] = {&scene.person.subject, &unknown};
    struct counts counts[2];
    for (size_t i = 0; i < 2; i++) {
        struct rig_request request = rig_request_make(rig, UNIT_LABOUR, subjects[i], sources, 1, ACCESS_REPEATED);
        uint64_t before = rig_leaves(rig);
        counts[i].answer = rig_request_send(rig, &request);
        counts[i].leaves = rig_leaves(rig) - before;
        RIG_DONE(counts[i].answer);
        const struct msg_request_state_ask ask = {request.request.request};
        struct rig_answer answer = rig_send(rig, UNIT_LABOUR, MESSAGE_REQUEST_STATE, &ask);
        struct msg_request_state_answer asked;
        RIG_DONE(answer);
        OK(msg_request_state_answer_parse(rig->arena, answer.body, &asked));
        assert_int_equal(asked.state, REQUEST_PENDING);
        assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_REQUEST_STATE, &ask).status, STATUS_NOT_FOUND);
    }
    assert_int_equal(counts[0].leaves, 1);
    assert_int_equal(counts[1].leaves, 1);
    assert_int_equal(dispatch_find(FACE_GATE, MESSAGE_REQUEST_CONSENT)->pace, PACE_BOUNDARY);
    assert_int_equal(dispatch_find(FACE_GATE, MESSAGE_REVOKE)->pace, PACE_BOUNDARY);
    assert_int_equal(dispatch_find(FACE_PORTAL, PORTAL_CODE)->pace, PACE_BOUNDARY);
    scene_end(&scene);
}

static void test_known_and_unknown_publications(void **state) {
    (void)state;
    struct scene scene;
    struct rig *rig = &scene.rig;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct hash unknown = scene_subject();
    const struct hash *const subjects[] = {&scene.person.subject, &unknown};
    for (size_t i = 0; i < 2; i++) {
        struct rig_fragment fragment = rig_fragment_make(rig, UNIT_LABOUR, subjects[i], KIND_EVENT, 100);
        uint64_t before = rig_leaves(rig);
        RIG_DONE(rig_publish(rig, &fragment));
        assert_int_equal(rig_leaves(rig), before + 1);
    }
    for (size_t i = 0; i < 2; i++) {
        const struct msg_consents_ask ask = {*subjects[i]};
        struct rig_answer answer = rig_send(rig, UNIT_LABOUR, MESSAGE_CONSENTS, &ask);
        RIG_DONE(answer);
        assert_int_equal(answer.body.len, 0);
        const struct msg_erase erase = {.subject = i ? scene_subject() : *subjects[0], .reason = "asked"};
        uint64_t before = rig_leaves(rig);
        RIG_DONE(rig_send(rig, UNIT_CAREER, MESSAGE_ERASE, &erase));
        assert_int_equal(rig_leaves(rig), before + 1);
    }
    scene_end(&scene);
}

/* Refused reads as pending until the request's time is over, unless the person chose to tell. */
static void test_refusal(void **state) {
    (void)state;
    for (int tell = 0; tell < 2; tell++) {
        struct scene scene;
        struct rig *rig = &scene.rig;
        scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
        const struct id16 id = scene.request.request.request;
        struct rig_answer answer =
            rig_state(rig, &scene.person, PORTAL_DECISION, ids_text(rig->arena, &id),
                      (struct statement){.type = STATEMENT_REFUSE, .request = id, .tell = tell == 1});
        assert_int_equal(rig_opening(rig, answer.leaves[0], NULL).type, LEAF_CONSENT_REFUSED);
        const struct msg_request_state_ask ask = {id};
        struct msg_request_state_answer asked;
        answer = rig_send(rig, UNIT_CAREER, MESSAGE_REQUEST_STATE, &ask);
        OK(msg_request_state_answer_parse(rig->arena, answer.body, &asked));
        assert_int_equal(asked.state, tell ? REQUEST_REFUSED : REQUEST_PENDING);
        assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_CONSENT_REFUSED, NULL), tell);
        struct rig_consent late = rig_consent_make(rig, &scene.person, &scene.request);
        assert_int_equal(rig_consent_send(rig, &scene.person, &scene.request, &late).status, STATUS_CONFLICT);
        clock_advance(&rig->parts.clock, 86400000);
        answer = rig_send(rig, UNIT_CAREER, MESSAGE_REQUEST_STATE, &ask);
        OK(msg_request_state_answer_parse(rig->arena, answer.body, &asked));
        assert_int_equal(asked.state, tell ? REQUEST_REFUSED : REQUEST_EXPIRED);
        scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_way),
        cmocka_unit_test(test_whole_way_lmdb),
        cmocka_unit_test(test_altered_tokens),
        cmocka_unit_test(test_forged_signatures),
        cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_pending_bound),
        cmocka_unit_test(test_token_of_another_device),
        cmocka_unit_test(test_device_not_accepted),
        cmocka_unit_test(test_token_id_of_a_statement),
        cmocka_unit_test(test_decided_once),
        cmocka_unit_test(test_altered_grants),
        cmocka_unit_test(test_grant_by_another_member),
        cmocka_unit_test(test_known_and_unknown_requests),
        cmocka_unit_test(test_known_and_unknown_publications),
        cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
