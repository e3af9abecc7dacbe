/*
 * Service plumbing. Owns one descriptor for the life of the process: the datagram socket to the service manager,
 * opened once, because a role may be forbidden to make sockets later. Trusts the environment it was started with.
 */
#include "base/service.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"

static pthread_once_t notify_once = PTHREAD_ONCE_INIT;
static int notify_fd = -1;

/* A name that begins with '@' is in the abstract namespace: a NUL byte instead, and no NUL at the end. */
static enum status unix_address(const char *path, struct sockaddr_un *out_address, socklen_t *out_len) {
    size_t len = strlen(path);
    ENSURE(len > 0, STATUS_INVALID);
    ENSURE(len < sizeof out_address->sun_path, STATUS_TOO_LARGE);
    *out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out_address->sun_path, path, len);
    bool abstract = path[0] == '@';
    if (abstract) out_address->sun_path[0] = '\0';
    *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (abstract ? 0 : 1));
    return STATUS_OK;
}

static enum status unix_socket(int type, int *out_fd) {
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0, file_status(errno));
    *out_fd = fd;
    return STATUS_OK;
}

static enum status notify_connect(const char *path, int *out_fd) {
    struct sockaddr_un address;
    socklen_t len = 0;
    int fd CLEANUP(cleanup_fd) = -1;
    TRY(unix_address(path, &address, &len));
    TRY(unix_socket(SOCK_DGRAM, &fd));
    ENSURE(connect(fd, (struct sockaddr *)&address, len) == 0, STATUS_UNREACHABLE);
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}

static void notify_open(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (path && (path[0] == '/' || path[0] == '@')) IGNORE(notify_connect(path, &notify_fd));
}

void service_notify_open(void) { (void)pthread_once(&notify_once, notify_open); }

void service_notify(const char *state) {
    service_notify_open();
    if (notify_fd >= 0) (void)send(notify_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

uint64_t service_watchdog_ms(void) {
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t usec = 0;
    if (!text || text_to_u64(bytes_text(text), &usec) != STATUS_OK) return 0;
    return usec / 2000;
}

enum status service_signals(int *out_fd) {
    service_notify_open();
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, STATUS_IO);
    ENSURE(signal(SIGPIPE, SIG_IGN) != SIG_ERR, STATUS_IO);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ENSURE(fd >= 0, file_status(errno));
    *out_fd = fd;
    return STATUS_OK;
}

int service_next_signal(int fd) {
    struct signalfd_siginfo info;
    ssize_t len = read(fd, &info, sizeof info);
    return len == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

enum status service_die_with_parent(void) {
    ENSURE(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, STATUS_IO);
    return STATUS_OK;
}

enum status service_peer(int fd, uid_t *out_uid, pid_t *out_pid) {
    struct ucred peer;
    socklen_t len = sizeof peer;
    ENSURE(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0, file_status(errno));
    /* The kernel answers for every socket; only a connected Unix one has a peer with a pid. */
    ENSURE(len == sizeof peer && peer.pid != 0, STATUS_DENIED);
    *out_uid = peer.uid;
    *out_pid = peer.pid;
    return STATUS_OK;
}

enum status service_connect(const char *path, int type, int *out_fd) {
    struct sockaddr_un address;
    socklen_t len = 0;
    int fd CLEANUP(cleanup_fd) = -1;
    TRY(unix_address(path, &address, &len));
    TRY(unix_socket(type, &fd));
    if (connect(fd, (struct sockaddr *)&address, len) != 0) {
        bool absent = errno == ECONNREFUSED || errno == ENOENT || errno == ENOTSOCK || errno == EPROTOTYPE;
        return absent ? STATUS_UNREACHABLE : file_status(errno);
    }
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}

/* A path that is free, or a socket on which nobody answers any more: that one is removed. */
static enum status remove_stale(const char *path, int type) {
    struct stat info;
    if (lstat(path, &info) != 0) return errno == ENOENT ? STATUS_OK : file_status(errno);
    ENSURE(S_ISSOCK(info.st_mode), STATUS_CONFLICT);
    int fd CLEANUP(cleanup_fd) = -1;
    ENSURE(service_connect(path, type | SOCK_NONBLOCK, &fd) == STATUS_UNREACHABLE, STATUS_CONFLICT);
    ENSURE(unlink(path) == 0, file_status(errno));
    return STATUS_OK;
}

enum status service_listen(const char *path, int type, mode_t mode, int backlog, int *out_fd) {
    struct sockaddr_un address;
    socklen_t len = 0;
    int fd CLEANUP(cleanup_fd) = -1;
    ENSURE(path[0] != '@', STATUS_INVALID);
    TRY(unix_address(path, &address, &len));
    TRY(remove_stale(path, type));
    TRY(unix_socket(type, &fd));
    /* bind() gives the file the socket's mode less the umask: never wider than asked, not even for a moment. */
    ENSURE(fchmod(fd, mode) == 0, file_status(errno));
    ENSURE(bind(fd, (struct sockaddr *)&address, len) == 0, file_status(errno));
    ENSURE(chmod(path, mode) == 0, file_status(errno));
    ENSURE(listen(fd, backlog) == 0, file_status(errno));
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}

void service_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
