/*
 * The tunnel's thread. Everything below is touched by that thread only, from start to the join in link_tunnel_stop;
 * the eventfd stop_fd is how another thread speaks to it.
 *
 * Invariant: the listener is enabled exactly while no back-off runs and the tunnel is not stopping.
 */
#include "agent/link_tunnel.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <libgen.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/link_line.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/service.h"

enum {
    TUNNEL_BACKOFF_MIN_MS = 200,
    TUNNEL_BACKOFF_MAX_MS = 10000,
    TUNNEL_STEADY_MS = 5000,
    TUNNEL_CONNECT_MS = 5000,
    TUNNEL_HEADER_MS = 500,
    TUNNEL_LINES_MAX = 4,
    TUNNEL_BACKLOG = 8,
};

struct tunnel_line {
    struct link_tunnel *tunnel;
    struct link_line *line; /* NULL: the place is free */
    uint64_t up_since_ms;   /* CLOCK_BOOTTIME; 0: not up yet */
};

struct link_tunnel {
    struct link_tunnel_config config;
    char *ipc_path;
    char *gate_host;
    char *gate_port;
    char *gate_name;
    SSL_CTX *context;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *stop_event;
    struct event *backoff;
    struct tunnel_line lines[TUNNEL_LINES_MAX];
    uint32_t backoff_ms; /* of the next failure */
    unsigned attempts;
    bool stopping;
    int stop_fd;
    pthread_t thread;
};

static void report(struct link_tunnel *tunnel, enum link_tunnel_state state, enum preface_verdict verdict,
                   uint32_t retry_ms) {
    const struct link_tunnel_report what = {.state = state, .verdict = verdict, .retry_ms = retry_ms};
    if (tunnel->config.report) tunnel->config.report(tunnel->config.arg, &what);
}

/* --- back-off ---------------------------------------------------------------------------------------------------- */

/* Between three quarters and five quarters, so that agents do not come back in step. */
static uint32_t with_jitter(uint32_t ms) { return ms - ms / 4 + randombytes_uniform(ms / 2 + 1); }

/* Stops receiving for a while. Returns for how long. */
static uint32_t back_off(struct link_tunnel *tunnel, uint32_t at_least_ms) {
    const uint32_t most_ms = tunnel->config.retry_most_ms;
    uint32_t wait_ms = with_jitter(tunnel->backoff_ms);
    if (at_least_ms > most_ms) at_least_ms = most_ms;
    if (wait_ms < at_least_ms) wait_ms = at_least_ms;
    uint32_t next = tunnel->backoff_ms * 2;
    tunnel->backoff_ms = next < most_ms ? next : most_ms;
    if (tunnel->stopping) return wait_ms;
    const struct timeval after = {.tv_sec = wait_ms / 1000, .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};
    (void)evconnlistener_disable(tunnel->listener);
    (void)event_add(tunnel->backoff, &after);
    return wait_ms;
}

