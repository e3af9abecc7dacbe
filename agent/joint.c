/* Gathers own and released fragments. Trusts agent/consumer.h to open nothing that is not proved. */
#include "agent/joint.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/consumer.h"
#include "agent/fragment_store.h"
#include "agent/opened.h"
#include "agent/publish.h"
#include "base/json.h"
#include "base/text.h"
#include "proto/kind.h"
#include "proto/limits.h"

#define PLAN_BYTES ((size_t)256 << 20)

struct gathering {
    struct agent *agent;
    struct arena *arena;
    const struct agent_caller *caller;
    const struct hash *subject;
    const char *purpose;
    const struct fragment_row *own;
    size_t n_own;
    struct consent_rows consents;
    struct consumer_harvest *harvest;
};

static enum status read_all(struct store_txn *txn, void *arg) {
    struct gathering *gathering = arg;
    TRY(fragment_store_list(txn, gathering->arena, gathering->subject, &gathering->own, &gathering->n_own));
    return consent_store_of_subject(txn, gathering->arena, gathering->subject, CONSENT_SIDE_RECIPIENT,
                                    &gathering->consents);
}

/* ---- own fragments ---- */

static bool is_current(const struct gathering *gathering, const struct fragment_row *row) {
    bool stands = row->state == FRAGMENT_STATE_STORED || row->state == FRAGMENT_STATE_QUEUED;
    bool fresh = row->expires_ms == 0 || agent_now_ms(gathering->agent) < row->expires_ms;
    return stands && fresh && strcmp(row->unit, gathering->caller->unit) == 0;
}

static enum status take_own(struct gathering *gathering, const struct fragment_row *row) {
    json_t *content CLEANUP(json_cleanup) = NULL;
    struct arena *scratch CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    const char *id = ids_text(gathering->harvest->arena, &row->fragment);
    ENSURE(scratch && id, STATUS_MEMORY);
    enum status status = publish_open(gathering->agent, scratch, row, &content);
    ENSURE(status != STATUS_MEMORY, status);
    if (status != STATUS_OK) {
        consumer_gap(gathering->harvest, row->unit, id, PLAN_REASON_UNREADABLE, NULL);
        return STATUS_OK;
    }
    bool stored = row->state == FRAGMENT_STATE_STORED;
    const struct plan_fragment fragment = {.unit = row->unit,
                                           .id = id,
                                           .revision = row->revision,
                                           .state = stored ? PLAN_STATE_OWN : PLAN_STATE_QUEUED,
                                           .receipt = stored ? id : NULL};
    return consumer_add(gathering->harvest, &fragment, MOVE(content));
}

/* ---- what others release ---- */

/* Whether some consent that is open lets this source's fragments through. */
static bool has_open(const struct gathering *gathering, const struct token *tokens, const bool *open, size_t of) {
    for (size_t i = 0; i < gathering->consents.count; i++) {
        if (open[i] && strcmp(tokens[i].from, tokens[of].from) == 0) return true;
    }
    return false;
}

static bool is_wanted(const struct gathering *gathering, const struct consent_row *row, const struct token *token) {
    return strcmp(row->unit, gathering->caller->unit) == 0 && strcmp(token->purpose, gathering->purpose) == 0;
}

