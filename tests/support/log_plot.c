/*
 * One person's year, in leaves.
 */
#include "support/log_plot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const enum federation_unit sources[] = {UNIT_EDUCATION, UNIT_LABOUR};

void log_plot_advance(struct log_plot *plot, uint64_t seconds) { plot->world->now_ms += seconds * 1000; }

struct log_device *log_plot_enrol(struct log_plot *plot, struct log_person *person, enum federation_unit attester) {
    assert_true(plot->n_devices < LOG_PLOT_DEVICES_MAX);
    struct log_device *device = log_story_enrol(plot->world, person, attester);
    plot->devices[plot->n_devices++] = device;
    return device;
}

static void upload_all(struct log_plot *plot) {
    struct log_fragment *const education[] = {plot->goal, plot->activity};
    (void)log_story_upload(plot->world,
                           &(struct log_upload){.token = plot->tokens[0], .fragments = education, .n_fragments = 2},
                           plot->grants);
    (void)log_story_upload(plot->world,
                           &(struct log_upload){.token = plot->tokens[1], .fragments = &plot->plan, .n_fragments = 1},
                           plot->plan_grant);
}

void log_plot_begin(struct log_plot *plot) {
    *plot = (struct log_plot){.world = log_world_new()};
    struct log_world *world = plot->world;
    plot->ada = log_world_person(world);
    plot->goal = log_story_publish(world, plot->ada, UNIT_EDUCATION, KIND_GOAL, NULL, 0);
    plot->device = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    plot->activity = log_story_publish(world, plot->ada, UNIT_EDUCATION, KIND_ACTIVITY, NULL, 0);
    plot->plan = log_story_publish(world, plot->ada, UNIT_LABOUR, KIND_STUDY_PLAN, NULL, 0);
    log_plot_advance(plot, 60);
    plot->request = log_story_request(world, plot->ada, UNIT_CAREER, sources, 2, ACCESS_REPEATED);
    log_plot_advance(plot, 60);
    log_story_grant(world, &(struct log_decision){.request = plot->request, .device = plot->device}, plot->tokens);
    log_plot_advance(plot, 1);
    upload_all(plot);
    log_plot_advance(plot, 1);
}

uint64_t log_plot_release(struct log_plot *plot, enum rule_clause clause) {
    struct log_fragment *const fragments[] = {plot->activity, plot->goal};
    const struct bytes grants[] = {plot->grants[1], plot->grants[0]};
    struct log_release release = {.unit = UNIT_CAREER, .token = plot->tokens[0], .clause = clause};
    if (clause == RULE_PASS) {
        release.fragments = fragments;
        release.grants = grants;
        release.n_fragments = 2;
    }
    return log_story_release(plot->world, &release);
}

/* A new revision: refused for want of a grant at first, then granted and released. */
static void revise(struct log_plot *plot) {
    static const enum rule_clause clauses[] = {RULE_PASS, RULE_GRANT};
    plot->goal = log_story_publish(plot->world, plot->ada, UNIT_EDUCATION, KIND_GOAL, plot->goal, 0);
    struct log_fragment *const fragments[] = {plot->activity, plot->goal};
    const struct bytes grants[] = {plot->grants[1], plot->grants[0]};
    (void)log_story_release(plot->world, &(struct log_release){.unit = UNIT_CAREER,
                                                               .token = plot->tokens[0],
                                                               .fragments = fragments,
                                                               .grants = grants,
                                                               .clauses = clauses,
                                                               .n_fragments = 2});
    (void)log_story_upload(plot->world,
                           &(struct log_upload){.token = plot->tokens[0], .fragments = &plot->goal, .n_fragments = 1},
                           &plot->grants[0]);
    (void)log_plot_release(plot, RULE_PASS);
}

static void use_once(struct log_plot *plot) {
    struct log_token *once[1];
    struct id16 event;
    struct bytes grant;
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &sources[1], 1, ACCESS_ONCE);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, once);
    (void)log_story_release(
        plot->world,
        &(struct log_release){
            .unit = UNIT_CAREER, .token = once[0], .fragments = &plot->plan, .n_fragments = 1, .out_event = &event});
    (void)log_story_upload(
        plot->world,
        &(struct log_upload){.token = once[0], .fragments = &plot->plan, .n_fragments = 1, .release_event = &event},
        &grant);
    (void)log_story_release(plot->world,
                            &(struct log_release){.unit = UNIT_CAREER, .token = once[0], .clause = RULE_UNUSED});
}