static void on_backoff_over(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct link_tunnel *tunnel = arg;
    if (!tunnel->stopping) (void)evconnlistener_enable(tunnel->listener);
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

static size_t line_count(const struct link_tunnel *tunnel) {
    size_t count = 0;
    for (size_t i = 0; i < TUNNEL_LINES_MAX; i++) {
        count += tunnel->lines[i].line ? 1 : 0;
    }
    return count;
}

static void on_up(void *arg) {
    struct tunnel_line *place = arg;
    place->up_since_ms = clock_boot_ms(clock_system());
    log_limited(LOG_LEVEL_INFO, "link_up", "lines=%zu", line_count(place->tunnel));
    report(place->tunnel, LINK_TUNNEL_UP, PREFACE_ADMITTED, 0);
}

static bool was_steady(const struct tunnel_line *place) {
    uint64_t now = clock_boot_ms(clock_system());
    return place->up_since_ms > 0 && now - place->up_since_ms >= TUNNEL_STEADY_MS;
}

static void on_ended(void *arg, enum link_line_end end, struct preface_answer answer) {
    struct tunnel_line *place = arg;
    struct link_tunnel *tunnel = place->tunnel;
    uint32_t retry_ms = 0;
    place->line = NULL;
    if (was_steady(place)) {
        tunnel->backoff_ms = TUNNEL_BACKOFF_MIN_MS;
    } else {
        retry_ms = back_off(tunnel, end == LINK_LINE_REFUSED ? answer.retry_after_ms : 0);
    }
    if (end == LINK_LINE_REFUSED) {
        log_limited(LOG_LEVEL_WARN, "link_refused", "verdict=%s", preface_verdict_name(answer.verdict));
        report(tunnel, LINK_TUNNEL_REFUSED, answer.verdict, retry_ms);
    } else {
        log_limited(LOG_LEVEL_WARN, "link_down", "retry_ms=%u", retry_ms);
        report(tunnel, LINK_TUNNEL_DOWN, PREFACE_NOT_NOW, retry_ms);
    }
    if (tunnel->stopping && line_count(tunnel) == 0) (void)event_base_loopbreak(tunnel->base);
}

/* The gate's addresses by turns, so that one that does not answer does not keep the others from being tried. Asking the
 * resolver may take its time: no line stands while this is called, but for one that is ending. */
static enum status open_line(struct link_tunnel *tunnel, struct tunnel_line *place, int *fd) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    ENSURE(getaddrinfo(tunnel->gate_host, tunnel->gate_port, &hints, &found) == 0, STATUS_UNREACHABLE);
    unsigned count = 0;
    for (const struct addrinfo *each = found; each; each = each->ai_next) {
        count++;
    }
    const struct addrinfo *chosen = found;
    for (unsigned skip = tunnel->attempts++ % count; skip > 0; skip--) {
        chosen = chosen->ai_next;
    }
    const struct link_line_config config = {
        .base = tunnel->base,
        .context = tunnel->context,
        .gate = chosen->ai_addr,
        .gate_len = chosen->ai_addrlen,
        .gate_name = tunnel->gate_name,
        .hello = tunnel->config.hello,
        .limits = SPLICE_LIMITS_DEFAULT,
        .connect_ms = tunnel->config.connect_ms,
        .up = on_up,
        .ended = on_ended,
        .arg = place,
    };
    enum status status = link_line_open(&config, *fd, &place->line);
    *fd = -1;
    freeaddrinfo(found);
    return status;
}

static struct tunnel_line *free_place(struct link_tunnel *tunnel) {
    for (size_t i = 0; i < TUNNEL_LINES_MAX; i++) {
        if (!tunnel->lines[i].line) return &tunnel->lines[i];
    }
    return NULL;
}

/* Whether nng stands at the other end and has sent its header, which it does at once. It may have given the attempt up
 * while it waited to be received. And nng 1.5 must not find the connection closed before it has written: it takes EPIPE
 * for its own end (NNG_ECLOSED) and never dials again. */
static bool is_ready(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, TUNNEL_HEADER_MS) == 1 && (poll_fd.revents & (POLLHUP | POLLERR)) == 0;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t accepted, struct sockaddr *from, int len,
                      void *arg) {
    (void)listener;
    (void)from;
    (void)len;
    struct link_tunnel *tunnel = arg;
    int fd CLEANUP(cleanup_fd) = accepted;
    struct tunnel_line *place = free_place(tunnel);
    if (!is_ready(fd) || !place) return;
    place->up_since_ms = 0;
    report(tunnel, LINK_TUNNEL_CONNECTING, PREFACE_NOT_NOW, 0);
    enum status status = open_line(tunnel, place, &fd);
    if (status == STATUS_OK) return;
    log_limited(LOG_LEVEL_WARN, "link_unreachable", "status=%s", status_name(status));
    place->line = NULL;
    report(tunnel, LINK_TUNNEL_DOWN, PREFACE_NOT_NOW, back_off(tunnel, 0));
}

/* --- thread ------------------------------------------------------------------------------------------------------ */

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct link_tunnel *tunnel = arg;
    tunnel->stopping = true;
    (void)event_del(tunnel->backoff);
    (void)evconnlistener_disable(tunnel->listener);
    for (size_t i = 0; i < TUNNEL_LINES_MAX; i++) {
        if (tunnel->lines[i].line) link_line_stop(tunnel->lines[i].line);
    }
    if (line_count(tunnel) == 0) (void)event_base_loopbreak(tunnel->base);
}

static void *run(void *arg) {
    struct link_tunnel *tunnel = arg;
    if (event_base_dispatch(tunnel->base) < 0) log_line(LOG_LEVEL_ERROR, "link_loop_failed", "stopped=1");
    return NULL;
}

