/*
 * The scene that most tests of handlers begin with: a person with a device, a goal at adult education, and a request of
 * the county's career centre to adult education and the guidance office.
 */
#ifndef TESTS_SUPPORT_CORE_SCENE_H
#define TESTS_SUPPORT_CORE_SCENE_H

#include "proto/msg_release.h"
#include "support/core/handler_rig.h"

struct scene {
    struct rig rig;
    struct rig_person person;
    struct rig_fragment goal;
    struct rig_request request;
};

/* A handle that nobody has named before. */
struct hash scene_subject(void);
void scene_begin(struct scene *scene, enum core_parts_engine engine, enum access access);
void scene_end(struct scene *scene);
/* The person says yes to both sources: token 0 is for adult education, which has the goal. */
struct rig_consent scene_consent(struct scene *scene);
/* The text form of its id. */
const char *scene_consent_id(struct rig *rig, const struct rig_consent *consent);

/* The parsed answer to a RELEASE. */
struct msg_released scene_released(struct rig *rig, const struct rig_answer *answer);
/* Refused under this clause, in the answer and in the log. */
void scene_assert_refused(struct rig *rig, const struct rig_answer *answer, enum rule_clause clause);
/* What was uploaded says this clause of its first grant. */
void scene_assert_grant(struct rig *rig, const struct rig_answer *answer, enum rule_clause clause);
/* The consent has ended for good: no release, no grant; everybody was told. */
void scene_assert_ended(struct scene *scene, const struct rig_consent *consent, enum consent_state state);

#endif
