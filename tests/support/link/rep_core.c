#include "support/link/rep_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdatomic.h>

#include "proto/sp.h"

enum worker_state { WORKER_RECEIVING, WORKER_HOLDING, WORKER_SENDING };

struct worker {
    struct rep_core *core;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *held;
    enum worker_state state;
};

struct rep_core {
    nng_socket socket;
    struct worker *workers;
    unsigned worker_count;
    atomic_uint prefaces;
    atomic_uint requests;
    pthread_mutex_t mutex; /* guards what follows, and state and held of the workers */
    struct preface_answer answer;
    struct preface last;
    bool hold;
};

static void worker_receive(struct worker *worker) {
    worker->state = WORKER_RECEIVING;
    nng_ctx_recv(worker->ctx, worker->aio);
}

static void worker_send(struct worker *worker, nng_msg *msg) {
    worker->state = WORKER_SENDING;
    nng_aio_set_msg(worker->aio, msg);
    nng_ctx_send(worker->ctx, worker->aio);
}

static void worker_answer(struct worker *worker, nng_msg *msg) {
    struct rep_core *core = worker->core;
    struct preface preface;
    if (preface_parse(BYTES(nng_msg_body(msg), nng_msg_len(msg)), &preface) == STATUS_OK) {
        uint8_t answer[PREFACE_ANSWER_BYTES];
        core->last = preface;
        preface_answer_encode(core->answer, answer);
        nng_msg_clear(msg);
        assert_int_equal(nng_msg_append(msg, answer, sizeof answer), 0);
        atomic_fetch_add(&core->prefaces, 1);
        worker_send(worker, msg);
        return;
    }
    atomic_fetch_add(&core->requests, 1);
    if (core->hold) {
        worker->state = WORKER_HOLDING;
        worker->held = msg;
    } else {
        worker_send(worker, msg);
    }
}

static void on_done(void *arg) {
    struct worker *worker = arg;
    struct rep_core *core = worker->core;
    int result = nng_aio_result(worker->aio);
    if (result == NNG_ECLOSED || result == NNG_ECANCELED) return;
    (void)pthread_mutex_lock(&core->mutex);
    if (worker->state == WORKER_RECEIVING && result == 0) {
        worker_answer(worker, nng_aio_get_msg(worker->aio));
    } else {
        if (worker->state == WORKER_SENDING && result != 0) nng_msg_free(nng_aio_get_msg(worker->aio));
        worker_receive(worker);
    }
    (void)pthread_mutex_unlock(&core->mutex);
}

struct rep_core *rep_core_start(const char *path, unsigned contexts) {
    char url[512];
    struct rep_core *core = calloc(1, sizeof *core);
    assert_non_null(core);
    assert_true(snprintf(url, sizeof url, "ipc://%s", path) < (int)sizeof url);
    assert_int_equal(pthread_mutex_init(&core->mutex, NULL), 0);
    assert_int_equal(nng_rep0_open(&core->socket), 0);
    assert_int_equal(nng_socket_set_size(core->socket, NNG_OPT_RECVMAXSZ, SP_FRAME_MAX_BYTES), 0);
    core->workers = calloc(contexts, sizeof *core->workers);
    assert_non_null(core->workers);
    core->worker_count = contexts;
    for (unsigned i = 0; i < contexts; i++) {
        struct worker *worker = &core->workers[i];
        worker->core = core;
        assert_int_equal(nng_ctx_open(&worker->ctx, core->socket), 0);
        assert_int_equal(nng_aio_alloc(&worker->aio, on_done, worker), 0);
        worker_receive(worker);
    }
    assert_int_equal(nng_listen(core->socket, url, NULL, 0), 0);
    return core;
}

void rep_core_stop(struct rep_core *core) {
    for (unsigned i = 0; i < core->worker_count; i++) {
        nng_aio_stop(core->workers[i].aio);
    }
    (void)nng_close(core->socket);
    for (unsigned i = 0; i < core->worker_count; i++) {
        if (core->workers[i].held) nng_msg_free(core->workers[i].held);
        nng_aio_free(core->workers[i].aio);
    }
    (void)pthread_mutex_destroy(&core->mutex);
    free(core->workers);
    free(core);
}

void rep_core_set_answer(struct rep_core *core, struct preface_answer answer) {
    (void)pthread_mutex_lock(&core->mutex);
    core->answer = answer;
    (void)pthread_mutex_unlock(&core->mutex);
}

void rep_core_hold(struct rep_core *core, bool hold) {
    (void)pthread_mutex_lock(&core->mutex);
    core->hold = hold;
    for (unsigned i = 0; i < core->worker_count && !hold; i++) {
        struct worker *worker = &core->workers[i];
        nng_msg *msg = worker->held;
        if (worker->state != WORKER_HOLDING) continue;
        worker->held = NULL;
        worker_send(worker, msg);
    }
    (void)pthread_mutex_unlock(&core->mutex);
}

unsigned rep_core_preface_count(const struct rep_core *core) { return atomic_load(&core->prefaces); }

unsigned rep_core_request_count(const struct rep_core *core) { return atomic_load(&core->requests); }

struct preface rep_core_preface(struct rep_core *core) {
    (void)pthread_mutex_lock(&core->mutex);
    struct preface last = core->last;
    (void)pthread_mutex_unlock(&core->mutex);
    return last;
}
