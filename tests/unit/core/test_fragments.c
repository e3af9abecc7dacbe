/*
 * Fragments in core: publication, revisions, withdrawal and erasure; pages of a release, ciphertext in pieces, FETCH;
 * and that what has ended leaves nothing behind in the store (P2, P5, P9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/erasure.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/grant_rows.h"
#include "broker/core/subject.h"
#include "proto/derive.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"
#include "support/core/scene.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static enum status publish(struct rig *rig, const struct rig_fragment *fragment) {
    return rig_publish(rig, fragment).status;
}

/* ---- publication ---- */

static void sign_again(struct rig *rig, struct rig_fragment *fragment, enum federation_unit signer) {
    struct fragment_header header = {.ciphertext_len = fragment->ciphertext.len,
                                     .ciphertext_hash = hash_sha256(fragment->ciphertext)};
    struct bytes body;
    OK(fragment_header_core_encode(rig->arena, &fragment->core, &header.core));
    OK(fragment_header_encode(rig->arena, &header, &body));
    OK(signed_make(rig->arena, SIGNED_HEADER, FEDERATION_NAME, body,
                   rig->fed->members[rig->fed->units[signer].member].sign, &fragment->header));
    fragment->header_hash = hash_sha256(fragment->header);
}

static void test_publish_refused(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    uint64_t leaves = rig_leaves(rig);
    struct rig_fragment fragment = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_GOAL, 500);

    struct rig_fragment bad = fragment;
    bad.unit = UNIT_LABOUR; /* another unit of the same member sends it */
    assert_int_equal(publish(rig, &bad), STATUS_DENIED);
    bad.unit = UNIT_CAREER; /* another member */
    assert_int_equal(publish(rig, &bad), STATUS_SIGNATURE);
    bad = fragment;
    sign_again(rig, &bad, UNIT_CAREER);
    assert_int_equal(publish(rig, &bad), STATUS_SIGNATURE);
    bad = fragment;
    bad.ciphertext.len--;
    assert_int_equal(publish(rig, &bad), STATUS_INVALID);
    bad = fragment;
    bad.ciphertext = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_GOAL, 500).ciphertext;
    assert_int_equal(publish(rig, &bad), STATUS_INVALID);
    bad = fragment;
    bad.core.expires_ms = rig_now_ms(rig);
    sign_again(rig, &bad, UNIT_EDUCATION);
    assert_int_equal(publish(rig, &bad), STATUS_EXPIRED);
    assert_int_equal(rig_leaves(rig), leaves);
    OK(publish(rig, &fragment));
    scene_end(&scene);
}

static void test_same_fragment_again(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_fragment fragment = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_GOAL, 500);
    struct rig_answer first = rig_publish(rig, &fragment);
    uint64_t leaves = rig_leaves(rig);
    /* In another message: the stored receipt. */
    struct rig_answer again = rig_publish(rig, &fragment);
    RIG_DONE(again);
    assert_int_equal(again.leaves[0], first.leaves[0]);
    assert_int_equal(rig_leaves(rig), leaves);
    /* Other bytes under the id. */
    struct rig_fragment other = fragment;
    sign_again(rig, &other, UNIT_EDUCATION);
    other.core.kind = KIND_EVENT;
    sign_again(rig, &other, UNIT_EDUCATION);
    assert_int_equal(publish(rig, &other), STATUS_CONFLICT);
    scene_end(&scene);
}

static void test_revisions(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_fragment orphan = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_GOAL, 50);
    struct rig_fragment next = rig_fragment_next(rig, &orphan);
    assert_int_equal(publish(rig, &next), STATUS_CONFLICT);

    next = rig_fragment_next(rig, &scene.goal);
    struct rig_fragment skips = rig_fragment_next(rig, &next);
    assert_int_equal(publish(rig, &skips), STATUS_CONFLICT);
    struct rig_fragment bad = next;
    struct hash wrong = scene.goal.header_hash;
    wrong.b[0] ^= 1;
    bad.core.replaces = hash_bytes(&wrong);
    sign_again(rig, &bad, UNIT_EDUCATION);
    assert_int_equal(publish(rig, &bad), STATUS_CONFLICT);
    bad = next;
    bad.core.kind = KIND_EVENT;
    sign_again(rig, &bad, UNIT_EDUCATION);
    assert_int_equal(publish(rig, &bad), STATUS_CONFLICT);
    bad = next;
    bad.core.subject = scene_subject();
    sign_again(rig, &bad, UNIT_EDUCATION);
    assert_int_equal(publish(rig, &bad), STATUS_CONFLICT);
    struct rig_fragment of_another = rig_fragment_make(rig, UNIT_LABOUR, &bad.core.subject, KIND_GOAL, 16);
    OK(publish(rig, &of_another));
    assert_int_equal(publish(rig, &bad), STATUS_CONFLICT);
    bad = next;
    bad.unit = UNIT_LABOUR;
    bad.core.source = FEDERATION_LABOUR;
    sign_again(rig, &bad, UNIT_LABOUR);
    assert_int_equal(publish(rig, &bad), STATUS_CONFLICT);
    OK(publish(rig, &next));
    OK(publish(rig, &skips));
    assert_int_equal(publish(rig, &next), STATUS_CONFLICT);
    scene_end(&scene);
}

