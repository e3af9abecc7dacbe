/*
 * Owns the broker's process and the lines. The broker is started before any line, so that nothing of nng is there when
 * this process forks.
 */
#include "support/link/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/service.h"
#include "keys/tls.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/reply.h"
#include "support/link/world_internal.h"

#define WORLD_ARENA       ((size_t)64 << 20)
#define CALL_ARENA        ((size_t)8 << 20)
#define START_MS          60000
#define STOP_MS           15000
#define TRY_MS            20000
#define OPERATOR_MS       20000
#define PORTAL_CONTEXTS   128
#define OPERATOR_CONTEXTS 4
#define PAUSE_MS          20

uint64_t world_now_ms(void) { return clock_now_ms(clock_system()); }

uint64_t world_clock_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t clock_ms(void) { return world_clock_us() / 1000; }

enum status world_failed(const char *what, enum status status) {
    (void)fprintf(stderr, "world: %s: %s (%s)\n", what ? what : "", status_text(status), status_name(status));
    return status;
}

size_t world_member_count(const struct world *world) { return world->options.members; }
size_t world_unit_count(const struct world *world) { return world->n_units; }
const struct world_member *world_member(const struct world *world, size_t member) { return &world->members[member]; }
const struct world_unit *world_unit(const struct world *world, size_t unit) { return &world->units[unit]; }
const struct directory *world_directory(const struct world *world) { return world->directory; }
const struct note_key *world_log_key(const struct world *world) { return &world->log_key; }
const char *world_dir(const struct world *world) { return world->dir; }
const char *world_portal_url(const struct world *world) { return world->portal_url; }
const char *world_ca(const struct world *world) { return world->ca; }
uint16_t world_gate_port(const struct world *world) { return world->gate_port; }
struct link_client *world_operator_client(struct world *world) {
    return world->operator_client;
}
struct link_client *world_portal_client(struct world *world) {
    return world->portal_client;
}

size_t world_entries(const struct world *world, const struct bytes **out_entries) {
    *out_entries = world->entries;
    return world->n_entries;
}

/* ---- the broker's processes ---- */

static _Noreturn void exec_broker(const struct world *world, const char *settings, const char *log, int ready_fd) {
    char fd_text[16];
    (void)snprintf(fd_text, sizeof fd_text, "%d", ready_fd);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd >= 0) (void)dup2(log_fd, STDERR_FILENO);
    (void)fcntl(ready_fd, F_SETFD, 0);
    (void)execl(world->options.broker, world->options.broker, "run", "--single-user", "--settings", settings,
                "--ready-fd", fd_text, (char *)NULL);
    _exit(127);
}

static enum status start_broker(struct world *world) {
    const char *settings = arena_printf(world->arena, "%s/conf/run.conf", world->dir);
    const char *log = arena_printf(world->arena, "%s/broker.log", world->dir);
    int fds[2];
    ENSURE(settings && log, STATUS_MEMORY);
    ENSURE(pipe2(fds, O_CLOEXEC) == 0, STATUS_IO);
    world->broker = fork();
    if (world->broker == 0) exec_broker(world, settings, log, fds[1]);
    (void)close(fds[1]);
    world->ready_fd = fds[0];
    return world->broker > 0 ? STATUS_OK : STATUS_IO;
}

static enum status wait_started(const struct world *world) {
    struct pollfd fd = {.fd = world->ready_fd, .events = POLLIN};
    char byte = 0;
    ENSURE(poll(&fd, 1, START_MS) == 1, STATUS_TIMEOUT);
    return read(world->ready_fd, &byte, 1) == 1 ? STATUS_OK : STATUS_UNREACHABLE;
}

