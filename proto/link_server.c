/*
 * Owns one nng socket and a fixed array of contexts. Each context goes round: receive, handed out, send, receive. The
 * completion of its aio is the only place where its state changes, but for the moment between handing out and answer,
 * when whoever holds the request owns it.
 */
#include "proto/link_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>

#include "base/cleanup.h"
#include "proto/link_socket.h"

#define CONTEXTS_MAX 8192
#define PATH_MAX_LEN 100

enum context_state { CONTEXT_RECEIVING, CONTEXT_SENDING };

struct link_request {
    struct link_server *server;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *message; /* while handed out */
    enum context_state state;
};

struct link_server {
    nng_socket socket;
    struct link_server_options options;
    uid_t *uids;
    struct link_request *requests;
};

static void receive(struct link_request *request) {
    request->state = CONTEXT_RECEIVING;
    nng_ctx_recv(request->ctx, request->aio);
}

static void on_sent(struct link_request *request, int failed) {
    if (failed) {
        nng_msg *unsent = nng_aio_get_msg(request->aio);
        nng_aio_set_msg(request->aio, NULL);
        nng_msg_free(unsent);
    }
    receive(request);
}

static void on_completed(void *arg) {
    struct link_request *request = arg;
    int failed = nng_aio_result(request->aio);
    if (failed == NNG_ECLOSED) return;
    if (request->state == CONTEXT_SENDING) {
        on_sent(request, failed);
        return;
    }
    if (failed) {
        receive(request);
        return;
    }
    request->message = nng_aio_get_msg(request->aio);
    nng_aio_set_msg(request->aio, NULL);
    request->server->options.on_request(request->server->options.arg, request);
}

static int uid_allowed(const struct link_server *server, uint64_t uid) {
    if (server->options.n_uids == 0) return uid == geteuid();
    for (size_t i = 0; i < server->options.n_uids; i++) {
        if (server->uids[i] == uid) return 1;
    }
    return 0;
}

static void on_pipe_added(nng_pipe pipe, nng_pipe_ev event, void *arg) {
    (void)event;
    const struct link_server *server = arg;
    uint64_t uid = 0;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0 || !uid_allowed(server, uid)) {
        (void)nng_pipe_close(pipe);
        return;
    }
    if (server->options.on_opened) server->options.on_opened(server->options.arg, (uint32_t)nng_pipe_id(pipe));
}

static void on_pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *arg) {
    (void)event;
    const struct link_server *server = arg;
    if (server->options.on_closed) server->options.on_closed(server->options.arg, (uint32_t)nng_pipe_id(pipe));
}

static enum status open_contexts(struct link_server *server) {
    for (size_t i = 0; i < server->options.contexts; i++) {
        struct link_request *request = &server->requests[i];
        request->server = server;
        if (nng_ctx_open(&request->ctx, server->socket) != 0) return STATUS_MEMORY;
        if (nng_aio_alloc(&request->aio, on_completed, request) != 0) return STATUS_MEMORY;
    }
    return STATUS_OK;
}

static enum status listen_at(struct link_server *server) {
    char url[PATH_MAX_LEN + 8] = "ipc://";
    strncat(url, server->options.path, PATH_MAX_LEN);
    nng_listener listener;
    ENSURE(nng_listener_create(&listener, server->socket, url) == 0, STATUS_IO);
    ENSURE(nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, (int)server->options.mode) == 0, STATUS_IO);
    ENSURE(nng_listener_start(listener, 0) == 0, STATUS_IO);
    return STATUS_OK;
}

static enum status copy_options(struct link_server *server, const struct link_server_options *options) {
    server->options = *options;
    server->uids = calloc(options->n_uids + 1, sizeof *server->uids);
    server->requests = calloc(options->contexts, sizeof *server->requests);
    ENSURE(server->uids && server->requests, STATUS_MEMORY);
    for (size_t i = 0; i < options->n_uids; i++) {
        server->uids[i] = options->uids[i];
    }
    return STATUS_OK;
}

static enum status start(struct link_server *server, const struct link_server_options *options) {
    TRY(copy_options(server, options));
    ENSURE(nng_rep0_open(&server->socket) == 0, STATUS_IO);
    ENSURE(nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, options->max_bytes) == 0, STATUS_IO);
    ENSURE(nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe_added, server) == 0, STATUS_IO);
    ENSURE(nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe_removed, server) == 0, STATUS_IO);
    TRY(open_contexts(server));
    for (size_t i = 0; i < options->contexts; i++) {
        receive(&server->requests[i]);
    }
    return listen_at(server);
}

enum status link_server_open(const struct link_server_options *options, struct link_server **out_server) {
    ENSURE(options->contexts > 0 && options->contexts <= CONTEXTS_MAX, STATUS_SETTINGS);
    ENSURE(strlen(options->path) <= PATH_MAX_LEN, STATUS_SETTINGS);
    link_socket_use();
    struct link_server *server = calloc(1, sizeof *server);
    ENSURE(server, STATUS_MEMORY);
    /* A server that fails to start is left as it is: the process ends, and nng does not like to be closed. */
    TRY(start(server, options));
    *out_server = server;
    return STATUS_OK;
}

struct bytes link_request_body(const struct link_request *request) {
    return BYTES(nng_msg_body(request->message), nng_msg_len(request->message));
}

uint32_t link_request_pipe(const struct link_request *request) {
    return (uint32_t)nng_pipe_id(nng_msg_get_pipe(request->message));
}

void link_request_reply(struct link_request *request, struct bytes answer) {
    nng_msg *message = request->message;
    request->message = NULL;
    nng_msg_clear(message);
    if (nng_msg_append(message, answer.data, answer.len) != 0) {
        nng_msg_free(message);
        receive(request);
        return;
    }
    request->state = CONTEXT_SENDING;
    nng_aio_set_msg(request->aio, message);
    nng_ctx_send(request->ctx, request->aio);
}

void link_request_drop(struct link_request *request) { link_request_reply(request, link_socket_end_mark()); }
