#include "support/core/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), STATUS_OK)

struct hash scene_subject(void) {
    struct hash subject;
    secret_random_public(subject.b, sizeof subject.b);
    return subject;
}

void scene_begin(struct scene *scene, enum core_parts_engine engine, enum access access) {
    static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_GUIDANCE};
    struct rig *rig = &scene->rig;
    rig_init(rig, engine);
    struct hash subject = scene_subject();
    rig_person_init(rig, &scene->person, &subject);
    RIG_DONE(rig_enrol(rig, &scene->person, false));
    scene->goal = rig_fragment_make(rig, UNIT_EDUCATION, &subject, KIND_GOAL, 9000);
    RIG_DONE(rig_publish(rig, &scene->goal));
    scene->request = rig_request_make(rig, UNIT_CAREER, &subject, sources, 2, access);
    RIG_DONE(rig_request_send(rig, &scene->request));
}

void scene_end(struct scene *scene) {
    rig_person_clear(&scene->person);
    rig_clear(&scene->rig);
}

struct rig_consent scene_consent(struct scene *scene) {
    struct rig_consent consent = rig_consent_make(&scene->rig, &scene->person, &scene->request);
    RIG_DONE(rig_consent_send(&scene->rig, &scene->person, &scene->request, &consent));
    return consent;
}

struct msg_released scene_released(struct rig *rig, const struct rig_answer *answer) {
    struct msg_released page;
    OK(msg_released_parse(rig->arena, answer->body, &page));
    return page;
}

void scene_assert_refused(struct rig *rig, const struct rig_answer *answer, enum rule_clause clause) {
    assert_int_equal(answer->status, STATUS_OK);
    assert_int_equal(answer->clause, clause);
    assert_int_equal(answer->code, rule_outward(clause));
    struct msg_released page = scene_released(rig, answer);
    assert_int_equal(page.n_items, 0);
    struct opening opening = rig_opening(rig, answer->leaves[0], NULL);
    assert_int_equal(opening.type, LEAF_REFUSED);
    assert_int_equal(opening.clause, clause);
    assert_int_equal(opening.stage, RULE_STAGE_RELEASE);
}

const char *scene_consent_id(struct rig *rig, const struct rig_consent *consent) {
    return ids_text(rig->arena, &consent->tokens[0].consent);
}

void scene_assert_grant(struct rig *rig, const struct rig_answer *answer, enum rule_clause clause) {
    struct msg_uploaded_grants uploaded;
    assert_int_equal(answer->status, STATUS_OK);
    OK(msg_uploaded_grants_parse(rig->arena, answer->body, &uploaded));
    assert_true(uploaded.n_clauses > 0);
    assert_int_equal(uploaded.clauses[0], clause);
}

void scene_assert_ended(struct scene *scene, const struct rig_consent *consent, enum consent_state state) {
    struct rig *rig = &scene->rig;
    for (size_t i = 0; i < consent->n_tokens; i++) {
        struct rig_answer answer = rig_release(rig, UNIT_CAREER, &consent->tokens[i]);
        scene_assert_refused(rig, &answer, RULE_CONSENT_ACTIVE);
    }
    /* A grant that comes after the end is not kept. */
    struct key_grant grant = rig_grant_fill(rig, &consent->tokens[0], &scene->goal);
    struct bytes whole = rig_grant_sign(rig, UNIT_EDUCATION, &grant);
    struct rig_answer answer =
        rig_send(rig, UNIT_EDUCATION, MESSAGE_UPLOAD_GRANTS, &(struct msg_upload_grants){&whole, 1});
    scene_assert_grant(rig, &answer, RULE_CONSENT_ACTIVE);
    const struct msg_mail_event *event = NULL;
    assert_int_equal(rig_mail(rig, UNIT_CAREER, EVENT_CONSENT_ENDED, &event), consent->n_tokens);
    assert_int_equal(event->state, state);
    assert_int_equal(rig_mail(rig, UNIT_EDUCATION, EVENT_CONSENT_ENDED, NULL), 1);
    assert_int_equal(rig_mail(rig, UNIT_GUIDANCE, EVENT_CONSENT_ENDED, NULL), 1);
}