static enum status take_consents(struct gathering *gathering) {
    size_t count = gathering->consents.count;
    uint64_t now_s = agent_now_ms(gathering->agent) / 1000;
    struct token *tokens = ARENA_ARRAY(gathering->arena, struct token, count);
    bool *open = ARENA_ARRAY(gathering->arena, bool, count);
    ENSURE(tokens && open, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const struct consent_row *row = &gathering->consents.items[i];
        TRY(consent_store_token(gathering->arena, gathering->agent->settings->federation, row, &tokens[i]));
        bool valid = row->state == CONSENT_ACTIVE && now_s < tokens[i].exp_s;
        open[i] = valid && is_wanted(gathering, row, &tokens[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct consent_row *row = &gathering->consents.items[i];
        if (open[i]) {
            TRY(consumer_take(gathering->agent, gathering->harvest, gathering->caller, row));
        } else if (is_wanted(gathering, row, &tokens[i]) && !has_open(gathering, tokens, open, i)) {
            consumer_gap(gathering->harvest, tokens[i].from, NULL, PLAN_REASON_CONSENT_ENDED, NULL);
        }
    }
    return STATUS_OK;
}

/* Puts the receipts of refusals beside the sources that refused. */
static enum status add_receipts(const struct consumer_harvest *harvest, json_t *plan) {
    size_t at = 0;
    json_t *missing = NULL;
    json_array_foreach(json_object_get(plan, "missing"), at, missing) {
        const char *source = json_string_value(json_object_get(missing, "source"));
        bool whole = source && !json_is_string(json_object_get(missing, "fragment"));
        for (size_t i = 0; whole && i < harvest->n_gaps; i++) {
            bool same = !harvest->gaps[i].id && harvest->gap_receipts[i] && strcmp(harvest->gaps[i].unit, source) == 0;
            if (!same) continue;
            ENSURE(json_object_set_new(missing, "receipt", json_string(harvest->gap_receipts[i])) == 0, STATUS_MEMORY);
        }
    }
    return STATUS_OK;
}

static enum status gather(struct gathering *gathering) {
    TRY(store_read(gathering->agent->store, read_all, gathering));
    for (size_t i = 0; i < gathering->n_own; i++) {
        if (is_current(gathering, &gathering->own[i])) TRY(take_own(gathering, &gathering->own[i]));
    }
    return take_consents(gathering);
}

static void harvest_free(struct consumer_harvest **harvest) {
    if (!*harvest) return;
    consumer_harvest_clear(*harvest);
    free(*harvest);
}

enum status joint_plan(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, const char *purpose, json_t **out) {
    struct arena *own CLEANUP(arena_free_cleanup) = arena_new(PLAN_BYTES);
    struct consumer_harvest *harvest CLEANUP(harvest_free) = calloc(1, sizeof *harvest);
    json_t *plan CLEANUP(json_cleanup) = NULL;
    ENSURE(own && harvest, STATUS_MEMORY);
    harvest->arena = arena;
    struct gathering gathering = {
        .agent = agent, .arena = own, .caller = caller, .subject = subject, .purpose = purpose, .harvest = harvest};
    TRY(gather(&gathering));
    const struct plan_input input = {.fragments = harvest->fragments,
                                     .fragment_count = harvest->n_fragments,
                                     .gaps = harvest->gaps,
                                     .gap_count = harvest->n_gaps};
    TRY(plan_assemble(&input, own, &plan));
    TRY(add_receipts(harvest, plan));
    *out = MOVE(plan);
    return STATUS_OK;
}

/* ---- one fragment ---- */

struct newest_ask {
    struct arena *arena;
    const struct id16 *fragment;
    struct fragment_row row;
};

static enum status read_newest(struct store_txn *txn, void *arg) {
    struct newest_ask *ask = arg;
    return fragment_store_newest(txn, ask->arena, ask->fragment, &ask->row);
}

/* What both kinds have. */
struct shown {
    const struct id16 *fragment;
    uint32_t revision;
    uint32_t kind;
    const char *source;
    const struct hash *subject;
    const char *state;
    struct bytes receipt;
};

static enum status show(struct arena *arena, const struct shown *shown, json_t *content, json_t **out) {
    const char *id = ids_text(arena, shown->fragment);
    const char *subject = text_base64url(arena, hash_bytes(shown->subject));
    const char *receipt = NULL;
    ENSURE(id && subject, STATUS_MEMORY);
    if (shown->receipt.len > 0) TRY(arena_text(arena, shown->receipt, &receipt));
    json_t *value = json_pack("{s:s,s:I,s:s,s:s,s:s,s:O,s:s,s:s?}", "id", id, "revision", (json_int_t)shown->revision,
                              "kind", kind_name((enum kind)shown->kind), "source", shown->source, "subject", subject,
                              "content", content, "state", shown->state, "receipt", receipt);
    ENSURE(value, STATUS_MEMORY);
    *out = value;
    return STATUS_OK;
}

static const char *own_state(uint32_t state) {
    static const char *const names[] = {[FRAGMENT_STATE_QUEUED] = "queued",
                                        [FRAGMENT_STATE_STORED] = "stored",
                                        [FRAGMENT_STATE_WITHDRAWN] = "withdrawn",
                                        [FRAGMENT_STATE_REFUSED] = "refused"};
    return state < sizeof names / sizeof names[0] ? names[state] : NULL;
}

static enum status show_own(struct agent *agent, struct arena *arena, const struct fragment_row *row, json_t **out) {
    json_t *content CLEANUP(json_cleanup) = NULL;
    const struct shown shown = {.fragment = &row->fragment,
                                .revision = row->revision,
                                .kind = row->kind,
                                .source = row->unit,
                                .subject = &row->subject,
                                .state = own_state(row->state),
                                .receipt = row->receipt};
    ENSURE(shown.state, STATUS_INTEGRITY);
    TRY(publish_open(agent, arena, row, &content));
    return show(arena, &shown, content, out);
}

static enum status show_released(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                                 const struct id16 *fragment, json_t **out) {
    json_t *content CLEANUP(json_cleanup) = NULL;
    struct opened_copy copy;
    TRY(opened_find(agent, arena, caller->unit, fragment, &copy));
    TRY(json_read(copy.content, LIMIT_CONTENT_BYTES, &content));
    const struct shown shown = {.fragment = fragment,
                                .revision = copy.revision,
                                .kind = copy.kind,
                                .source = copy.source,
                                .subject = &copy.subject,
                                .state = "released",
                                .receipt = copy.receipt};
    return show(arena, &shown, content, out);
}

enum status joint_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, json_t **out) {
    struct newest_ask ask = {.arena = arena, .fragment = fragment};
    enum status status = store_read(agent->store, read_newest, &ask);
    bool own = status == STATUS_OK && strcmp(ask.row.unit, caller->unit) == 0;
    if (own) return show_own(agent, arena, &ask.row, out);
    if (status != STATUS_NOT_FOUND) TRY(status);
    return show_released(agent, arena, caller, fragment, out);
}
