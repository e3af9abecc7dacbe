/*
 * The order of a role: settings, credential and keys; rights dropped while there is one thread; store, keyd, threads,
 * listeners; system calls given up; ready. At the end what waits is finished, then _exit: nng's sockets are not closed.
 */
#include "broker/core/core_run.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/service.h"
#include "broker/core/batcher.h"
#include "broker/core/core_settings.h"
#include "broker/core/core_start.h"
#include "broker/core/face_gate.h"
#include "broker/core/face_local.h"
#include "broker/core/mailroom.h"
#include "broker/core/worker.h"
#include "broker/role.h"

enum { RUN_ARENA_BYTES = 64 << 10, RUN_TICK_MS = 50, RUN_DRAIN_MS = 2000, RUN_DRAIN_STEP_MS = 20, RUN_PATHS = 7 };

struct run {
    struct core core;
    struct core_settings settings;
    struct arena *arena;
    int signal_fd;
    struct face_gate *gate;
    struct face_local *portal;
    struct face_local *operators;
};

/* ---- start ---- */

static const char *directory_of(struct arena *arena, const char *path) {
    char *copy = arena_string(arena, path);
    if (!copy) return NULL;
    char *slash = strrchr(copy, '/');
    if (!slash) return ".";
    slash[slash == copy ? 1 : 0] = '\0';
    return copy;
}

/* What core keeps writing to, and the credential that it reads once more when it opens. */
static enum status drop_rights(struct run *run) {
    const struct core_settings *settings = &run->settings;
    TRY(file_make_dir(settings->store_dir, 0700));
    const struct sandbox_path paths[RUN_PATHS] = {
        {.path = settings->store_dir, .writable = true},
        {.path = directory_of(run->arena, settings->shred_file), .writable = true},
        {.path = directory_of(run->arena, settings->gate_socket), .writable = true},
        {.path = directory_of(run->arena, settings->portal_socket), .writable = true},
        {.path = directory_of(run->arena, settings->operator_socket), .writable = true},
        {.path = settings->credential},
        {.path = "/etc/passwd"}, /* names of peers */
    };
    for (size_t i = 0; i < RUN_PATHS; i++)
        ENSURE(paths[i].path, STATUS_MEMORY);
    return sandbox_drop(paths, RUN_PATHS);
}

static enum status open_faces(struct run *run) {
    TRY(face_gate_open(&run->core, &run->gate));
    TRY(face_portal_open(&run->core, &run->portal));
    return face_operator_open(&run->core, &run->operators);
}

static enum status start(struct run *run) {
    struct core *core = &run->core;
    TRY(secret_setup());
    TRY(service_signals(&run->signal_fd));
    service_raise_descriptors();
    core->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ENSURE(core->stop_fd >= 0, STATUS_IO);
    core->settings = &run->settings;
    core->federation = run->settings.federation;
    core->clock = clock_system();
    TRY(drop_rights(run));
    TRY(core_open(core));
    TRY(core_check(core, run->arena));
    TRY(core_start(core));
    TRY(open_faces(run));
    return sandbox_filter(SANDBOX_LOCAL);
}

static void say_ready(int ready_fd) {
    log_line(LOG_LEVEL_INFO, "core_ready", "");
    service_notify("READY=1");
    if (ready_fd < 0) return;
    if (write(ready_fd, "1", 1) != 1) log_line(LOG_LEVEL_WARN, "core_ready_unheard", "fd=%d", ready_fd);
    (void)close(ready_fd);
}

/* ---- serving ---- */

static void take_signals(struct run *run) {
    for (int number = service_next_signal(run->signal_fd); number > 0; number = service_next_signal(run->signal_fd)) {
        if (number != SIGHUP) core_stop(&run->core, ROLE_DONE, "core_stopping", STATUS_OK);
    }
}

static void serve(struct run *run) {
    struct pollfd fds[] = {{.fd = run->signal_fd, .events = POLLIN}, {.fd = run->core.stop_fd, .events = POLLIN}};
    uint64_t watched_ms = 0;
    while (!core_is_stopping(&run->core)) {
        (void)poll(fds, 2, RUN_TICK_MS);
        take_signals(run);
        core_tick(&run->core);
        uint64_t now_ms = clock_boot_ms(run->core.clock);
        if (service_watchdog_ms() && now_ms - watched_ms >= service_watchdog_ms()) {
            service_notify("WATCHDOG=1");
            watched_ms = now_ms;
        }
    }
}

/* Polls are answered with what there is, calls finished; who comes now is asked to come again. */
static void drain(struct run *run) {
    struct core *core = &run->core;
    service_notify("STOPPING=1");
    struct call *parked = mailroom_take_all(core->mailroom);
    for (struct call *call = parked; call; call = call->next)
        call->park.over = true;
    workers_push_list(core->workers, parked, CALL_CHECK);
    for (int waited = 0; waited < RUN_DRAIN_MS; waited += RUN_DRAIN_STEP_MS) {
        bool idle = workers_depth(core->workers) == 0 && batcher_depth(core->batcher) == 0;
        (void)poll(NULL, 0, RUN_DRAIN_STEP_MS);
        if (idle && waited > 0) return;
    }
}

static int exit_of(enum status status) {
    return status_class(status) == CLASS_INTEGRITY ? ROLE_INTEGRITY : ROLE_FAILED;
}

static int run_core(struct run *run, int ready_fd) {
    enum status status = start(run);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "core_not_started", "status=%s", status_name(status));
        /* Threads of nng may run already. */
        _exit(exit_of(status));
    }
    say_ready(ready_fd);
    serve(run);
    int exit_status = atomic_load(&run->core.stopping);
    if (exit_status == ROLE_DONE) drain(run);
    _exit(exit_status);
}

int core_run(const char *settings_path, int ready_fd) {
    char error[512] = "";
    static struct run run = {.signal_fd = -1};
    log_setup("core", LOG_LEVEL_INFO);
    run.arena = arena_new(RUN_ARENA_BYTES);
    if (!run.arena) return ROLE_FAILED;
    enum status status =
        settings_read(settings_path, core_settings_table, run.arena, &run.settings, error, sizeof error);
    if (status == STATUS_OK) status = core_settings_check(&run.settings, settings_path, error, sizeof error);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", error);
        return ROLE_FAILED;
    }
    log_set_level((enum log_level)log_level_parse(run.settings.log_level));
    return run_core(&run, ready_fd);
}
