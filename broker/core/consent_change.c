/*
 * The state machine of consents, and all that follows from one step of it.
 */
#include "broker/core/consent_change.h"

#include <string.h>

#include "broker/core/entry.h"
#include "broker/core/erasure.h"
#include "broker/core/grant_rows.h"
#include "broker/core/mailbox.h"
#include "broker/core/schedule.h"
#include "broker/core/token_rows.h"
#include "proto/derive.h"

#define ACTIVE    (1U << CONSENT_ACTIVE)
#define SUSPENDED (1U << CONSENT_STATE_SUSPENDED)

struct step {
    enum leaf_type type;
    unsigned from; /* set of states */
    enum consent_state to;
    enum event_type event;
};

static const struct step steps[] = {
    {LEAF_CONSENT_SUSPENDED, ACTIVE, CONSENT_STATE_SUSPENDED, EVENT_CONSENT_SUSPENDED},
    {LEAF_CONSENT_RESUMED, SUSPENDED, CONSENT_ACTIVE, EVENT_CONSENT_RESUMED},
    {LEAF_CONSENT_REVOKED, ACTIVE | SUSPENDED, CONSENT_STATE_REVOKED, EVENT_CONSENT_ENDED},
    {LEAF_CONSENT_EXPIRED, ACTIVE | SUSPENDED, CONSENT_STATE_EXPIRED, EVENT_CONSENT_ENDED},
    {LEAF_CONSENT_SUPERSEDED, ACTIVE | SUSPENDED, CONSENT_STATE_SUPERSEDED, EVENT_CONSENT_ENDED},
};

static const struct step *find_step(enum consent_state from, enum leaf_type type) {
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].type == type && (steps[i].from & (1U << from))) return &steps[i];
    }
    return NULL;
}

bool consent_change_allowed(enum consent_state from, enum leaf_type type) { return find_step(from, type) != NULL; }

/* One change on its way through. */
struct run {
    struct core *core;
    struct store_txn *txn;
    struct call *call;
    const struct directory *directory;
    uint32_t slot;
    struct consent_row *row;
    const struct consent_change *change;
    const struct step *step;
    struct arena *arena;
};

static enum status append(struct run *run, struct entry *entry, uint64_t *out_leaf) {
    if (!run->call) return ledger_append(run->core->ledger, run->txn, &entry->ledger, out_leaf);
    TRY(call_append(run->call, run->txn, &entry->ledger));
    *out_leaf = run->call->leaves[run->call->n_leaves - 1];
    return STATUS_OK;
}

static enum status append_leaf(struct run *run, const struct consent_token *token, uint32_t n, uint64_t *out_leaf) {
    const struct consent_change *change = run->change;
    const struct consent_row *row = run->row;
    struct entry entry = {0};
    entry_init(&entry, change->type, run->slot, &row->subject, change->actor, run->directory);
    const struct id16 *message = change->message ? change->message : &token->jti;
    entry.ledger.event =
        derive_event_id(run->core->federation, change->sender, message, change->message ? change->first + n : 0);
    entry.ledger.request_hash = change->request_hash;
    entry_cause(&entry, change->cause);
    if (!hash_is_zero(&change->cause_hash)) entry_cause_hash(&entry, &change->cause_hash);
    entry.opening.consent = ids_bytes(&row->consent);
    entry.opening.token = ids_bytes(&token->jti);
    entry.opening.recipient = row->to;
    entry.opening.source = token->from;
    entry.opening.number = run->step->to;
    entry_prior(&entry, token->leaf);
    return append(run, &entry, out_leaf);
}

/* Tells the recipient and the token's source. */
static enum status tell(struct run *run, const struct consent_token *token, uint64_t leaf) {
    struct token_row stored;
    TRY(token_rows_get(run->core, run->txn, run->slot, &token->jti, run->arena, &stored));
    struct msg_mail_event event = {
        .type = run->step->event,
        .subject = hash_bytes(&run->row->subject),
        .consent = ids_bytes(&run->row->consent),
        .token = stored.compact,
        .statement = run->change->statement,
        .state = run->step->to,
    };
    event.unit = run->row->to;
    TRY(mailbox_put(run->core, run->txn, run->slot, &event, &leaf, 1, run->arena));
    event.unit = token->from;
    return mailbox_put(run->core, run->txn, run->slot, &event, &leaf, 1, run->arena);
}

static enum status change_token(struct run *run, const struct consent_token *token, uint32_t n) {
    uint64_t leaf = 0;
    TRY(append_leaf(run, token, n, &leaf));
    run->row->state_leaf = leaf;
    return tell(run, token, leaf);
}

static enum status change_tokens(struct run *run) {
    uint32_t n = 0;
    const struct consent_token *first =
        run->change->unit_first ? consent_rows_token_from(run->row, run->change->unit_first) : NULL;
    if (first) TRY(change_token(run, first, n++));
    for (size_t i = 0; i < run->row->n_tokens; i++) {
        const struct consent_token *token = &run->row->tokens[i];
        if (token != first) TRY(change_token(run, token, n++));
    }
    return STATUS_OK;
}

/* The rows go now, their content with the slot, which the engine destroys once the batch is durable. */
static enum status destroy_grants(struct run *run) {
    for (size_t i = 0; i < run->row->n_tokens; i++) {
        struct grant_owner owner = grant_rows_of_token(run->core, &run->row->tokens[i].jti, run->row->key_slot);
        TRY(grant_rows_delete_all(run->txn, &owner, run->arena));
    }
    return erasure_mark(run->core, run->txn, run->row->key_slot);
}

enum status consent_change_apply(struct core *core, struct store_txn *txn, struct call *call,
                                 const struct directory *directory, uint32_t slot, struct consent_row *row,
                                 const struct consent_change *change, struct arena *arena) {
    struct run run = {core, txn, call, directory, slot, row, change, find_step(row->state, change->type), arena};
    ENSURE(run.step, STATUS_CONFLICT);
    ENSURE(!call || call->n_leaves + row->n_tokens <= CALL_LEAVES_MAX, STATUS_LIMIT);
    TRY(change_tokens(&run));
    row->state = run.step->to;
    TRY(consent_rows_put(core, txn, slot, row, arena));
    return consent_rows_final(row) ? destroy_grants(&run) : STATUS_OK;
}

/* One consent of 32 tokens, with two mails for each, and their copies on the way. */
#define EXPIRE_ARENA_BYTES ((size_t)4 << 20)

enum status consent_change_expire(struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *consent,
                                  struct arena *arena) {
    struct consent_row row;
    enum status found = consent_rows_get(core, txn, slot, consent, arena, &row);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    if (consent_rows_final(&row)) return STATUS_OK;
    if (ledger_now_ms(core->ledger) < row.exp_ms) {
        return schedule_add(core, txn, row.exp_ms, SCHEDULE_CONSENT_EXPIRY, slot, consent, arena);
    }
    struct directory *directory CLEANUP(directory_unref_cleanup) = core_directory(core);
    const struct consent_change change = {.type = LEAF_CONSENT_EXPIRED, .actor = "broker", .sender = "broker"};
    /* The batch's arena is for all that is due: what one end takes is given back with it. */
    struct arena *own CLEANUP(arena_free_cleanup) = arena_new(EXPIRE_ARENA_BYTES);
    ENSURE(own, STATUS_MEMORY);
    return consent_change_apply(core, txn, NULL, directory, slot, &row, &change, own);
}