static void stop_broker(struct world *world) {
    if (world->broker <= 0) return;
    (void)kill(world->broker, SIGTERM);
    uint64_t until = clock_ms() + STOP_MS;
    while (waitpid(world->broker, NULL, WNOHANG) == 0) {
        if (clock_ms() > until) (void)kill(world->broker, SIGKILL);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    world->broker = 0;
}

const char *world_role_name(enum world_role role) {
    static const char *const names[WORLD_ROLES] = {"keyd", "core", "gate", "portal"};
    return names[role];
}

/* The second word of a process's command line. */
static bool runs_role(pid_t pid, const char *role) {
    char path[64];
    char line[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (len <= 0) return false;
    size_t first = strnlen(line, (size_t)len);
    return first + 1 < (size_t)len && strcmp(line + first + 1, role) == 0;
}

pid_t world_role_pid(const struct world *world, enum world_role role) {
    char path[64];
    char list[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)world->broker, (int)world->broker);
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
    if (len <= 0) return 0;
    char *rest = list;
    for (long pid = strtol(rest, &rest, 10); pid > 0; pid = strtol(rest, &rest, 10)) {
        if (runs_role((pid_t)pid, world_role_name(role))) return (pid_t)pid;
    }
    return 0;
}

enum status world_kill(const struct world *world, enum world_role role, int signal) {
    pid_t pid = world_role_pid(world, role);
    ENSURE(pid > 0, STATUS_NOT_FOUND);
    return kill(pid, signal) == 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- operator ---- */

enum status world_operator(struct world *world, const struct operator_ask *ask, struct arena *arena,
                           struct operator_reply *out_reply) {
    struct bytes request;
    struct bytes answer;
    TRY(internal_operator_ask_encode(arena, ask, &request));
    TRY(link_client_call(world->operator_client, request, OPERATOR_MS, arena, &answer));
    return internal_operator_reply_parse(arena, answer, out_reply);
}

static bool is_ready(struct world *world) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CALL_ARENA);
    struct operator_reply reply;
    for (int role = 0; role < WORLD_ROLES; role++) {
        if (world_role_pid(world, (enum world_role)role) == 0) return false;
    }
    if (!arena) return false;
    const struct operator_ask ask = {.verb = OPERATOR_DIRECTORY_HEAD};
    return world_operator(world, &ask, arena, &reply) == STATUS_OK && reply.code == REPLY_DONE;
}

enum status world_wait_ready(struct world *world, uint32_t timeout_ms) {
    uint64_t until = clock_ms() + timeout_ms;
    while (!is_ready(world)) {
        ENSURE(clock_ms() < until, STATUS_TIMEOUT);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return STATUS_OK;
}

/* ---- lines ---- */

static enum status open_line(const struct world *world, size_t member, struct world_line *out_line) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16384);
    ENSURE(arena, STATUS_MEMORY);
    const struct tls_identity identity = {.certificate_path = world->members[member].certificate,
                                          .key_path = world->members[member].key};
    TRY(tls_client(&identity, world->ca, &context));
    struct link_tunnel_config config = {
        .ipc_path = arena_printf(arena, "%s/a%zu/link", world->dir, member),
        .gate_host = "127.0.0.1",
        .gate_port = arena_printf(arena, "%u", world->gate_port),
        .context = context,
        .hello = {.lowest_version = 1, .highest_version = 1, .epoch = 1},
        .retry_most_ms = WORLD_RETRY_MS,
    };
    ENSURE(config.ipc_path && config.gate_port, STATUS_MEMORY);
    memcpy(config.hello.instance, world->members[member].instance.b, sizeof config.hello.instance);
    struct world_line line = {.tunnel = NULL};
    TRY(link_tunnel_start(&config, &line.tunnel));
    TRY(link_client_open(config.ipc_path, WORLD_CONTEXTS, LIMIT_FRAME_BYTES, &line.client));
    *out_line = line;
    return STATUS_OK;
}

enum status world_client(struct world *world, size_t member, struct link_client **out_client) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&world->mutex);
    struct world_line *line = &world->lines[member];
    if (!line->client) status = open_line(world, member, line);
    *out_client = line->client;
    pthread_mutex_unlock(&world->mutex);
    return status == STATUS_OK ? STATUS_OK : world_failed("line", status);
}

/* ---- calls ---- */

enum status world_envelope(const struct world *world, size_t unit, enum message_type type, struct bytes body,
                           const struct id16 *message, struct arena *arena, struct bytes *out_whole) {
    const struct envelope envelope = {.version = 1,
                                      .federation = WORLD_FEDERATION,
                                      .type = type,
                                      .sender = world->units[unit].id,
                                      .official = "",
                                      .message = message ? *message : ids_random(),
                                      .time_ms = world_now_ms(),
                                      .body = body};
    return envelope_sign(arena, &envelope, world->members[world->units[unit].member].sign, out_whole);
}

