/*
 * Moment 2 B is that of the answers of batch B, 2 B + 1 that of readers who began after its commit, both plus one so
 * that zero means none. Two moments that are ORDER_MOMENTS apart share a counter; calls do not live through 2,048
 * batches.
 *
 * Why it holds: a reader enters before it begins its transaction. If it sees the state before batch B, it entered
 * before B was committed, and is seen by whoever asks after the commit.
 */
#include "broker/core/order.h"

static void enter(struct order *order, struct order_place *place, uint64_t moment) {
    place->moment = moment + 1;
    atomic_fetch_add(&order->under_way[moment % ORDER_MOMENTS], 1);
}

void order_enter_read(struct order *order, struct order_place *place) {
    enter(order, place, 2 * atomic_load(&order->batches) + 1);
}

void order_enter_batch(struct order *order, struct order_place *place) {
    enter(order, place, 2 * atomic_load(&order->batches));
}

void order_leave(struct order *order, struct order_place *place) {
    if (place->moment == 0) return;
    atomic_fetch_sub(&order->under_way[(place->moment - 1) % ORDER_MOMENTS], 1);
    place->moment = 0;
}

uint64_t order_committed(struct order *order) { return atomic_fetch_add(&order->batches, 1) + 1; }

bool order_is_first(struct order *order, uint64_t batch) {
    uint64_t newest = 2 * batch;
    uint64_t count = newest < ORDER_MOMENTS ? newest + 1 : ORDER_MOMENTS;
    uint64_t later = 2 * atomic_load(&order->batches) + 1 - newest;
    /* What is under way now at later moments would be counted as earlier ones. */
    if (count + later > ORDER_MOMENTS) count = later < ORDER_MOMENTS ? ORDER_MOMENTS - later : 0;
    for (uint64_t i = 0; i < count; i++) {
        if (atomic_load(&order->under_way[(newest - i) % ORDER_MOMENTS]) != 0) return false;
    }
    return true;
}
