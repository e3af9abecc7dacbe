/*
 * keyd's process: the socket around broker/keyd/keyd.h.
 */
#ifndef BROKER_KEYD_KEYD_ROLE_H
#define BROKER_KEYD_KEYD_ROLE_H

/* As broker/role.h says. An error of the settings is one line on stderr. */
int keyd_run(const char *settings_path, int ready_fd);

#endif
