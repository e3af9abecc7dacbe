/*
 * A role of the broker: one process, one function. broker/main_broker.c keeps the table of roles.
 *
 * run() is called in a fresh process, before any thread, with the path of the settings file. Once the role serves, it
 * writes one byte to ready_fd and closes it (-1: nobody waits). Exit statuses: ROLE_DONE after SIGTERM or SIGINT,
 * ROLE_FAILED when it could not start or go on (it is started again), ROLE_INTEGRITY when stored data contradict each
 * other (it is not).
 */
#ifndef BROKER_ROLE_H
#define BROKER_ROLE_H

enum role_exit { ROLE_DONE = 0, ROLE_FAILED = 1, ROLE_INTEGRITY = 70 };

struct role {
    const char *name;
    int (*run)(const char *settings_path, int ready_fd);
};

#endif
