/*
 * The poller. Owns the calls that wait; `newest` comes from events only, never from what a caller says it has seen, so
 * that one caller cannot make another miss anything.
 */
#include "agent/api/api_poll.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/api_events.h"
#include "base/json.h"
#include "base/queue.h"

enum { LOOK_MS = 250, IDLE_MS = 60000, BATCH = 100 };
#define LOOK_ARENA_BYTES ((size_t)8 << 20)

struct api_poll {
    struct api_poll_options options;
    struct queue *arriving;
    pthread_t thread;
    atomic_size_t count; /* that wait or arrive */
    /* The thread's own. */
    struct api_call *calls[API_POLL_MAX];
    size_t n_calls;
    uint64_t newest;
    const char **units;
    size_t n_units;
};

static bool has_unit(const struct api_poll *poll, const char *unit) {
    for (size_t i = 0; i < poll->n_units; i++) {
        if (strcmp(poll->units[i], unit) == 0) return true;
    }
    return false;
}

static enum status gather_units(struct api_poll *poll) {
    const struct api_clients *clients = poll->options.clients;
    size_t most = 0;
    for (size_t i = 0; i < clients->count; i++) {
        most += clients->items[i].n_units;
    }
    poll->units = calloc(most + 1, sizeof *poll->units);
    ENSURE(poll->units, STATUS_MEMORY);
    for (size_t i = 0; i < clients->count; i++) {
        for (size_t j = 0; j < clients->items[i].n_units; j++) {
            const char *unit = clients->items[i].units[j];
            if (!has_unit(poll, unit)) poll->units[poll->n_units++] = unit;
        }
    }
    return STATUS_OK;
}

static void finish(struct api_poll *poll, struct api_call *call) {
    atomic_fetch_sub(&poll->count, 1);
    poll->options.done(call);
}

/* True when the call is answered and gone. */
static bool try_call(struct api_poll *poll, struct api_call *call, enum api_events_try last) {
    bool ends = last == API_EVENTS_LAST || clock_boot_ms(poll->options.clock) >= call->until_ms;
    if (!atomic_load(&call->gone)) {
        enum status status = api_events_answer(call, ends ? API_EVENTS_LAST : API_EVENTS_MAY_WAIT);
        if (status == STATUS_NOT_FOUND) return false;
        api_call_settle(call, status);
    } else {
        IGNORE(api_call_fail(call, API_PROBLEM_TRY_LATER, NULL));
    }
    finish(poll, call);
    return true;
}

static void try_all(struct api_poll *poll, enum api_events_try last) {
    size_t kept = 0;
    for (size_t i = 0; i < poll->n_calls; i++) {
        if (!try_call(poll, poll->calls[i], last)) poll->calls[kept++] = poll->calls[i];
    }
    poll->n_calls = kept;
}

/* Calls whose time is over or whose client has left. */
static void end_late(struct api_poll *poll) {
    uint64_t now_ms = clock_boot_ms(poll->options.clock);
    size_t kept = 0;
    for (size_t i = 0; i < poll->n_calls; i++) {
        struct api_call *call = poll->calls[i];
        bool ends = atomic_load(&call->gone) || now_ms >= call->until_ms;
        if (!ends || !try_call(poll, call, API_EVENTS_LAST)) poll->calls[kept++] = call;
    }
    poll->n_calls = kept;
}

static void fail_all(struct api_poll *poll, enum status status) {
    for (size_t i = 0; i < poll->n_calls; i++) {
        api_call_settle(poll->calls[i], status);
        finish(poll, poll->calls[i]);
    }
    poll->n_calls = 0;
}

/* Waits a little for anything new of any unit. */
static enum status look(struct api_poll *poll, struct arena *arena, bool *out_news) {
    json_t *events CLEANUP(json_cleanup) = NULL;
    arena_reset(arena);
    TRY(agent_events(poll->options.agent, arena, poll->units, poll->n_units, poll->newest, BATCH, LOOK_MS, &events));
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) {
        uint64_t sequence = 0;
        TRY(json_get_u64(event, "sequence", &sequence));
        if (sequence > poll->newest) poll->newest = sequence;
    }
    *out_news = json_array_size(events) > 0;
    return STATUS_OK;
}

/* False when the poller is to stop. A call that arrives is looked for at once: what came between the worker's look and
 * now is not waited for. */
static bool receive(struct api_poll *poll) {
    void *arrived[API_POLL_MAX];
    size_t count = 0;
    uint32_t wait_ms = poll->n_calls > 0 ? 0 : IDLE_MS;
    if (queue_take(poll->arriving, wait_ms, arrived, API_POLL_MAX - poll->n_calls, &count) != STATUS_OK) return false;
    for (size_t i = 0; i < count; i++) {
        struct api_call *call = arrived[i];
        if (!try_call(poll, call, API_EVENTS_MAY_WAIT)) poll->calls[poll->n_calls++] = call;
    }
    return true;
}

static void run(struct api_poll *poll, struct arena *arena) {
    while (receive(poll)) {
        bool news = false;
        if (poll->n_calls == 0) continue;
        enum status status = look(poll, arena, &news);
        if (status != STATUS_OK) fail_all(poll, status);
        if (news) try_all(poll, API_EVENTS_MAY_WAIT);
        end_late(poll);
    }
    try_all(poll, API_EVENTS_LAST);
}

static void *thread_main(void *arg) {
    struct api_poll *poll = arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(LOOK_ARENA_BYTES);
    if (!arena) abort();
    run(poll, arena);
    return NULL;
}

static void poll_free(struct api_poll *poll) {
    if (!poll) return;
    queue_free(poll->arriving);
    free(poll->units);
    free(poll);
}
CLEANUP_POINTER(struct api_poll, poll_free)

enum status api_poll_start(const struct api_poll_options *options, struct api_poll **out_poll) {
    struct api_poll *poll CLEANUP(poll_free_cleanup) = calloc(1, sizeof *poll);
    ENSURE(poll, STATUS_MEMORY);
    poll->options = *options;
    TRY(gather_units(poll));
    poll->arriving = queue_new(API_POLL_MAX);
    ENSURE(poll->arriving, STATUS_MEMORY);
    ENSURE(pthread_create(&poll->thread, NULL, thread_main, poll) == 0, STATUS_IO);
    *out_poll = MOVE(poll);
    return STATUS_OK;
}

enum status api_poll_park(struct api_poll *poll, struct api_call *call) {
    if (atomic_fetch_add(&poll->count, 1) >= API_POLL_MAX) {
        atomic_fetch_sub(&poll->count, 1);
        return STATUS_LIMIT;
    }
    enum status status = queue_push(poll->arriving, call);
    if (status != STATUS_OK) atomic_fetch_sub(&poll->count, 1);
    return status;
}

void api_poll_stop(struct api_poll *poll) {
    if (!poll) return;
    queue_close(poll->arriving);
    (void)pthread_join(poll->thread, NULL);
    poll_free(poll);
}

size_t api_poll_count(const struct api_poll *poll) { return atomic_load(&poll->count); }
