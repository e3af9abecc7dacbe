/*
 * EVENTS: a member's mailbox as a long poll, with checkpoints for those that witness; and EVALUATE, which goes to keyd.
 */
#include "broker/core/handle_engine.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "broker/core/mailbox.h"
#include "broker/core/mailroom.h"
#include "broker/core/witnesses.h"
#include "broker/core/worker.h"
#include "broker/role.h"
#include "proto/msg_enrol.h"
#include "proto/msg_events.h"

/* One that witnesses says what it saw last. A log that is older than that stops core. */
static enum status hear_witness(struct call *call, const struct msg_events *ask) {
    struct core *core = call->core;
    if (!ask->ready_to_witness) return STATUS_OK;
    bool before = witnesses_passed(core->witnesses);
    uint64_t size = ledger_signed_size(core->ledger);
    enum status status = witnesses_spoke(core->witnesses, call->directory, call->member, ask->witnessed, size);
    if (status == STATUS_FORK) core_stop(core, ROLE_INTEGRITY, "witness_saw_more", status);
    TRY(status);
    if (!before && witnesses_passed(core->witnesses)) {
        workers_push_list(core->workers, mailroom_take_all(core->mailroom), CALL_CHECK);
    }
    return STATUS_OK;
}

static enum status add_offer(struct call *call, struct store_txn *txn, const struct msg_events *ask,
                             struct msg_events_answer *answer) {
    struct core *core = call->core;
    struct bytes note;
    uint64_t size = 0;
    if (!ask->ready_to_witness) return STATUS_OK;
    enum status have = ledger_checkpoint(core->ledger, call->arena, &note, &size);
    if (have == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(have);
    if (!witnesses_take_offer(core->witnesses, call->directory, call->member, ask->witnessed, size)) return STATUS_OK;
    struct merkle_proof *proof = ARENA_NEW(call->arena, struct merkle_proof);
    ENSURE(proof, STATUS_MEMORY);
    if (ask->witnessed > 0) TRY(ledger_consistency(core->ledger, txn, ask->witnessed, size, proof));
    answer->offer = note;
    answer->consistency = proof->hashes;
    answer->n_consistency = proof->count;
    return STATUS_OK;
}

static enum status add_mail(struct call *call, struct store_txn *txn, const struct msg_events *ask,
                            struct msg_events_answer *answer) {
    struct core *core = call->core;
    if (!witnesses_passed(core->witnesses)) return STATUS_OK;
    TRY(mailbox_list(core, txn, call->member, ask->after, ask->most, call->arena, &answer->events, &answer->n_events));
    /* Only what a list can be asked for reaches the writer. */
    if (ask->after) mailroom_handled(core->mailroom, call->member, ask->after);
    return STATUS_OK;
}

enum status handle_events_check(struct call *call, struct store_txn *txn) {
    const struct msg_events *ask = call->body;
    struct msg_events_answer answer = {.directory_sequence = directory_sequence(call->directory)};
    TRY(hear_witness(call, ask));
    TRY(add_mail(call, txn, ask, &answer));
    TRY(add_offer(call, txn, ask, &answer));
    bool something = answer.n_events > 0 || answer.offer.len > 0;
    uint64_t until_ms = call->arrived_ms + ask->wait_ms;
    if (!something && !call->park.over && clock_boot_ms(call->core->clock) < until_ms) {
        call->park.wanted = true;
        call->park.until_ms = until_ms;
        call->park.witness = ask->ready_to_witness;
        call->park.witnessed = ask->witnessed;
        return STATUS_OK;
    }
    return msg_events_answer_encode(call->arena, &answer, &call->answer_body);
}

enum status handle_events_evaluate(struct call *call, struct store_txn *txn) {
    (void)txn;
    return keyd_client_evaluate(call->keyd, call->envelope_bytes, call->arena, &call->answer_body);
}
