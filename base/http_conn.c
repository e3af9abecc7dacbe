/*
 * One connection of the HTTP server: reads requests off the wire, hands them to their routes, keeps the deadline.
 * Owns its bufferevent (with descriptor and SSL object), its timer and, while it reads it, its request. Trusts nothing
 * that the peer sends.
 *
 * Invariants: no byte of a request reaches a handler before all of it has been checked; one request at a time; the
 * input buffer never holds more than the high-water mark.
 */
#include "base/http_conn.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/http_reply.h"
#include "base/http_route.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/service.h"
#include "base/text.h"

enum { LINGER_MS = 1000, MAX_SIZE_LINE = 16, INPUT_MARK_BYTES = 64 * 1024, REQUEST_ARENA_BYTES = 256 * 1024 };

/* Whether the state machine can go on with what the input holds. */
enum step { STEP_WAIT, STEP_AGAIN };

struct http_request *http_request_new(struct http_conn *conn) {
    struct http_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    uint8_t id[16];
    secret_random_public(id, sizeof id);
    request->arena = arena_new(4 * conn->server->options.max_head_bytes + REQUEST_ARENA_BYTES);
    request->body = evbuffer_new();
    request->view.id = request->arena ? text_hex(request->arena, BYTES_ARRAY(id)) : NULL;
    if (!request->view.id || !request->body) {
        http_request_free(request);
        return NULL;
    }
    request->conn = conn;
    request->view.peer_is_local = conn->peer_is_local;
    request->view.peer_uid = conn->peer_uid;
    request->view.peer_pid = conn->peer_pid;
    request->view.peer_address = arena_string(request->arena, conn->peer_address);
    request->view.tls = conn->tls;
    return request;
}

void http_request_free(struct http_request *request) {
    if (!request) return;
    arena_free(request->arena);
    if (request->body) evbuffer_free(request->body);
    free(request);
}

void http_conn_arm(struct http_conn *conn, uint32_t ms) {
    struct timeval when = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)evtimer_add(conn->deadline, &when);
}

static struct evbuffer *input_of(struct http_conn *conn) { return bufferevent_get_input(conn->events); }

/* Parts a request from its connection: the handler will answer into the void. */
static void let_go(struct http_conn *conn) {
    struct http_request *request = conn->request;
    conn->request = NULL;
    if (!request) return;
    request->conn = NULL;
    request->view.tls = NULL;
    bool with_handler = conn->state == CONN_PENDING || conn->state == CONN_STREAM;
    if (!with_handler) {
        http_request_free(request);
    } else if (request->on_gone) {
        request->on_gone(request, request->on_gone_arg);
    }
}

void http_conn_free(struct http_conn *conn) {
    struct http_server *server = conn->server;
    let_go(conn);
    LIST_REMOVE(conn, link);
    if (conn->deadline) event_free(conn->deadline);
    bufferevent_free(conn->events);
    free(conn);
    server->counts.open--;
    http_server_closed_one(server);
}

/* Answers before any handler and closes afterwards: the place of the next request is not known. */
static enum step refuse(struct http_conn *conn, int code, const char *detail) {
    conn->server->counts.refused++;
    conn->keep_alive = false;
    if (!conn->request) conn->request = http_request_new(conn);
    if (!conn->request) {
        conn->state = CONN_FLUSH;
        http_conn_arm(conn, 0);
        return STEP_WAIT;
    }
    conn->state = CONN_PENDING;
    http_reply_problem(conn->request, &(struct http_problem){.code = code, .detail = detail});
    return STEP_WAIT;
}

