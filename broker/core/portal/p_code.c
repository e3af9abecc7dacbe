/*
 * POST /revoke: the revocation code, without any key. A code that nobody has gets the same answer, at the same pace,
 * and writes nothing.
 */
#include "broker/core/portal/p_handlers.h"

#include "broker/core/consent_change.h"
#include "broker/core/portal/nonces.h"
#include "proto/derive.h"
#include "proto/ids.h"

struct code_work {
    struct id16 code;
    struct hash rev;
};

enum status p_code_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct code_work *work = ARENA_NEW(call->arena, struct code_work);
    ENSURE(work, STATUS_MEMORY);
    if (!call->counted) TRY(nonces_try_code(call->core->nonces, clock_boot_ms(call->core->clock)));
    call->counted = true;
    TRY(ids_from_text(call->portal->id, &work->code));
    work->rev = derive_code_hash(call->core->federation, &work->code);
    call->work = work;
    return STATUS_OK;
}

enum status p_code_apply(struct call *call, struct store_txn *txn) {
    const struct code_work *work = call->work;
    uint32_t slot = 0;
    struct consent_row row;
    enum status found = consent_rows_by_code(call->core, txn, &work->rev, call->arena, &slot, &row);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    if (consent_rows_final(&row)) return STATUS_OK;
    const struct consent_change change = {
        .type = LEAF_CONSENT_REVOKED,
        .actor = "code",
        .sender = "code",
        .message = &row.consent,
        .request_hash = work->rev,
        .cause = ids_bytes(&work->code),
    };
    return consent_change_apply(call->core, txn, call, call->directory, slot, &row, &change, call->arena);
}

enum status p_code_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    call->answer_body = bytes_text("{}");
    return STATUS_OK;
}
