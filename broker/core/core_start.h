/*
 * Core's parts in the order in which they come up and go down, without sockets, sandbox or process: core_run adds
 * these.
 */
#ifndef BROKER_CORE_CORE_START_H
#define BROKER_CORE_CORE_START_H

#include "broker/core/core.h"

#define CORE_WORKERS 2

/* Opens what lies on disk by core->settings, and makes it when it is new: store (unless core->store is set already),
 * shred file, index key, ledger. federation, clock and settings must be set. STATUS_INTEGRITY, STATUS_FEDERATION, ...
 * as the parts say. core_close is the caller's, after a failure too. Main thread. */
enum status core_open(struct core *core);

/* Holds what was opened against keyd and finishes what a crash left: identity, last note, directory, destroyed slots,
 * signature. STATUS_FORK when keyd signed what is not here; STATUS_UNREACHABLE when it does not answer. */
enum status core_check(struct core *core, struct arena *arena);

/* Starts the threads: workers, writer, pacer. */
enum status core_start(struct core *core);
/* Ends them, the writer first; what waits is finished, what is parked dropped. */
void core_halt(struct core *core);
/* Closes everything; fine when half opened. Not while threads run. Leaves core->store alone when keep_store is set. */
enum core_close_store { CORE_CLOSE_STORE, CORE_KEEP_STORE };
void core_close(struct core *core, enum core_close_store store);

/* Every 50 ms: polls whose time is over; every second: space, clock, offers to witnesses. Main thread. */
void core_tick(struct core *core);

#endif
