/*
 * The handlers of the gate's messages (docs/protocol.md section 7), one file each: handle_NAME.c. Their rows are in
 * broker/core/dispatch_table.c; what check, apply and answer may do stands in broker/core/call.h.
 */
#ifndef BROKER_CORE_HANDLE_H
#define BROKER_CORE_HANDLE_H

#include "broker/core/call.h"
#include "keys/sign.h"
#include "proto/signed.h"

enum status handle_publish_check(struct call *call, struct store_txn *txn);
enum status handle_publish_apply(struct call *call, struct store_txn *txn);

enum status handle_withdraw_apply(struct call *call, struct store_txn *txn);

enum status handle_request_consent_check(struct call *call, struct store_txn *txn);
enum status handle_request_consent_apply(struct call *call, struct store_txn *txn);

enum status handle_release_check(struct call *call, struct store_txn *txn);
enum status handle_release_apply(struct call *call, struct store_txn *txn);
enum status handle_release_answer(struct call *call, struct store_txn *txn);

enum status handle_fetch_check(struct call *call, struct store_txn *txn);

enum status handle_upload_grants_check(struct call *call, struct store_txn *txn);
enum status handle_upload_grants_apply(struct call *call, struct store_txn *txn);
enum status handle_upload_grants_answer(struct call *call, struct store_txn *txn);

enum status handle_state_check(struct call *call, struct store_txn *txn);

enum status handle_revoke_apply(struct call *call, struct store_txn *txn);

enum status handle_acknowledge_apply(struct call *call, struct store_txn *txn);

enum status handle_open_enrolment_check(struct call *call, struct store_txn *txn);
enum status handle_open_enrolment_apply(struct call *call, struct store_txn *txn);
enum status handle_open_enrolment_answer(struct call *call, struct store_txn *txn);

enum status handle_attest_check(struct call *call, struct store_txn *txn);
enum status handle_attest_apply(struct call *call, struct store_txn *txn);

enum status handle_request_state_check(struct call *call, struct store_txn *txn);

enum status handle_consents_check(struct call *call, struct store_txn *txn);

enum status handle_erase_apply(struct call *call, struct store_txn *txn);

/* Whether the envelope's unit is still listed and its key still active in the call's directory: for apply(), which may
 * see a newer directory than the worker that verified the envelope. STATUS_DENIED. */
enum status handle_sender(const struct call *call);

/* The key of the sender's member that an object names, active in the call's directory. STATUS_SIGNATURE. */
enum status handle_member_key(const struct call *call, const struct hash *key_id, struct sign_public *out_key);

/* Ends a call with the outward code of a clause: for what is refused without a leaf. Returns STATUS_REFUSED. */
enum status handle_refuse(struct call *call, enum rule_clause clause);

#define HANDLE_RETRY_MS 1000

#endif
