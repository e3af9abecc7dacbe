/*
 * The handlers of the gate's messages (docs/protocol.md section 7), one file each: handle_NAME.c. Their rows are in
 * broker/core/dispatch_table.c; what check, apply and answer may do stands in broker/core/call.h.
 */
#ifndef BROKER_CORE_HANDLE_H
#define BROKER_CORE_HANDLE_H

#include "broker/core/call.h"
#include "keys/sign.h"
#include "proto/signed.h"

#define HANDLE_CHECK(name)  enum status handle_##name##_check(struct call *call, struct store_txn *txn);
#define HANDLE_APPLY(name)  enum status handle_##name##_apply(struct call *call, struct store_txn *txn);
#define HANDLE_ANSWER(name) enum status handle_##name##_answer(struct call *call, struct store_txn *txn);

HANDLE_CHECK(publish)
HANDLE_APPLY(publish)
HANDLE_APPLY(withdraw)
HANDLE_CHECK(request_consent) HANDLE_APPLY(request_consent) HANDLE_CHECK(release) HANDLE_APPLY(release)
    HANDLE_ANSWER(release) HANDLE_CHECK(fetch) HANDLE_CHECK(upload_grants) HANDLE_APPLY(upload_grants)
        HANDLE_ANSWER(upload_grants) HANDLE_CHECK(state) HANDLE_APPLY(revoke) HANDLE_APPLY(acknowledge)
            HANDLE_CHECK(open_enrolment) HANDLE_APPLY(open_enrolment) HANDLE_ANSWER(open_enrolment) HANDLE_CHECK(attest)
                HANDLE_APPLY(attest) HANDLE_CHECK(request_state) HANDLE_CHECK(consents) HANDLE_APPLY(erase)

    /* Whether the envelope's unit is still listed and its key still active in the call's directory: for apply(), which
     * may see a newer directory than the worker that verified the envelope. STATUS_DENIED. */
    enum status handle_sender(const struct call *call);

/* The key of the sender's member that an object names, active in the call's directory. STATUS_SIGNATURE. */
enum status handle_member_key(const struct call *call, const struct hash *key_id, struct sign_public *out_key);

/* Ends a call with the outward code of a clause: for what is refused without a leaf. Returns STATUS_REFUSED. */
enum status handle_refuse(struct call *call, enum rule_clause clause);

#define HANDLE_RETRY_MS 1000

#endif
