/*
 * What is to be sent and must not be lost: publications, withdrawals, acknowledgements, attestations, erasures. A row
 * is committed together with what it belongs to, and removed together with what its receipt changes.
 *
 * What a row sends, it sends in one form: message id and time are committed before the first attempt, so that a
 * repetition after a crash is the same bytes, which core answers again. Only when these bytes are too old to be taken
 * does a row get a new message id; every row names an object by its id, so that core knows it even then.
 *
 * Rows leave in order. One sender at a time; any thread.
 */
#ifndef AGENT_OUTBOX_H
#define AGENT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/store.h"
#include "proto/envelope.h"
#include "proto/ids.h"

struct agent;

struct outbox_row {
    uint32_t type; /* enum message_type: PUBLISH, WITHDRAW, ACKNOWLEDGE, ATTEST, ERASE */
    const char *unit;
    const char *official;
    struct id16 message;
    uint64_t time_ms;     /* of the envelope; 0: never sent */
    struct id16 fragment; /* PUBLISH, WITHDRAW */
    uint32_t revision;    /* PUBLISH */
    struct bytes body;    /* but for PUBLISH, whose body is made from the fragment and these: */
    const struct bytes *grants;
    size_t n_grants;
    const struct bytes *granted; /* token, key id for each of them */
    size_t n_granted;
    uint64_t epoch; /* that they were made in */
};

/* Adds a row in a write transaction; message id and time are set when it is sent. */
enum status outbox_add(struct store_txn *txn, struct arena *arena, const struct outbox_row *row, uint64_t *out_order);

/* How one row ended. */
struct outbox_outcome {
    enum status status;   /* STATUS_OK: done; STATUS_RETRY: still there; else why core refused it for good */
    struct bytes receipt; /* when done, in the arena */
};

/* Sends rows in order up to and including this one, for at most deadline_ms. The outcome of rows before it is noted in
 * the store only. STATUS_OK whatever the outcome is; errors of the store. */
enum status outbox_send(struct agent *agent, struct arena *arena, uint64_t order, uint32_t deadline_ms,
                        struct outbox_outcome *out_outcome);

/* Sends all rows; stops at the first that cannot go now, with its status. */
enum status outbox_drain(struct agent *agent);

/* How many rows wait. */
uint64_t outbox_depth(struct agent *agent);

#endif