/* The body is there: from here on the request is the handler's. */
static enum step dispatch(struct http_conn *conn) {
    struct http_server *server = conn->server;
    struct http_request *request = conn->request;
    struct http_match match;
    const char *allow = NULL;
    size_t body_len = evbuffer_get_length(request->body);
    request->view.body = BYTES(body_len > 0 ? evbuffer_pullup(request->body, -1) : NULL, body_len);
    server->counts.requests++;
    conn->state = CONN_PENDING;
    http_conn_arm(conn, server->options.deadline_ms);
    switch (http_route_find(server->options.routes, &conn->head, request->arena, &match, &allow)) {
    case STATUS_OK:
        request->view.captures = match.captures;
        request->view.captures_count = match.captures_count;
        match.route->handler(request, match.route->arg);
        break;
    case STATUS_NOT_FOUND:
        http_reply_problem(request, &(struct http_problem){.code = 404});
        break;
    case STATUS_UNSUPPORTED:
        IGNORE(http_reply_header(request, "Allow", allow));
        http_reply_problem(request, &(struct http_problem){.code = 405});
        break;
    default:
        http_reply_problem(request, &(struct http_problem){.code = 503, .detail = "out of memory"});
    }
    /* libevent takes an old entry of the thread's error queue for its own. */
    if (server->options.tls) ERR_clear_error();
    return STEP_AGAIN;
}

static void fill_view(struct http_conn *conn) {
    struct http_view *view = &conn->request->view;
    const struct http_head *head = &conn->head;
    conn->request->head_only = head->method == HTTP_HEAD;
    conn->request->chunked = head->minor == 1;
    view->method = head->method == HTTP_HEAD ? HTTP_GET : head->method;
    view->path = head->path;
    view->query = head->query;
    view->query_count = head->query_count;
    view->headers = head->headers;
    view->headers_count = head->headers_count;
}

static enum step begin_body(struct http_conn *conn) {
    const struct http_head *head = &conn->head;
    conn->keep_alive = head->keep_alive;
    if (head->framing == HTTP_NO_BODY) return dispatch(conn);
    bool known = head->framing == HTTP_LENGTH;
    if (known && head->content_length > conn->server->options.max_body_bytes) {
        return refuse(conn, 413, "the body is larger than the documented bound");
    }
    conn->state = known ? CONN_LENGTH : CONN_CHUNK_SIZE;
    conn->remaining = known ? (size_t)head->content_length : 0;
    if (head->expects_continue && evbuffer_get_length(input_of(conn)) == 0) {
        (void)evbuffer_add_printf(bufferevent_get_output(conn->events), "HTTP/1.1 100 Continue\r\n\r\n");
    }
    return STEP_AGAIN;
}

static enum step parse_head(struct http_conn *conn, struct bytes text) {
    struct http_refusal refusal = {0, NULL};
    conn->scanned = 0;
    conn->request = http_request_new(conn);
    if (!conn->request) return refuse(conn, 503, "out of memory");
    enum status status = http_parse_head(text, conn->request->arena, &conn->head, &refusal);
    (void)evbuffer_drain(input_of(conn), text.len);
    if (status != STATUS_OK) return refuse(conn, refusal.code, refusal.detail);
    fill_view(conn);
    return begin_body(conn);
}

static enum step read_head(struct http_conn *conn) {
    struct evbuffer *input = input_of(conn);
    size_t bound = conn->server->options.max_head_bytes;
    size_t len = evbuffer_get_length(input);
    if (len == 0) return STEP_WAIT;
    if (len > bound) len = bound;
    struct bytes text = {evbuffer_pullup(input, (ev_ssize_t)len), len};
    size_t end = 0;
    if (!text.data) return refuse(conn, 503, "out of memory");
    if (http_parse_find_end(text, conn->scanned, &end) != STATUS_OK) {
        return refuse(conn, 400, "a line does not end in CRLF");
    }
    conn->scanned = len;
    if (end > 0) return parse_head(conn, (struct bytes){text.data, end});
    return len == bound ? refuse(conn, 431, "the head is larger than the documented bound") : STEP_WAIT;
}

