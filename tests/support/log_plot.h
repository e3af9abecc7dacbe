/*
 * The story that tests of the auditor begin with: one person, three sources' fragments, consents of every kind, and all
 * that an honest broker logs of them (support/log_story.h).
 */
#ifndef TESTS_SUPPORT_LOG_PLOT_H
#define TESTS_SUPPORT_LOG_PLOT_H

#include "support/log_story.h"

#define LOG_PLOT_DEVICES_MAX 8

struct log_plot {
    struct log_world *world;
    struct log_person *ada;
    struct log_device *device;
    struct log_device *devices[LOG_PLOT_DEVICES_MAX]; /* all, to be freed */
    size_t n_devices;
    struct log_fragment *goal;     /* of education */
    struct log_fragment *activity; /* of education */
    struct log_fragment *plan;     /* of labour */
    struct log_request *request;   /* by career, of education and labour */
    struct log_token *tokens[2];   /* education's, labour's */
    struct bytes grants[2];        /* of goal and activity */
    struct bytes plan_grant[1];
};

/* Enrolment, publications, request, decision, grants. Nothing is released yet. */
void log_plot_begin(struct log_plot *plot);
/* The rest of an honest life: releases, refusals, a new revision, suspension, revocation, once, expiry, erasure of
 * nobody. */
void log_plot_live(struct log_plot *plot);
void log_plot_end(struct log_plot *plot);

struct log_device *log_plot_enrol(struct log_plot *plot, struct log_person *person, enum federation_unit attester);
/* The page of education's two fragments, as recorded: RELEASED, or REFUSED under the clause without items. */
uint64_t log_plot_release(struct log_plot *plot, enum rule_clause clause);
void log_plot_advance(struct log_plot *plot, uint64_t seconds);

#endif