/* A grant is for one revision: the next one waits for its own. */
static void test_grant_of_an_old_revision(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    struct rig_fragment next = rig_fragment_next(rig, &scene.goal);
    OK(publish(rig, &next));
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_GRANT);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &next));
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    assert_int_equal(answer.code, REPLY_DONE);
    struct msg_released page = scene_released(rig, &answer);
    assert_true(bytes_equal(page.items[0].header, next.header));
    scene_end(&scene);
}

/* Grants that come with a publication: kept where they hold, left out where they do not. */
static void test_grants_with_publication(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    struct rig_fragment fragment = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_ACTIVITY, 70);
    struct key_grant good = rig_grant_fill(rig, &consent.tokens[0], &fragment);
    struct key_grant bad = rig_grant_fill(rig, &consent.tokens[1], &fragment);
    struct key_grant other = rig_grant_fill(rig, &consent.tokens[0], &scene.goal);
    const struct bytes grants[] = {rig_grant_sign(rig, UNIT_EDUCATION, &bad),
                                   rig_grant_sign(rig, UNIT_EDUCATION, &good),
                                   rig_grant_sign(rig, UNIT_EDUCATION, &other)};
    const struct msg_publish message = {fragment.header, fragment.ciphertext, grants, 3};
    struct rig_answer answer = rig_send(rig, UNIT_EDUCATION, MESSAGE_PUBLISH, &message);
    RIG_DONE(answer);
    assert_int_equal(answer.n_leaves, 2);
    struct opening opening = rig_opening(rig, answer.leaves[1], NULL);
    assert_int_equal(opening.type, LEAF_GRANTED_KEY);
    assert_int_equal(opening.n_items, 1);
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    struct msg_released page = scene_released(rig, &answer);
    assert_int_equal(page.n_items, 1);
    assert_true(bytes_equal(page.items[0].header, fragment.header));
    scene_end(&scene);
}

/* ---- withdrawal and erasure ---- */

static void test_withdraw(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    const struct msg_withdraw message = {scene.goal.core.fragment};
    const struct msg_withdraw unknown = {ids_random()};
    assert_int_equal(rig_send(rig, UNIT_EDUCATION, MESSAGE_WITHDRAW, &unknown).status, STATUS_NOT_FOUND);
    assert_int_equal(rig_send(rig, UNIT_LABOUR, MESSAGE_WITHDRAW, &message).status, STATUS_NOT_FOUND);
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_WITHDRAW, &message).status, STATUS_NOT_FOUND);
    RIG_DONE(rig_send(rig, UNIT_EDUCATION, MESSAGE_WITHDRAW, &message));
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_FRAGMENT);
    assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_WITHDRAWN, NULL), 1);
    assert_int_equal(rig_send(rig, UNIT_EDUCATION, MESSAGE_WITHDRAW, &message).status, STATUS_CONFLICT);
    /* Withdrawn for good: no next revision, no grant. */
    struct rig_fragment next = rig_fragment_next(rig, &scene.goal);
    assert_int_equal(publish(rig, &next), STATUS_CONFLICT);
    struct key_grant grant = rig_grant_fill(rig, &consent.tokens[0], &scene.goal);
    struct bytes whole = rig_grant_sign(rig, UNIT_EDUCATION, &grant);
    answer = rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    scene_assert_grant(rig, &answer, RULE_FRAGMENT);
    scene_end(&scene);
}

