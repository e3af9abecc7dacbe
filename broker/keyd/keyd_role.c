/*
 * One thread, blocking: poll, one packet in, one packet out. Order: settings, keys, rights dropped, listener, system
 * calls given up, ready. A peer that sends nothing costs a descriptor, one of KEYD_PEERS_MAX; a peer that does not read
 * its reply is closed.
 */
#include "broker/keyd/keyd_role.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/service.h"
#include "base/text.h"
#include "broker/keyd/keyd.h"
#include "broker/role.h"

#define KEYD_PEERS_MAX 16
#define KEYD_UIDS_MAX  16
#define KEYD_BACKLOG   16
#define KEYD_POLL_MS   5000
#define SETTINGS_ARENA ((size_t)1 << 16)
#define FIRST_PEER     2

struct keyd_process {
    struct keyd_settings settings;
    struct keyd *keyd;
    uid_t uids[KEYD_UIDS_MAX];
    size_t n_uids;
    struct pollfd fds[FIRST_PEER + KEYD_PEERS_MAX]; /* signals, listener, peers (-1: free) */
    uint8_t request[KEYD_PACKET_MAX];
    uint8_t reply[KEYD_PACKET_MAX];
};

static enum status find_uid(const char *name, uid_t *out_uid) {
    uint64_t number = 0;
    if (text_to_u64(bytes_text(name), &number) == STATUS_OK && number < UINT32_MAX) {
        *out_uid = (uid_t)number;
        return STATUS_OK;
    }
    const struct passwd *user = getpwnam(name);
    ENSURE(user, STATUS_SETTINGS);
    *out_uid = user->pw_uid;
    return STATUS_OK;
}

static enum status find_uids(struct keyd_process *process) {
    process->uids[0] = geteuid();
    process->n_uids = 1;
    for (size_t i = 0; i < process->settings.peers.count; i++) {
        ENSURE(process->n_uids < KEYD_UIDS_MAX, STATUS_SETTINGS);
        TRY(find_uid(process->settings.peers.items[i], &process->uids[process->n_uids]));
        process->n_uids++;
    }
    return STATUS_OK;
}

static bool may_connect(const struct keyd_process *process, int fd) {
    uid_t uid = 0;
    pid_t pid = 0;
    if (service_peer(fd, &uid, &pid) != STATUS_OK) return false;
    for (size_t i = 0; i < process->n_uids; i++) {
        if (process->uids[i] == uid) return true;
    }
    return false;
}

static void accept_peer(struct keyd_process *process) {
    int fd = accept4(process->fds[1].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    for (size_t i = FIRST_PEER; i < FIRST_PEER + KEYD_PEERS_MAX; i++) {
        if (process->fds[i].fd >= 0) continue;
        if (!may_connect(process, fd)) break;
        process->fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
        return;
    }
    log_limited(LOG_LEVEL_WARN, "peer_refused", "%s", "");
    (void)close(fd);
}

static void drop_peer(struct pollfd *peer) {
    (void)close(peer->fd);
    *peer = (struct pollfd){.fd = -1};
}

/* STATUS_INTEGRITY ends the role; any other failure the connection. */
static enum status serve_peer(struct keyd_process *process, struct pollfd *peer) {
    ssize_t len = recv(peer->fd, process->request, sizeof process->request, MSG_DONTWAIT | MSG_TRUNC);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) return STATUS_OK;
    if (len <= 0 || (size_t)len > sizeof process->request) {
        drop_peer(peer);
        return STATUS_OK;
    }
    struct bytes reply;
    enum status status = keyd_answer(process->keyd, BYTES(process->request, (size_t)len), clock_now_ms(clock_system()),
                                     process->reply, &reply);
    secret_wipe(process->request, (size_t)len);
    if (send(peer->fd, reply.data, reply.len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)reply.len) drop_peer(peer);
    return status;
}

/* True when it is time to stop. */
static bool handle_signals(const struct keyd_process *process) {
    for (int number = service_next_signal(process->fds[0].fd); number;
         number = service_next_signal(process->fds[0].fd)) {
        if (number == SIGTERM || number == SIGINT) return true;
    }
    return false;
}

static enum status serve_ready(struct keyd_process *process) {
    for (size_t i = FIRST_PEER; i < FIRST_PEER + KEYD_PEERS_MAX; i++) {
        if (process->fds[i].fd >= 0 && process->fds[i].revents) TRY(serve_peer(process, &process->fds[i]));
    }
    if (process->fds[1].revents) accept_peer(process);
    return STATUS_OK;
}

static int serve(struct keyd_process *process) {
    for (;;) {
        int ready = poll(process->fds, FIRST_PEER + KEYD_PEERS_MAX, KEYD_POLL_MS);
        if (ready < 0 && errno != EINTR) return ROLE_FAILED;
        service_notify("WATCHDOG=1");
        if (ready <= 0) continue;
        if (process->fds[0].revents && handle_signals(process)) return ROLE_DONE;
        if (serve_ready(process) != STATUS_OK) {
            log_line(LOG_LEVEL_ERROR, "integrity_stop", "%s", "");
            return ROLE_INTEGRITY;
        }
    }
}

static enum status open_sockets(struct keyd_process *process) {
    for (size_t i = 0; i < FIRST_PEER + KEYD_PEERS_MAX; i++) {
        process->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    TRY(service_signals(&process->fds[0].fd));
    return service_listen(process->settings.socket, SOCK_SEQPACKET, (mode_t)process->settings.socket_mode, KEYD_BACKLOG,
                          &process->fds[1].fd);
}

static enum status give_up_rights(const struct keyd_process *process) {
    const struct sandbox_path paths[] = {
        {.path = process->settings.state_dir, .writable = true},
    };
    return sandbox_drop(paths, 1);
}

static enum status start(struct keyd_process *process, const char *settings_path, struct arena *arena) {
    char error[512];
    enum status status =
        settings_read(settings_path, keyd_settings_table, arena, &process->settings, error, sizeof error);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "settings", "error=\"%s\"", error);
        return status;
    }
    int level = log_level_parse(process->settings.log_level);
    ENSURE(level >= 0, STATUS_SETTINGS);
    log_set_level((enum log_level)level);
    TRY(find_uids(process));
    TRY(open_sockets(process));
    TRY(keyd_open(&process->settings, &process->keyd));
    TRY(give_up_rights(process));
    return sandbox_filter(SANDBOX_CLOSED);
}

static void say_ready(int ready_fd) {
    service_notify("READY=1");
    if (ready_fd < 0) return;
    ssize_t written = write(ready_fd, "1", 1);
    (void)written;
    (void)close(ready_fd);
}

int keyd_run(const char *settings_path, int ready_fd) {
    log_setup("keyd", LOG_LEVEL_INFO);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SETTINGS_ARENA);
    struct keyd_process *process CLEANUP(cleanup_free) = calloc(1, sizeof *process);
    if (!arena || !process) return ROLE_FAILED;
    enum status status = secret_setup();
    if (status == STATUS_OK) status = start(process, settings_path, arena);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "start_failed", "status=%s", status_name(status));
        return status_class(status) == CLASS_INTEGRITY ? ROLE_INTEGRITY : ROLE_FAILED;
    }
    log_line(LOG_LEVEL_INFO, "ready", "%s", "");
    say_ready(ready_fd);
    int code = serve(process);
    keyd_close(process->keyd);
    return code;
}
