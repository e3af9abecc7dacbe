/*
 * REQUEST_STATE: what a requester may know of its request. Unknown, undecided and refused persons all read pending
 * until the request expires, unless the person chose to tell.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/consent_rows.h"
#include "broker/core/request_rows.h"
#include "broker/core/token_rows.h"

static enum status add_tokens(struct call *call, struct store_txn *txn, uint32_t slot, const struct request_row *row,
                              struct msg_request_state_answer *answer) {
    struct consent_row consent;
    TRY(consent_rows_get(call->core, txn, slot, &row->consent, call->arena, &consent));
    struct bytes *tokens = ARENA_ARRAY(call->arena, struct bytes, consent.n_tokens);
    ENSURE(tokens, STATUS_MEMORY);
    for (size_t i = 0; i < consent.n_tokens; i++) {
        struct token_row token;
        TRY(token_rows_get(call->core, txn, slot, &consent.tokens[i].jti, call->arena, &token));
        tokens[i] = token.compact;
    }
    answer->tokens = tokens;
    answer->n_tokens = consent.n_tokens;
    return STATUS_OK;
}

static enum request_state shown(const struct request_row *row, uint64_t now_ms) {
    enum request_state state = request_rows_state(row, now_ms);
    if (state != REQUEST_REFUSED || row->tell) return state;
    return row->expires_ms <= now_ms ? REQUEST_EXPIRED : REQUEST_PENDING;
}

enum status handle_request_state_check(struct call *call, struct store_txn *txn) {
    const struct msg_request_state_ask *message = call->body;
    uint32_t slot = 0;
    struct request_row row;
    struct request_parts parts;
    TRY(request_rows_find(call->core, txn, &message->request, call->arena, &slot, &row));
    TRY(request_rows_parts(call->core, &row, call->arena, &parts));
    ENSURE(strcmp(parts.request.recipient, call->envelope.sender) == 0, STATUS_NOT_FOUND);
    struct msg_request_state_answer answer = {.state = shown(&row, clock_now_ms(call->core->clock))};
    if (answer.state == REQUEST_GRANTED) TRY(add_tokens(call, txn, slot, &row, &answer));
    return msg_request_state_answer_encode(call->arena, &answer, &call->answer_body);
}