static void test_erase(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    struct rig_fragment guidance = rig_fragment_make(rig, UNIT_GUIDANCE, &scene.person.subject, KIND_GOAL, 16);
    struct rig_fragment labour = rig_fragment_make(rig, UNIT_LABOUR, &scene.person.subject, KIND_GOAL, 16);
    OK(publish(rig, &guidance));
    OK(publish(rig, &labour));
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    RIG_DONE(rig_grant(rig, &consent.tokens[1], &guidance));
    /* All units of the member, nobody else's. */
    const struct msg_erase message = {.subject = scene.person.subject, .reason = "asked"};
    struct rig_answer answer = rig_send(rig, UNIT_LABOUR, MESSAGE_ERASE, &message);
    RIG_DONE(answer);
    struct opening opening = rig_opening(rig, answer.leaves[0], NULL);
    assert_int_equal(opening.type, LEAF_ERASED);
    assert_int_equal(opening.number, 2);
    assert_int_equal(opening.subject.len, 0);
    assert_int_equal(opening.slot_commitment.len, 32);
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[0]);
    scene_assert_refused(rig, &answer, RULE_FRAGMENT);
    answer = rig_release(rig, UNIT_CAREER, &consent.tokens[1]);
    assert_int_equal(answer.code, REPLY_DONE);
    assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_WITHDRAWN, NULL), 1);
    scene_end(&scene);
}

/* ---- pages ---- */

static struct rig_answer ask_page(struct rig *rig, const struct token *token, struct bytes cursor, uint32_t most) {
    const struct msg_release message = {.token = token->jti,
                                        .purpose = token->purpose,
                                        .kinds = token->kinds,
                                        .n_kinds = token->n_kinds,
                                        .cursor = cursor,
                                        .most = most};
    return rig_send(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
}

static void publish_granted(struct rig *rig, const struct token *token, enum kind kind, size_t len, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct rig_fragment fragment = rig_fragment_make(rig, UNIT_EDUCATION, &token->subject, kind, len);
        OK(publish(rig, &fragment));
        RIG_DONE(rig_grant(rig, token, &fragment));
    }
}

static bool seen_before(const struct id16 *seen, size_t n_seen, const struct id16 *fragment) {
    for (size_t i = 0; i < n_seen; i++) {
        if (ids_equal(&seen[i], fragment)) return true;
    }
    return false;
}

static void test_pages(void **state) {
    (void)state;
    enum { GOALS = 9, ACTIVITIES = 5, PAGE = 4 };
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    publish_granted(rig, token, KIND_GOAL, 20, GOALS - 1);
    publish_granted(rig, token, KIND_ACTIVITY, 20, ACTIVITIES);
    struct id16 seen[GOALS + ACTIVITIES];
    size_t n_seen = 0;
    struct bytes cursor = BYTES_EMPTY;
    size_t pages = 0;
    do {
        struct rig_answer answer = ask_page(rig, token, cursor, PAGE);
        RIG_DONE(answer);
        struct msg_released page = scene_released(rig, &answer);
        struct opening opening = rig_opening(rig, answer.leaves[0], NULL);
        assert_int_equal(opening.n_items, page.n_items);
        assert_true(page.n_items <= PAGE);
        for (size_t i = 0; i < page.n_items; i++) {
            assert_false(seen_before(seen, n_seen, &opening.items[i].fragment));
            seen[n_seen++] = opening.items[i].fragment;
        }
        cursor = page.cursor;
        pages++;
    } while (cursor.len > 0);
    assert_int_equal(n_seen, GOALS + ACTIVITIES);
    assert_int_equal(pages, (GOALS + ACTIVITIES + PAGE - 1) / PAGE);
    /* A cursor that is none. */
    static const uint8_t wrong[] = {0, 1, 2};
    assert_int_equal(ask_page(rig, token, BYTES_ARRAY(wrong), PAGE).status, STATUS_MALFORMED);
    scene_end(&scene);
}

