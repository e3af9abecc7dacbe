/*
 * Inside the HTTP server: what its files share. For base/http*.c only; loop thread only.
 *
 * A connection moves HEAD -> (LENGTH | CHUNK_SIZE <-> CHUNK_DATA -> CHUNK_END ... TRAILER) -> PENDING -> (STREAM) ->
 * FLUSH -> HEAD or LINGER. It is freed only at the end of one of its own event callbacks, or by the server. While
 * PENDING or STREAM its request is the handler's and the two know each other; whichever ends first lets go of the
 * other.
 */
#ifndef BASE_HTTP_CONN_H
#define BASE_HTTP_CONN_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/http.h"
#include "base/http_parse.h"
#include "base/queue.h"

enum conn_state {
    CONN_HEAD,       /* the request line and the fields are not complete */
    CONN_LENGTH,     /* `remaining` bytes of the body are missing */
    CONN_CHUNK_SIZE, /* a size line is due */
    CONN_CHUNK_DATA, /* `remaining` bytes of a chunk are missing */
    CONN_CHUNK_END,  /* the CRLF behind a chunk is due */
    CONN_TRAILER,    /* the last CRLF is due */
    CONN_PENDING,    /* the handler has the request */
    CONN_STREAM,     /* the handler sends pieces */
    CONN_FLUSH,      /* the answer is complete, its bytes are leaving */
    CONN_LINGER,     /* sending is over; what the peer still sends is thrown away, so that it can read the answer */
};

enum conn_peer_side { PEER_READS, PEER_HAS_CLOSED };

struct http_conn {
    struct http_server *server;
    struct bufferevent *events;
    struct event *deadline;
    SSL *tls;                     /* owned by events; NULL when plain */
    struct http_request *request; /* being read: owned; PENDING and STREAM: the handler's; else NULL */
    struct http_head head;        /* strings live in the request's arena */
    enum conn_state state;
    enum conn_peer_side peer_side;
    bool keep_alive;
    size_t scanned;   /* bytes of the input known to hold no end of the head */
    size_t remaining; /* see the states */
    bool peer_is_local;
    uid_t peer_uid;
    pid_t peer_pid;
    char peer_address[64];
    LIST_ENTRY(http_conn) link;
};

struct http_request {
    struct http_view view;
    struct arena *arena;
    struct evbuffer *body;
    struct http_conn *conn; /* NULL when the client has gone */
    struct http_field *answer_headers;
    size_t answer_headers_count;
    bool head_only; /* HEAD */
    bool started;   /* http_reply_start was called */
    bool chunked;   /* the stream is sent in chunks: not to HTTP/1.0 */
    void (*on_gone)(struct http_request *request, void *arg);
    void *on_gone_arg;
};

struct http_server {
    struct http_options options;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *resume; /* accepts again after descriptors ran out */
    struct event *posted;
    struct event *stopped;
    struct queue *posts;
    int stop_fd;
    bool local; /* Unix sockets */
    LIST_HEAD(http_conn_list, http_conn) connections;
    struct http_counts counts;
};

/* Takes fd over. The connection counts as open until it is freed. */
void http_conn_open(struct http_server *server, int fd, const struct sockaddr *address);
void http_conn_free(struct http_conn *conn);

/* The answer is complete in the output: called by base/http_reply.c, which has freed the request. */
void http_conn_answered(struct http_conn *conn);

/* Moves the deadline to ms from now. */
void http_conn_arm(struct http_conn *conn, uint32_t ms);

/* NULL when memory is out. */
struct http_request *http_request_new(struct http_conn *conn);
/* Takes NULL. Does not touch the connection. */
void http_request_free(struct http_request *request);

/* Accepting may have stopped at the limit of connections. */
void http_server_closed_one(struct http_server *server);

#endif