/* Moves what there is of `remaining` to the body; true when nothing is missing any more. */
static bool take_body(struct http_conn *conn) {
    int moved = evbuffer_remove_buffer(input_of(conn), conn->request->body, conn->remaining);
    if (moved > 0) conn->remaining -= (size_t)moved;
    return conn->remaining == 0;
}

static enum step read_chunk_size(struct http_conn *conn) {
    struct evbuffer *input = input_of(conn);
    size_t len = 0;
    uint64_t size = 0;
    char *line CLEANUP(cleanup_free) = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF_STRICT);
    if (!line && evbuffer_get_length(input) < MAX_SIZE_LINE) return STEP_WAIT;
    if (!line || http_parse_chunk_size(BYTES(line, len), &size) != STATUS_OK) {
        return refuse(conn, 400, "a chunk size does not have the required form");
    }
    if (size > conn->server->options.max_body_bytes - evbuffer_get_length(conn->request->body)) {
        return refuse(conn, 413, "the body is larger than the documented bound");
    }
    conn->remaining = (size_t)size;
    conn->state = size == 0 ? CONN_TRAILER : CONN_CHUNK_DATA;
    return STEP_AGAIN;
}

/* The CRLF behind a chunk, or behind the last one. */
static enum step read_crlf(struct http_conn *conn) {
    struct evbuffer *input = input_of(conn);
    char crlf[2];
    if (evbuffer_get_length(input) < sizeof crlf) return STEP_WAIT;
    (void)evbuffer_remove(input, crlf, sizeof crlf);
    if (crlf[0] != '\r' || crlf[1] != '\n') {
        return refuse(conn, 400,
                      conn->state == CONN_TRAILER ? "trailer fields are not accepted"
                                                  : "a chunk is longer than its size");
    }
    if (conn->state == CONN_TRAILER) return dispatch(conn);
    conn->state = CONN_CHUNK_SIZE;
    return STEP_AGAIN;
}

static enum step advance_once(struct http_conn *conn) {
    switch (conn->state) {
    case CONN_HEAD:
        return read_head(conn);
    case CONN_LENGTH:
        return take_body(conn) ? dispatch(conn) : STEP_WAIT;
    case CONN_CHUNK_SIZE:
        return read_chunk_size(conn);
    case CONN_CHUNK_DATA:
        if (!take_body(conn)) return STEP_WAIT;
        conn->state = CONN_CHUNK_END;
        return STEP_AGAIN;
    case CONN_CHUNK_END:
    case CONN_TRAILER:
        return read_crlf(conn);
    case CONN_LINGER:
        (void)evbuffer_drain(input_of(conn), evbuffer_get_length(input_of(conn)));
        return STEP_WAIT;
    case CONN_PENDING:
    case CONN_STREAM:
    case CONN_FLUSH:
        break;
    }
    return STEP_WAIT;
}

static void advance(struct http_conn *conn) {
    while (advance_once(conn) == STEP_AGAIN) {
    }
}

static void on_read(struct bufferevent *events, void *arg) {
    (void)events;
    advance(arg);
}

void http_conn_answered(struct http_conn *conn) {
    conn->request = NULL;
    conn->state = CONN_FLUSH;
}

/* Ends the sending side; the peer may still be sending, and a reset would take the answer from it. */
static void linger(struct http_conn *conn) {
    conn->state = CONN_LINGER;
    if (conn->tls) (void)SSL_shutdown(conn->tls);
    if (conn->tls) ERR_clear_error();
    (void)shutdown(bufferevent_getfd(conn->events), SHUT_WR);
    http_conn_arm(conn, LINGER_MS);
    advance(conn);
}

static void on_write(struct bufferevent *events, void *arg) {
    struct http_conn *conn = arg;
    if (conn->state != CONN_FLUSH || evbuffer_get_length(bufferevent_get_output(events)) > 0) return;
    if (conn->peer_side == PEER_HAS_CLOSED) {
        http_conn_free(conn);
    } else if (!conn->keep_alive) {
        linger(conn);
    } else {
        conn->state = CONN_HEAD;
        http_conn_arm(conn, conn->server->options.deadline_ms);
        advance(conn);
    }
}

