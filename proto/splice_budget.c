/*
 * The shared budget of begun frames. Invariants: used <= limit; whoever waits does not fit, or the wake event is
 * active. Waking goes through an event, so that one pair never runs inside another.
 */
#include "proto/splice_budget.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

struct splice_budget {
    size_t limit_bytes;
    size_t used_bytes;
    size_t peak_bytes;
    struct event *wake;
    TAILQ_HEAD(splice_line, splice_waiter) line;
};

static bool budget_fits(const struct splice_budget *budget, size_t bytes) {
    return bytes <= budget->limit_bytes - budget->used_bytes;
}

static void budget_add(struct splice_budget *budget, size_t bytes) {
    budget->used_bytes += bytes;
    if (budget->used_bytes > budget->peak_bytes) budget->peak_bytes = budget->used_bytes;
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct splice_budget *budget = arg;
    struct splice_waiter *first = TAILQ_FIRST(&budget->line);
    while (first && budget_fits(budget, first->bytes)) {
        splice_budget_leave(budget, first);
        budget_add(budget, first->bytes);
        first->granted(first->arg);
        first = TAILQ_FIRST(&budget->line);
    }
}

struct splice_budget *splice_budget_new(struct event_base *base, size_t limit_bytes) {
    struct splice_budget *budget CLEANUP(splice_budget_free_cleanup) = calloc(1, sizeof *budget);
    if (!budget) return NULL;
    budget->limit_bytes = limit_bytes;
    TAILQ_INIT(&budget->line);
    budget->wake = event_new(base, -1, 0, on_wake, budget);
    return budget->wake ? MOVE(budget) : NULL;
}

void splice_budget_free(struct splice_budget *budget) {
    if (!budget) return;
    assert(TAILQ_EMPTY(&budget->line));
    if (budget->wake) event_free(budget->wake);
    free(budget);
}

bool splice_budget_take(struct splice_budget *budget, struct splice_waiter *waiter, size_t bytes) {
    assert(!waiter->waiting && bytes <= budget->limit_bytes);
    waiter->bytes = bytes;
    if (TAILQ_EMPTY(&budget->line) && budget_fits(budget, bytes)) {
        budget_add(budget, bytes);
        return true;
    }
    waiter->waiting = true;
    TAILQ_INSERT_TAIL(&budget->line, waiter, link);
    return false;
}

void splice_budget_leave(struct splice_budget *budget, struct splice_waiter *waiter) {
    if (!waiter->waiting) return;
    waiter->waiting = false;
    TAILQ_REMOVE(&budget->line, waiter, link);
    /* The next in line may ask for less. */
    event_active(budget->wake, EV_TIMEOUT, 1);
}

void splice_budget_return(struct splice_budget *budget, size_t bytes) {
    assert(bytes <= budget->used_bytes);
    budget->used_bytes -= bytes;
    if (!TAILQ_EMPTY(&budget->line)) event_active(budget->wake, EV_TIMEOUT, 1);
}

size_t splice_budget_used(const struct splice_budget *budget) { return budget->used_bytes; }

size_t splice_budget_peak(const struct splice_budget *budget) { return budget->peak_bytes; }
