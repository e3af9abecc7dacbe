/*
 * The handlers that belong to the engine itself: log, directory, events, evaluations, and the operator's verbs. What
 * each function does is in its row of broker/core/dispatch_table.c and in broker/core/call.h.
 */
#ifndef BROKER_CORE_HANDLE_ENGINE_H
#define BROKER_CORE_HANDLE_ENGINE_H

#include "broker/core/call.h"

/* handle_log.c */
enum status handle_log_checkpoint(struct call *call, struct store_txn *txn);
enum status handle_log_cosign(struct call *call, struct store_txn *txn);
enum status handle_log_portal_checkpoint(struct call *call, struct store_txn *txn);
enum status handle_log_portal_tile(struct call *call, struct store_txn *txn);
enum status handle_log_portal_entries(struct call *call, struct store_txn *txn);

/* handle_events.c */
enum status handle_events_check(struct call *call, struct store_txn *txn);
enum status handle_events_evaluate(struct call *call, struct store_txn *txn);

/* handle_directory.c */
enum status handle_directory_list(struct call *call, struct store_txn *txn);
enum status handle_directory_head(struct call *call, struct store_txn *txn);
enum status handle_directory_add_check(struct call *call, struct store_txn *txn);
enum status handle_directory_add_apply(struct call *call, struct store_txn *txn);
void handle_directory_add_settle(struct call *call);
enum status handle_directory_add_answer(struct call *call, struct store_txn *txn);

/* handle_operator.c */
enum status handle_operator_status(struct call *call, struct store_txn *txn);
enum status handle_operator_identity(struct call *call, struct store_txn *txn);
enum status handle_operator_confirm_clock(struct call *call, struct store_txn *txn);
enum status handle_operator_go_on(struct call *call, struct store_txn *txn);

/* handle_export.c */
enum status handle_export_leaves(struct call *call, struct store_txn *txn);
enum status handle_export_evidence(struct call *call, struct store_txn *txn);
enum status handle_export_keys_check(struct call *call, struct store_txn *txn);
enum status handle_export_keys_apply(struct call *call, struct store_txn *txn);
enum status handle_export_keys_answer(struct call *call, struct store_txn *txn);

#endif
