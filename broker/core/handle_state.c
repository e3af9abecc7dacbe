/*
 * STATE: a state statement for a token, signed by keyd, for the token's recipient or source. A source relies on it when
 * it grants.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/consent_rows.h"
#include "broker/core/keyd_client.h"
#include "broker/core/token_rows.h"
#include "proto/msg_consent.h"

enum status handle_state_check(struct call *call, struct store_txn *txn) {
    const struct msg_state *message = call->body;
    uint32_t slot = 0;
    struct token_row token;
    struct consent_row consent;
    TRY(token_rows_find(call->core, txn, &message->token, call->arena, &slot, &token));
    bool party = strcmp(token.to, call->envelope.sender) == 0 || strcmp(token.from, call->envelope.sender) == 0;
    ENSURE(party, STATUS_NOT_FOUND);
    TRY(consent_rows_get(call->core, txn, slot, &token.consent, call->arena, &consent));

    uint64_t size = 0;
    struct msg_state_answer answer;
    TRY(ledger_signed_in(call->core->ledger, txn, call->arena, &size));
    /* The statement names a signed tree: it must not say what only a later tree shows, nor name one that shows more
     * than was read. */
    ENSURE(consent.state_leaf < size, STATUS_RETRY);
    TRY(keyd_client_state(call->keyd, &message->token, consent.state, size, clock_now_ms(call->core->clock),
                          call->arena, &answer.state));
    return msg_state_answer_encode(call->arena, &answer, &call->answer_body);
}
