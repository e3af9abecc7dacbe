/*
 * The local event log: what happened, for the agency's systems. Each event has a sequence number and belongs to one
 * unit; subscribers keep their own place in it. Any thread.
 */
#ifndef AGENT_EVENTS_H
#define AGENT_EVENTS_H

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/store.h"

struct agent;

struct events {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t grown;  /* monotonic clock */
    uint64_t newest;       /* sequence number committed last */
    unsigned closed;
};

enum status events_open(struct agent *agent);
/* Waiting callers return. */
void events_wake_all(struct agent *agent);
void events_close(struct agent *agent);

/* Adds an event in a write transaction. `details` is an object and stays the caller's; "sequence", "type", "time" and
 * "unit" are put in front. */
enum status events_add(struct agent *agent, struct store_txn *txn, struct arena *arena, const char *unit,
                       const char *type, const json_t *details);
/* After a commit that may have added events: wakes those who wait. */
void events_committed(struct agent *agent);

/* As agent_events. */
enum status events_read(struct agent *agent, const char *const *units, size_t n_units, uint64_t after, size_t most,
                        uint32_t wait_ms, json_t **out);

#endif
