/*
 * The order of answers: what a batch ends (a revocation) is acknowledged only after every answer that was made from an
 * earlier state has been sent. Otherwise a release that was decided before could be on its way behind the
 * acknowledgement (P5).
 *
 * Moments: those who read enter after the batch that was committed last; answers of a batch enter with it; each leaves
 * when its answer is sent. Atomic counters: any thread, nothing waits.
 */
#ifndef BROKER_CORE_ORDER_H
#define BROKER_CORE_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Moments that are told apart: more than can be under way at a time. */
#define ORDER_MOMENTS 4096

struct order {
    atomic_uint_fast64_t batches; /* committed */
    atomic_uint under_way[ORDER_MOMENTS];
};

/* A call's place; zero: none. */
struct order_place {
    uint64_t moment;
};

/* Before a read transaction begins: what is seen is at least this new. */
void order_enter_read(struct order *order, struct order_place *place);
/* The answer of a call that was applied in the batch that was committed last. Writer. */
void order_enter_batch(struct order *order, struct order_place *place);
/* The answer is sent, or will not be. Fine for no place, and twice. */
void order_leave(struct order *order, struct order_place *place);

/* The writer has committed. Returns the batch's number for order_is_first. */
uint64_t order_committed(struct order *order);
/* Whether all answers made from a state before this batch, and those of the batch itself, are sent. */
bool order_is_first(struct order *order, uint64_t batch);

#endif
