/*
 * Long polls for events: a thread of its own keeps the calls that wait, so that none of them holds a worker. It asks
 * the agent for anything new of any unit, and then looks for each call again. At most API_POLL_MAX calls wait.
 */
#ifndef AGENT_API_API_POLL_H
#define AGENT_API_API_POLL_H

#include "agent/api/api_call.h"

#define API_POLL_MAX 64

struct api_poll;

struct api_poll_options {
    struct agent *agent;
    const struct api_clients *clients; /* whose units are watched */
    const struct clock *clock;
    void (*done)(struct api_call *call); /* takes an answered call over; in the poller's thread */
};

/* The options' pointers must stay valid. STATUS_MEMORY, STATUS_IO. */
enum status api_poll_start(const struct api_poll_options *options, struct api_poll **out_poll);

/* Takes a parked call over. STATUS_LIMIT when too many wait, STATUS_REFUSED while stopping: the caller keeps it. */
enum status api_poll_park(struct api_poll *poll, struct api_call *call);

/* Answers every call that waits, ends the thread, frees. Takes NULL. */
void api_poll_stop(struct api_poll *poll);

size_t api_poll_count(const struct api_poll *poll);

#endif
