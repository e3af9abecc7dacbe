/*
 * A line of the link. Owns both connections until they go to a splice. Trusts the gate no further than its
 * certificate: what it sends is nng's framing within the limits, or the line ends.
 */
#include "agent/link_line.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "keys/tls.h"
#include "proto/sp.h"

enum line_state { LINE_CONNECTING, LINE_AWAITING_ANSWER, LINE_PASSING };

struct link_line {
    struct event_base *base;
    enum line_state state;
    struct bufferevent *ipc;
    struct bufferevent *tls;
    struct event *deadline;
    struct splice *pair;
    struct preface_hello hello;
    struct splice_limits limits;
    void (*up)(void *arg);
    void (*ended)(void *arg, enum link_line_end end, struct preface_answer answer);
    void *arg;
};

CLEANUP_POINTER(struct link_line, link_line_free)

void link_line_free(struct link_line *line) {
    if (!line) return;
    splice_free(line->pair);
    if (line->tls) splice_close_connection(line->tls);
    if (line->ipc) bufferevent_free(line->ipc);
    if (line->deadline) event_free(line->deadline);
    free(line);
}

static void line_end(struct link_line *line, enum link_line_end end, struct preface_answer answer) {
    void (*ended)(void *, enum link_line_end, struct preface_answer) = line->ended;
    void *arg = line->arg;
    link_line_free(line);
    ended(arg, end, answer);
}

static void line_fail(struct link_line *line) {
    line_end(line, LINK_LINE_FAILED, (struct preface_answer){.verdict = PREFACE_NOT_NOW});
}

static void on_pair_ended(void *arg, enum splice_end end) {
    (void)end;
    struct link_line *line = arg;
    line->pair = NULL;
    line_end(line, LINK_LINE_CLOSED, (struct preface_answer){.verdict = PREFACE_ADMITTED});
}

static enum status line_pass(struct link_line *line) {
    struct splice_config config = {
        .base = line->base,
        .a = {.connection = MOVE(line->ipc), .scan = sp_scan_init(SP_PROTOCOL_REQ, SP_FRAME_MAX_BYTES)},
        .b = {.connection = MOVE(line->tls), .scan = sp_scan_init(SP_PROTOCOL_REP, SP_FRAME_MAX_BYTES)},
        .limits = line->limits,
        .ended = on_pair_ended,
        .arg = line,
    };
    return splice_new(&config, &line->pair);
}

static void on_tls_read(struct bufferevent *tls, void *arg) {
    struct link_line *line = arg;
    uint8_t bytes[PREFACE_HELLO_ANSWER_BYTES];
    struct preface_answer answer = {.verdict = PREFACE_NOT_NOW};
    if (line->state != LINE_AWAITING_ANSWER) return;
    if (evbuffer_get_length(bufferevent_get_input(tls)) < sizeof bytes) return;
    (void)bufferevent_read(tls, bytes, sizeof bytes);
    if (preface_hello_answer_parse(BYTES_ARRAY(bytes), &answer) != STATUS_OK) {
        line_fail(line);
    } else if (answer.verdict != PREFACE_ADMITTED) {
        line_end(line, LINK_LINE_REFUSED, answer);
    } else if (line_pass(line) != STATUS_OK) {
        line_fail(line);
    } else {
        event_free(MOVE(line->deadline));
        line->state = LINE_PASSING;
        line->up(line->arg);
    }
}

static enum status line_say_hello(struct link_line *line) {
    uint8_t bytes[PREFACE_HELLO_BYTES];
    preface_hello_encode(&line->hello, bytes);
    line->state = LINE_AWAITING_ANSWER;
    ENSURE(bufferevent_write(line->tls, bytes, sizeof bytes) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

static void on_event(struct bufferevent *connection, short what, void *arg) {
    struct link_line *line = arg;
    bool connected = connection == line->tls && (what & BEV_EVENT_CONNECTED);
    if (connected && line_say_hello(line) == STATUS_OK) return;
    line_fail(line);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    line_fail(arg);
}

/* A socket that libevent connects; the gate's connection must not wait for full packets. */
static enum status open_socket(int family, int *out_fd) {
    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0, STATUS_IO);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    *out_fd = fd;
    return STATUS_OK;
}

static enum status line_connect(struct link_line *line, const struct link_line_config *config) {
    int fd CLEANUP(cleanup_fd) = -1;
    SSL *ssl CLEANUP(SSL_free_cleanup) = NULL;
    TRY(open_socket(config->gate->sa_family, &fd));
    ERR_clear_error();
    ssl = SSL_new(config->context);
    ENSURE(ssl, STATUS_CRYPTO);
    TRY(tls_expect_server(ssl, config->gate_name));
    /* From here the SSL object is libevent's, even when this fails. */
    line->tls =
        bufferevent_openssl_socket_new(line->base, fd, MOVE(ssl), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    ENSURE(line->tls, STATUS_MEMORY);
    fd = -1;
    bufferevent_setcb(line->tls, on_tls_read, NULL, on_event, line);
    ENSURE(bufferevent_enable(line->tls, EV_READ | EV_WRITE) == 0, STATUS_MEMORY);
    int started = bufferevent_socket_connect(line->tls, config->gate, (int)config->gate_len);
    ENSURE(started == 0, STATUS_UNREACHABLE);
    return STATUS_OK;
}

/* nng's connection is not read before the gate has answered. */
static enum status line_take_ipc(struct link_line *line, int *ipc_fd) {
    ENSURE(evutil_make_socket_nonblocking(*ipc_fd) == 0, STATUS_IO);
    line->ipc = bufferevent_socket_new(line->base, *ipc_fd, BEV_OPT_CLOSE_ON_FREE);
    ENSURE(line->ipc, STATUS_MEMORY);
    *ipc_fd = -1;
    return STATUS_OK;
}

enum status link_line_open(const struct link_line_config *config, int ipc_fd, struct link_line **out_line) {
    int fd CLEANUP(cleanup_fd) = ipc_fd;
    struct link_line *line CLEANUP(link_line_free_cleanup) = calloc(1, sizeof *line);
    ENSURE(line, STATUS_MEMORY);
    *line = (struct link_line){
        .base = config->base,
        .hello = config->hello,
        .limits = config->limits,
        .up = config->up,
        .ended = config->ended,
        .arg = config->arg,
    };
    TRY(line_take_ipc(line, &fd));
    line->deadline = event_new(line->base, -1, 0, on_deadline, line);
    ENSURE(line->deadline, STATUS_MEMORY);
    const struct timeval after = {.tv_sec = config->connect_ms / 1000,
                                  .tv_usec = (suseconds_t)(config->connect_ms % 1000) * 1000};
    ENSURE(event_add(line->deadline, &after) == 0, STATUS_MEMORY);
    TRY(line_connect(line, config));
    *out_line = MOVE(line);
    return STATUS_OK;
}

void link_line_stop(struct link_line *line) {
    if (line->state == LINE_PASSING) {
        splice_stop(line->pair);
    } else {
        line_fail(line);
    }
}
