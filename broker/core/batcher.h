/*
 * The writer: the one thread that writes to the store, appends to the log and has it signed.
 *
 * It takes the calls that wait, at most 256, without waiting for more; runs what is due and every call's apply() in one
 * write transaction; commits; has keyd sign; and only then hands the calls on to be answered. While a committed tree is
 * not signed it takes no further batch, and whoever waits gets `try_later`.
 */
#ifndef BROKER_CORE_BATCHER_H
#define BROKER_CORE_BATCHER_H

#include <stdint.h>

#include "base/cleanup.h"
#include "broker/core/call.h"

#define BATCHER_MOST 256

struct batcher;

/* Starts the thread. core's store, shred, ledger, keyd's socket, mailroom, clock guard and workers must be there.
 * most_calls as for workers_start. STATUS_MEMORY. */
enum status batcher_start(struct core *core, size_t most_calls, struct batcher **out_batcher);
/* Finishes what waits, then ends the thread; what is submitted from then on is dropped. Takes NULL. */
void batcher_end(struct batcher *batcher);
/* Ends it and frees; nobody may submit any more. Takes NULL. */
void batcher_free(struct batcher *batcher);
CLEANUP_POINTER(struct batcher, batcher_free)

/* Hands over a call that was checked and is to be applied. Any thread; never waits. */
void batcher_submit(struct batcher *batcher, struct call *call);

/* Calls that wait for a batch. Any thread. */
size_t batcher_depth(struct batcher *batcher);

#endif
