/*
 * REVOKE: a member ends a consent, on the person's spoken word or against the revocation code. Whoever is no party and
 * has no code gets the answer of a consent that does not exist.
 */
#include "broker/core/handle.h"

#include "broker/core/consent_change.h"
#include "proto/derive.h"
#include "proto/msg_consent.h"

static bool is_party(const struct consent_row *row, const char *member) {
    if (ids_unit_belongs(row->to, member)) return true;
    if (bytes_equal_text(bytes_text(row->attester), member)) return true;
    for (size_t i = 0; i < row->n_tokens; i++) {
        if (ids_unit_belongs(row->tokens[i].from, member)) return true;
    }
    return false;
}

/* By code: the consent's id may be left zero, since the code is all that a person has at hand. */
static enum status find_by_code(struct call *call, struct store_txn *txn, uint32_t *out_slot,
                                struct consent_row *out_row) {
    const struct msg_revoke *message = call->body;
    struct id16 code;
    TRY(ids_from_bytes(message->code, &code));
    struct hash rev = derive_code_hash(call->core->federation, &code);
    TRY(consent_rows_by_code(call->core, txn, &rev, call->arena, out_slot, out_row));
    bool same = ids_is_zero(&message->consent) || ids_equal(&message->consent, &out_row->consent);
    ENSURE(same, STATUS_NOT_FOUND);
    return STATUS_OK;
}

static enum status find(struct call *call, struct store_txn *txn, uint32_t *out_slot, struct consent_row *out_row) {
    const struct msg_revoke *message = call->body;
    if (message->code.len > 0) return find_by_code(call, txn, out_slot, out_row);
    TRY(consent_rows_find(call->core, txn, &message->consent, call->arena, out_slot, out_row));
    ENSURE(is_party(out_row, call->member), STATUS_NOT_FOUND);
    return STATUS_OK;
}

enum status handle_revoke_apply(struct call *call, struct store_txn *txn) {
    uint32_t slot = 0;
    struct consent_row row;
    TRY(handle_sender(call));
    TRY(find(call, txn, &slot, &row));
    const struct consent_change change = {
        .type = LEAF_CONSENT_REVOKED,
        .actor = call->envelope.sender,
        .sender = call->sender,
        .message = &call->message,
        .cause = call->envelope_bytes,
        .unit_first = call->envelope.sender,
    };
    return consent_change_apply(call->core, txn, call, call->directory, slot, &row, &change, call->arena);
}
