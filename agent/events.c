/*
 * Owns the event log in table EVENT and who waits for it. Invariant: sequence numbers rise by one with each event;
 * number 0 is never used.
 */
#include "agent/events.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/row.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/timestamp.h"

#define LAST_NAME  "event"
#define SCAN_ROWS  256
#define EVENTS_MAX 1000

struct event_row {
    const char *unit;
    const char *text;
};

static const struct row_field event_fields[] = {
    {ROW_TEXT, offsetof(struct event_row, unit), 0},
    {ROW_TEXT, offsetof(struct event_row, text), 0},
};
static const struct row_form event_form = {1, event_fields, 2, sizeof(struct event_row)};

static void lock(struct events *events) {
    if (pthread_mutex_lock(&events->mutex) != 0) abort();
}

static void unlock(struct events *events) {
    if (pthread_mutex_unlock(&events->mutex) != 0) abort();
}

struct newest_ask {
    struct arena *arena;
    uint64_t newest;
};

static enum status read_newest(struct store_txn *txn, void *arg) {
    struct newest_ask *ask = arg;
    return row_number_get(txn, ask->arena, LAST_NAME, &ask->newest);
}

static uint64_t stored_newest(struct agent *agent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    struct newest_ask ask = {.arena = arena};
    if (!arena || store_read(agent->store, read_newest, &ask) != STATUS_OK) return 0;
    return ask.newest;
}

enum status events_open(struct agent *agent) {
    pthread_condattr_t attributes;
    struct events *events = &agent->events;
    if (pthread_mutex_init(&events->mutex, NULL) != 0) abort();
    if (pthread_condattr_init(&attributes) != 0) abort();
    if (pthread_condattr_setclock(&attributes, CLOCK_WAIT) != 0) abort();
    if (pthread_cond_init(&events->grown, &attributes) != 0) abort();
    (void)pthread_condattr_destroy(&attributes);
    events->newest = stored_newest(agent);
    return STATUS_OK;
}

void events_wake_all(struct agent *agent) {
    lock(&agent->events);
    agent->events.closed = 1;
    (void)pthread_cond_broadcast(&agent->events.grown);
    unlock(&agent->events);
}

void events_close(struct agent *agent) {
    (void)pthread_cond_destroy(&agent->events.grown);
    (void)pthread_mutex_destroy(&agent->events.mutex);
}

enum status events_add(struct agent *agent, struct store_txn *txn, struct arena *arena, const char *unit,
                       const char *type, const json_t *details) {
    uint64_t last = 0;
    TRY(row_number_get(txn, arena, LAST_NAME, &last));
    const char *time = timestamp_text(arena, agent_now_ms(agent));
    ENSURE(time, STATUS_MEMORY);
    json_t *event CLEANUP(json_cleanup) =
        json_pack("{s:I,s:s,s:s,s:s}", "sequence", (json_int_t)(last + 1), "type", type, "time", time, "unit", unit);
    json_t *rest CLEANUP(json_cleanup) = json_deep_copy(details);
    ENSURE(event && rest && json_object_update_missing(event, rest) == 0, STATUS_MEMORY);
    struct event_row row = {.unit = unit, .text = json_compact(arena, event)};
    ENSURE(row.text, STATUS_MEMORY);
    TRY(row_put(txn, AGENT_EVENT, row_u64(arena, last + 1), &event_form, arena, &row));
    return row_number_put(txn, arena, LAST_NAME, last + 1);
}

void events_committed(struct agent *agent) {
    uint64_t newest = stored_newest(agent);
    lock(&agent->events);
    if (newest > agent->events.newest) {
        agent->events.newest = newest;
        (void)pthread_cond_broadcast(&agent->events.grown);
    }
    unlock(&agent->events);
}

/* ---- reading ---- */

struct reading {
    struct arena *arena;
    const char *const *units;
    size_t n_units;
    size_t most;
    uint64_t after; /* moves on */
    bool at_end;
    json_t *found;
};

static bool wanted(const struct reading *reading, const char *unit) {
    for (size_t i = 0; i < reading->n_units; i++) {
        if (strcmp(reading->units[i], unit) == 0) return true;
    }
    return false;
}

static enum status take_row(struct reading *reading, const struct store_row *row) {
    struct event_row event;
    struct reader reader = reader_init(row->key);
    reading->after = reader_u64(&reader);
    TRY(row_parse(&event_form, reading->arena, row->value, &event));
    if (!wanted(reading, event.unit)) return STATUS_OK;
    json_t *value CLEANUP(json_cleanup) = NULL;
    TRY(json_read(bytes_text(event.text), STORE_VALUE_MAX, &value));
    return json_array_append(reading->found, value) == 0 ? STATUS_OK : STATUS_MEMORY;
}

static enum status scan_some(struct store_txn *txn, void *arg) {
    struct reading *reading = arg;
    struct store_rows rows;
    const struct store_range range = {
        .table = AGENT_EVENT, .from = row_u64(reading->arena, reading->after + 1), .limit = SCAN_ROWS};
    TRY(store_scan(txn, &range, reading->arena, &rows));
    reading->at_end = rows.count < SCAN_ROWS;
    for (size_t i = 0; i < rows.count && json_array_size(reading->found) < reading->most; i++) {
        TRY(take_row(reading, &rows.items[i]));
    }
    return STATUS_OK;
}

static enum status scan_all(struct agent *agent, struct reading *reading) {
    reading->at_end = false;
    while (!reading->at_end && json_array_size(reading->found) < reading->most) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
        ENSURE(arena, STATUS_MEMORY);
        reading->arena = arena;
        TRY(store_read(agent->store, scan_some, reading));
    }
    return STATUS_OK;
}

/* False when the time is up or nothing more will come. */
static bool wait_beyond(struct events *events, uint64_t seen, const struct timespec *until) {
    int failed = 0;
    lock(events);
    while (failed == 0 && events->newest <= seen && !events->closed) {
        failed = pthread_cond_timedwait(&events->grown, &events->mutex, until);
    }
    bool grown = events->newest > seen;
    unlock(events);
    return grown;
}

enum status events_read(struct agent *agent, const char *const *units, size_t n_units, uint64_t after, size_t most,
                        uint32_t wait_ms, json_t **out) {
    struct timespec until = clock_wait_until(wait_ms);
    json_t *found CLEANUP(json_cleanup) = json_array();
    ENSURE(found, STATUS_MEMORY);
    struct reading reading = {.units = units,
                              .n_units = n_units,
                              .most = most == 0 || most > EVENTS_MAX ? EVENTS_MAX : most,
                              .after = after,
                              .found = found};
    TRY(scan_all(agent, &reading));
    while (json_array_size(found) == 0 && wait_beyond(&agent->events, reading.after, &until)) {
        TRY(scan_all(agent, &reading));
    }
    *out = MOVE(found);
    return STATUS_OK;
}
