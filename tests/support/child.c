#include "support/child.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka's handlers would go on with the next test, in the child. */
static void child_take_default_signals(void) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (unsigned i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        (void)signal(fatal[i], SIG_DFL);
    }
}

int child_run(void (*fn)(void *arg), void *arg) {
    pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) {
        (void)close(STDERR_FILENO);
        child_take_default_signals();
        fn(arg);
        _exit(0);
    }
    int result = -1;
    return waitpid(pid, &result, 0) == pid ? result : -1;
}