static void on_event(struct bufferevent *events, short what, void *arg) {
    struct http_conn *conn = arg;
    (void)events;
    if ((what & BEV_EVENT_CONNECTED) != 0) return;
    bool answer_leaves = conn->state == CONN_FLUSH && (what & BEV_EVENT_EOF) != 0;
    if (conn->tls) ERR_clear_error();
    if (answer_leaves) {
        conn->peer_side = PEER_HAS_CLOSED;
    } else {
        http_conn_free(conn);
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    struct http_conn *conn = arg;
    (void)fd;
    (void)what;
    if (conn->state != CONN_LINGER) conn->server->counts.timed_out++;
    if (conn->state != CONN_PENDING) {
        http_conn_free(conn);
        return;
    }
    let_go(conn);
    (void)refuse(conn, 503, "no answer in time");
    http_conn_arm(conn, LINGER_MS);
}

static enum status learn_local_peer(struct http_conn *conn, int fd) {
    static const char name[] = "unix";
    conn->peer_is_local = true;
    memcpy(conn->peer_address, name, sizeof name);
    return service_peer(fd, &conn->peer_uid, &conn->peer_pid);
}

/* Without TCP_NODELAY an answer in two writes waits for the peer's delayed acknowledgement. */
static enum status learn_tcp_peer(struct http_conn *conn, int fd, const struct sockaddr *address) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int failed = getnameinfo(address, len, conn->peer_address, sizeof conn->peer_address, NULL, 0, NI_NUMERICHOST);
    return failed ? STATUS_UNSUPPORTED : STATUS_OK;
}

static enum status learn_peer(struct http_conn *conn, int fd, const struct sockaddr *address) {
    return conn->server->local ? learn_local_peer(conn, fd) : learn_tcp_peer(conn, fd, address);
}

/* NULL when memory is out; then fd is closed. */
static struct bufferevent *make_events(struct http_conn *conn, int fd) {
    struct event_base *base = conn->server->base;
    struct bufferevent *events = NULL;
    if (!conn->server->options.tls) {
        events = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    } else {
        conn->tls = SSL_new(conn->server->options.tls);
        if (conn->tls) {
            events =
                bufferevent_openssl_socket_new(base, fd, conn->tls, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
        }
        if (events) bufferevent_openssl_set_allow_dirty_shutdown(events, 1);
    }
    if (!events) (void)close(fd);
    return events;
}

static void drop(struct http_conn *conn, int fd) {
    if (fd >= 0) (void)close(fd);
    free(conn);
    log_limited(LOG_LEVEL_WARN, "http_accept_failed", "errno=%d", errno);
}

void http_conn_open(struct http_server *server, int fd, const struct sockaddr *address) {
    struct http_conn *conn = calloc(1, sizeof *conn);
    if (conn) conn->server = server;
    if (!conn || learn_peer(conn, fd, address) != STATUS_OK) {
        drop(conn, fd);
        return;
    }
    conn->events = make_events(conn, fd);
    if (!conn->events) {
        drop(conn, -1);
        return;
    }
    server->counts.accepted++;
    server->counts.open++;
    LIST_INSERT_HEAD(&server->connections, conn, link);
    conn->deadline = evtimer_new(server->base, on_deadline, conn);
    if (!conn->deadline) {
        http_conn_free(conn);
        return;
    }
    size_t bound = server->options.max_head_bytes;
    bufferevent_setwatermark(conn->events, EV_READ, 0, bound > INPUT_MARK_BYTES ? bound : INPUT_MARK_BYTES);
    bufferevent_setcb(conn->events, on_read, on_write, on_event, conn);
    http_conn_arm(conn, server->options.deadline_ms);
    if (bufferevent_enable(conn->events, EV_READ | EV_WRITE) != 0) http_conn_free(conn);
}
