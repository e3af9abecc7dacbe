/*
 * What the answer to an outbox row changes, one function a type behind one door; agent/outbox.c is the only user.
 */
#ifndef AGENT_OUTBOX_DONE_H
#define AGENT_OUTBOX_DONE_H

#include "agent/fragment_store.h"
#include "agent/outbox.h"
#include "base/arena.h"
#include "base/status.h"
#include "keys/hash.h"

struct outbox_done {
    struct agent *agent;
    struct arena *arena;
    uint64_t order;
    const struct outbox_row *row;
    const struct fragment_row *fragment; /* PUBLISH */
    struct hash cause;                   /* of the envelope that was sent */
};

/* Core says done: verifies the receipt against what was sent, then commits the change and removes the row. STATUS_PROOF
 * and errors of receipt_open when the receipt does not hold: the row stays. */
enum status outbox_done_accepted(struct outbox_done *done, struct bytes reply_body, struct bytes *out_receipt);

/* Core says no for good: notes why, tells the unit by an event, removes the row. */
enum status outbox_done_refused(struct outbox_done *done, enum status said);

#endif
