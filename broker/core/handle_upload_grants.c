/*
 * UPLOAD_GRANTS: a source grants what it has published before. All grants of a message are for one token or one device.
 * Whether a consent is active is decided by the writer: a grant for one that ended meanwhile is not kept.
 */
#include "broker/core/handle.h"

#include "broker/core/grant_offer.h"
#include "proto/msg_release.h"

struct upload_work {
    struct grant_offers offers;
};

static bool same_holder(const struct key_grant *a, const struct key_grant *b) {
    if (!bytes_equal(a->token, b->token)) return false;
    return a->token.len > 0 || bytes_equal_text(bytes_text(a->recipient), b->recipient);
}

enum status handle_upload_grants_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    const struct msg_upload_grants *message = call->body;
    struct upload_work *work = ARENA_NEW(call->arena, struct upload_work);
    ENSURE(work, STATUS_MEMORY);
    TRY(grant_offer_open(call, message->grants, message->n_grants, &work->offers));
    for (size_t i = 1; i < work->offers.count; i++) {
        ENSURE(same_holder(&work->offers.items[0].grant, &work->offers.items[i].grant), STATUS_INVALID);
        for (size_t k = 0; k < i; k++) {
            ENSURE(!ids_equal(&work->offers.items[k].grant.fragment, &work->offers.items[i].grant.fragment),
                   STATUS_INVALID);
        }
    }
    call->work = work;
    return STATUS_OK;
}

enum status handle_upload_grants_apply(struct call *call, struct store_txn *txn) {
    struct upload_work *work = call->work;
    struct grant_holder holder;
    TRY(handle_sender(call));
    TRY(grant_offer_holder(call, txn, &work->offers.items[0], &holder));
    for (size_t i = 0; i < work->offers.count; i++) {
        TRY(grant_offer_judge(call, txn, &holder, ledger_now_ms(call->core->ledger), &work->offers.items[i]));
    }
    return grant_offer_keep(call, txn, &holder, work->offers.items, work->offers.count);
}

/* A repeated message: what its leaf names was kept. */
static enum status repeated_clauses(struct call *call, struct store_txn *txn, uint32_t *clauses) {
    const struct msg_upload_grants *message = call->body;
    struct ledger_leaf leaf;
    struct opening opening;
    TRY(ledger_read(call->core->ledger, txn, call->leaves[0], call->arena, &leaf));
    TRY(leaf_opening_parse(call->arena, leaf.opening, &opening));
    for (size_t i = 0; i < message->n_grants; i++) {
        struct hash hash = hash_sha256(message->grants[i]);
        clauses[i] = RULE_GRANT;
        for (size_t k = 0; k < opening.n_items; k++) {
            if (bytes_equal(opening.items[k].grant_hash, hash_bytes(&hash))) clauses[i] = RULE_PASS;
        }
    }
    return STATUS_OK;
}

enum status handle_upload_grants_answer(struct call *call, struct store_txn *txn) {
    const struct msg_upload_grants *message = call->body;
    const struct upload_work *work = call->work;
    uint32_t *clauses = ARENA_ARRAY(call->arena, uint32_t, message->n_grants);
    ENSURE(clauses, STATUS_MEMORY);
    struct msg_uploaded_grants uploaded = {.clauses = clauses, .n_clauses = message->n_grants};
    if (call->repeated) {
        TRY(repeated_clauses(call, txn, clauses));
    } else {
        for (size_t i = 0; i < message->n_grants; i++) {
            clauses[i] = work->offers.items[i].clause;
        }
    }
    if (call->n_leaves > 0) {
        TRY(ledger_receipt(call->core->ledger, txn, call->leaves[0], call->arena, &uploaded.receipt));
    }
    return msg_uploaded_grants_encode(call->arena, &uploaded, &call->answer_body);
}
