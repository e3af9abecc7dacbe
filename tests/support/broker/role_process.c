#include "support/broker/role_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void role_process_start(struct role_process *process, int (*run)(const char *settings_path, int ready_fd),
                        const char *settings_path) {
    int ready[2];
    int error[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(error, O_CLOEXEC), 0);
    *process = (struct role_process){.ready_fd = ready[0], .error_fd = error[0]};
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(error[1], STDERR_FILENO);
        _exit(run(settings_path, ready[1]));
    }
    (void)close(ready[1]);
    (void)close(error[1]);
}

bool role_process_ready(struct role_process *process) {
    struct pollfd ready = {.fd = process->ready_fd, .events = POLLIN};
    char byte = 0;
    assert_int_equal(poll(&ready, 1, ROLE_PROCESS_WAIT_MS), 1);
    return read(process->ready_fd, &byte, 1) == 1;
}

bool role_process_says(struct role_process *process, const char *text) {
    struct pollfd error = {.fd = process->error_fd, .events = POLLIN};
    while (!strstr(process->error, text) && process->error_len + 1 < sizeof process->error) {
        if (poll(&error, 1, ROLE_PROCESS_WAIT_MS) != 1) return false;
        ssize_t count = read(process->error_fd, process->error + process->error_len,
                             sizeof process->error - 1 - process->error_len);
        if (count <= 0) break;
        process->error_len += (size_t)count;
    }
    return strstr(process->error, text) != NULL;
}

int role_process_end(struct role_process *process, int signal_number) {
    if (signal_number) assert_int_equal(kill(process->pid, signal_number), 0);
    int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    assert_true(pidfd >= 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    bool ended = poll(&end, 1, ROLE_PROCESS_WAIT_MS) == 1;
    if (!ended) (void)kill(process->pid, SIGKILL);
    (void)close(pidfd);
    int status = -1;
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    (void)close(process->ready_fd);
    (void)close(process->error_fd);
    assert_true(ended);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
