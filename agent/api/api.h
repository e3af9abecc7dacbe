/*
 * The agent's local API: HTTP on a Unix socket and, when asked for, on a loopback TCP port; JSON in and out
 * (docs/openapi.json). The loop threads decide who may call; workers do what is asked, through agent/agent.h, and hand
 * the answer back. At most API_QUEUE_MAX calls wait for a worker, then 503.
 */
#ifndef AGENT_API_API_H
#define AGENT_API_API_H

#include <stddef.h>

#include "agent/agent.h"
#include "agent/api/api_client.h"
#include "base/clock.h"

#define API_QUEUE_MAX 64

struct api;

struct api_options {
    struct agent *agent;
    const struct api_clients *clients;
    const char *portal_url; /* of the person's page, without a slash at the end */
    const struct clock *clock;
    int unix_fd; /* bound and listening; taken over, also on failure */
    int tcp_fd;  /* the same, on a loopback address; -1: none */
    size_t workers;
};

/* The options' pointers must outlive the API. Starts the workers, serves nothing yet. STATUS_MEMORY, STATUS_IO. */
enum status api_new(const struct api_options *options, struct api **out_api);

/* Serves until api_stop. The calling thread becomes the loop thread of the Unix socket. STATUS_IO. */
enum status api_run(struct api *api);

/* Any thread: ends api_run soon. */
void api_stop(struct api *api);

/* For signals and timers of the program's own, in the thread of api_run. */
struct event_base *api_base(struct api *api);

/* After api_run has returned, or instead of it: ends what is being done, answers what waits, frees. Takes NULL. */
void api_free(struct api *api);
CLEANUP_POINTER(struct api, api_free)

#endif
