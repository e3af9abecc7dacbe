/*
 * The difference between both clocks is remembered and compared. It follows slow drift: once an hour, while all is
 * well, it is taken anew.
 */
#include "broker/core/clock_guard.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"

#define GUARD_ANEW_MS 3600000u

struct clock_guard {
    pthread_mutex_t mutex; /* guards the three below */
    int64_t difference;
    uint64_t taken_ms; /* boot time */
    bool believed;
    const struct clock *clock;
    uint64_t step_ms;
};

static uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

static void take_difference(struct clock_guard *guard) {
    guard->taken_ms = clock_boot_ms(guard->clock);
    guard->difference = (int64_t)clock_now_ms(guard->clock) - (int64_t)guard->taken_ms;
}

struct clock_guard *clock_guard_new(const struct clock *clock, uint64_t last_leaf_ms, uint64_t step_ms,
                                    uint64_t start_ms) {
    struct clock_guard *guard = calloc(1, sizeof *guard);
    if (!guard) return NULL;
    if (pthread_mutex_init(&guard->mutex, NULL) != 0) {
        free(guard);
        return NULL;
    }
    guard->clock = clock;
    guard->step_ms = step_ms;
    take_difference(guard);
    guard->believed = last_leaf_ms == 0 || distance(clock_now_ms(clock), last_leaf_ms) <= start_ms;
    if (!guard->believed) log_line(LOG_LEVEL_ERROR, "clock_far_from_log", "");
    return guard;
}

void clock_guard_free(struct clock_guard *guard) {
    if (!guard) return;
    (void)pthread_mutex_destroy(&guard->mutex);
    free(guard);
}

static void look(struct clock_guard *guard) {
    uint64_t boot = clock_boot_ms(guard->clock);
    int64_t difference = (int64_t)clock_now_ms(guard->clock) - (int64_t)boot;
    int64_t moved = difference - guard->difference;
    if ((uint64_t)llabs(moved) > guard->step_ms) {
        guard->believed = false;
        log_line(LOG_LEVEL_ERROR, "clock_jumped", "by_ms=%lld", (long long)moved);
    } else if (boot - guard->taken_ms >= GUARD_ANEW_MS) {
        take_difference(guard);
    }
}

bool clock_guard_check(struct clock_guard *guard) {
    if (pthread_mutex_lock(&guard->mutex) != 0) abort();
    if (guard->believed) look(guard);
    bool believed = guard->believed;
    if (pthread_mutex_unlock(&guard->mutex) != 0) abort();
    return believed;
}

void clock_guard_confirm(struct clock_guard *guard) {
    if (pthread_mutex_lock(&guard->mutex) != 0) abort();
    take_difference(guard);
    guard->believed = true;
    if (pthread_mutex_unlock(&guard->mutex) != 0) abort();
    log_line(LOG_LEVEL_WARN, "clock_confirmed", "");
}
