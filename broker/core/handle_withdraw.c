/*
 * WITHDRAW: a source takes one of its fragments back. Also used by ERASE, for all fragments of a member.
 */
#include "broker/core/handle_withdraw.h"

#include <string.h>

#include "broker/core/consent_rows.h"
#include "broker/core/entry.h"
#include "broker/core/handle.h"
#include "broker/core/mailbox.h"
#include "proto/fragment_header.h"
#include "proto/msg_publish.h"

static bool consent_covers(const struct consent_row *consent, const struct fragment_row *fragment) {
    return consent->state == CONSENT_ACTIVE && consent_rows_token_from(consent, fragment->source) &&
           consent_rows_has_kind(consent, fragment->kind);
}

enum status handle_withdraw_tell(struct call *call, struct store_txn *txn, uint32_t slot,
                                 const struct consent_list *consents, const struct fragment_row *fragment,
                                 const struct hash *subject, uint64_t leaf) {
    for (size_t i = 0; i < consents->count; i++) {
        if (!consent_covers(&consents->items[i], fragment)) continue;
        const struct msg_mail_event event = {
            .type = EVENT_WITHDRAWN,
            .unit = consents->items[i].to,
            .subject = hash_bytes(subject),
            .fragment = ids_bytes(&fragment->fragment),
            .revision = fragment->revision,
        };
        TRY(mailbox_put(call->core, txn, slot, &event, &leaf, 1, call->arena));
    }
    return STATUS_OK;
}

/* The handle stands in the header, which goes with the fragment. */
static enum status subject_of(struct call *call, struct store_txn *txn, const struct fragment_row *fragment,
                              struct hash *out_subject) {
    struct bytes header;
    struct fragment_signed parts;
    TRY(fragment_rows_header(call->core, txn, &fragment->fragment, call->arena, &header));
    TRY(fragment_header_split(call->arena, header, &parts));
    *out_subject = parts.core.subject;
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, uint32_t slot, const struct hash *subject,
                               const struct fragment_row *fragment) {
    const struct opening_item item = {
        .fragment = fragment->fragment,
        .revision = fragment->revision,
        .header_hash = fragment->header_hash,
        .ciphertext_hash = fragment->ciphertext_hash,
    };
    struct entry entry = {0};
    entry_init(&entry, LEAF_WITHDRAWN, slot, subject, call->envelope.sender, call->directory);
    entry_cause(&entry, call->envelope_bytes);
    entry.opening.source = fragment->source;
    entry.opening.items = &item;
    entry.opening.n_items = 1;
    entry_prior(&entry, fragment->leaf);
    return call_append(call, txn, &entry.ledger);
}

enum status handle_withdraw_apply(struct call *call, struct store_txn *txn) {
    const struct msg_withdraw *message = call->body;
    uint32_t slot = 0;
    struct fragment_row fragment;
    struct hash subject;
    struct consent_list consents;
    TRY(handle_sender(call));
    TRY(fragment_rows_find(call->core, txn, &message->fragment, call->arena, &slot, &fragment));
    ENSURE(strcmp(fragment.source, call->envelope.sender) == 0, STATUS_NOT_FOUND);
    ENSURE(fragment.state == FRAGMENT_CURRENT, STATUS_CONFLICT);
    TRY(subject_of(call, txn, &fragment, &subject));
    TRY(consent_rows_list(call->core, txn, slot, call->arena, &consents));
    TRY(append_leaf(call, txn, slot, &subject, &fragment));
    TRY(fragment_rows_withdraw(call->core, txn, slot, &fragment, call->arena));
    return handle_withdraw_tell(call, txn, slot, &consents, &fragment, &subject, call->leaves[0]);
}
