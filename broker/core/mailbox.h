/*
 * Mailboxes: what each member's agent still has to be told (docs/protocol.md section 10). A row holds the event without
 * its receipts, sealed under the person's slot; receipts are made when it is polled.
 *
 * A sequence is greater than all before it in the whole store, and never used twice. What an agent has handled (its
 * `after`) is removed with later batches. An event whose slot was destroyed is gone.
 */
#ifndef BROKER_CORE_MAILBOX_H
#define BROKER_CORE_MAILBOX_H

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/msg_events.h"

/* Puts an event into the mailbox of event->unit's member, and wakes the member's poll once the batch is signed.
 * event->sequence and its receipts are ignored; leaves: the leaves whose receipts go with it, in the order of the
 * protocol, at most LIMIT_EVENT_RECEIPTS. slot: of the person, or LEDGER_NO_SLOT: the row stands in clear. Writer, in
 * apply() or a schedule function. STATUS_INVALID for a unit that is none; errors of codec_encode and row_put. */
enum status mailbox_put(struct core *core, struct store_txn *txn, uint32_t slot, const struct msg_mail_event *event,
                        const uint64_t *leaves, size_t n_leaves, struct arena *arena);

/* The member's events after a sequence, ascending, at most `most` and about LIMIT_REPLY_BODY_BYTES / 2 in all, with
 * receipts. Ends before an event that is not signed yet. Worker, read transaction. */
enum status mailbox_list(struct core *core, struct store_txn *txn, const char *member, uint64_t after, size_t most,
                         struct arena *arena, const struct msg_mail_event **out_events, size_t *out_count);

/* Removes at most `most` events of the member up to a sequence. Writer. */
enum status mailbox_prune(struct core *core, struct store_txn *txn, const char *member, uint64_t up_to, size_t most,
                          struct arena *arena);

#endif
