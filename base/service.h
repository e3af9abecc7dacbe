/*
 * What every long-running process needs: readiness and watchdog by the service manager's protocol (sd_notify), signals
 * as a descriptor, peer credentials of Unix sockets, Unix listeners and connections.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

/* Opens the socket to $NOTIFY_SOCKET, a path or with a leading '@' an abstract name; nothing when it is not set. Must
 * have happened before a seccomp filter forbids sockets; service_signals does it. Any thread. */
void service_notify_open(void);

/* Sends "READY=1", "STOPPING=1", "WATCHDOG=1" ... to the service manager, if there is one. Never waits. Any thread. */
void service_notify(const char *state);

/* How often to send "WATCHDOG=1": half of $WATCHDOG_USEC; 0 when no watchdog is asked for. */
uint64_t service_watchdog_ms(void);

/* Blocks SIGTERM, SIGINT, SIGHUP in this thread (call it first, in main, so that all threads inherit it), ignores
 * SIGPIPE, opens the notify socket, and gives a non-blocking signalfd for them, which the caller closes. */
enum status service_signals(int *out_fd);

/* The next signal number from the descriptor, 0 when none waits. */
int service_next_signal(int fd);

/* Asks the kernel to send this process SIGTERM when its parent ends. */
enum status service_die_with_parent(void);

/* uid and pid of the peer of a connected Unix socket (SO_PEERCRED). STATUS_DENIED when the socket has no such peer. */
enum status service_peer(int fd, uid_t *out_uid, pid_t *out_pid);

/* Binds and listens on a Unix socket: unlinks a stale one, mode as given, SOCK_STREAM or SOCK_SEQPACKET (SOCK_NONBLOCK
 * may be added), close on exec. STATUS_CONFLICT when another process still answers there or the path is no socket,
 * STATUS_TOO_LARGE when the path does not fit a socket address (107 bytes), else as in base/file.h. */
enum status service_listen(const char *path, int type, mode_t mode, int backlog, int *out_fd);

/* Binds and listens on a numeric address ("127.0.0.1", "::1") and a port (0: any free one), with TCP_NODELAY for what
 * is accepted; close on exec, non-blocking. STATUS_MALFORMED for an address that is none, STATUS_CONFLICT when the port
 * is taken, else as in base/file.h. */
enum status service_listen_tcp(const char *address, uint16_t port, int backlog, int *out_fd);

/* Connects to a Unix socket, close on exec. STATUS_UNREACHABLE when nobody listens there, STATUS_TOO_LARGE as above. */
enum status service_connect(const char *path, int type, int *out_fd);

/* Raises RLIMIT_NOFILE to the hard limit. */
void service_raise_descriptors(void);

#endif
