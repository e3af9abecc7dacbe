/*
 * The asking end of the link: nng REQ over a Unix socket. Together with link_server the only user of nng.
 *
 * nng delivers a request at most once: nothing is ever sent again by itself. A call whose connection is lost ends at
 * once with STATUS_UNREACHABLE and whoever made it decides (every request of ours is safe to repeat with the same
 * bytes). The client connects by itself and goes on trying for the life of the process.
 */
#ifndef PROTO_LINK_CLIENT_H
#define PROTO_LINK_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct link_client;

/* contexts: calls that can be under way at once, 1 to 1024. max_bytes: of an answer and the 4 bytes that nng puts
 * before it; a larger one ends the connection. The socket need not be there yet. STATUS_SETTINGS for another number or
 * a path above 100 bytes, STATUS_IO, STATUS_MEMORY. The client is never freed: it lives as long as the process. */
enum status link_client_open(const char *path, size_t contexts, size_t max_bytes, struct link_client **out_client);

/* Sends and waits. timeout_ms covers the wait for a connection and for the answer. STATUS_TIMEOUT (sent, but not
 * answered), STATUS_UNREACHABLE (connection lost, or none in time), STATUS_LIMIT when all contexts are taken,
 * STATUS_MEMORY. Any thread; blocks. */
enum status link_client_call(struct link_client *client, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                             struct bytes *out_answer);

/* The answer of a started call, on nng's thread: must not block, the view ends with it. */
typedef void link_done_fn(void *arg, enum status status, struct bytes answer);

/* Starts a call (request is copied); done runs exactly once unless this fails. STATUS_LIMIT, STATUS_MEMORY. Any
 * thread. */
enum status link_client_start(struct link_client *client, struct bytes request, uint32_t timeout_ms, link_done_fn *done,
                              void *arg);

#endif