/* What does not fit inline is fetched, in pieces of any size. */
static void test_inline_and_fetch(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_LMDB, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    struct rig_fragment large = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_ACTIVITY, 700001);
    OK(publish(rig, &large));
    RIG_DONE(rig_grant(rig, token, &large));
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    struct rig_answer answer = ask_page(rig, token, BYTES_EMPTY, 64);
    RIG_DONE(answer);
    struct msg_released page = scene_released(rig, &answer);
    assert_int_equal(page.n_items, 2);
    assert_int_equal(page.items[0].ciphertext.len, scene.goal.ciphertext.len);
    assert_int_equal(page.items[1].ciphertext.len, 0);

    uint8_t *whole = arena_alloc(rig->arena, large.ciphertext.len);
    const uint64_t sizes[] = {1, 3999, 4000, 4001, 524288, 524288};
    const struct msg_release message = {
        .token = token->jti, .purpose = token->purpose, .kinds = token->kinds, .n_kinds = token->n_kinds, .most = 64};
    struct bytes sent = rig_envelope(rig, UNIT_CAREER, MESSAGE_RELEASE, &message);
    struct signed_object object;
    struct envelope parsed;
    OK(signed_parse(rig->arena, sent, &object));
    OK(codec_parse(&envelope_codec, rig->arena, FEDERATION_NAME, object.body, &parsed));
    RIG_DONE(rig_send_envelope(rig, UNIT_CAREER, sent));
    const struct id16 event = derive_event_id(FEDERATION_NAME, FEDERATION_CAREER, &parsed.message, 0);
    uint64_t offset = 0;
    for (size_t i = 0; offset < large.ciphertext.len; i++) {
        const struct msg_fetch fetch = {event, large.core.fragment, offset, (uint32_t)sizes[i]};
        struct msg_fetched fetched;
        answer = rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &fetch);
        RIG_DONE(answer);
        OK(msg_fetched_parse(rig->arena, answer.body, &fetched));
        assert_int_equal(fetched.grant.len > 0, offset == 0);
        memcpy(whole + offset, fetched.ciphertext.data, fetched.ciphertext.len);
        offset += fetched.ciphertext.len;
    }
    assert_true(bytes_equal(BYTES(whole, large.ciphertext.len), large.ciphertext));
    struct msg_fetch beyond = {event, large.core.fragment, large.ciphertext.len + 1, 1};
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &beyond).status, STATUS_INVALID);
    struct msg_fetch other = {event, ids_random(), 0, 1};
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &other).status, STATUS_NOT_FOUND);
    other = (struct msg_fetch){ids_random(), large.core.fragment, 0, 1};
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &other).status, STATUS_NOT_FOUND);
    /* Replaced meanwhile: not this one any more. */
    struct rig_fragment next = rig_fragment_next(rig, &large);
    OK(publish(rig, &next));
    beyond.offset = 0;
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_FETCH, &beyond).code, REPLY_NOT_AVAILABLE);
    scene_end(&scene);
}

/* A page of which some pass: those come, the others are named in the log with why. */
static void test_page_in_part(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    struct rig_fragment waiting = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_ACTIVITY, 16);
    struct rig_fragment short_lived = rig_fragment_make(rig, UNIT_EDUCATION, &scene.person.subject, KIND_ACTIVITY, 16);
    short_lived.core.expires_ms = rig_now_ms(rig) + 1000;
    sign_again(rig, &short_lived, UNIT_EDUCATION);
    OK(publish(rig, &waiting));
    OK(publish(rig, &short_lived));
    RIG_DONE(rig_grant(rig, token, &short_lived));
    clock_advance(&rig->parts.clock, 1000);
    struct rig_answer answer = ask_page(rig, token, BYTES_EMPTY, 64);
    RIG_DONE(answer);
    assert_int_equal(answer.code, REPLY_DONE);
    assert_int_equal(scene_released(rig, &answer).n_items, 1);
    struct opening opening = rig_opening(rig, answer.leaves[0], NULL);
    assert_int_equal(opening.n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct opening_item *item = &opening.items[i];
        uint32_t expected = ids_equal(&item->fragment, &waiting.core.fragment)       ? RULE_GRANT
                            : ids_equal(&item->fragment, &short_lived.core.fragment) ? RULE_FRAGMENT
                                                                                     : RULE_PASS;
        assert_int_equal(item->clause, expected);
        assert_int_equal(item->grant_hash.len > 0, expected == RULE_PASS);
    }
    scene_end(&scene);
}

/* The recipient's sealing key changes: what was granted to the old one is not released, and is granted anew. */
static void test_recipient_key_changes(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    const struct token *token = &consent.tokens[0];
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    seal_free(rig->fed->units[UNIT_CAREER].seal);
    OK(seal_generate(&rig->fed->units[UNIT_CAREER].seal));
    struct member_record record = federation_member_record(rig->fed, MEMBER_COUNTY, 2);
    (void)federation_admit(rig->fed, DIRECTORY_MEMBER, federation_sign_member(rig->fed, &record, MEMBER_COUNTY));
    rig_use_directory(rig);
    struct rig_answer answer = rig_release(rig, UNIT_CAREER, token);
    scene_assert_refused(rig, &answer, RULE_GRANT);
    RIG_DONE(rig_grant(rig, token, &scene.goal));
    answer = rig_release(rig, UNIT_CAREER, token);
    assert_int_equal(answer.code, REPLY_DONE);
    scene_end(&scene);
}

/* ---- what an end leaves behind ---- */

struct look {
    struct rig *rig;
    struct id16 token;
    uint32_t consent_slot;
    bool grant_stands;
};

