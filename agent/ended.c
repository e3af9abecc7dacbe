/*
 * Endings. Invariant: once a final state is committed, no key of an opened copy survives the next vault_bury, and the
 * acknowledgement stands in the outbox.
 */
#include "agent/ended.h"

#include "agent/agent_internal.h"
#include "agent/consent_store.h"
#include "agent/fragment_store.h"
#include "agent/opened.h"
#include "agent/outbox.h"
#include "agent/row.h"
#include "agent/subject.h"
#include "proto/msg_consent.h"

static bool is_final(enum consent_state state) {
    return state == CONSENT_STATE_REVOKED || state == CONSENT_STATE_EXPIRED || state == CONSENT_STATE_SUPERSEDED;
}

/* What one token's recipient kept. */
static enum status purge_token(struct store_txn *txn, struct arena *arena, struct consent_row *row,
                               uint64_t *out_count) {
    *out_count = 0;
    if (row->side != CONSENT_SIDE_RECIPIENT) return STATUS_OK;
    TRY(opened_purge(txn, arena, &row->token, out_count));
    TRY(store_delete(txn, AGENT_RELEASE, ids_bytes(&row->token)));
    if (row->slot != 0) TRY(vault_doom(txn, row->slot));
    row->slot = 0;
    return STATUS_OK;
}

static enum status apply_to(struct store_txn *txn, struct arena *arena, struct consent_row *row,
                            const struct ended_change *change, uint64_t *out_count) {
    *out_count = 0;
    if (is_final((enum consent_state)row->state) || change->leaf < row->leaf) return STATUS_OK;
    row->state = (uint32_t)change->state;
    row->leaf = change->leaf;
    if (is_final(change->state)) TRY(purge_token(txn, arena, row, out_count));
    return consent_store_put(txn, arena, row);
}

/* One for each consent and ending. */
static enum status acknowledge(struct store_txn *txn, struct arena *arena, const struct ended_change *change,
                               const char *unit, uint64_t purged) {
    bool done = false;
    uint64_t order = 0;
    uint8_t ending = (uint8_t)change->state;
    const struct msg_acknowledge message = {
        .consent = change->consent, .ending = (uint32_t)change->state, .purged = purged};
    struct outbox_row row = {.type = MESSAGE_ACKNOWLEDGE, .unit = unit};
    TRY(store_has(txn, AGENT_ENDING, ids_bytes(&change->consent), &done));
    if (done) return STATUS_OK;
    TRY(store_put(txn, AGENT_ENDING, ids_bytes(&change->consent), BYTES(&ending, 1)));
    TRY(msg_acknowledge_encode(arena, &message, &row.body));
    return outbox_add(txn, arena, &row, &order);
}

enum status ended_apply(struct store_txn *txn, struct arena *arena, const struct ended_change *change,
                        uint64_t *out_purged) {
    struct consent_rows rows;
    uint64_t purged = 0;
    TRY(consent_store_of_consent(txn, arena, &change->consent, &rows));
    ENSURE(rows.count > 0, STATUS_NOT_FOUND);
    for (size_t i = 0; i < rows.count; i++) {
        uint64_t count = 0;
        TRY(apply_to(txn, arena, &rows.items[i], change, &count));
        purged += count;
    }
    if (is_final(change->state)) TRY(acknowledge(txn, arena, change, rows.items[0].unit, purged));
    *out_purged = purged;
    return STATUS_OK;
}

enum status ended_erase(struct store_txn *txn, struct arena *arena, const struct hash *subject) {
    struct consent_rows rows;
    TRY(consent_store_of_subject(txn, arena, subject, 0, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        uint64_t count = 0;
        struct consent_row *row = &rows.items[i];
        TRY(purge_token(txn, arena, row, &count));
        if (!is_final((enum consent_state)row->state)) row->state = CONSENT_STATE_REVOKED;
        TRY(consent_store_put(txn, arena, row));
    }
    return ended_erase_source(txn, arena, subject);
}

enum status ended_erase_source(struct store_txn *txn, struct arena *arena, const struct hash *subject) {
    TRY(fragment_store_forget(txn, arena, subject));
    return subject_forget(txn, arena, subject);
}
