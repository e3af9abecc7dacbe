/* The system's clocks and a manual one. Owns the offset that fault tests may set; it is read once, before main. */
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static uint64_t clock_read_ms(clockid_t id) {
    struct timespec now;
    if (clock_gettime(id, &now) != 0) abort();
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#ifdef SLUSS_TEST_HOOKS
static int64_t clock_offset_ms;

__attribute__((constructor)) static void clock_read_offset(void) {
    const char *text = getenv("SLUSS_TEST_CLOCK_OFFSET_MS");
    if (text) clock_offset_ms = strtoll(text, NULL, 10);
}

static uint64_t clock_system_now_ms(const struct clock *clock) {
    (void)clock;
    return clock_read_ms(CLOCK_REALTIME) + (uint64_t)clock_offset_ms;
}
#else
static uint64_t clock_system_now_ms(const struct clock *clock) {
    (void)clock;
    return clock_read_ms(CLOCK_REALTIME);
}
#endif

static uint64_t clock_system_boot_ms(const struct clock *clock) {
    (void)clock;
    return clock_read_ms(CLOCK_BOOTTIME);
}

/* A test moves its clock while other threads read it. */
static uint64_t clock_manual_now(const struct clock *clock) {
    return __atomic_load_n(&clock->manual_now_ms, __ATOMIC_RELAXED);
}

static uint64_t clock_manual_boot(const struct clock *clock) {
    return __atomic_load_n(&clock->manual_boot_ms, __ATOMIC_RELAXED);
}

const struct clock *clock_system(void) {
    static const struct clock system = {.now_ms = clock_system_now_ms, .boot_ms = clock_system_boot_ms};
    return &system;
}

struct clock clock_manual(uint64_t now_ms) {
    return (struct clock){.now_ms = clock_manual_now, .boot_ms = clock_manual_boot, .manual_now_ms = now_ms};
}

void clock_advance(struct clock *clock, uint64_t by_ms) {
    (void)__atomic_fetch_add(&clock->manual_now_ms, by_ms, __ATOMIC_RELAXED);
    (void)__atomic_fetch_add(&clock->manual_boot_ms, by_ms, __ATOMIC_RELAXED);
}

uint64_t clock_now_ms(const struct clock *clock) { return clock->now_ms(clock); }

uint64_t clock_boot_ms(const struct clock *clock) { return clock->boot_ms(clock); }

struct timespec clock_wait_until(uint32_t wait_ms) {
    struct timespec until;
    if (clock_gettime(CLOCK_WAIT, &until) != 0) abort();
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + (uint64_t)(wait_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(wait_ms / 1000 + nanoseconds / 1000000000);
    until.tv_nsec = (long)(nanoseconds % 1000000000);
    return until;
}
