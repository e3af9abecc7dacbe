/*
 * OPEN_ENROLMENT: a member that identifies people announces the id of a one-time code that it has given to somebody.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/enrolment_rows.h"
#include "broker/core/ledger.h"
#include "proto/msg_enrol.h"

static enum status check_member(const struct call *call) {
    const struct member_record *member = NULL;
    ENSURE(directory_unit(call->directory, call->envelope.sender, &member), STATUS_DENIED);
    ENSURE(member->identifies_people, STATUS_DENIED);
    return STATUS_OK;
}

static enum status check_time(const struct msg_open_enrolment *message, uint64_t now_ms) {
    ENSURE(message->expires_ms > now_ms, STATUS_EXPIRED);
    ENSURE(message->expires_ms <= now_ms + ENROLMENT_ROWS_LIFE_MS, STATUS_INVALID);
    return STATUS_OK;
}

enum status handle_open_enrolment_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    TRY(check_member(call));
    return check_time(call->body, clock_now_ms(call->core->clock));
}

enum status handle_open_enrolment_apply(struct call *call, struct store_txn *txn) {
    const struct msg_open_enrolment *message = call->body;
    struct enrolment_row row;
    TRY(handle_sender(call));
    TRY(check_member(call));
    enum status found = enrolment_rows_get(call->core, txn, &message->enrolment, call->arena, &row);
    if (found == STATUS_OK) {
        bool same = strcmp(row.unit, call->envelope.sender) == 0 && row.expires_ms == message->expires_ms;
        return same ? STATUS_OK : STATUS_CONFLICT;
    }
    ENSURE(found == STATUS_NOT_FOUND, found);
    row = (struct enrolment_row){
        .enrolment = message->enrolment,
        .unit = call->envelope.sender,
        .expires_ms = message->expires_ms,
    };
    TRY(enrolment_rows_put(call->core, txn, &row, call->arena));
    return schedule_add(call->core, txn, message->expires_ms + ENROLMENT_ROWS_LIFE_MS, SCHEDULE_ENROLMENT,
                        LEDGER_NO_SLOT, &message->enrolment, call->arena);
}

enum status handle_open_enrolment_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    call->answer_body = BYTES_EMPTY;
    return STATUS_OK;
}