static void let_expire(struct log_plot *plot) {
    struct log_token *brief[2];
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, sources, 2, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device, .seconds = 5},
                    brief);
    log_plot_advance(plot, 5);
    (void)log_story_release(plot->world,
                            &(struct log_release){.unit = UNIT_CAREER, .token = brief[0], .clause = RULE_NOT_EXPIRED});
    (void)log_story_expire(plot->world, brief[0]);
    (void)log_story_expire(plot->world, brief[1]);
    (void)log_story_release(
        plot->world, &(struct log_release){.unit = UNIT_CAREER, .token = brief[0], .clause = RULE_CONSENT_ACTIVE});
    (void)log_story_acknowledge(plot->world, brief[0], UNIT_CAREER, CONSENT_STATE_EXPIRED);
}

/* Other ways for a consent to end: by a member on the person's word, by the code, by another on the same terms. */
static void end_otherwise(struct log_plot *plot) {
    struct log_token *tokens[3][1];
    for (size_t i = 0; i < 3; i++) {
        struct log_request *request =
            log_story_request(plot->world, plot->ada, UNIT_CAREER, &sources[1], 1, ACCESS_REPEATED);
        log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, tokens[i]);
        if (i == 0) (void)log_story_revoke_by(plot->world, tokens[i][0], UNIT_LABOUR);
        if (i == 2) (void)log_story_supersede(plot->world, tokens[1][0], tokens[2][0]);
    }
    (void)log_story_revoke_code(plot->world, tokens[2][0]);
}

/* A second device, which reads; the first is lost, and what it signed last is suspended. */
static void lose_device(struct log_plot *plot) {
    struct log_token *token[1];
    struct log_device *second = log_plot_enrol(plot, plot->ada, UNIT_GUIDANCE);
    log_story_countersign(plot->world, plot->device, second);
    struct log_request *request =
        log_story_request(plot->world, plot->ada, UNIT_CAREER, &sources[1], 1, ACCESS_REPEATED);
    (void)log_story_refuse(plot->world, plot->device, request);
    request = log_story_request(plot->world, plot->ada, UNIT_CAREER, &sources[1], 1, ACCESS_REPEATED);
    log_story_grant(plot->world, &(struct log_decision){.request = request, .device = plot->device}, token);
    (void)log_story_read(plot->world, second, UNIT_LABOUR);
    (void)log_story_grant_own(plot->world, second, plot->plan);
    (void)log_story_lose_device(plot->world, second, plot->device, plot->world->now_ms / 1000 - 10, token[0]);
    (void)log_story_release(
        plot->world, &(struct log_release){.unit = UNIT_CAREER, .token = token[0], .clause = RULE_CONSENT_ACTIVE});
    plot->device = second;
}

void log_plot_live(struct log_plot *plot) {
    (void)log_plot_release(plot, RULE_PASS);
    (void)log_story_release(
        plot->world, &(struct log_release){
                         .unit = UNIT_LABOUR, .token = plot->tokens[0], .clause = RULE_RECIPIENT, .stranger = true});
    revise(plot);
    log_plot_advance(plot, 30);
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_SUSPENDED);
    (void)log_plot_release(plot, RULE_CONSENT_ACTIVE);
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_RESUMED);
    (void)log_plot_release(plot, RULE_PASS);
    use_once(plot);
    (void)log_story_change(plot->world, plot->tokens, 2, LEAF_CONSENT_REVOKED);
    (void)log_plot_release(plot, RULE_CONSENT_ACTIVE);
    (void)log_story_acknowledge(plot->world, plot->tokens[0], UNIT_CAREER, CONSENT_STATE_REVOKED);
    (void)log_story_acknowledge(plot->world, plot->tokens[0], UNIT_EDUCATION, CONSENT_STATE_REVOKED);
    let_expire(plot);
    struct log_request *request = log_story_request(plot->world, plot->ada, UNIT_CAREER, sources, 1, ACCESS_ONCE);
    (void)log_story_refuse(plot->world, plot->device, request);
    (void)log_story_withdraw(plot->world, plot->activity);
    end_otherwise(plot);
    lose_device(plot);
    (void)log_story_erase_own(plot->world, plot->ada, UNIT_LABOUR, 1);
}

void log_plot_end(struct log_plot *plot) {
    for (size_t i = 0; i < plot->n_devices; i++) {
        log_story_device_free(plot->devices[i]);
    }
    log_world_free(plot->world);
    plot->world = NULL;
}
