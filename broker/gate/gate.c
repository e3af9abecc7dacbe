/*
 * The gate's listeners and its TLS context. Owns the listeners, the budget of begun frames and what its connections
 * share. When descriptors run out, listeners rest for a moment instead of turning in circles.
 */
#include "broker/gate/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/gate/gate_conn.h"
#include "keys/tls.h"
#include "proto/splice_budget.h"

enum { GATE_BACKLOG = 1024, GATE_LISTEN_MAX = 16, GATE_REST_MS = 100, GATE_CERTIFICATES_MAX_BYTES = 16 << 10 };

struct gate {
    const struct gate_settings *settings;
    struct gate_conn_shared shared;
    SSL_CTX *context;
    struct event *rest;
    struct evconnlistener *listeners[GATE_LISTEN_MAX];
    size_t listener_count;
};

/* Every certificate whose key the peer holds is let in as far as the preface: only core knows the members. */
static enum status accept_any(void *arg, const struct hash *fingerprint) {
    (void)arg;
    (void)fingerprint;
    return STATUS_OK;
}

static enum status make_context(const struct gate_settings *settings, SSL_CTX **out_context) {
    const struct tls_identity identity = {.certificate_path = settings->certificate, .key_path = settings->private_key};
    SSL_CTX *context = NULL;
    TRY(tls_server_fingerprint(&identity, accept_any, NULL, &context));
    /* An idle connection keeps no buffers; a chain that is no chain is not read to its end. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_max_cert_list(context, GATE_CERTIFICATES_MAX_BYTES);
    *out_context = context;
    return STATUS_OK;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg) {
    (void)listener;
    (void)len;
    struct gate *gate = arg;
    enum status status = gate_conn_accept(&gate->shared, fd, from, gate->context);
    if (status != STATUS_OK) log_limited(LOG_LEVEL_WARN, "gate_accept_failed", "status=%s", status_name(status));
}

static void on_accept_error(struct evconnlistener *listener, void *arg) {
    struct gate *gate = arg;
    int error = errno;
    const struct timeval shortly = {.tv_usec = GATE_REST_MS * 1000};
    log_limited(LOG_LEVEL_ERROR, "gate_accept_failed", "errno=%d", error);
    (void)evconnlistener_disable(listener);
    (void)event_add(gate->rest, &shortly);
}

static void on_rested(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct gate *gate = arg;
    for (size_t i = 0; i < gate->listener_count; i++) {
        (void)evconnlistener_enable(gate->listeners[i]);
    }
}

static enum status parse_address(const char *text, uint16_t port, struct sockaddr_storage *out_address, int *out_len) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(out_address, &v4, sizeof v4);
        *out_len = sizeof v4;
        return STATUS_OK;
    }
    ENSURE(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1, STATUS_SETTINGS);
    memcpy(out_address, &v6, sizeof v6);
    *out_len = sizeof v6;
    return STATUS_OK;
}

static enum status listen_on(struct gate *gate, const char *text) {
    struct sockaddr_storage address = {0};
    int len = 0;
    TRY(parse_address(text, (uint16_t)gate->settings->port, &address, &len));
    unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    if (address.ss_family == AF_INET6) flags |= LEV_OPT_BIND_IPV6ONLY;
    struct evconnlistener *listener = evconnlistener_new_bind(gate->shared.base, on_accept, gate, flags, GATE_BACKLOG,
                                                              (struct sockaddr *)&address, len);
    if (!listener) {
        log_line(LOG_LEVEL_ERROR, "gate_listen_failed", "address=%s errno=%d", text, errno);
        return STATUS_IO;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    gate->listeners[gate->listener_count++] = listener;
    return STATUS_OK;
}

enum status gate_new(struct event_base *base, const struct gate_settings *settings, struct gate **out_gate) {
    struct gate *gate CLEANUP(gate_free_cleanup) = calloc(1, sizeof *gate);
    ENSURE(gate, STATUS_MEMORY);
    gate->settings = settings;
    gate->shared.base = base;
    gate->shared.settings = settings;
    TAILQ_INIT(&gate->shared.pending);
    TAILQ_INIT(&gate->shared.admitted);
    gate->shared.budget = splice_budget_new(base, SPLICE_BUDGET_BYTES);
    gate->rest = event_new(base, -1, 0, on_rested, gate);
    ENSURE(gate->shared.budget && gate->rest, STATUS_MEMORY);
    TRY(make_context(settings, &gate->context));
    *out_gate = MOVE(gate);
    return STATUS_OK;
}

enum status gate_listen(struct gate *gate) {
    const struct setting_list *addresses = &gate->settings->listen;
    ENSURE(addresses->count >= 1 && addresses->count <= GATE_LISTEN_MAX, STATUS_SETTINGS);
    for (size_t i = 0; i < addresses->count; i++) {
        TRY(listen_on(gate, addresses->items[i]));
    }
    return STATUS_OK;
}

uint16_t gate_port(const struct gate *gate, size_t index) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (index >= gate->listener_count) return 0;
    if (getsockname(evconnlistener_get_fd(gate->listeners[index]), (struct sockaddr *)&address, &len) != 0) return 0;
    const struct sockaddr_in *v4 = (const void *)&address;
    const struct sockaddr_in6 *v6 = (const void *)&address;
    return ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

enum status gate_reload(struct gate *gate) {
    SSL_CTX *context = NULL;
    TRY(make_context(gate->settings, &context));
    /* Connections hold a reference to the context that they began with. */
    SSL_CTX_free(gate->context);
    gate->context = context;
    gate->shared.metrics.reloads++;
    return STATUS_OK;
}

static void free_listeners(struct gate *gate) {
    if (gate->rest) (void)event_del(gate->rest);
    for (size_t i = 0; i < gate->listener_count; i++) {
        evconnlistener_free(gate->listeners[i]);
    }
    gate->listener_count = 0;
}

void gate_stop(struct gate *gate) {
    free_listeners(gate);
    gate_conn_stop_all(&gate->shared);
}

bool gate_is_idle(const struct gate *gate) {
    return gate->shared.metrics.pending == 0 && gate->shared.metrics.admitted == 0;
}

const struct gate_metrics *gate_metrics(const struct gate *gate) { return &gate->shared.metrics; }

void gate_free(struct gate *gate) {
    if (!gate) return;
    free_listeners(gate);
    gate_conn_free_all(&gate->shared);
    splice_budget_free(gate->shared.budget);
    if (gate->rest) event_free(gate->rest);
    SSL_CTX_free(gate->context);
    free(gate);
}
