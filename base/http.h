/*
 * Small HTTP/1.1 server (RFC 9110, RFC 9112): one loop thread, Unix or TCP, plain or TLS. base/http_parse.h has the
 * rules for what is accepted on the wire; base/http_reply.h how a handler answers.
 *
 * Caveats first. Handlers run in the loop thread and must not block. A request belongs to its handler until it is
 * answered, and must be answered exactly once, now or later, also when the client has left meanwhile: the answer then
 * goes nowhere and the request is freed. Everything here is for the loop thread, but for http_loop_post and
 * http_server_stop (any thread) and for reading a request's view (any one thread at a time, until it is answered).
 *
 * Time: each phase of a connection has an absolute deadline that no byte extends: handshake and first request,
 * answer, next request. When it passes the connection is closed; a request still unanswered gets 503 first.
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHOD_COUNT };

struct http_field {
    const char *name;
    const char *value;
};

struct http_request;

/* Loop thread; takes the request over: see above. */
typedef void http_handler(struct http_request *request, void *arg);

/* A segment {name} captures one non-empty segment of the path, a final {name*} all the rest with its slashes. A route
 * for GET answers HEAD too. The first route that fits wins. */
struct http_route {
    enum http_method method;
    const char *pattern; /* NULL ends a table */
    http_handler *handler;
    void *arg;
};

struct http_options {
    int listen_fd;          /* bound and listening; the server closes it, also when http_server_new fails */
    SSL_CTX *tls;           /* NULL: plain. The caller keeps it, and keeps it alive */
    size_t max_head_bytes;  /* request line and fields; above: 431 */
    size_t max_body_bytes;  /* above: 413 */
    uint32_t deadline_ms;   /* for each phase */
    size_t max_connections; /* above: not accepted until one ends */
    const struct http_route *routes;
    const struct http_field *headers; /* on every answer; ended by a NULL name; may be NULL */
};

struct http_server;

/* The tables of the options must outlive the server. STATUS_MEMORY, STATUS_IO. Call secret_setup() before. */
enum status http_server_new(const struct http_options *options, struct http_server **out_server);

/* Closes all connections, then runs what http_loop_post had queued. No other thread may use the server any more;
 * requests still unanswered stay valid and must still be answered. Takes NULL. */
void http_server_free(struct http_server *server);
CLEANUP_POINTER(struct http_server, http_server_free)

/* Serves until http_server_stop. The calling thread becomes the loop thread. STATUS_IO when the loop fails. */
enum status http_server_run(struct http_server *server);

/* Any thread, signal safe: ends http_server_run soon. */
void http_server_stop(struct http_server *server);

/* For timers and descriptors of the program's own; loop thread. */
struct event_base *http_server_base(struct http_server *server);

/* Runs fn(arg) soon in the loop thread. Any thread. STATUS_LIMIT when too many wait; one for each request in flight
 * always fits. On failure the caller keeps arg. */
enum status http_loop_post(struct http_server *server, void (*fn)(void *arg), void *arg);

struct http_counts {
    uint64_t accepted;  /* connections so far */
    uint64_t open;      /* connections now */
    uint64_t requests;  /* well-formed requests so far */
    uint64_t refused;   /* requests refused before any handler */
    uint64_t timed_out; /* connections closed by a deadline, idle ones too */
};
struct http_counts http_server_counts(const struct http_server *server);

/* What a handler may know about a request. Lives until the request is answered. */
struct http_view {
    enum http_method method;           /* HTTP_GET also for HEAD */
    const char *path;                  /* as it came, without the query */
    const char *id;                    /* 32 hex digits, new for each request, sent as X-Request-Id */
    const struct http_field *captures; /* percent-decoded UTF-8 without control characters */
    size_t captures_count;
    const struct http_field *query; /* decoded likewise, '+' is a space; names are unique */
    size_t query_count;
    const struct http_field *headers; /* names in lower case */
    size_t headers_count;
    struct bytes body;
    bool peer_is_local; /* a Unix socket: peer_uid holds (SO_PEERCRED) */
    uid_t peer_uid;
    pid_t peer_pid;
    const char *peer_address; /* numeric, without port; "unix" for a Unix socket */
    SSL *tls;                 /* NULL when plain; loop thread only, and only while the client has not left */
};
const struct http_view *http_request_view(const struct http_request *request);

/* NULL when absent. The names of header fields are given in lower case. */
const char *http_request_capture(const struct http_request *request, const char *name);
const char *http_request_query(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);

/* fn is called once, in the loop thread, when the client leaves or the deadline passes before the request is
 * answered: to forget a parked poll. The request must still be answered; fn may do that. Set it in the handler. */
void http_request_on_gone(struct http_request *request, void (*fn)(struct http_request *request, void *arg), void *arg);
bool http_request_is_gone(const struct http_request *request);

/* Moves the deadline of the answer to ms from now: for long polls and streams. */
void http_request_extend(struct http_request *request, uint32_t ms);

#endif
