/*
 * The gate's process. Order: signals, certificate and key, rights dropped, listeners, system calls given up, ready.
 * Certificates are found again on SIGHUP because Landlock leaves their directories readable.
 */
#include "broker/gate/gate_role.h"

#include <event2/event.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/service.h"
#include "broker/gate/gate.h"
#include "broker/role.h"

enum { ROLE_ARENA_BYTES = 64 << 10, ROLE_IDLE_POLL_MS = 20, ROLE_STOP_MS = 6000 };

struct role_state {
    struct event_base *base;
    struct gate *gate;
    struct event *signals;
    struct event *watchdog;
    struct event *idle_poll;
    int signal_fd;
};

static struct timeval from_ms(uint64_t ms) {
    return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static void state_clear(struct role_state *state) {
    gate_free(state->gate);
    if (state->signals) event_free(state->signals);
    if (state->watchdog) event_free(state->watchdog);
    if (state->idle_poll) event_free(state->idle_poll);
    if (state->base) event_base_free(state->base);
    if (state->signal_fd >= 0) (void)close(state->signal_fd);
}

static void begin_stop(struct role_state *state) {
    const struct timeval often = from_ms(ROLE_IDLE_POLL_MS);
    const struct timeval latest = from_ms(ROLE_STOP_MS);
    service_notify("STOPPING=1");
    log_line(LOG_LEVEL_INFO, "gate_stopping", "admitted=%zu", gate_metrics(state->gate)->admitted);
    gate_stop(state->gate);
    (void)event_add(state->idle_poll, &often);
    (void)event_base_loopexit(state->base, &latest);
}

static void reload(struct role_state *state) {
    enum status status = gate_reload(state->gate);
    log_line(status == STATUS_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "gate_reloaded", "status=%s", status_name(status));
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct role_state *state = arg;
    int number = service_next_signal(fd);
    while (number > 0) {
        if (number == SIGHUP) {
            reload(state);
        } else {
            begin_stop(state);
        }
        number = service_next_signal(fd);
    }
}

static void on_idle_poll(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct role_state *state = arg;
    if (gate_is_idle(state->gate)) (void)event_base_loopbreak(state->base);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    service_notify("WATCHDOG=1");
}

static enum status state_init(struct role_state *state, const struct gate_settings *settings) {
    TRY(secret_setup());
    TRY(service_signals(&state->signal_fd));
    state->base = event_base_new();
    ENSURE(state->base, STATUS_MEMORY);
    state->signals = event_new(state->base, state->signal_fd, EV_READ | EV_PERSIST, on_signal, state);
    state->watchdog = event_new(state->base, -1, EV_PERSIST, on_watchdog, state);
    state->idle_poll = event_new(state->base, -1, EV_PERSIST, on_idle_poll, state);
    ENSURE(state->signals && state->watchdog && state->idle_poll, STATUS_MEMORY);
    ENSURE(event_add(state->signals, NULL) == 0, STATUS_MEMORY);
    const struct timeval watchdog = from_ms(service_watchdog_ms());
    if (service_watchdog_ms() > 0) ENSURE(event_add(state->watchdog, &watchdog) == 0, STATUS_MEMORY);
    return gate_new(state->base, settings, &state->gate);
}

/* Only the directories of certificate and key stay readable. */
static enum status drop_rights(const struct gate_settings *settings) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ROLE_ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    char *certificate = arena_string(arena, settings->certificate);
    char *key = arena_string(arena, settings->private_key);
    ENSURE(certificate && key, STATUS_MEMORY);
    const struct sandbox_path paths[] = {{.path = dirname(certificate)}, {.path = dirname(key)}};
    return sandbox_drop(paths, sizeof paths / sizeof *paths);
}

static void say_ready(const struct role_state *state, int ready_fd) {
    log_line(LOG_LEVEL_INFO, "gate_ready", "port=%u", (unsigned)gate_port(state->gate, 0));
    service_notify("READY=1");
    if (ready_fd < 0) return;
    if (write(ready_fd, "1", 1) != 1) log_line(LOG_LEVEL_WARN, "gate_ready_unheard", "fd=%d", ready_fd);
    (void)close(ready_fd);
}

static enum status serve(struct role_state *state, const struct gate_settings *settings, int ready_fd) {
    TRY(state_init(state, settings));
    TRY(drop_rights(settings));
    TRY(gate_listen(state->gate));
    TRY(sandbox_filter(SANDBOX_NETWORK));
    say_ready(state, ready_fd);
    ENSURE(event_base_dispatch(state->base) >= 0, STATUS_IO);
    return STATUS_OK;
}

int gate_main(const struct gate_settings *settings, int ready_fd) {
    struct role_state state CLEANUP(state_clear) = {.signal_fd = -1};
    log_setup("gate", LOG_LEVEL_INFO);
    log_set_level((enum log_level)log_level_parse(settings->log_level));
    service_raise_descriptors();
    enum status status = serve(&state, settings, ready_fd);
    if (status == STATUS_OK) return ROLE_DONE;
    log_line(LOG_LEVEL_ERROR, "gate_failed", "status=%s", status_name(status));
    return ROLE_FAILED;
}

int gate_run(const char *settings_path, int ready_fd) {
    char error[512] = "";
    struct gate_settings settings = {0};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ROLE_ARENA_BYTES);
    if (!arena) return ROLE_FAILED;
    enum status status = settings_read(settings_path, gate_settings_table, arena, &settings, error, sizeof error);
    if (status == STATUS_OK && log_level_parse(settings.log_level) < 0) {
        (void)snprintf(error, sizeof error, "%s: key 'log_level': not a level", settings_path);
        status = STATUS_SETTINGS;
    }
    if (status == STATUS_OK) return gate_main(&settings, ready_fd);
    (void)fprintf(stderr, "%s\n", error);
    return ROLE_FAILED;
}
