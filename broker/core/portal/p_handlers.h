/*
 * The handlers of the person's interface (docs/protocol.md section 11), one file for each thing: p_NAME.c. Their rows
 * are in broker/core/dispatch_table.c; what check, apply and answer may do stands in broker/core/call.h.
 */
#ifndef BROKER_CORE_PORTAL_P_HANDLERS_H
#define BROKER_CORE_PORTAL_P_HANDLERS_H

#include "broker/core/call.h"

enum status p_devices_post_check(struct call *call, struct store_txn *txn);
enum status p_devices_post_apply(struct call *call, struct store_txn *txn);
enum status p_devices_post_answer(struct call *call, struct store_txn *txn);
enum status p_devices_get_check(struct call *call, struct store_txn *txn);
enum status p_devices_delete_check(struct call *call, struct store_txn *txn);
enum status p_devices_delete_apply(struct call *call, struct store_txn *txn);

enum status p_requests_get_check(struct call *call, struct store_txn *txn);
enum status p_decision_check(struct call *call, struct store_txn *txn);
enum status p_decision_apply(struct call *call, struct store_txn *txn);
enum status p_decision_answer(struct call *call, struct store_txn *txn);

enum status p_consents_get_check(struct call *call, struct store_txn *txn);
enum status p_consents_change_check(struct call *call, struct store_txn *txn);
enum status p_consents_change_apply(struct call *call, struct store_txn *txn);
enum status p_consents_receipt_check(struct call *call, struct store_txn *txn);

enum status p_read_request_check(struct call *call, struct store_txn *txn);
enum status p_read_request_apply(struct call *call, struct store_txn *txn);
enum status p_read_request_answer(struct call *call, struct store_txn *txn);
enum status p_read_plan_check(struct call *call, struct store_txn *txn);

enum status p_accesses_check(struct call *call, struct store_txn *txn);

enum status p_code_check(struct call *call, struct store_txn *txn);
enum status p_code_apply(struct call *call, struct store_txn *txn);
enum status p_code_answer(struct call *call, struct store_txn *txn);

enum status p_time_check(struct call *call, struct store_txn *txn);

#endif
