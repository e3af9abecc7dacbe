/*
 * GET /v1/time: the broker's time, its federation's name and a first nonce. Asks for no proof.
 */
#include "broker/core/portal/p_handlers.h"

#include "broker/core/portal/nonces.h"
#include "broker/core/portal/p_call.h"

enum status p_time_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    const uint64_t now_ms = clock_now_ms(call->core->clock);
    call->nonce = nonces_issue(call->core->nonces, now_ms, call->arena);
    ENSURE(call->nonce, STATUS_MEMORY);
    return p_call_answer(call, json_pack("{s:I, s:s, s:s}", "now", (json_int_t)(now_ms / 1000), "federation",
                                         call->core->federation, "nonce", call->nonce));
}