static void tunnel_free(struct link_tunnel *tunnel) {
    if (!tunnel) return;
    for (size_t i = 0; i < TUNNEL_LINES_MAX; i++) {
        link_line_free(tunnel->lines[i].line);
    }
    if (tunnel->listener) {
        evconnlistener_free(tunnel->listener);
        (void)unlink(tunnel->ipc_path);
    }
    if (tunnel->stop_event) event_free(tunnel->stop_event);
    if (tunnel->backoff) event_free(tunnel->backoff);
    /* libevent frees TLS connections in its loop. */
    if (tunnel->base) (void)event_base_loop(tunnel->base, EVLOOP_NONBLOCK);
    if (tunnel->base) event_base_free(tunnel->base);
    if (tunnel->stop_fd >= 0) (void)close(tunnel->stop_fd);
    SSL_CTX_free(tunnel->context);
    free(tunnel->gate_name);
    free(tunnel->gate_port);
    free(tunnel->gate_host);
    free(tunnel->ipc_path);
    free(tunnel);
}
CLEANUP_POINTER(struct link_tunnel, tunnel_free)

static enum status tunnel_copy(struct link_tunnel *tunnel, const struct link_tunnel_config *config) {
    tunnel->config = *config;
    if (tunnel->config.connect_ms == 0) tunnel->config.connect_ms = TUNNEL_CONNECT_MS;
    if (tunnel->config.retry_most_ms == 0) tunnel->config.retry_most_ms = TUNNEL_BACKOFF_MAX_MS;
    tunnel->ipc_path = strdup(config->ipc_path);
    tunnel->gate_host = strdup(config->gate_host);
    tunnel->gate_port = strdup(config->gate_port);
    tunnel->gate_name = strdup(config->gate_name ? config->gate_name : config->gate_host);
    ENSURE(tunnel->ipc_path && tunnel->gate_host && tunnel->gate_port && tunnel->gate_name, STATUS_MEMORY);
    ENSURE(SSL_CTX_up_ref(config->context) == 1, STATUS_CRYPTO);
    tunnel->context = config->context;
    return STATUS_OK;
}

static enum status tunnel_listen(struct link_tunnel *tunnel) {
    char *copy CLEANUP(cleanup_free) = strdup(tunnel->ipc_path);
    int fd CLEANUP(cleanup_fd) = -1;
    ENSURE(copy, STATUS_MEMORY);
    TRY(file_make_dir(dirname(copy), 0700));
    TRY(service_listen(tunnel->ipc_path, SOCK_STREAM | SOCK_NONBLOCK, 0600, TUNNEL_BACKLOG, &fd));
    tunnel->listener =
        evconnlistener_new(tunnel->base, on_accept, tunnel, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    ENSURE(tunnel->listener, STATUS_MEMORY);
    fd = -1;
    return STATUS_OK;
}

static enum status tunnel_init(struct link_tunnel *tunnel, const struct link_tunnel_config *config) {
    tunnel->stop_fd = -1;
    tunnel->backoff_ms = TUNNEL_BACKOFF_MIN_MS;
    for (size_t i = 0; i < TUNNEL_LINES_MAX; i++) {
        tunnel->lines[i].tunnel = tunnel;
    }
    TRY(tunnel_copy(tunnel, config));
    tunnel->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    tunnel->base = event_base_new();
    ENSURE(tunnel->stop_fd >= 0 && tunnel->base, STATUS_MEMORY);
    tunnel->stop_event = event_new(tunnel->base, tunnel->stop_fd, EV_READ, on_stop, tunnel);
    tunnel->backoff = event_new(tunnel->base, -1, 0, on_backoff_over, tunnel);
    ENSURE(tunnel->stop_event && tunnel->backoff, STATUS_MEMORY);
    ENSURE(event_add(tunnel->stop_event, NULL) == 0, STATUS_MEMORY);
    return tunnel_listen(tunnel);
}

enum status link_tunnel_start(const struct link_tunnel_config *config, struct link_tunnel **out_tunnel) {
    struct link_tunnel *tunnel CLEANUP(tunnel_free_cleanup) = calloc(1, sizeof *tunnel);
    ENSURE(tunnel, STATUS_MEMORY);
    TRY(tunnel_init(tunnel, config));
    ENSURE(pthread_create(&tunnel->thread, NULL, run, tunnel) == 0, STATUS_MEMORY);
    *out_tunnel = MOVE(tunnel);
    return STATUS_OK;
}

void link_tunnel_stop(struct link_tunnel *tunnel) {
    if (!tunnel) return;
    const uint64_t one = 1;
    /* An eventfd takes a first write always. */
    if (write(tunnel->stop_fd, &one, sizeof one) != sizeof one) abort();
    (void)pthread_join(tunnel->thread, NULL);
    tunnel_free(tunnel);
}
