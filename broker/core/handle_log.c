/*
 * Answers about the log: checkpoints for agents, cosignatures, and the C2SP forms for the portal.
 */
#include "broker/core/handle_engine.h"
#include "broker/core/ledger.h"
#include "broker/core/witnesses.h"
#include "proto/msg_directory.h"
#include "proto/tile.h"

enum { LOG_TILE_AGE_S = 31536000, LOG_MOVING_AGE_S = 0 };

/* What reply a proof makes. */
static enum status answer_note(struct call *call, struct store_txn *txn, struct bytes note, uint64_t size,
                               uint64_t have) {
    struct merkle_proof proof = {.count = 0};
    if (have > 0) TRY(ledger_consistency(call->core->ledger, txn, have, size, &proof));
    const struct msg_checkpoint_answer answer = {
        .checkpoint = note, .consistency = proof.hashes, .n_consistency = proof.count};
    return msg_checkpoint_answer_encode(call->arena, &answer, &call->answer_body);
}

/* One that knows more than what is asked for waits for it; one that knows more than there is, is wrong. */
enum status handle_log_checkpoint(struct call *call, struct store_txn *txn) {
    const struct msg_checkpoint_ask *ask = call->body;
    struct bytes note;
    uint64_t size = 0;
    enum status found = ask->cosigned
                            ? witnesses_cosigned(call->core->witnesses, call->directory, call->arena, &note, &size)
                            : ledger_checkpoint(call->core->ledger, call->arena, &note, &size);
    ENSURE(found != STATUS_NOT_FOUND, STATUS_RETRY);
    TRY(found);
    ENSURE(ask->have <= size || !ask->cosigned, STATUS_RETRY);
    return answer_note(call, txn, note, size, ask->have);
}

enum status handle_log_cosign(struct call *call, struct store_txn *txn) {
    (void)txn;
    const struct msg_cosign *cosign = call->body;
    return witnesses_cosign(call->core->witnesses, call->directory, call->member, cosign->cosigned, call->arena);
}

enum status handle_log_portal_checkpoint(struct call *call, struct store_txn *txn) {
    (void)txn;
    uint64_t size;
    enum status found =
        witnesses_cosigned(call->core->witnesses, call->directory, call->arena, &call->answer_body, &size);
    uint64_t newest;
    struct bytes note;
    TRY(ledger_checkpoint(call->core->ledger, call->arena, &note, &newest));
    /* Cosignatures are shown where they cover the newest tree. */
    if (found != STATUS_OK || size < newest) call->answer_body = note;
    call->content_type = "text/plain; charset=utf-8";
    call->max_age_s = LOG_MOVING_AGE_S;
    return STATUS_OK;
}

static void describe_tile(struct call *call) {
    call->content_type = "application/octet-stream";
    call->max_age_s = LOG_TILE_AGE_S;
}

enum status handle_log_portal_tile(struct call *call, struct store_txn *txn) {
    const struct portal_ask *ask = call->portal;
    ENSURE(ask->a < TILE_LEVEL_COUNT && ask->width <= TILE_WIDTH, STATUS_NOT_FOUND);
    describe_tile(call);
    return ledger_tile(call->core->ledger, txn, (uint32_t)ask->a, ask->b, ask->width, call->arena, &call->answer_body);
}

enum status handle_log_portal_entries(struct call *call, struct store_txn *txn) {
    const struct portal_ask *ask = call->portal;
    ENSURE(ask->width <= TILE_WIDTH, STATUS_NOT_FOUND);
    describe_tile(call);
    return ledger_entries(call->core->ledger, txn, ask->b, ask->width, call->arena, &call->answer_body);
}
