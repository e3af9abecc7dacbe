/*
 * Owns the order of a joint plan: reading of time, phase and links, the rank of goals, and the placing of items.
 *
 * Trusts that fragments are distinct and sorted by id. Trusts nothing about contents: other units wrote them, so
 * every member may be absent or of another type, and links may form rings.
 */
#include "agent/plan_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* YYYY-MM-DDThh:mm */
#define TIME_COMPARED_BYTES 16

static const char *const phase_names[] = {"discover", "inventory", "decide", "act"};

const char *plan_phase_name(enum plan_phase phase) { return phase_names[phase]; }

static const struct {
    const char *kind;
    enum plan_phase phase;
} kind_phases[] = {
    {"assessment", PLAN_PHASE_DISCOVER}, {"validation", PLAN_PHASE_INVENTORY},
    {"goal", PLAN_PHASE_DECIDE},         {"study_plan", PLAN_PHASE_DECIDE},
    {"decision", PLAN_PHASE_DECIDE},     {"referral", PLAN_PHASE_DECIDE},
    {"activity", PLAN_PHASE_ACT},        {"event", PLAN_PHASE_ACT},
    {"follow_up", PLAN_PHASE_ACT},
};

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* -- What a content says ------------------------------------------------------------------------------------------ */

static enum plan_phase phase_of(const json_t *content) {
    const char *said = text_of(content, "phase");
    for (size_t i = 0; i < sizeof phase_names / sizeof phase_names[0]; i++)
        if (strcmp(phase_names[i], said) == 0) return (enum plan_phase)i;
    const char *kind = text_of(content, "kind");
    for (size_t i = 0; i < sizeof kind_phases / sizeof kind_phases[0]; i++)
        if (strcmp(kind_phases[i].kind, kind) == 0) return kind_phases[i].phase;
    return PLAN_PHASE_ACT;
}

static const char *time_of(const json_t *content) {
    const json_t *detail = json_object_get(content, "detail");
    const char *const candidates[] = {
        text_of(detail, "decisionDate"), text_of(content, "start"),   text_of(detail, "date"),
        text_of(content, "created"),     text_of(content, "updated"),
    };
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        if (candidates[i][0]) return candidates[i];
    return "";
}

/* Nodes are sorted by id as their fragments are. */
static int compare_node_id(const void *id, const void *node) {
    return strcmp(id, ((const struct plan_node *)node)->fragment->id);
}

static enum status read_links(struct plan_node *node, struct plan_node *nodes, size_t count, struct arena *arena) {
    const json_t *links = json_object_get(node->fragment->content, "links");
    size_t size = json_array_size(links) < PLAN_LINKS_MAX ? json_array_size(links) : PLAN_LINKS_MAX;
    node->links = ARENA_ARRAY(arena, struct plan_link, size);
    ENSURE(node->links, STATUS_MEMORY);
    for (size_t i = 0; i < size; i++) {
        const json_t *link = json_array_get(links, i);
        const char *rel = text_of(link, "rel");
        const char *target = text_of(link, "target");
        if (!target[0] || strcmp(rel, "external") == 0) continue;
        struct plan_node *found = bsearch(target, nodes, count, sizeof *nodes, compare_node_id);
        node->links[node->link_count++] = (struct plan_link){rel, target, found};
    }
    return STATUS_OK;
}

static enum status read_nodes(const struct plan_fragment *const *fragments, size_t count, struct arena *arena,
                              struct plan_node **out_nodes) {
    struct plan_node *nodes = ARENA_ARRAY(arena, struct plan_node, count);
    ENSURE(nodes, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const json_t *content = fragments[i]->content;
        nodes[i] = (struct plan_node){.fragment = fragments[i],
                                      .kind = text_of(content, "kind"),
                                      .time = time_of(content),
                                      .phase = phase_of(content),
                                      .rank = SIZE_MAX,
                                      .mark = PLAN_NODE_OPEN};
    }
    for (size_t i = 0; i < count; i++)
        TRY(read_links(&nodes[i], nodes, count, arena));
    *out_nodes = nodes;
    return STATUS_OK;
}

/* -- Goals -------------------------------------------------------------------------------------------------------- */

static bool is_goal(const struct plan_node *node) { return strcmp(node->kind, "goal") == 0; }

/* The first goal at hand that the node says it supports, other than itself. */
static struct plan_node *supported_goal(const struct plan_node *node) {
    for (size_t i = 0; i < node->link_count; i++) {
        struct plan_node *target = node->links[i].node;
        if (strcmp(node->links[i].rel, "supports_goal") != 0 || !target || target == node) continue;
        if (is_goal(target)) return target;
    }
    return NULL;
}

static struct plan_node *inherited_goal(const struct plan_node *node) {
    static const char *const rels[] = {"part_of", "result_of", "depends_on", "concerns", "follows"};
    for (size_t r = 0; r < sizeof rels / sizeof rels[0]; r++) {
        for (size_t i = 0; i < node->link_count; i++) {
            const struct plan_link *link = &node->links[i];
            if (link->node && link->node->goal && strcmp(link->rel, rels[r]) == 0) return link->node->goal;
        }
    }
    return NULL;
}

static size_t inherit_once(struct plan_node *nodes, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].goal) continue;
        nodes[i].goal = inherited_goal(&nodes[i]);
        found += nodes[i].goal != NULL;
    }
    return found;
}

