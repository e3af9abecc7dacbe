/*
 * POST /revoke: the revocation code, without any key. A code that nobody has gets the same answer, at the same pace,
 * and writes nothing.
 */
#include "broker/core/portal/p_handlers.h"

#include <string.h>

#include "broker/core/consent_change.h"
#include "broker/core/portal/nonces.h"
#include "proto/derive.h"
#include "proto/ids.h"

#define FIELD "code="
/* 22 characters; people put spaces between them. */
#define CODE_CHARS    22
#define CODE_BODY_MAX 256

struct code_work {
    struct id16 code;
    struct hash rev;
};

/* The form's one field, without the spaces that a form writes as plus signs. */
static enum status parse_code(struct bytes body, struct id16 *out_code) {
    char text[CODE_CHARS];
    size_t len = 0;
    const size_t prefix = sizeof FIELD - 1;
    ENSURE(body.len > prefix && body.len <= CODE_BODY_MAX, STATUS_MALFORMED);
    ENSURE(memcmp(body.data, FIELD, prefix) == 0, STATUS_MALFORMED);
    for (size_t i = prefix; i < body.len; i++) {
        if (body.data[i] == '+' || body.data[i] == ' ') continue;
        ENSURE(len < CODE_CHARS, STATUS_MALFORMED);
        text[len++] = (char)body.data[i];
    }
    return ids_from_text(BYTES(text, len), out_code);
}

enum status p_code_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct code_work *work = ARENA_NEW(call->arena, struct code_work);
    ENSURE(work, STATUS_MEMORY);
    if (!call->counted) TRY(nonces_try_code(call->core->nonces, clock_boot_ms(call->core->clock)));
    call->counted = true;
    TRY(parse_code(call->portal->body, &work->code));
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