static enum status look_for_grant(struct store_txn *txn, void *arg) {
    struct look *look = arg;
    const struct core *core = &look->rig->parts.core;
    struct grant_owner owner = grant_rows_of_token(core, &look->token, look->consent_slot);
    struct store_rows rows;
    const struct store_range range = {
        .table = STORE_GRANT, .prefix = BYTES_ARRAY(owner.tag), .limit = 8, .direction = STORE_ASCENDING};
    TRY(store_scan(txn, &range, look->rig->arena, &rows));
    look->grant_stands = rows.count > 0;
    return STATUS_OK;
}

static void test_end_destroys_grants(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    /* The slot of the consent is the newest one. */
    struct look look = {.rig = rig, .token = consent.tokens[0].jti};
    RIG_DONE(rig_grant(rig, &consent.tokens[0], &scene.goal));
    OK(store_read(rig->parts.core.store, look_for_grant, &look));
    assert_true(look.grant_stands);
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent),
                    (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    OK(store_read(rig->parts.core.store, look_for_grant, &look));
    assert_false(look.grant_stands);
    /* And its key, once the engine has done what was marked: person 0, consent 1. */
    struct secret *key = NULL;
    OK(subject_key(&rig->parts.core, 1, &key));
    secret_free(key);
    OK(erasure_finish(&rig->parts.core));
    assert_int_equal(subject_key(&rig->parts.core, 1, &key), STATUS_NOT_FOUND);
    OK(subject_key(&rig->parts.core, 0, &key));
    secret_free(key);
    scene_end(&scene);
}

static void test_acknowledge(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    struct rig_consent consent = scene_consent(&scene);
    struct msg_acknowledge message = {consent.tokens[0].consent, CONSENT_STATE_REVOKED, 3};
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_ACKNOWLEDGE, &message).status, STATUS_INVALID);
    (void)rig_state(rig, &scene.person, PORTAL_CONSENT_REVOKE, scene_consent_id(rig, &consent),
                    (struct statement){.type = STATEMENT_REVOKE, .consent = consent.tokens[0].consent});
    message.ending = CONSENT_STATE_EXPIRED;
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_ACKNOWLEDGE, &message).status, STATUS_INVALID);
    message.ending = CONSENT_STATE_REVOKED;
    static const enum federation_unit parties[] = {UNIT_CAREER, UNIT_EDUCATION, UNIT_GUIDANCE};
    for (size_t i = 0; i < 3; i++) {
        uint64_t leaves = rig_leaves(rig);
        struct rig_answer first = rig_send(rig, parties[i], MESSAGE_ACKNOWLEDGE, &message);
        struct rig_answer again = rig_send(rig, parties[i], MESSAGE_ACKNOWLEDGE, &message);
        RIG_DONE(first);
        assert_int_equal(again.leaves[0], first.leaves[0]);
        assert_int_equal(rig_leaves(rig), leaves + 1);
    }
    message.consent = ids_random();
    assert_int_equal(rig_send(rig, UNIT_CAREER, MESSAGE_ACKNOWLEDGE, &message).status, STATUS_NOT_FOUND);
    scene_end(&scene);
}

/* CONSENTS says to each party what is its own, with the state of now. */
static void test_consents(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    struct rig *rig = &scene.rig;
    (void)scene_consent(&scene);
    const struct msg_consents_ask ask = {scene.person.subject};
    static const struct {
        enum federation_unit unit;
        size_t count;
    } cases[] = {{UNIT_CAREER, 2}, {UNIT_EDUCATION, 1}, {UNIT_LABOUR, 1}, {UNIT_GUIDANCE, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig_answer answer = rig_send(rig, cases[i].unit, MESSAGE_CONSENTS, &ask);
        struct msg_consents_answer consents;
        RIG_DONE(answer);
        OK(msg_consents_answer_parse(rig->arena, answer.body, &consents));
        assert_int_equal(consents.n_consents, cases[i].count);
        for (size_t k = 0; k < consents.n_consents; k++) {
            assert_int_equal(consents.consents[k].n_receipts, 3);
            assert_int_equal(consents.consents[k].state, CONSENT_ACTIVE);
        }
    }
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish_refused),
        cmocka_unit_test(test_same_fragment_again),
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_grant_of_an_old_revision),
        cmocka_unit_test(test_grants_with_publication),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_erase),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_inline_and_fetch),
        cmocka_unit_test(test_page_in_part),
        cmocka_unit_test(test_recipient_key_changes),
        cmocka_unit_test(test_end_destroys_grants),
        cmocka_unit_test(test_acknowledge),
        cmocka_unit_test(test_consents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
