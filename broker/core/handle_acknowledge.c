/*
 * ACKNOWLEDGE: a member reports that it has purged what a consent that ended had opened. One leaf for each party and
 * consent; whoever says it again gets the first.
 */
#include "broker/core/handle.h"

#include "broker/core/consent_rows.h"
#include "broker/core/entry.h"
#include "proto/msg_consent.h"

/* Where the party's acknowledgement is noted: NULL for a member that is no party. */
static uint64_t *find_note(struct consent_row *row, const char *unit, const char *member) {
    struct consent_token *token = consent_rows_token_from(row, unit);
    if (token) return &token->ack_leaf;
    if (ids_unit_belongs(row->to, member)) return &row->ack_leaf;
    for (size_t i = 0; i < row->n_tokens; i++) {
        if (ids_unit_belongs(row->tokens[i].from, member)) return &row->tokens[i].ack_leaf;
    }
    return NULL;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, uint32_t slot, const struct consent_row *row) {
    struct entry entry = {0};
    entry_init(&entry, LEAF_ACKNOWLEDGED, slot, &row->subject, call->envelope.sender, call->directory);
    entry_cause(&entry, call->envelope_bytes);
    entry.opening.consent = ids_bytes(&row->consent);
    entry.opening.number = row->state;
    return call_append(call, txn, &entry.ledger);
}

enum status handle_acknowledge_apply(struct call *call, struct store_txn *txn) {
    const struct msg_acknowledge *message = call->body;
    uint32_t slot = 0;
    struct consent_row row;
    TRY(handle_sender(call));
    TRY(consent_rows_find(call->core, txn, &message->consent, call->arena, &slot, &row));
    uint64_t *note = find_note(&row, call->envelope.sender, call->member);
    ENSURE(note, STATUS_NOT_FOUND);
    ENSURE(consent_rows_final(&row) && message->ending == (uint32_t)row.state, STATUS_INVALID);
    if (*note > 0) {
        call->leaves[0] = *note - 1;
        call->n_leaves = 1;
        return STATUS_OK;
    }
    TRY(append_leaf(call, txn, slot, &row));
    *note = call->leaves[0] + 1;
    return consent_rows_put(call->core, txn, slot, &row, call->arena);
}
