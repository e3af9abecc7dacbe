#include "support/broker/fake_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "proto/limits.h"
#include "proto/link_server.h"

#define CONTEXTS 128
#define WAIT_S   20

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t came;
    struct arena *arena; /* of the last question */
    struct portal_ask last;
    size_t count;
    struct portal_reply reply;
    bool rubbish;
    bool hold;
    struct link_request *held[CONTEXTS];
    size_t n_held;
} core = {.mutex = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

/* Under the mutex. */
static void answer(struct link_request *request) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)8 << 20);
    struct bytes encoded = bytes_text("rubbish");
    if (!core.rubbish && (!arena || internal_portal_reply_encode(arena, &core.reply, &encoded) != STATUS_OK)) {
        encoded = BYTES_EMPTY;
    }
    link_request_reply(request, encoded);
}

static void on_request(void *arg, struct link_request *request) {
    (void)arg;
    (void)pthread_mutex_lock(&core.mutex);
    arena_reset(core.arena);
    struct bytes body;
    if (arena_copy(core.arena, link_request_body(request), &body) != STATUS_OK ||
        internal_portal_ask_parse(core.arena, body, &core.last) != STATUS_OK) {
        core.last = (struct portal_ask){.method = "", .url = ""};
    }
    core.count++;
    if (core.hold) core.held[core.n_held++] = request;
    if (!core.hold) answer(request);
    (void)pthread_cond_broadcast(&core.came);
    (void)pthread_mutex_unlock(&core.mutex);
}

void fake_core_start(const char *path) {
    struct link_server *server = NULL;
    core.arena = arena_new((size_t)2 << 20);
    assert_non_null(core.arena);
    const struct link_server_options options = {
        .path = path, .mode = 0600, .contexts = CONTEXTS, .max_bytes = LIMIT_FRAME_BYTES, .on_request = on_request};
    assert_int_equal(link_server_open(&options, &server), STATUS_OK);
}

void fake_core_answer(const struct portal_reply *reply) {
    (void)pthread_mutex_lock(&core.mutex);
    core.reply = *reply;
    core.rubbish = false;
    (void)pthread_mutex_unlock(&core.mutex);
}

void fake_core_answer_rubbish(void) {
    (void)pthread_mutex_lock(&core.mutex);
    core.rubbish = true;
    (void)pthread_mutex_unlock(&core.mutex);
}

void fake_core_hold(void) {
    (void)pthread_mutex_lock(&core.mutex);
    core.hold = true;
    (void)pthread_mutex_unlock(&core.mutex);
}

void fake_core_release(void) {
    (void)pthread_mutex_lock(&core.mutex);
    core.hold = false;
    for (size_t i = 0; i < core.n_held; i++) {
        answer(core.held[i]);
    }
    core.n_held = 0;
    (void)pthread_mutex_unlock(&core.mutex);
}

void fake_core_wait_held(size_t n) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    (void)pthread_mutex_lock(&core.mutex);
    int failed = 0;
    while (core.n_held < n && failed == 0) {
        failed = pthread_cond_timedwait(&core.came, &core.mutex, &until);
    }
    (void)pthread_mutex_unlock(&core.mutex);
    assert_int_equal(failed, 0);
}

size_t fake_core_count(void) {
    (void)pthread_mutex_lock(&core.mutex);
    size_t count = core.count;
    (void)pthread_mutex_unlock(&core.mutex);
    return count;
}

struct portal_ask fake_core_last(void) {
    (void)pthread_mutex_lock(&core.mutex);
    struct portal_ask last = core.last;
    (void)pthread_mutex_unlock(&core.mutex);
    return last;
}
