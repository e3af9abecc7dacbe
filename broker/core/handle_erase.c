/*
 * ERASE: a member takes all its own fragments of a person back. Nothing of the log is shredded. The opening names
 * nobody, but its cause does: both are sealed under the person's slot. A person that core does not know takes the same
 * way.
 */
#include "broker/core/handle.h"

#include "broker/core/consent_rows.h"
#include "broker/core/entry.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/handle_withdraw.h"
#include "broker/core/subject.h"
#include "proto/limits.h"
#include "proto/msg_publish.h"

#define ERASE_MOST ((size_t)STORE_SCAN_MAX - 1)

struct erasure {
    struct call *call;
    struct store_txn *txn;
    uint32_t slot;
    struct fragment_list lists[LIMIT_UNITS];
    size_t n_lists;
    uint64_t count;
};

static enum status gather(struct erasure *erasure, const struct hash *subject) {
    struct call *call = erasure->call;
    const struct member_record *member = NULL;
    ENSURE(directory_unit(call->directory, call->envelope.sender, &member), STATUS_DENIED);
    TRY(subject_require(call->core, erasure->txn, subject, &erasure->slot));
    for (size_t i = 0; i < member->n_units && i < LIMIT_UNITS; i++) {
        struct fragment_list *list = &erasure->lists[erasure->n_lists++];
        TRY(fragment_rows_of_unit(erasure->txn, erasure->slot, member->units[i].id, ERASE_MOST, call->arena, list));
        erasure->count += list->count;
    }
    return STATUS_OK;
}

static enum status append_leaf(struct erasure *erasure) {
    struct entry entry = {0};
    entry_init(&entry, LEAF_ERASED, erasure->slot, NULL, erasure->call->envelope.sender, erasure->call->directory);
    entry_cause(&entry, erasure->call->envelope_bytes);
    entry.opening.number = erasure->count;
    return call_append(erasure->call, erasure->txn, &entry.ledger);
}

static enum status withdraw_list(struct erasure *erasure, const struct fragment_list *list,
                                 const struct consent_list *consents, const struct hash *subject) {
    struct call *call = erasure->call;
    for (size_t i = 0; i < list->count; i++) {
        TRY(fragment_rows_withdraw(call->core, erasure->txn, erasure->slot, &list->items[i], call->arena));
        TRY(handle_withdraw_tell(call, erasure->txn, erasure->slot, consents, &list->items[i], subject,
                                 call->leaves[0]));
    }
    return STATUS_OK;
}

enum status handle_erase_apply(struct call *call, struct store_txn *txn) {
    const struct msg_erase *message = call->body;
    struct consent_list consents = {0};
    struct erasure *erasure = ARENA_NEW(call->arena, struct erasure);
    ENSURE(erasure, STATUS_MEMORY);
    *erasure = (struct erasure){.call = call, .txn = txn};
    TRY(handle_sender(call));
    TRY(gather(erasure, &message->subject));
    TRY(consent_rows_list(call->core, txn, erasure->slot, call->arena, &consents));
    TRY(append_leaf(erasure));
    for (size_t i = 0; i < erasure->n_lists; i++) {
        TRY(withdraw_list(erasure, &erasure->lists[i], &consents, &message->subject));
    }
    return STATUS_OK;
}
