/*
 * All roles as children of one process and one user: for tests and demonstrations, not for production, where each role
 * is a service with a user and a sandbox of its own.
 */
#ifndef BROKER_SUPERVISE_H
#define BROKER_SUPERVISE_H

#include <stdint.h>

#include "broker/run_settings.h"

/* Starts the roles that have settings, in the order keyd, core, gate, portal, each when the one before is ready; starts
 * again what ends, with back-off from 0.2 s to restart_most_ms; ends all on SIGTERM or SIGINT, and when a role ends
 * with ROLE_INTEGRITY. program is the path to execute for a role. ready_fd as in broker/role.h. Returns an enum
 * role_exit. */
int supervise_run(const char *program, const struct run_settings *settings, int ready_fd);

struct supervise_times {
    uint64_t ready_ms; /* a role that is not ready by then is killed and started again */
    uint64_t stop_ms;  /* a role that has not ended by then is killed */
};

/* The same with other times than two minutes and ten seconds. */
int supervise_run_within(const char *program, const struct run_settings *settings, const struct supervise_times *times,
                         int ready_fd);

#endif
