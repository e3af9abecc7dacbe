/*
 * Owns one nng socket and a fixed array of contexts, free ones in a list under the mutex. A call takes a context
 * through send and receive; its aio's completion is the only thing that moves it on.
 */
#include "proto/link_client.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "base/clock.h"
#include "proto/link_socket.h"

#define CONTEXTS_MAX     1024
#define PATH_MAX_LEN     100
#define RECONNECT_MIN_MS 50
#define RECONNECT_MAX_MS 1000

enum call_state { CALL_SENDING, CALL_RECEIVING };

struct link_call {
    struct link_client *client;
    struct link_call *next_free;
    nng_ctx ctx;
    nng_aio *aio;
    enum call_state state;
    uint64_t deadline_ms; /* by clock_boot_ms */
    link_done_fn *done;
    void *arg;
};

struct link_client {
    nng_socket socket;
    pthread_mutex_t mutex; /* guards free */
    struct link_call *free;
    struct link_call *calls;
    struct link_client *next; /* in clients */
};

/* All clients there are, so that each stays known for the life of the process. */
static pthread_mutex_t clients_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards clients */
static struct link_client *clients;

static void keep(struct link_client *client) {
    (void)pthread_mutex_lock(&clients_mutex);
    client->next = clients;
    clients = client;
    (void)pthread_mutex_unlock(&clients_mutex);
}

static struct link_call *take_call(struct link_client *client) {
    pthread_mutex_lock(&client->mutex);
    struct link_call *call = client->free;
    if (call) client->free = call->next_free;
    pthread_mutex_unlock(&client->mutex);
    return call;
}

static void give_back(struct link_call *call) {
    struct link_client *client = call->client;
    pthread_mutex_lock(&client->mutex);
    call->next_free = client->free;
    client->free = call;
    pthread_mutex_unlock(&client->mutex);
}

/* What was never sent found nobody to be sent to. */
static enum status status_of(int failed, enum call_state state) {
    if (failed == 0) return STATUS_OK;
    if (failed == NNG_ETIMEDOUT && state == CALL_RECEIVING) return STATUS_TIMEOUT;
    if (failed == NNG_ENOMEM) return STATUS_MEMORY;
    return STATUS_UNREACHABLE;
}

static void finish(struct link_call *call, int failed, nng_msg *answer) {
    link_done_fn *done = call->done;
    void *arg = call->arg;
    enum status status = status_of(failed, call->state);
    give_back(call);
    struct bytes body = answer ? BYTES(nng_msg_body(answer), nng_msg_len(answer)) : BYTES_EMPTY;
    done(arg, status, body);
    if (answer) nng_msg_free(answer);
}

/* The rest of the call's time; at least a millisecond, since nng takes less for another meaning. */
static nng_duration time_left(const struct link_call *call) {
    uint64_t now_ms = clock_boot_ms(clock_system());
    if (now_ms >= call->deadline_ms) return 1;
    uint64_t left_ms = call->deadline_ms - now_ms;
    return left_ms > INT32_MAX ? INT32_MAX : (nng_duration)left_ms;
}

static void on_completed(void *arg) {
    struct link_call *call = arg;
    int failed = nng_aio_result(call->aio);
    nng_msg *message = nng_aio_get_msg(call->aio);
    nng_aio_set_msg(call->aio, NULL);
    if (call->state == CALL_SENDING && failed == 0) {
        call->state = CALL_RECEIVING;
        nng_aio_set_timeout(call->aio, time_left(call));
        nng_ctx_recv(call->ctx, call->aio);
        return;
    }
    if (failed != 0) {
        if (call->state == CALL_SENDING && message) nng_msg_free(message);
        finish(call, failed, NULL);
        return;
    }
    finish(call, 0, message);
}

