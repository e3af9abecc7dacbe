/*
 * A connection at the gate. Owns its TLS connection and its pipe to core until both go to a splice. Trusts nothing of
 * the peer but that it holds the key of the certificate that it showed; core decides what that certificate may.
 *
 * Invariant: a connection is in the pending list and under its deadline in every state but CONN_PASSING.
 */
#include "broker/gate/gate_conn.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "broker/gate/gate_pipe.h"
#include "keys/tls.h"
#include "proto/sp.h"

enum {
    CONN_RETRY_TOO_MANY_MS = 5000,
    CONN_RETRY_NOT_NOW_MS = 500,
    CONN_KEEPALIVE_IDLE_S = 60,
    CONN_KEEPALIVE_INTERVAL_S = 15,
    CONN_KEEPALIVE_COUNT = 4,
};

enum conn_state { CONN_HANDSHAKE, CONN_HELLO, CONN_ASKING_CORE, CONN_REFUSED, CONN_PASSING };

struct gate_conn {
    struct gate_conn_shared *shared;
    enum conn_state state;
    struct bufferevent *tls;
    struct gate_pipe *pipe;
    struct splice *pair;
    struct event *deadline;
    struct preface preface;
    TAILQ_ENTRY(gate_conn) link;
};

static void conn_free(struct gate_conn *conn) {
    if (conn->state == CONN_PASSING) {
        TAILQ_REMOVE(&conn->shared->admitted, conn, link);
        conn->shared->metrics.admitted--;
    } else {
        TAILQ_REMOVE(&conn->shared->pending, conn, link);
        conn->shared->metrics.pending--;
    }
    splice_free(conn->pair);
    gate_pipe_free(conn->pipe);
    if (conn->tls) splice_close_connection(conn->tls);
    if (conn->deadline) event_free(conn->deadline);
    free(conn);
}

static void conn_set_deadline(struct gate_conn *conn, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)event_add(conn->deadline, &after);
}

/* --- the answer to the hello ------------------------------------------------------------------------------------- */