/* Whether the same bytes may find a better answer soon. A release that is refused for want of a grant is an answer. */
static bool may_repeat(enum status status, const struct reply *reply) {
    if (status != STATUS_OK) return status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT;
    switch (reply->code) {
    case REPLY_TRY_LATER:
        return reply->body.len == 0;
    case REPLY_LIMIT:
    case REPLY_TIMEOUT:
    case REPLY_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

static enum status call_once(struct link_client *client, struct bytes whole, uint32_t timeout_ms, struct arena *arena,
                             struct reply *out_reply) {
    struct bytes answer;
    TRY(link_client_call(client, whole, timeout_ms, arena, &answer));
    return reply_parse(arena, answer, out_reply);
}

enum status world_call(struct world *world, const struct world_ask *ask, struct arena *arena, struct reply *out_reply) {
    struct link_client *client = NULL;
    struct bytes whole;
    struct reply reply = {.code = REPLY_DONE};
    uint64_t until = clock_ms() + ask->patience_ms;
    TRY(world_client(world, world->units[ask->unit].member, &client));
    TRY(world_envelope(world, ask->unit, ask->type, ask->body, NULL, arena, &whole));
    uint32_t timeout_ms = ask->timeout_ms ? ask->timeout_ms : TRY_MS;
    enum status status = call_once(client, whole, timeout_ms, arena, &reply);
    while (may_repeat(status, &reply) && clock_ms() < until) {
        (void)poll(NULL, 0, PAUSE_MS);
        status = call_once(client, whole, timeout_ms, arena, &reply);
    }
    TRY(status);
    *out_reply = reply;
    return STATUS_OK;
}

/* ---- start and stop ---- */

static enum status open_clients(struct world *world) {
    const char *to_operator = arena_printf(world->arena, "%s/s/operator", world->dir);
    const char *to_portal = arena_printf(world->arena, "%s/s/portal", world->dir);
    ENSURE(to_operator && to_portal, STATUS_MEMORY);
    TRY(link_client_open(to_operator, OPERATOR_CONTEXTS, LIMIT_FRAME_BYTES, &world->operator_client));
    return link_client_open(to_portal, PORTAL_CONTEXTS, LIMIT_FRAME_BYTES, &world->portal_client);
}

static enum status start(struct world *world) {
    TRY(world_make_files(world));
    WORLD_TRY("start", start_broker(world));
    WORLD_TRY("broker does not get ready", wait_started(world));
    WORLD_TRY("clients", open_clients(world));
    return world_admit_all(world);
}

static bool options_fit(const struct world_options *options) {
    return options->members > 0 && options->members <= WORLD_MEMBERS_MAX && options->units > 0 &&
           options->members * options->units <= WORLD_UNITS_MAX && strlen(options->dir) <= WORLD_DIR_MAX;
}

enum status world_start(const struct world_options *options, struct world **out_world) {
    ENSURE(options_fit(options), world_failed("options", STATUS_SETTINGS));
    TRY(secret_setup());
    (void)signal(SIGPIPE, SIG_IGN);
    service_raise_descriptors();
    struct world *world CLEANUP(world_stop_cleanup) = calloc(1, sizeof *world);
    ENSURE(world, STATUS_MEMORY);
    *world = (struct world){.options = *options,
                            .n_units = options->members * options->units,
                            .ready_fd = -1,
                            .mutex = PTHREAD_MUTEX_INITIALIZER};
    world->arena = arena_new(WORLD_ARENA);
    ENSURE(world->arena, STATUS_MEMORY);
    world->dir = arena_string(world->arena, options->dir);
    world->members = ARENA_ARRAY(world->arena, struct world_member, options->members);
    world->units = ARENA_ARRAY(world->arena, struct world_unit, world->n_units);
    world->lines = ARENA_ARRAY(world->arena, struct world_line, options->members);
    ENSURE(world->dir && world->members && world->units && world->lines, STATUS_MEMORY);
    TRY(start(world));
    *out_world = MOVE(world);
    return STATUS_OK;
}

void world_stop(struct world *world) {
    if (!world) return;
    for (size_t i = 0; world->lines && i < world->options.members; i++) {
        link_tunnel_stop(world->lines[i].tunnel);
    }
    stop_broker(world);
    cleanup_fd(&world->ready_fd);
    for (size_t i = 0; world->members && i < world->options.members; i++) {
        sign_free(world->members[i].sign);
    }
    for (size_t i = 0; world->units && i < world->n_units; i++) {
        seal_free(world->units[i].seal);
    }
    sign_free(world->authority);
    directory_unref(world->directory);
    arena_free(world->arena);
    free(world);
}