enum status link_client_start(struct link_client *client, struct bytes request, uint32_t timeout_ms, link_done_fn *done,
                              void *arg) {
    struct link_call *call = take_call(client);
    ENSURE(call, STATUS_LIMIT);
    nng_msg *message = NULL;
    if (nng_msg_alloc(&message, 0) != 0 || nng_msg_append(message, request.data, request.len) != 0) {
        nng_msg_free(message);
        give_back(call);
        return STATUS_MEMORY;
    }
    call->done = done;
    call->arg = arg;
    call->state = CALL_SENDING;
    call->deadline_ms = clock_boot_ms(clock_system()) + timeout_ms;
    nng_aio_set_timeout(call->aio, time_left(call));
    nng_aio_set_msg(call->aio, message);
    nng_ctx_send(call->ctx, call->aio);
    return STATUS_OK;
}

/* What a blocking call waits for. */
struct waiting {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t cond;
    bool is_done;
    enum status status;
    struct arena *arena;
    struct bytes answer;
};

static void on_waiting_done(void *arg, enum status status, struct bytes answer) {
    struct waiting *waiting = arg;
    struct bytes copy = BYTES_EMPTY;
    if (status == STATUS_OK) status = arena_copy(waiting->arena, answer, &copy);
    pthread_mutex_lock(&waiting->mutex);
    waiting->status = status;
    waiting->answer = copy;
    waiting->is_done = true;
    pthread_cond_signal(&waiting->cond);
    pthread_mutex_unlock(&waiting->mutex);
}

enum status link_client_call(struct link_client *client, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                             struct bytes *out_answer) {
    struct waiting waiting = {
        .arena = arena, .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .status = STATUS_TIMEOUT};
    TRY(link_client_start(client, request, timeout_ms, on_waiting_done, &waiting));
    /* nng's own time-outs end the wait. */
    pthread_mutex_lock(&waiting.mutex);
    while (!waiting.is_done) {
        pthread_cond_wait(&waiting.cond, &waiting.mutex);
    }
    pthread_mutex_unlock(&waiting.mutex);
    pthread_cond_destroy(&waiting.cond);
    pthread_mutex_destroy(&waiting.mutex);
    TRY(waiting.status);
    *out_answer = waiting.answer;
    return STATUS_OK;
}

static enum status open_calls(struct link_client *client, size_t contexts) {
    client->calls = calloc(contexts, sizeof *client->calls);
    ENSURE(client->calls, STATUS_MEMORY);
    for (size_t i = 0; i < contexts; i++) {
        struct link_call *call = &client->calls[i];
        call->client = client;
        ENSURE(nng_ctx_open(&call->ctx, client->socket) == 0, STATUS_MEMORY);
        ENSURE(nng_aio_alloc(&call->aio, on_completed, call) == 0, STATUS_MEMORY);
        call->next_free = client->free;
        client->free = call;
    }
    return STATUS_OK;
}

static enum status start(struct link_client *client, const char *path, size_t contexts, size_t max_bytes) {
    char url[PATH_MAX_LEN + 8] = "ipc://";
    strncat(url, path, PATH_MAX_LEN);
    ENSURE(nng_req0_open(&client->socket) == 0, STATUS_IO);
    nng_socket s = client->socket;
    int failed = nng_socket_set_ms(s, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    failed |= nng_socket_set_ms(s, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    failed |= nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    failed |= nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, max_bytes);
    ENSURE(failed == 0, STATUS_IO);
    TRY(open_calls(client, contexts));
    ENSURE(nng_dial(s, url, NULL, NNG_FLAG_NONBLOCK) == 0, STATUS_IO);
    return STATUS_OK;
}

enum status link_client_open(const char *path, size_t contexts, size_t max_bytes, struct link_client **out_client) {
    ENSURE(contexts > 0 && contexts <= CONTEXTS_MAX, STATUS_SETTINGS);
    ENSURE(strlen(path) <= PATH_MAX_LEN, STATUS_SETTINGS);
    link_socket_use();
    struct link_client *client = calloc(1, sizeof *client);
    ENSURE(client, STATUS_MEMORY);
    pthread_mutex_init(&client->mutex, NULL);
    keep(client);
    /* As in the server: what fails to start is left to the end of the process. */
    TRY(start(client, path, contexts, max_bytes));
    *out_client = client;
    return STATUS_OK;
}
