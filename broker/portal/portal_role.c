/*
 * Order: settings, certificate and key, rights dropped, listener and link, system calls given up, ready. SIGHUP reads
 * certificate and key again into the same TLS context: new handshakes use them, connections go on.
 */
#include "broker/portal/portal_role.h"

#include <libgen.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/service.h"
#include "broker/portal/portal.h"
#include "broker/role.h"
#include "keys/tls.h"

#define PORTAL_ARENA_BYTES ((size_t)1 << 16)

struct portal_process {
    struct portal_settings settings;
    SSL_CTX *tls;
    struct portal *portal;
    struct event *signals;
    struct event *watchdog;
    int signal_fd;
};

static void process_clear(struct portal_process *process) {
    if (process->signals) event_free(process->signals);
    if (process->watchdog) event_free(process->watchdog);
    portal_free(process->portal);
    SSL_CTX_free(process->tls);
    if (process->signal_fd >= 0) (void)close(process->signal_fd);
}

/* Certificate and key must be good together before any of them is taken. */
static void reload(struct portal_process *process) {
    if (!process->tls) return;
    const struct tls_identity identity = {.certificate_path = process->settings.certificate,
                                          .key_path = process->settings.private_key};
    SSL_CTX *trial = NULL;
    enum status status = tls_server_public(&identity, &trial);
    SSL_CTX_free(trial);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "portal_reload_failed", "status=%s", status_name(status));
        return;
    }
    ERR_clear_error();
    int failed = SSL_CTX_use_certificate_chain_file(process->tls, process->settings.certificate) != 1 ||
                 SSL_CTX_use_PrivateKey_file(process->tls, process->settings.private_key, SSL_FILETYPE_PEM) != 1 ||
                 SSL_CTX_check_private_key(process->tls) != 1;
    log_line(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "portal_reloaded", "failed=%d", failed);
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct portal_process *process = arg;
    for (int number = service_next_signal(fd); number > 0; number = service_next_signal(fd)) {
        if (number == SIGHUP) {
            reload(process);
        } else {
            service_notify("STOPPING=1");
            http_server_stop(portal_server(process->portal));
        }
    }
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    service_notify("WATCHDOG=1");
}

static enum status open_tls(struct portal_process *process) {
    const struct portal_settings *settings = &process->settings;
    if (settings->plain_http) {
        bool loopback = strncmp(settings->address, "127.", 4) == 0 || strcmp(settings->address, "::1") == 0;
        return loopback ? STATUS_OK : STATUS_SETTINGS;
    }
    ENSURE(settings->certificate && settings->private_key, STATUS_SETTINGS);
    const struct tls_identity identity = {.certificate_path = settings->certificate, .key_path = settings->private_key};
    return tls_server_public(&identity, &process->tls);
}

static enum status drop_rights(const struct portal_settings *settings) {
    if (settings->plain_http) return sandbox_drop(NULL, 0);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PORTAL_ARENA_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    char *certificate = arena_string(arena, settings->certificate);
    char *key = arena_string(arena, settings->private_key);
    ENSURE(certificate && key, STATUS_MEMORY);
    const struct sandbox_path paths[] = {{.path = dirname(certificate)}, {.path = dirname(key)}};
    return sandbox_drop(paths, sizeof paths / sizeof paths[0]);
}

static enum status open_events(struct portal_process *process) {
    struct event_base *base = http_server_base(portal_server(process->portal));
    process->signals = event_new(base, process->signal_fd, EV_READ | EV_PERSIST, on_signal, process);
    process->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, process);
    ENSURE(process->signals && process->watchdog, STATUS_MEMORY);
    ENSURE(event_add(process->signals, NULL) == 0, STATUS_MEMORY);
    uint64_t every_ms = service_watchdog_ms();
    if (every_ms == 0) return STATUS_OK;
    const struct timeval every = {.tv_sec = (time_t)(every_ms / 1000),
                                  .tv_usec = (suseconds_t)(every_ms % 1000) * 1000};
    ENSURE(event_add(process->watchdog, &every) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

static void say_ready(int ready_fd) {
    log_line(LOG_LEVEL_INFO, "ready", "%s", "");
    service_notify("READY=1");
    if (ready_fd < 0) return;
    ssize_t written = write(ready_fd, "1", 1);
    (void)written;
    (void)close(ready_fd);
}

static enum status serve(struct portal_process *process, int ready_fd) {
    TRY(secret_setup());
    TRY(service_signals(&process->signal_fd));
    TRY(open_tls(process));
    TRY(drop_rights(&process->settings));
    TRY(portal_new(&process->settings, process->tls, &process->portal));
    TRY(open_events(process));
    TRY(sandbox_filter(SANDBOX_NETWORK));
    say_ready(ready_fd);
    return http_server_run(portal_server(process->portal));
}

static enum status read_settings(const char *path, struct arena *arena, struct portal_settings *out_settings) {
    char error[512] = "";
    enum status status = settings_read(path, portal_settings_table, arena, out_settings, error, sizeof error);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", error);
        return status;
    }
    int level = log_level_parse(out_settings->log_level);
    if (level < 0) (void)fprintf(stderr, "%s: key 'log_level': not a level\n", path);
    ENSURE(level >= 0, STATUS_SETTINGS);
    log_set_level((enum log_level)level);
    return STATUS_OK;
}

int portal_run(const char *settings_path, int ready_fd) {
    log_setup("portal", LOG_LEVEL_INFO);
    service_raise_descriptors();
    struct portal_process process CLEANUP(process_clear) = {.signal_fd = -1};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PORTAL_ARENA_BYTES);
    if (!arena || read_settings(settings_path, arena, &process.settings) != STATUS_OK) return ROLE_FAILED;
    enum status status = serve(&process, ready_fd);
    if (status == STATUS_OK) return ROLE_DONE;
    log_line(LOG_LEVEL_ERROR, "portal_failed", "status=%s", status_name(status));
    return ROLE_FAILED;
}
