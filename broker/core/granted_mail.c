/*
 * Puts the event together from the rows of token, request and device.
 */
#include "broker/core/granted_mail.h"

#include <string.h>

#include "broker/core/device_rows.h"
#include "broker/core/request_rows.h"
#include "broker/core/token_rows.h"

struct rows {
    struct token_row token;
    struct request_row request;
    struct device_row device;
};

static enum status load(const struct core *core, struct store_txn *txn, uint32_t slot,
                        const struct consent_row *consent, const struct consent_token *token, struct arena *arena,
                        struct rows *rows) {
    TRY(token_rows_get(core, txn, slot, &token->jti, arena, &rows->token));
    TRY(request_rows_get(core, txn, slot, &consent->request, arena, &rows->request));
    return device_rows_get(core, txn, slot, &consent->device, arena, &rows->device);
}

/* The salt that opens the commitment to this source. */
static enum status salt_for(const struct msg_request_consent *message, const char *unit, struct arena *arena,
                            struct bytes *out_salt) {
    for (size_t i = 0; i < message->n_sources; i++) {
        if (strcmp(message->sources[i].unit, unit) != 0) continue;
        return arena_copy(arena, hash_bytes(&message->sources[i].salt), out_salt);
    }
    return STATUS_INTEGRITY;
}

static enum status copy_ids(struct arena *arena, const struct consent_row *consent, struct msg_mail_event *event) {
    TRY(arena_copy(arena, hash_bytes(&consent->subject), &event->subject));
    return arena_copy(arena, ids_bytes(&consent->consent), &event->consent);
}

enum status granted_mail_load(const struct core *core, struct store_txn *txn, uint32_t slot,
                              const struct consent_row *consent, const struct consent_token *token, const char *unit,
                              struct arena *arena, struct granted_mail *out) {
    struct rows rows;
    struct request_parts parts;
    struct granted_mail mail = {.n_leaves = 3};
    enum status loaded = load(core, txn, slot, consent, token, arena, &rows);
    ENSURE(loaded != STATUS_NOT_FOUND, STATUS_INTEGRITY);
    TRY(loaded);
    TRY(request_rows_parts(core, &rows.request, arena, &parts));
    mail.event = (struct msg_mail_event){
        .type = EVENT_CONSENT_GRANTED,
        .unit = unit,
        .token = rows.token.compact,
        .request = parts.message.request,
        .attestation = rows.device.attestation,
        .state = consent->state,
    };
    TRY(copy_ids(arena, consent, &mail.event));
    if (strcmp(unit, token->from) == 0) TRY(salt_for(&parts.message, unit, arena, &mail.event.salt));
    mail.leaves[0] = token->leaf;
    mail.leaves[1] = rows.request.leaf;
    mail.leaves[2] = rows.device.leaf;
    *out = mail;
    return STATUS_OK;
}
