/*
 * How the state of a consent changes: active <-> suspended, and from either to revoked, expired or superseded, which
 * are final. One leaf for each token, the new state for all of them at once, mail to the recipient and to each source;
 * with an end also its key grants go, with the slot that they are sealed under.
 */
#ifndef BROKER_CORE_CONSENT_CHANGE_H
#define BROKER_CORE_CONSENT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/consent_rows.h"
#include "proto/leaf.h"

/* Why, and by whom. Views are not copied. */
struct consent_change {
    enum leaf_type type; /* CONSENT_SUSPENDED to CONSENT_SUPERSEDED: gives the state after it */
    const char *actor;
    const char *sender;         /* of the event ids */
    const struct id16 *message; /* of the event ids; NULL: each token's own id */
    uint32_t first;             /* n of the first event; with a message NULL always 0 */
    struct hash request_hash;   /* zeros: the call's */
    struct bytes cause;         /* content to be kept with the leaves, or empty */
    struct hash cause_hash;     /* where the content is not to be kept; zeros: none */
    struct bytes statement;     /* goes with the mail; or empty */
    const char *unit_first;     /* the token of this source gets the first leaf; NULL: as they stand */
};

/* Whether the state machine has this step. */
bool consent_change_allowed(enum consent_state from, enum leaf_type type);

/* Makes the change; row is left with the new state. call: whose leaves they become, or NULL (a schedule). Writer, after
 * everything was decided. STATUS_CONFLICT, before any write, when the state machine has no such step; errors of the
 * ledger, the mailbox and the row modules. */
enum status consent_change_apply(struct core *core, struct store_txn *txn, struct call *call,
                                 const struct directory *directory, uint32_t slot, struct consent_row *row,
                                 const struct consent_change *change, struct arena *arena);

/* The schedule's function: ends a consent whose time is over. */
enum status consent_change_expire(struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *consent,
                                  struct arena *arena);

#endif
