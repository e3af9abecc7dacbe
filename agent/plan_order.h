/*
 * The order of a joint plan (agent/plan.h), apart from how it is written. Pure; everything lives in the caller's
 * arena.
 */
#ifndef AGENT_PLAN_ORDER_H
#define AGENT_PLAN_ORDER_H

#include "agent/plan.h"

enum plan_phase {
    PLAN_PHASE_DISCOVER,
    PLAN_PHASE_INVENTORY,
    PLAN_PHASE_DECIDE,
    PLAN_PHASE_ACT,
};

/* A link of a fragment; node is NULL when its target is not at hand. */
struct plan_link {
    const char *rel;
    const char *target;
    struct plan_node *node;
};

struct plan_node {
    const struct plan_fragment *fragment;
    const char *kind;
    /* As written in the content; "" when it says nothing. */
    const char *time;
    enum plan_phase phase;
    struct plan_link *links;
    size_t link_count;
    /* The node of the goal, itself for a goal; NULL when none is known. */
    struct plan_node *goal;
    /* Goals only: the goal that this one supports, NULL at the top. */
    struct plan_node *under;
    /* Place of the goal among the goals; SIZE_MAX without one. */
    size_t rank;
    /* Whether it has its place yet. */
    enum { PLAN_NODE_OPEN, PLAN_NODE_PLACED } mark;
};

struct plan_order {
    /* In order of the plan. */
    struct plan_node **items;
    size_t item_count;
    /* In order of rank. */
    struct plan_node **goals;
    size_t goal_count;
};

const char *plan_phase_name(enum plan_phase phase);

/* fragments: distinct ids and units, sorted by id, contents objects. STATUS_MEMORY when the arena is full. */
enum status plan_order(const struct plan_fragment *const *fragments, size_t count, struct arena *arena,
                       struct plan_order *out_order);

#endif
