/*
 * A role as a process of its own: started in a child, waited for until it is ready, ended. Every wait has a deadline;
 * any failure fails the running test.
 */
#ifndef TESTS_SUPPORT_BROKER_ROLE_PROCESS_H
#define TESTS_SUPPORT_BROKER_ROLE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#define ROLE_PROCESS_WAIT_MS 20000

struct role_process {
    pid_t pid;
    int ready_fd;
    int error_fd; /* its standard error */
    char error[8192];
    size_t error_len;
};

void role_process_start(struct role_process *process, int (*run)(const char *settings_path, int ready_fd),
                        const char *settings_path);

/* Whether it said that it is ready; false when it ended before. */
bool role_process_ready(struct role_process *process);

/* Reads its standard error until the text has come; false when it ended without. */
bool role_process_says(struct role_process *process, const char *text);

/* Sends the signal unless it is 0, waits for the end. The exit status, or 128 and the signal's number. */
int role_process_end(struct role_process *process, int signal_number);

#endif
