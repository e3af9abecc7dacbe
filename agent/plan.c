/*
 * Owns what stays in a joint plan and how it is written as JSON; its order is in plan_order.c.
 *
 * Trusts the caller for unit, id, revision, state and receipt; nothing about contents. A source can leave out or
 * replace only its own fragments.
 */
#include "agent/plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/plan_order.h"
#include "base/json.h"

/* Pointers into the input. */
struct chosen {
    const struct plan_fragment **fragments;
    size_t count;
};

static const char *state_name(enum plan_state state) {
    static const char *const names[] = {
#define X(name, text) text,
        PLAN_STATE_TABLE(X)
#undef X
    };
    return names[state];
}

static const char *reason_name(enum plan_reason reason) {
    static const char *const names[] = {
#define X(name, text) text,
        PLAN_REASON_TABLE(X)
#undef X
    };
    return names[reason];
}

/* NULL sorts before every text. */
static int compare_texts(const char *a, const char *b) {
    if (!a || !b) return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

/* -- What stays --------------------------------------------------------------------------------------------------- */

static bool is_same_fragment(const struct plan_fragment *a, const struct plan_fragment *b) {
    return strcmp(a->id, b->id) == 0 && strcmp(a->unit, b->unit) == 0;
}

/* By id and unit; the copy that stays comes first: highest revision, own before released, then by receipt. */
static int compare_fragments(const void *a, const void *b) {
    const struct plan_fragment *x = *(const struct plan_fragment *const *)a;
    const struct plan_fragment *y = *(const struct plan_fragment *const *)b;
    int order = strcmp(x->id, y->id);
    if (order == 0) order = strcmp(x->unit, y->unit);
    if (order) return order;
    if (x->revision != y->revision) return x->revision > y->revision ? -1 : 1;
    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    return compare_texts(x->receipt, y->receipt);
}

static void keep_newest(struct chosen *chosen) {
    size_t kept = 0;
    for (size_t i = 0; i < chosen->count; i++)
        if (i == 0 || !is_same_fragment(chosen->fragments[i], chosen->fragments[i - 1]))
            chosen->fragments[kept++] = chosen->fragments[i];
    chosen->count = kept;
}

/* A higher revision of the same unit names it: a ring of replacements is not possible. */
static bool is_replaced_by(const struct plan_fragment *old, const struct plan_fragment *newer) {
    const char *replaced = json_string_value(json_object_get(newer->content, "replaces"));
    return replaced && newer->revision > old->revision && strcmp(replaced, old->id) == 0 &&
           strcmp(newer->unit, old->unit) == 0;
}

static bool is_replaced(const struct chosen *chosen, const struct plan_fragment *old) {
    for (size_t i = 0; i < chosen->count; i++)
        if (is_replaced_by(old, chosen->fragments[i])) return true;
    return false;
}

static enum status drop_replaced(struct chosen *chosen, struct arena *arena) {
    struct chosen kept = {ARENA_ARRAY(arena, const struct plan_fragment *, chosen->count), 0};
    ENSURE(kept.fragments, STATUS_MEMORY);
    for (size_t i = 0; i < chosen->count; i++)
        if (!is_replaced(chosen, chosen->fragments[i])) kept.fragments[kept.count++] = chosen->fragments[i];
    *chosen = kept;
    return STATUS_OK;
}

static enum status choose(const struct plan_input *input, struct arena *arena, struct chosen *out_chosen) {
    struct chosen chosen = {ARENA_ARRAY(arena, const struct plan_fragment *, input->fragment_count), 0};
    ENSURE(chosen.fragments, STATUS_MEMORY);
    for (size_t i = 0; i < input->fragment_count; i++)
        if (json_is_object(input->fragments[i].content)) chosen.fragments[chosen.count++] = &input->fragments[i];
    qsort(chosen.fragments, chosen.count, sizeof *chosen.fragments, compare_fragments);
    keep_newest(&chosen);
    TRY(drop_replaced(&chosen, arena));
    *out_chosen = chosen;
    return STATUS_OK;
}

/* -- What is missing ---------------------------------------------------------------------------------------------- */

/* One line of `missing`. */
struct lack {
    const char *unit;
    const char *id;
    enum plan_reason reason;
    /* The fragment that links to it. */
    const char *named_by;
};

struct lacks {
    struct lack *items;
    size_t count;
};

static int compare_lacks(const void *a, const void *b) {
    const struct lack *x = a;
    const struct lack *y = b;
    if (x->reason != y->reason) return x->reason < y->reason ? -1 : 1;
    int order = compare_texts(x->unit, y->unit);
    if (order == 0) order = compare_texts(x->id, y->id);
    return order ? order : compare_texts(x->named_by, y->named_by);
}

static size_t count_links(const struct plan_order *order) {
    size_t count = 0;
    for (size_t i = 0; i < order->item_count; i++)
        count += order->items[i]->link_count;
    return count;
}

/* A fragment that was given but is superseded or unreadable is not missing for want of a source. */
static bool is_given(const struct plan_input *input, const char *id) {
    for (size_t i = 0; i < input->fragment_count; i++)
        if (strcmp(input->fragments[i].id, id) == 0) return true;
    return false;
}

static void find_linked(const struct plan_input *input, const struct plan_order *order, struct lacks *lacks) {
    for (size_t i = 0; i < order->item_count; i++) {
        const struct plan_node *node = order->items[i];
        for (size_t k = 0; k < node->link_count; k++) {
            if (node->links[k].node || is_given(input, node->links[k].target)) continue;
            lacks->items[lacks->count++] =
                (struct lack){NULL, node->links[k].target, PLAN_REASON_LINKED, node->fragment->id};
        }
    }
}

static enum status find_lacks(const struct plan_input *input, const struct plan_order *order, struct arena *arena,
                              struct lacks *out_lacks) {
    size_t room = input->gap_count + input->fragment_count + count_links(order);
    struct lacks lacks = {ARENA_ARRAY(arena, struct lack, room), 0};
    ENSURE(lacks.items, STATUS_MEMORY);
    for (size_t i = 0; i < input->gap_count; i++)
        lacks.items[lacks.count++] = (struct lack){input->gaps[i].unit, input->gaps[i].id, input->gaps[i].reason, NULL};
    for (size_t i = 0; i < input->fragment_count; i++) {
        const struct plan_fragment *fragment = &input->fragments[i];
        if (json_is_object(fragment->content)) continue;
        lacks.items[lacks.count++] = (struct lack){fragment->unit, fragment->id, PLAN_REASON_UNREADABLE, NULL};
    }
    find_linked(input, order, &lacks);
    qsort(lacks.items, lacks.count, sizeof *lacks.items, compare_lacks);
    *out_lacks = lacks;
    return STATUS_OK;
}

static bool is_same_lack(const struct lack *a, const struct lack *b) {
    return a->reason == b->reason && compare_texts(a->unit, b->unit) == 0 && compare_texts(a->id, b->id) == 0;
}

/* -- As JSON ------------------------------------------------------------------------------------------------------ */

/* Steals value, which may be NULL for want of memory. */
static enum status append(json_t *array, json_t *value) {
    ENSURE(value && json_array_append_new(array, value) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status write_goals(const struct plan_order *order, json_t *out_goals) {
    for (size_t i = 0; i < order->goal_count; i++) {
        const struct plan_node *goal = order->goals[i];
        const char *title = json_string_value(json_object_get(goal->fragment->content, "title"));
        TRY(append(out_goals,
                   json_pack("{s:s, s:s?, s:s, s:s?}", "id", goal->fragment->id, "title", title, "source",
                             goal->fragment->unit, "under", goal->under ? goal->under->fragment->id : NULL)));
    }
    return STATUS_OK;
}

static json_t *item_json(const struct plan_node *node) {
    const struct plan_fragment *fragment = node->fragment;
    return json_pack("{s:s, s:I, s:s, s:s, s:s?, s:s, s:s, s:s, s:s?, s:O}", "id", fragment->id, "revision",
                     (json_int_t)fragment->revision, "kind", node->kind, "phase", plan_phase_name(node->phase), "goal",
                     node->goal ? node->goal->fragment->id : NULL, "time", node->time, "source", fragment->unit,
                     "state", state_name(fragment->state), "receipt", fragment->receipt, "content", fragment->content);
}

static enum status write_items(const struct plan_order *order, json_t *out_items) {
    for (size_t i = 0; i < order->item_count; i++)
        TRY(append(out_items, item_json(order->items[i])));
    return STATUS_OK;
}

/* Not by json_pack's optional members: they leave out what there is no memory for, and nothing missing may hide. */
static enum status set_text(json_t *object, const char *name, const char *text) {
    if (!text) return STATUS_OK;
    ENSURE(json_object_set_new(object, name, json_string(text)) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status write_lack(const struct lack *lack, json_t *missing) {
    json_t *entry = json_object();
    TRY(append(missing, entry));
    TRY(set_text(entry, "source", lack->unit));
    TRY(set_text(entry, "fragment", lack->id));
    TRY(set_text(entry, "reason", reason_name(lack->reason)));
    if (!lack->named_by) return STATUS_OK;
    ENSURE(json_object_set_new(entry, "named_by", json_array()) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

/* Equal lines, which stand side by side, become one that lists who names it. */
static enum status write_missing(const struct lacks *lacks, json_t *out_missing) {
    for (size_t i = 0; i < lacks->count; i++) {
        const struct lack *lack = &lacks->items[i];
        bool first = i == 0 || !is_same_lack(lack, lack - 1);
        if (first) TRY(write_lack(lack, out_missing));
        if (!lack->named_by || (!first && compare_texts(lack->named_by, lack[-1].named_by) == 0)) continue;
        json_t *entry = json_array_get(out_missing, json_array_size(out_missing) - 1);
        TRY(append(json_object_get(entry, "named_by"), json_string(lack->named_by)));
    }
    return STATUS_OK;
}

enum status plan_assemble(const struct plan_input *input, struct arena *arena, json_t **out_plan) {
    ENSURE(input->fragment_count <= PLAN_FRAGMENTS_MAX && input->gap_count <= PLAN_FRAGMENTS_MAX, STATUS_TOO_LARGE);
    struct chosen chosen;
    struct plan_order order;
    struct lacks lacks;
    TRY(choose(input, arena, &chosen));
    TRY(plan_order(chosen.fragments, chosen.count, arena, &order));
    TRY(find_lacks(input, &order, arena, &lacks));
    json_t *plan CLEANUP(json_cleanup) = json_pack("{s:[], s:[], s:[]}", "goals", "items", "missing");
    ENSURE(plan, STATUS_MEMORY);
    TRY(write_goals(&order, json_object_get(plan, "goals")));
    TRY(write_items(&order, json_object_get(plan, "items")));
    TRY(write_missing(&lacks, json_object_get(plan, "missing")));
    *out_plan = MOVE(plan);
    return STATUS_OK;
}
