/*
 * sluss-agent: one member's agent. Order: settings, client tokens, keys and store, listeners, rights dropped, threads,
 * system calls given up, ready. SIGTERM and SIGINT end it; what was acknowledged is on disk.
 */
#include <event2/event.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/agent_settings.h"
#include "agent/api/api.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/service.h"

#define MAIN_ARENA       ((size_t)1 << 20)
#define MAIN_PATHS       6
#define MAIN_BACKLOG     128
#define MAIN_API_WORKERS 2
#define MAIN_SOCKET_MODE 0660

/* After EXIT_INTEGRITY it must not be started again: stored data contradict each other. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_INTEGRITY = 70 };

struct process {
    struct arena *arena;
    struct agent_settings settings;
    struct api_clients clients;
    struct agent *agent;
    struct api *api;
    struct event *signals;
    struct event *watchdog;
    int signal_fd;
    int unix_fd;
    int tcp_fd;
};

static void process_clear(struct process *process) {
    if (process->signals) event_free(process->signals);
    if (process->watchdog) event_free(process->watchdog);
    if (process->agent) agent_stop(process->agent);
    api_free(process->api);
    agent_close(process->agent);
    arena_free(process->arena);
    if (process->signal_fd >= 0) (void)close(process->signal_fd);
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct process *process = arg;
    for (int number = service_next_signal(fd); number > 0; number = service_next_signal(fd)) {
        if (number == SIGHUP) continue;
        service_notify("STOPPING=1");
        api_stop(process->api);
    }
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    service_notify("WATCHDOG=1");
}

static enum status open_sockets(struct process *process) {
    TRY(service_listen(process->settings.socket, SOCK_STREAM | SOCK_NONBLOCK, MAIN_SOCKET_MODE, MAIN_BACKLOG,
                       &process->unix_fd));
    if (process->settings.port == 0) return STATUS_OK;
    return service_listen_tcp("127.0.0.1", (uint16_t)process->settings.port, MAIN_BACKLOG, &process->tcp_fd);
}

/* The directory that a path lies in, in the arena; dirname changes its argument. */
static const char *directory_of(struct arena *arena, const char *path) {
    char *copy = arena_string(arena, path);
    return copy ? dirname(copy) : NULL;
}

static enum status give_up_rights(struct process *process) {
    const struct agent_settings *settings = &process->settings;
    const struct sandbox_path paths[MAIN_PATHS] = {
        {.path = settings->store, .writable = true},
        {.path = directory_of(process->arena, settings->shred), .writable = true},
        {.path = directory_of(process->arena, settings->link_socket), .writable = true},
        {.path = directory_of(process->arena, settings->gate_ca)},
        {.path = directory_of(process->arena, settings->link_key)},
        {.path = "/etc"}, /* names of the gate's host */
    };
    for (size_t i = 0; i < MAIN_PATHS; i++) {
        ENSURE(paths[i].path, STATUS_MEMORY);
    }
    return sandbox_drop(paths, MAIN_PATHS);
}

static enum status open_api(struct process *process) {
    const struct api_options options = {.agent = process->agent,
                                        .clients = &process->clients,
                                        .portal_url = process->settings.public_url,
                                        .clock = clock_system(),
                                        .unix_fd = process->unix_fd,
                                        .tcp_fd = process->tcp_fd,
                                        .workers = MAIN_API_WORKERS};
    process->unix_fd = -1;
    process->tcp_fd = -1;
    return api_new(&options, &process->api);
}

static enum status watch_signals(struct process *process) {
    struct event_base *base = api_base(process->api);
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

static enum status serve(struct process *process) {
    TRY(service_signals(&process->signal_fd));
    TRY(agent_open(&process->settings, clock_system(), &process->agent));
    TRY(open_sockets(process));
    TRY(give_up_rights(process));
    TRY(agent_start(process->agent));
    TRY(open_api(process));
    TRY(watch_signals(process));
    TRY(sandbox_filter(SANDBOX_NETWORK));
    log_line(LOG_LEVEL_INFO, "ready", "%s", "");
    service_notify("READY=1");
    return api_run(process->api);
}

static enum status read_settings(struct process *process, const char *path) {
    char error[512] = "";
    enum status status = agent_settings_read(path, process->arena, &process->settings, error, sizeof error);
    if (status == STATUS_OK) {
        status = api_client_list(&process->settings, process->arena, &process->clients, error, sizeof error);
    }
    if (status != STATUS_OK) (void)fprintf(stderr, "sluss-agent: %s\n", error);
    return status;
}

static int run(const char *path, bool only_check) {
    struct process process CLEANUP(process_clear) = {.signal_fd = -1, .unix_fd = -1, .tcp_fd = -1};
    process.arena = arena_new(MAIN_ARENA);
    if (!process.arena || read_settings(&process, path) != STATUS_OK) return EXIT_REFUSED;
    if (only_check) return EXIT_DONE;
    log_set_level((enum log_level)log_level_parse(process.settings.log_level));
    enum status status = serve(&process);
    if (status == STATUS_OK) return EXIT_DONE;
    log_line(LOG_LEVEL_ERROR, "agent_failed", "status=%s", status_name(status));
    (void)fprintf(stderr, "sluss-agent: %s\n", status_text(status));
    return status_class(status) == CLASS_INTEGRITY ? EXIT_INTEGRITY : EXIT_REFUSED;
}

static void print_help(FILE *to) {
    (void)fprintf(to, "usage: sluss-agent --settings FILE [--check]\n"
                      "       sluss-agent --print-defaults\n\n"
                      "Runs one member's agent: the local API for the agency's systems, and the link to the broker.\n\n"
                      "  --check           read the settings, say what is wrong with them, and end\n"
                      "  --print-defaults  print a settings file with every key, its default and its meaning\n\n"
                      "example: sluss-agent --settings /etc/sluss/agent.conf\n");
}

int main(int argc, char **argv) {
    const char *path = NULL;
    bool only_check = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            return EXIT_DONE;
        }
        if (strcmp(argv[i], "--print-defaults") == 0) {
            settings_print_defaults(stdout, agent_settings_table);
            return EXIT_DONE;
        }
        if (strcmp(argv[i], "--check") == 0) {
            only_check = true;
        } else if (strcmp(argv[i], "--settings") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else {
            path = NULL;
            break;
        }
    }
    if (!path) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    log_setup("agent", LOG_LEVEL_INFO);
    if (secret_setup() != STATUS_OK) return EXIT_REFUSED;
    service_raise_descriptors();
    return run(path, only_check);
}
