/*
 * Holds answers until the next boundary of 50 ms, so that the time of an answer does not tell what was done for it.
 *
 * Owns the calls that it holds and one thread, which sleeps while it holds none. Any thread may hand it a call.
 */
#ifndef BROKER_CORE_PACER_H
#define BROKER_CORE_PACER_H

#include "base/cleanup.h"
#include "broker/core/call.h"

#define PACER_BOUNDARY_MS 50

struct pacer;

/* Starts the thread. STATUS_MEMORY. */
enum status pacer_start(struct pacer **out_pacer);
/* Sends what it holds at once and ends the thread. Takes NULL. */
void pacer_stop(struct pacer *pacer);
CLEANUP_POINTER(struct pacer, pacer_stop)

/* Takes the call over and sends it at the next boundary. */
void pacer_hold(struct pacer *pacer, struct call *call);

#endif
