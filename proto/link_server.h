/*
 * The answering end of the link: nng REP over a Unix socket. Together with link_client the only user of nng.
 *
 * Take care: the receive function runs on nng's threads and may only enqueue. A request that was handed out must be
 * answered or dropped exactly once; until then it holds one of the server's contexts, so there must be more contexts
 * than parked polls and workers together. The server lives as long as the process: sockets of nng 1.5 must not be
 * closed and opened again.
 */
#ifndef PROTO_LINK_SERVER_H
#define PROTO_LINK_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"

struct link_server;
struct link_request;

/* A request came. nng's thread; must not block; takes the request over. */
typedef void link_request_fn(void *arg, struct link_request *request);
/* A pipe began or ended. A request of a pipe never comes before its beginning, but may come after its end; then it is
 * answered into nothing. nng's thread; must not block. */
typedef void link_pipe_fn(void *arg, uint32_t pipe);

struct link_server_options {
    const char *path; /* of the Unix socket; a stale file is replaced */
    mode_t mode;
    size_t contexts;   /* requests that can be outstanding, 1 to 8192 */
    size_t max_bytes;  /* of a request and the 4 bytes that nng puts before it; larger ones end their pipe */
    const uid_t *uids; /* peers that may connect; */
    size_t n_uids;     /* 0: only this process's own user */
    link_request_fn *on_request;
    link_pipe_fn *on_opened; /* may be NULL */
    link_pipe_fn *on_closed; /* may be NULL */
    void *arg;
};

/* Opens, listens and starts to receive. STATUS_SETTINGS for a number of contexts or a path (100 bytes at most) out of
 * bounds, STATUS_IO when the socket cannot be made, STATUS_MEMORY. Main thread, after the
 * sandbox's first half. */
enum status link_server_open(const struct link_server_options *options, struct link_server **out_server);

/* A view of the request, until it is answered or dropped. */
struct bytes link_request_body(const struct link_request *request);
/* The connection that it came by. Unique while the process lives for all practical purposes. */
uint32_t link_request_pipe(const struct link_request *request);

/* Sends an answer (copied) and gives the request back. Any thread. */
void link_request_reply(struct link_request *request, struct bytes answer);
/* Gives the request back without an answer and ends its connection. Any thread. */
void link_request_drop(struct link_request *request);

#endif
