#include "support/core/keyd_thread.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/service.h"
#include "broker/keyd/keyd.h"
#include "keys/keyfile.h"
#include "keys/public.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

enum { PEERS_MAX = 16, POLL_MS = 20, CREDENTIAL_BYTES = 64 };

struct keyd_thread {
    pthread_t thread;
    const struct clock *clock;
    struct arena *arena;
    struct keyd_settings settings;
    struct keyd *keyd;
    atomic_int mood;
    atomic_bool stopping;
    struct pollfd fds[1 + PEERS_MAX];
    uint8_t request[KEYD_PACKET_MAX];
    uint8_t reply[KEYD_PACKET_MAX];
};

static void write_keys(const struct federation *federation, const struct keyd_settings *settings) {
    struct secret *credential CLEANUP(secret_free_cleanup) = secret_random(CREDENTIAL_BYTES);
    struct secret *log CLEANUP(secret_free_cleanup) = NULL;
    struct secret *status CLEANUP(secret_free_cleanup) = NULL;
    struct secret *pseudonym CLEANUP(secret_free_cleanup) = NULL;
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    OK(sign_seed(federation->log_key, &log));
    OK(sign_seed(federation->status_key, &status));
    OK(voprf_scalar(federation->pseudonym_key, &pseudonym));
    OK(keyfile_bundle_put(bundle, "log", KEYFILE_SIGN, log));
    OK(keyfile_bundle_put(bundle, "status", KEYFILE_SIGN, status));
    OK(keyfile_bundle_put(bundle, "pseudonym", KEYFILE_VOPRF, pseudonym));
    OK(keyfile_bundle_encode(bundle, &payload));
    struct keyfile_lock lock = {.protection = KEYFILE_CREDENTIAL, .secret = credential};
    OK(file_create(settings->credential, secret_bytes(credential), 0600));
    OK(keyfile_create(settings->keys, KEYFILE_BUNDLE, payload, &lock));
}

static void accept_peer(struct keyd_thread *thread) {
    int fd = accept4(thread->fds[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (size_t i = 1; fd >= 0 && i <= PEERS_MAX; i++) {
        if (thread->fds[i].fd >= 0) continue;
        thread->fds[i].fd = fd;
        return;
    }
    if (fd >= 0) (void)close(fd);
}

static void drop_peer(struct pollfd *peer) {
    (void)close(peer->fd);
    peer->fd = -1;
}

static void serve_peer(struct keyd_thread *thread, struct pollfd *peer) {
    ssize_t len = recv(peer->fd, thread->request, sizeof thread->request, MSG_DONTWAIT);
    int mood = atomic_load(&thread->mood);
    if (len <= 0 || mood == KEYD_GONE) {
        drop_peer(peer);
        return;
    }
    if (mood == KEYD_SILENT) return;
    struct bytes reply;
    enum status status = keyd_answer(thread->keyd, BYTES(thread->request, (size_t)len), clock_now_ms(thread->clock),
                                     thread->reply, &reply);
    if (status != STATUS_OK || mood == KEYD_SIGNS_UNHEARD) return;
    if (send(peer->fd, reply.data, reply.len, MSG_NOSIGNAL) < 0) drop_peer(peer);
}

static void *run(void *arg) {
    struct keyd_thread *thread = arg;
    while (!atomic_load(&thread->stopping)) {
        if (poll(thread->fds, 1 + PEERS_MAX, POLL_MS) <= 0) continue;
        if (thread->fds[0].revents) accept_peer(thread);
        for (size_t i = 1; i <= PEERS_MAX; i++) {
            if (thread->fds[i].fd >= 0 && thread->fds[i].revents) serve_peer(thread, &thread->fds[i]);
        }
    }
    return NULL;
}

static const char *in_dir(struct keyd_thread *thread, const char *dir, const char *name) {
    const char *path = arena_printf(thread->arena, "%s/%s", dir, name);
    assert_non_null(path);
    return path;
}

static void fill_settings(struct keyd_thread *thread, const struct federation *federation, const char *dir) {
    const char **authority = ARENA_ARRAY(thread->arena, const char *, 3);
    for (size_t i = 0; i < 3; i++)
        authority[i] = public_sign_text(thread->arena, &federation->authority_keys[i]);
    thread->settings = (struct keyd_settings){.federation = FEDERATION_NAME,
                                              .epoch = 1,
                                              .pseudonym_version = 1,
                                              .keys = in_dir(thread, dir, "keyd.keys"),
                                              .credential = in_dir(thread, dir, "keyd.credential"),
                                              .state_dir = in_dir(thread, dir, "keyd"),
                                              .socket = in_dir(thread, dir, "keyd.sock"),
                                              .socket_mode = 0600,
                                              .authority = {.items = authority, .count = 3},
                                              .authority_threshold = 2,
                                              .evaluations_a_day = 1000};
}

struct keyd_thread *keyd_thread_start(const struct federation *federation, const struct clock *clock, const char *dir) {
    struct keyd_thread *thread = calloc(1, sizeof *thread);
    assert_non_null(thread);
    thread->clock = clock;
    thread->arena = arena_new((size_t)1 << 16);
    fill_settings(thread, federation, dir);
    write_keys(federation, &thread->settings);
    OK(keyd_open(&thread->settings, &thread->keyd));
    for (size_t i = 0; i <= PEERS_MAX; i++)
        thread->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    OK(service_listen(thread->settings.socket, SOCK_SEQPACKET, 0600, PEERS_MAX, &thread->fds[0].fd));
    assert_int_equal(pthread_create(&thread->thread, NULL, run, thread), 0);
    return thread;
}

void keyd_thread_stop(struct keyd_thread *thread) {
    if (!thread) return;
    atomic_store(&thread->stopping, true);
    (void)pthread_join(thread->thread, NULL);
    for (size_t i = 0; i <= PEERS_MAX; i++)
        cleanup_fd(&thread->fds[i].fd);
    keyd_close(thread->keyd);
    arena_free(thread->arena);
    free(thread);
}

void keyd_thread_mood(struct keyd_thread *thread, enum keyd_mood mood) { atomic_store(&thread->mood, mood); }

const char *keyd_thread_socket(const struct keyd_thread *thread) { return thread->settings.socket; }