static enum status conn_write_answer(struct gate_conn *conn, struct preface_answer answer) {
    uint8_t bytes[PREFACE_HELLO_ANSWER_BYTES];
    preface_hello_answer_encode(answer, bytes);
    conn->shared->metrics.verdicts[answer.verdict]++;
    ENSURE(bufferevent_write(conn->tls, bytes, sizeof bytes) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

/* Says why, and closes once that is written. The deadline becomes the one for flushing. */
static void conn_refuse(struct gate_conn *conn, enum preface_verdict verdict, uint32_t retry_after_ms) {
    struct preface_answer answer = {.verdict = verdict, .retry_after_ms = retry_after_ms};
    log_limited(LOG_LEVEL_INFO, "gate_refused", "verdict=%s", preface_verdict_name(verdict));
    gate_pipe_free(MOVE(conn->pipe));
    conn->state = CONN_REFUSED;
    conn_set_deadline(conn, SPLICE_LIMITS_DEFAULT.flush_ms);
    (void)bufferevent_disable(conn->tls, EV_READ);
    if (conn_write_answer(conn, answer) != STATUS_OK) conn_free(conn);
}

/* --- passing through --------------------------------------------------------------------------------------------- */

static void on_ended(void *arg, enum splice_end end) {
    struct gate_conn *conn = arg;
    conn->pair = NULL;
    if (end != SPLICE_END_CLOSED && end != SPLICE_END_STOPPED) {
        log_limited(LOG_LEVEL_WARN, "gate_link_cut", "reason=%s", splice_end_name(end));
    }
    conn_free(conn);
}

/* Core's SP header was read already, so the peer gets one like it; the peer's own is checked and dropped. */
static enum status conn_begin_passing(struct gate_conn *conn) {
    const struct gate_settings *settings = conn->shared->settings;
    uint8_t header[SP_HEADER_BYTES];
    sp_header_encode(SP_PROTOCOL_REP, header);
    TRY(conn_write_answer(conn, (struct preface_answer){.verdict = PREFACE_ADMITTED}));
    ENSURE(bufferevent_write(conn->tls, header, sizeof header) == 0, STATUS_MEMORY);
    struct splice_config config = {
        .base = conn->shared->base,
        .a = {.connection = MOVE(conn->tls),
              .scan = sp_scan_init(SP_PROTOCOL_REQ, SP_FRAME_MAX_BYTES),
              .sp = SPLICE_SP_SWALLOW,
              .budget = conn->shared->budget},
        .b = {.connection = gate_pipe_take(conn->pipe), .scan = sp_scan_init_frames(SP_FRAME_MAX_BYTES)},
        .limits = SPLICE_LIMITS_DEFAULT,
        .totals = &conn->shared->metrics.passed,
        .ended = on_ended,
        .arg = conn,
    };
    config.limits.frame_ms = (uint32_t)settings->frame_ms;
    config.limits.max_unanswered = (uint32_t)settings->max_unanswered;
    return splice_new(&config, &conn->pair);
}

static void conn_admit(struct gate_conn *conn) {
    enum status status = conn_begin_passing(conn);
    if (status != STATUS_OK) {
        log_limited(LOG_LEVEL_ERROR, "gate_admit_failed", "status=%s", status_name(status));
        conn_free(conn);
        return;
    }
    gate_pipe_free(MOVE(conn->pipe));
    event_free(MOVE(conn->deadline));
    conn->state = CONN_PASSING;
    TAILQ_REMOVE(&conn->shared->pending, conn, link);
    TAILQ_INSERT_TAIL(&conn->shared->admitted, conn, link);
    conn->shared->metrics.pending--;
    conn->shared->metrics.admitted++;
}

/* --- asking core ------------------------------------------------------------------------------------------------- */

static void on_core_answer(void *arg, enum status status, struct preface_answer answer) {
    struct gate_conn *conn = arg;
    if (status != STATUS_OK) {
        conn->shared->metrics.core_unreachable++;
        log_limited(LOG_LEVEL_WARN, "gate_core_away", "status=%s", status_name(status));
        conn_refuse(conn, PREFACE_NOT_NOW, CONN_RETRY_NOT_NOW_MS);
    } else if (answer.verdict == PREFACE_ADMITTED) {
        conn_admit(conn);
    } else {
        conn_refuse(conn, answer.verdict, answer.retry_after_ms);
    }
}

static size_t count_of_member(const struct gate_conn_list *list, const struct gate_conn *self) {
    size_t count = 0;
    const struct gate_conn *conn = NULL;
    TAILQ_FOREACH(conn, list, link) {
        bool counted = conn->state == CONN_PASSING || conn->state == CONN_ASKING_CORE;
        if (counted && conn != self &&
            bytes_equal(BYTES_ARRAY(conn->preface.fingerprint), BYTES_ARRAY(self->preface.fingerprint))) {
            count++;
        }
    }
    return count;
}

static void conn_ask_core(struct gate_conn *conn) {
    struct gate_conn_shared *shared = conn->shared;
    size_t held = count_of_member(&shared->pending, conn) + count_of_member(&shared->admitted, conn);
    if (held >= (size_t)shared->settings->connections_per_member) {
        conn_refuse(conn, PREFACE_TOO_MANY, CONN_RETRY_TOO_MANY_MS);
        return;
    }
    conn->state = CONN_ASKING_CORE;
    (void)bufferevent_disable(conn->tls, EV_READ);
    enum status status =
        gate_pipe_open(shared->base, shared->settings->core_socket, &conn->preface, on_core_answer, conn, &conn->pipe);
    if (status != STATUS_OK) on_core_answer(conn, status, (struct preface_answer){.verdict = PREFACE_NOT_NOW});
}

/* --- handshake and hello ----------------------------------------------------------------------------------------- */

static enum status conn_read_fingerprint(struct gate_conn *conn) {
    struct hash fingerprint;
    ERR_clear_error();
    TRY(tls_peer_fingerprint(bufferevent_openssl_get_ssl(conn->tls), &fingerprint));
    memcpy(conn->preface.fingerprint, fingerprint.b, sizeof conn->preface.fingerprint);
    conn->state = CONN_HELLO;
    return STATUS_OK;
}

static void on_read(struct bufferevent *tls, void *arg) {
    struct gate_conn *conn = arg;
    uint8_t hello[PREFACE_HELLO_BYTES];
    if (conn->state != CONN_HELLO || evbuffer_get_length(bufferevent_get_input(tls)) < sizeof hello) return;
    (void)bufferevent_read(tls, hello, sizeof hello);
    if (preface_hello_parse(BYTES_ARRAY(hello), &conn->preface.hello) != STATUS_OK) {
        conn->shared->metrics.hellos_malformed++;
        conn_free(conn);
        return;
    }
    conn_ask_core(conn);
}

static void on_written(struct bufferevent *tls, void *arg) {
    (void)tls;
    struct gate_conn *conn = arg;
    if (conn->state == CONN_REFUSED) conn_free(conn);
}

static void on_event(struct bufferevent *tls, short what, void *arg) {
    (void)tls;
    struct gate_conn *conn = arg;
    if ((what & BEV_EVENT_CONNECTED) && conn_read_fingerprint(conn) == STATUS_OK) return;
    if (conn->state != CONN_REFUSED) conn->shared->metrics.handshakes_failed++;
    conn_free(conn);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct gate_conn *conn = arg;
    if (conn->state != CONN_REFUSED) conn->shared->metrics.handshakes_late++;
    conn_free(conn);
}

/* --- accepting --------------------------------------------------------------------------------------------------- */

static void set_option(int fd, int level, int option, int value) {
    /* Only efficiency and the speed of noticing a dead peer depend on these. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static void set_options(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, CONN_KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, CONN_KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, CONN_KEEPALIVE_COUNT);
}

static void address_text(const struct sockaddr *from, char *out_text, size_t cap) {
    const void *address = NULL;
    if (from->sa_family == AF_INET) address = &((const struct sockaddr_in *)(const void *)from)->sin_addr;
    if (from->sa_family == AF_INET6) address = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    if (!address || !inet_ntop(from->sa_family, address, out_text, (socklen_t)cap)) memcpy(out_text, "-", 2);
}

static enum status make_room(struct gate_conn_shared *shared) {
    if (shared->metrics.pending + shared->metrics.admitted < (size_t)shared->settings->connections_total) {
        return STATUS_OK;
    }
    shared->metrics.crowded_out++;
    log_limited(LOG_LEVEL_WARN, "gate_full", "pending=%zu admitted=%zu", shared->metrics.pending,
                shared->metrics.admitted);
    struct gate_conn *oldest = TAILQ_FIRST(&shared->pending);
    ENSURE(oldest, STATUS_LIMIT);
    conn_free(oldest);
    return STATUS_OK;
}

/* fd goes to the TLS connection, which closes it; the SSL object goes to libevent even when it fails. */
static enum status open_tls(struct event_base *base, int *fd, SSL_CTX *context, struct bufferevent **out_tls) {
    SSL *ssl = SSL_new(context);
    ENSURE(ssl, STATUS_MEMORY);
    struct bufferevent *tls =
        bufferevent_openssl_socket_new(base, *fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    ENSURE(tls, STATUS_MEMORY);
    *fd = -1;
    *out_tls = tls;
    return STATUS_OK;
}

static enum status conn_start(struct gate_conn *conn, int *fd, SSL_CTX *context) {
    conn->deadline = event_new(conn->shared->base, -1, 0, on_deadline, conn);
    ENSURE(conn->deadline, STATUS_MEMORY);
    conn_set_deadline(conn, conn->shared->settings->handshake_ms);
    set_options(*fd);
    TRY(open_tls(conn->shared->base, fd, context, &conn->tls));
    bufferevent_setcb(conn->tls, on_read, on_written, on_event, conn);
    ENSURE(bufferevent_enable(conn->tls, EV_READ | EV_WRITE) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

enum status gate_conn_accept(struct gate_conn_shared *shared, int fd, const struct sockaddr *from, SSL_CTX *context) {
    int owned CLEANUP(cleanup_fd) = fd;
    TRY(make_room(shared));
    struct gate_conn *conn = calloc(1, sizeof *conn);
    ENSURE(conn, STATUS_MEMORY);
    conn->shared = shared;
    address_text(from, conn->preface.address, sizeof conn->preface.address);
    TAILQ_INSERT_TAIL(&shared->pending, conn, link);
    shared->metrics.pending++;
    shared->metrics.accepted++;
    enum status status = conn_start(conn, &owned, context);
    if (status != STATUS_OK) conn_free(conn);
    return status;
}

static void free_list(struct gate_conn_list *list) {
    struct gate_conn *conn = TAILQ_FIRST(list);
    while (conn) {
        conn_free(conn);
        conn = TAILQ_FIRST(list);
    }
}

void gate_conn_stop_all(struct gate_conn_shared *shared) {
    free_list(&shared->pending);
    struct gate_conn *conn = TAILQ_FIRST(&shared->admitted);
    while (conn) {
        /* Stopping may free it. */
        struct gate_conn *next = TAILQ_NEXT(conn, link);
        splice_stop(conn->pair);
        conn = next;
    }
}

void gate_conn_free_all(struct gate_conn_shared *shared) {
    free_list(&shared->pending);
    free_list(&shared->admitted);
}
