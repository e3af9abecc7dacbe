/*
 * Counters of core, for the operator's status. Atomic: any thread.
 */
#ifndef BROKER_CORE_METRICS_H
#define BROKER_CORE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(name): one counter each, under this name in the status. */
#define METRICS(X)                                                                                                     \
    X(calls)           /* requests taken from the faces */                                                             \
    X(answers)         /* answers sent */                                                                              \
    X(refused)         /* of these, other than done */                                                                 \
    X(over_limit)      /* requests answered `limit` before they were read */                                           \
    X(unbound)         /* requests dropped, on connections that are bound to no member */                              \
    X(batches)         /* committed */                                                                                 \
    X(batch_calls)     /* calls in them */                                                                             \
    X(batch_reruns)    /* batches begun again without a call that failed */                                            \
    X(leaves)          /* appended */                                                                                  \
    X(signatures)      /* checkpoints signed */                                                                        \
    X(late_signatures) /* batches that keyd did not sign in time */                                                    \
    X(expiries)        /* rows of the schedule that fell due */                                                        \
    X(cosignatures)    /* accepted */

struct metrics {
#define X(name) atomic_uint_fast64_t name;
    METRICS(X)
#undef X
};

static inline void metrics_add(atomic_uint_fast64_t *counter, uint64_t by) {
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
