/*
 * What all pairs of one event loop may hold in frames that have begun and not ended. A frame begun costs its whole
 * announced length, since the receiver (nng) sets that much aside; the room is handed out first come, first served.
 *
 * One budget belongs to one event base and its thread.
 */
#ifndef PROTO_SPLICE_BUDGET_H
#define PROTO_SPLICE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/cleanup.h"

struct event_base;
struct splice_budget;

/* For all pairs of a gate: 32 of the largest frames at once, and no more of core's memory than that. */
enum { SPLICE_BUDGET_BYTES = 64 << 20 };

/* Embedded in what waits; zeroed, then granted and arg set by its owner. */
struct splice_waiter {
    /* Called from the loop, never from within another call, once `bytes` were taken for the waiter. */
    void (*granted)(void *arg);
    void *arg;
    size_t bytes;
    bool waiting;
    TAILQ_ENTRY(splice_waiter) link;
};

/* NULL when memory is short. No single take may exceed limit_bytes. */
struct splice_budget *splice_budget_new(struct event_base *base, size_t limit_bytes);
/* Nobody may wait. Takes NULL. */
void splice_budget_free(struct splice_budget *budget);
CLEANUP_POINTER(struct splice_budget, splice_budget_free)

/* True: taken. False: the waiter stands in line, and granted() will be called. Not while it waits already. */
bool splice_budget_take(struct splice_budget *budget, struct splice_waiter *waiter, size_t bytes);

/* Leaves the line; nothing when it does not wait. */
void splice_budget_leave(struct splice_budget *budget, struct splice_waiter *waiter);

/* Gives back what was taken. */
void splice_budget_return(struct splice_budget *budget, size_t bytes);

/* Bytes taken now, and the most that ever were. */
size_t splice_budget_used(const struct splice_budget *budget);
size_t splice_budget_peak(const struct splice_budget *budget);

#endif
