/*
 * Whether the wall clock can be believed: it must not move against the time since boot by more than the settings allow,
 * nor be far from the last leaf at start. Once it is not believed, no leaf is appended and nothing expires until an
 * operator confirms it. The mutex guards all. Any thread.
 */
#ifndef BROKER_CORE_CLOCK_GUARD_H
#define BROKER_CORE_CLOCK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct clock_guard;

/* last_leaf_ms 0: the log is empty. NULL when memory is out. */
struct clock_guard *clock_guard_new(const struct clock *clock, uint64_t last_leaf_ms, uint64_t step_ms,
                                    uint64_t start_ms);
/* Takes NULL. */
void clock_guard_free(struct clock_guard *guard);
CLEANUP_POINTER(struct clock_guard, clock_guard_free)

/* Looks at both clocks: whether the wall clock is believed. Says once in the log when it no longer is. */
bool clock_guard_check(struct clock_guard *guard);
/* An operator says that the wall clock is right as it is now. */
void clock_guard_confirm(struct clock_guard *guard);

#endif
