/*
 * Time, injected: nothing above base/ asks the system for the time. A clock is immutable but for the manual one; any
 * thread may read it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
    /* Wall time, milliseconds since 1970-01-01T00:00:00Z. */
    uint64_t (*now_ms)(const struct clock *clock);
    /* CLOCK_BOOTTIME in milliseconds: never set back, goes on in suspension. For deadlines and to notice jumps. */
    uint64_t (*boot_ms)(const struct clock *clock);
    /* Manual clocks only. */
    uint64_t manual_now_ms;
    uint64_t manual_boot_ms;
};

/* The system's clock. Honours a constant offset from the environment variable SLUSS_TEST_CLOCK_OFFSET_MS only when
 * the program was built with tests enabled (SLUSS_TEST_HOOKS). */
const struct clock *clock_system(void);

/* A clock that stands still until it is moved. */
struct clock clock_manual(uint64_t now_ms);
void clock_advance(struct clock *clock, uint64_t by_ms);

uint64_t clock_now_ms(const struct clock *clock);
uint64_t clock_boot_ms(const struct clock *clock);

/* For waits on condition variables, which know neither clock nor manual time: the clock to give them, and the point on
 * it that lies so far ahead. */
#define CLOCK_WAIT CLOCK_MONOTONIC
struct timespec clock_wait_until(uint32_t wait_ms);

#endif
