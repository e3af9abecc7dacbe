/*
 * The role core as a process. See broker/role.h.
 */
#ifndef BROKER_CORE_CORE_RUN_H
#define BROKER_CORE_CORE_RUN_H

/* Reads the settings, gives up rights, serves gate, portal and operator until SIGTERM or SIGINT. An error of the
 * settings is one line on stderr. Returns an enum role_exit; ends by _exit when it has served. */
int core_run(const char *settings_path, int ready_fd);

#endif
