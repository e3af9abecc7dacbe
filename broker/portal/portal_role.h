/*
 * The portal's process: settings, fewer rights, signals, the loop.
 */
#ifndef BROKER_PORTAL_PORTAL_ROLE_H
#define BROKER_PORTAL_PORTAL_ROLE_H

/* As broker/role.h says. An error of the settings is one line on stderr. */
int portal_run(const char *settings_path, int ready_fd);

#endif
