/*
 * One thread: waits for signals of children and of the operator, and for children to say that they are ready. A child's
 * ready pipe is read non-blocking; a child that is not ready in time is ended and started again.
 */
#include "broker/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "broker/role.h"

#define CHILDREN       4
#define BACKOFF_MIN_MS 200
#define STEADY_MS      10000
#define TICK_MS        50

struct child {
    const char *name;
    const char *settings;
    pid_t pid; /* 0: not running */
    int ready_fd;
    bool is_ready;
    uint64_t started_ms;
    uint64_t start_at_ms;
    uint64_t backoff_ms;
};

struct supervisor {
    const char *program;
    struct supervise_times times;
    pid_t pid; /* of the supervisor */
    struct child children[CHILDREN];
    int ready_fd;
    uint64_t restart_most_ms;
    bool stopping;
    int exit_code;
};

static uint64_t now_ms(void) { return clock_boot_ms(clock_system()); }

static _Noreturn void exec_child(const struct supervisor *supervisor, const struct child *child, int ready_fd) {
    char fd_text[16];
    (void)snprintf(fd_text, sizeof fd_text, "%d", ready_fd);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor->pid) _exit(ROLE_FAILED);
    (void)fcntl(ready_fd, F_SETFD, 0);
    (void)execl(supervisor->program, supervisor->program, child->name, "--settings", child->settings, "--ready-fd",
                fd_text, (char *)NULL);
    _exit(127);
}

static void start_child(const struct supervisor *supervisor, struct child *child) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) return;
    pid_t pid = fork();
    if (pid == 0) exec_child(supervisor, child, pipe_fds[1]);
    (void)close(pipe_fds[1]);
    if (pid < 0) {
        (void)close(pipe_fds[0]);
        return;
    }
    child->pid = pid;
    child->ready_fd = pipe_fds[0];
    child->is_ready = false;
    child->started_ms = now_ms();
}

static void read_ready(struct child *child) {
    char byte = 0;
    if (child->ready_fd < 0 || read(child->ready_fd, &byte, 1) != 1) return;
    child->is_ready = true;
    (void)close(child->ready_fd);
    child->ready_fd = -1;
}

static void plan_restart(struct child *child, uint64_t most_ms) {
    bool was_steady = now_ms() - child->started_ms >= STEADY_MS;
    child->backoff_ms = was_steady || child->backoff_ms == 0 ? BACKOFF_MIN_MS : child->backoff_ms * 2;
    if (child->backoff_ms > most_ms) child->backoff_ms = most_ms;
    child->start_at_ms = now_ms() + child->backoff_ms;
}

static void child_ended(struct supervisor *supervisor, struct child *child, int wait_status) {
    int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    log_line(supervisor->stopping ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "role_ended", "role=%s code=%d", child->name,
             code);
    child->pid = 0;
    child->is_ready = false;
    if (child->ready_fd >= 0) (void)close(child->ready_fd);
    child->ready_fd = -1;
    if (code == ROLE_INTEGRITY) {
        supervisor->stopping = true;
        supervisor->exit_code = ROLE_INTEGRITY;
    }
    plan_restart(child, supervisor->restart_most_ms);
}

static void reap(struct supervisor *supervisor) {
    int wait_status = 0;
    for (pid_t pid = waitpid(-1, &wait_status, WNOHANG); pid > 0; pid = waitpid(-1, &wait_status, WNOHANG)) {
        for (size_t i = 0; i < CHILDREN; i++) {
            if (supervisor->children[i].pid == pid) child_ended(supervisor, &supervisor->children[i], wait_status);
        }
    }
}

/* Starts what is due, in order: a role waits until those before it have been ready. */
static void start_due(struct supervisor *supervisor) {
    for (size_t i = 0; i < CHILDREN; i++) {
        struct child *child = &supervisor->children[i];
        if (!child->settings) continue;
        read_ready(child);
        if (child->pid == 0 && now_ms() >= child->start_at_ms) start_child(supervisor, child);
        if (!child->is_ready) {
            if (child->pid > 0 && now_ms() - child->started_ms > supervisor->times.ready_ms)
                (void)kill(child->pid, SIGKILL);
            return;
        }
    }
    if (supervisor->ready_fd < 0) return;
    ssize_t written = write(supervisor->ready_fd, "1", 1);
    (void)written;
    (void)close(supervisor->ready_fd);
    supervisor->ready_fd = -1;
    service_notify("READY=1");
    log_line(LOG_LEVEL_INFO, "ready", "%s", "");
}

static size_t signal_children(const struct supervisor *supervisor, int number) {
    size_t running = 0;
    for (size_t i = 0; i < CHILDREN; i++) {
        if (supervisor->children[i].pid <= 0) continue;
        running++;
        if (number) (void)kill(supervisor->children[i].pid, number);
    }
    return running;
}

static void stop_all(struct supervisor *supervisor) {
    supervisor->stopping = true;
    uint64_t deadline = now_ms() + supervisor->times.stop_ms;
    (void)signal_children(supervisor, SIGTERM);
    while (signal_children(supervisor, 0) > 0) {
        if (now_ms() > deadline) (void)signal_children(supervisor, SIGKILL);
        (void)poll(NULL, 0, TICK_MS);
        reap(supervisor);
    }
}

static bool asked_to_stop(int signal_fd) {
    for (int number = service_next_signal(signal_fd); number; number = service_next_signal(signal_fd)) {
        if (number == SIGTERM || number == SIGINT) return true;
    }
    return false;
}

static void supervise(struct supervisor *supervisor, int signal_fd) {
    struct pollfd fd = {.fd = signal_fd, .events = POLLIN};
    while (!supervisor->stopping) {
        reap(supervisor);
        if (supervisor->stopping) break;
        start_due(supervisor);
        (void)poll(&fd, 1, TICK_MS);
        if (asked_to_stop(signal_fd)) break;
    }
    stop_all(supervisor);
}

int supervise_run(const char *program, const struct run_settings *settings, int ready_fd) {
    static const struct supervise_times usual = {.ready_ms = 120000, .stop_ms = 10000};
    return supervise_run_within(program, settings, &usual, ready_fd);
}

int supervise_run_within(const char *program, const struct run_settings *settings, const struct supervise_times *times,
                         int ready_fd) {
    log_setup("run", LOG_LEVEL_INFO);
    struct supervisor supervisor = {.program = program,
                                    .times = *times,
                                    .pid = getpid(),
                                    .children = {{.name = "keyd", .settings = settings->keyd},
                                                 {.name = "core", .settings = settings->core},
                                                 {.name = "gate", .settings = settings->gate},
                                                 {.name = "portal", .settings = settings->portal}},
                                    .ready_fd = ready_fd,
                                    .restart_most_ms = (uint64_t)settings->restart_most_ms,
                                    .exit_code = ROLE_DONE};
    for (size_t i = 0; i < CHILDREN; i++) {
        supervisor.children[i].ready_fd = -1;
    }
    int signal_fd = -1;
    if (service_signals(&signal_fd) != STATUS_OK) return ROLE_FAILED;
    supervise(&supervisor, signal_fd);
    (void)close(signal_fd);
    return supervisor.exit_code;
}
