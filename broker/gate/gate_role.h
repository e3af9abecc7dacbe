/* The gate as a process: settings, fewer rights, signals, the loop. See broker/role.h. */
#ifndef BROKER_GATE_GATE_ROLE_H
#define BROKER_GATE_GATE_ROLE_H

#include "broker/gate/gate_settings.h"

/* Reads the settings and runs gate_main. An error of the settings is one line on stderr. */
int gate_run(const char *settings_path, int ready_fd);

/* Serves until SIGTERM or SIGINT; SIGHUP reads certificate and key again. Gives up rights for good: one gate a
 * process, from its first thread. Returns an enum role_exit. */
int gate_main(const struct gate_settings *settings, int ready_fd);

#endif