/* Said goals first, then inheritance until nothing more is found. */
static void find_goals(struct plan_node *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct plan_node *supported = supported_goal(&nodes[i]);
        nodes[i].goal = is_goal(&nodes[i]) ? &nodes[i] : supported;
        if (is_goal(&nodes[i])) nodes[i].under = supported;
    }
    while (inherit_once(nodes, count) > 0)
        continue;
}

/* Time, then source, then id. */
static int compare_nodes(const struct plan_node *a, const struct plan_node *b) {
    int order = strncmp(a->time, b->time, TIME_COMPARED_BYTES);
    if (order == 0) order = strcmp(a->fragment->unit, b->fragment->unit);
    return order ? order : strcmp(a->fragment->id, b->fragment->id);
}

static int compare_by_time(const void *a, const void *b) {
    return compare_nodes(*(struct plan_node *const *)a, *(struct plan_node *const *)b);
}

/* A goal, then those that support it. Depth is bounded by PLAN_FRAGMENTS_MAX; a ring ends where it began. */
static void rank_goal(struct plan_node *const *goals, size_t count, struct plan_node *goal, size_t *next) {
    if (goal->rank != SIZE_MAX) return;
    goal->rank = (*next)++;
    for (size_t i = 0; i < count; i++)
        if (goals[i]->under == goal) rank_goal(goals, count, goals[i], next);
}

static int compare_by_rank(const void *a, const void *b) {
    const struct plan_node *x = *(struct plan_node *const *)a;
    const struct plan_node *y = *(struct plan_node *const *)b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* From the top; what only rings lead to, last. */
static enum status rank_goals(struct plan_node *nodes, size_t count, struct arena *arena,
                              struct plan_order *out_order) {
    struct plan_node **goals = ARENA_ARRAY(arena, struct plan_node *, count);
    ENSURE(goals, STATUS_MEMORY);
    size_t goal_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_goal(&nodes[i])) goals[goal_count++] = &nodes[i];
    qsort(goals, goal_count, sizeof *goals, compare_by_time);
    size_t next = 0;
    for (size_t i = 0; i < goal_count; i++)
        if (!goals[i]->under) rank_goal(goals, goal_count, goals[i], &next);
    for (size_t i = 0; i < goal_count; i++)
        rank_goal(goals, goal_count, goals[i], &next);
    qsort(goals, goal_count, sizeof *goals, compare_by_rank);
    for (size_t i = 0; i < count; i++)
        if (nodes[i].goal) nodes[i].rank = nodes[i].goal->rank;
    out_order->goals = goals;
    out_order->goal_count = goal_count;
    return STATUS_OK;
}

/* -- Items -------------------------------------------------------------------------------------------------------- */

static bool is_same_group(const struct plan_node *a, const struct plan_node *b) {
    return a->rank == b->rank && a->phase == b->phase;
}

static int compare_items(const void *a, const void *b) {
    const struct plan_node *x = *(struct plan_node *const *)a;
    const struct plan_node *y = *(struct plan_node *const *)b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->phase != y->phase) return x->phase < y->phase ? -1 : 1;
    return compare_nodes(x, y);
}

static bool comes_after(const char *rel) {
    static const char *const rels[] = {"depends_on", "follows", "result_of", "part_of"};
    for (size_t i = 0; i < sizeof rels / sizeof rels[0]; i++)
        if (strcmp(rels[i], rel) == 0) return true;
    return false;
}

/* Whether all that must come before it within its group has its place. */
static bool is_ready(const struct plan_node *node) {
    for (size_t i = 0; i < node->link_count; i++) {
        const struct plan_node *before = node->links[i].node;
        if (!before || before == node || !is_same_group(node, before) || before->mark == PLAN_NODE_PLACED) continue;
        if (comes_after(node->links[i].rel)) return false;
    }
    return true;
}

/* The earliest open node that is ready; where rings leave none, the earliest open one. */
static struct plan_node *next_of(struct plan_node *const *group, size_t count) {
    struct plan_node *earliest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (group[i]->mark == PLAN_NODE_PLACED) continue;
        if (is_ready(group[i])) return group[i];
        if (!earliest) earliest = group[i];
    }
    return earliest;
}

/* Moves a group, sorted by time, to its places. */
static void place_group(struct plan_node *const *group, size_t count, struct plan_node **out_places) {
    for (size_t i = 0; i < count; i++) {
        out_places[i] = next_of(group, count);
        out_places[i]->mark = PLAN_NODE_PLACED;
    }
}

static size_t group_size(struct plan_node *const *items, size_t count) {
    size_t size = 1;
    while (size < count && is_same_group(items[0], items[size]))
        size++;
    return size;
}

enum status plan_order(const struct plan_fragment *const *fragments, size_t count, struct arena *arena,
                       struct plan_order *out_order) {
    struct plan_order order = {.item_count = count};
    struct plan_node *nodes = NULL;
    TRY(read_nodes(fragments, count, arena, &nodes));
    find_goals(nodes, count);
    TRY(rank_goals(nodes, count, arena, &order));
    struct plan_node **sorted = ARENA_ARRAY(arena, struct plan_node *, count);
    order.items = ARENA_ARRAY(arena, struct plan_node *, count);
    ENSURE(sorted && order.items, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &nodes[i];
    qsort(sorted, count, sizeof *sorted, compare_items);
    for (size_t at = 0; at < count;) {
        size_t size = group_size(sorted + at, count - at);
        place_group(sorted + at, size, order.items + at);
        at += size;
    }
    *out_order = order;
    return STATUS_OK;
}
