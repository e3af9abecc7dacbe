/*
 * What WITHDRAW and ERASE share: telling recipients that a fragment is gone.
 */
#ifndef BROKER_CORE_HANDLE_WITHDRAW_H
#define BROKER_CORE_HANDLE_WITHDRAW_H

#include "broker/core/call.h"
#include "broker/core/consent_rows.h"
#include "broker/core/fragment_rows.h"

/* Mail to the recipient of every active consent of the list that covers the fragment; leaf is the one that says so.
 * Writer. */
enum status handle_withdraw_tell(struct call *call, struct store_txn *txn, uint32_t slot,
                                 const struct consent_list *consents, const struct fragment_row *fragment,
                                 const struct hash *subject, uint64_t leaf);

#endif
