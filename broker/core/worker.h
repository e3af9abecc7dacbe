/*
 * The workers: threads that decode, verify, check and answer calls. Each has its own connection to keyd.
 */
#ifndef BROKER_CORE_WORKER_H
#define BROKER_CORE_WORKER_H

#include <stddef.h>

#include "base/cleanup.h"
#include "broker/core/call.h"

struct workers;

/* most_calls: that can exist at once, over all faces; so many fit into the queue. STATUS_MEMORY. */
enum status workers_start(struct core *core, size_t count, size_t most_calls, struct workers **out_workers);
/* Finishes what waits, then ends the threads. Takes NULL. */
void workers_stop(struct workers *workers);
CLEANUP_POINTER(struct workers, workers_stop)

/* Hands a call over for its next step. Any thread, nng's too: never waits. When the workers are stopping, the call is
 * dropped. */
void workers_push(struct workers *workers, struct call *call);
/* The same for calls linked by next, each for that step. */
void workers_push_list(struct workers *workers, struct call *list, enum call_step step);

/* Calls that wait for a worker. Any thread. */
size_t workers_depth(struct workers *workers);

#endif
