/*
 * What every long-running process needs: readiness and watchdog by the service manager's protocol (sd_notify), signals
 * as a descriptor, peer credentials of Unix sockets, inherited and bound Unix listeners.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

/* Sends "READY=1", "STOPPING=1", "WATCHDOG=1" ... to $NOTIFY_SOCKET; nothing when it is not set. */
void service_notify(const char *state);

/* Blocks SIGTERM, SIGINT, SIGHUP in this thread (call it first, in main, so that all threads inherit it), ignores
 * SIGPIPE, and gives a signalfd for them. */
enum status service_signals(int *out_fd);

/* The next signal number from the descriptor, 0 when none waits. */
int service_next_signal(int fd);

/* Asks the kernel to send this process SIGTERM when its parent ends. */
enum status service_die_with_parent(void);

/* uid and pid of the peer of a connected Unix socket (SO_PEERCRED). */
enum status service_peer(int fd, uid_t *out_uid, pid_t *out_pid);

/* Binds and listens on a Unix socket: unlinks a stale one, mode as given, SOCK_STREAM or SOCK_SEQPACKET, close on
 * exec. STATUS_CONFLICT when another process still answers there. */
enum status service_listen(const char *path, int type, mode_t mode, int backlog, int *out_fd);

/* Connects to a Unix socket. STATUS_UNREACHABLE when nobody listens. */
enum status service_connect(const char *path, int type, int *out_fd);

/* Raises RLIMIT_NOFILE to the hard limit. */
void service_raise_descriptors(void);

#endif
