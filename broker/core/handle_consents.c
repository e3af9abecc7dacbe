/*
 * CONSENTS: the consents of a person that a member is part of, as CONSENT_GRANTED events with the state of now. To a
 * member that has none, a known person and an unknown one are alike.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/consent_rows.h"
#include "broker/core/granted_mail.h"
#include "broker/core/subject.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"
#include "proto/msg_events.h"

struct listing {
    struct call *call;
    struct store_txn *txn;
    uint32_t slot;
    struct msg_mail_event *events;
    size_t count;
};

static enum status add_event(struct listing *listing, const struct consent_row *consent,
                             const struct consent_token *token, const char *unit) {
    if (!ids_unit_belongs(unit, listing->call->member) || listing->count == LIMIT_EVENTS) return STATUS_OK;
    struct granted_mail mail;
    TRY(granted_mail_load(listing->call->core, listing->txn, listing->slot, consent, token, unit, listing->call->arena,
                          &mail));
    struct bytes *receipts = ARENA_ARRAY(listing->call->arena, struct bytes, mail.n_leaves);
    ENSURE(receipts, STATUS_MEMORY);
    for (size_t i = 0; i < mail.n_leaves; i++) {
        TRY(ledger_receipt(listing->call->core->ledger, listing->txn, mail.leaves[i], listing->call->arena,
                           &receipts[i]));
    }
    mail.event.receipts = receipts;
    mail.event.n_receipts = mail.n_leaves;
    listing->events[listing->count++] = mail.event;
    return STATUS_OK;
}

/* Those that are in force first: the answer is bounded. */
static enum status add_consents(struct listing *listing, const struct consent_list *consents, bool final) {
    for (size_t i = 0; i < consents->count; i++) {
        const struct consent_row *consent = &consents->items[i];
        if (consent_rows_final(consent) != final) continue;
        for (size_t k = 0; k < consent->n_tokens; k++) {
            TRY(add_event(listing, consent, &consent->tokens[k], consent->to));
            TRY(add_event(listing, consent, &consent->tokens[k], consent->tokens[k].from));
        }
    }
    return STATUS_OK;
}

static enum status list_subject(struct listing *listing, const struct hash *subject) {
    struct call *call = listing->call;
    struct consent_list consents;
    enum status found = subject_find(call->core, listing->txn, INDEX_HANDLE, hash_bytes(subject), &listing->slot);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    TRY(consent_rows_list(call->core, listing->txn, listing->slot, call->arena, &consents));
    TRY(add_consents(listing, &consents, false));
    return add_consents(listing, &consents, true);
}

enum status handle_consents_check(struct call *call, struct store_txn *txn) {
    const struct msg_consents_ask *message = call->body;
    struct listing listing = {.call = call, .txn = txn};
    listing.events = ARENA_ARRAY(call->arena, struct msg_mail_event, LIMIT_EVENTS);
    ENSURE(listing.events, STATUS_MEMORY);
    TRY(list_subject(&listing, &message->subject));
    const struct msg_consents_answer answer = {listing.events, listing.count};
    return msg_consents_answer_encode(call->arena, &answer, &call->answer_body);
}
