/*
 * The pipe to core before anything passes through it. Trusts core's socket by its place; checks what comes anyway.
 */
#include "broker/gate/gate_pipe.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "proto/sp.h"

enum { PIPE_ANSWER_BYTES = SP_HEADER_BYTES + SP_HEAD_BYTES + PREFACE_REQUEST_ID_BYTES + PREFACE_ANSWER_BYTES };

struct gate_pipe {
    struct bufferevent *connection;
    struct preface preface;
    gate_pipe_done *done;
    void *arg;
};

static void pipe_fail(struct gate_pipe *pipe, enum status status) {
    bufferevent_setcb(pipe->connection, NULL, NULL, NULL, NULL);
    pipe->done(pipe->arg, status, (struct preface_answer){.verdict = PREFACE_NOT_NOW});
}

/* SP header, frame head, request id and preface in one write. */
static enum status pipe_write_preface(struct gate_pipe *pipe) {
    uint8_t body[PREFACE_MAX_BYTES];
    uint8_t header[SP_HEADER_BYTES];
    uint8_t head[SP_HEAD_BYTES];
    uint8_t memory[sizeof header + sizeof head + PREFACE_REQUEST_ID_BYTES + sizeof body];
    struct bytes preface = BYTES_EMPTY;
    struct bytes written = BYTES_EMPTY;
    TRY(preface_encode(&pipe->preface, body, &preface));
    sp_header_encode(SP_PROTOCOL_REQ, header);
    sp_head_encode(PREFACE_REQUEST_ID_BYTES + preface.len, head);
    struct writer writer = writer_init(memory, sizeof memory);
    writer_put(&writer, BYTES_ARRAY(header));
    writer_put(&writer, BYTES_ARRAY(head));
    writer_u32(&writer, PREFACE_REQUEST_ID);
    writer_put(&writer, preface);
    TRY(writer_end(&writer, &written));
    ENSURE(bufferevent_write(pipe->connection, written.data, written.len) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status pipe_parse_answer(struct bytes from, struct preface_answer *out_answer) {
    const size_t expected = PREFACE_REQUEST_ID_BYTES + PREFACE_ANSWER_BYTES;
    struct reader reader = reader_init(from);
    size_t payload = 0;
    TRY(sp_header_check(reader_take(&reader, SP_HEADER_BYTES), SP_PROTOCOL_REP));
    TRY(sp_head_parse(reader_take(&reader, SP_HEAD_BYTES), expected, &payload));
    ENSURE(payload == expected, STATUS_MALFORMED);
    ENSURE(reader_u32(&reader) == PREFACE_REQUEST_ID, STATUS_MALFORMED);
    return preface_answer_parse(reader_take(&reader, PREFACE_ANSWER_BYTES), out_answer);
}

static void on_read(struct bufferevent *connection, void *arg) {
    struct gate_pipe *pipe = arg;
    uint8_t memory[PIPE_ANSWER_BYTES];
    struct preface_answer answer = {.verdict = PREFACE_NOT_NOW};
    if (evbuffer_get_length(bufferevent_get_input(connection)) < sizeof memory) return;
    (void)bufferevent_read(connection, memory, sizeof memory);
    enum status status = pipe_parse_answer(BYTES_ARRAY(memory), &answer);
    if (status != STATUS_OK) {
        pipe_fail(pipe, STATUS_MALFORMED);
        return;
    }
    bufferevent_setcb(connection, NULL, NULL, NULL, NULL);
    (void)bufferevent_disable(connection, EV_READ);
    pipe->done(pipe->arg, STATUS_OK, answer);
}

static void on_event(struct bufferevent *connection, short what, void *arg) {
    (void)connection;
    struct gate_pipe *pipe = arg;
    enum status status = STATUS_UNREACHABLE;
    if (what & BEV_EVENT_CONNECTED) status = pipe_write_preface(pipe);
    if (status != STATUS_OK) pipe_fail(pipe, status);
}

static enum status pipe_connect(struct gate_pipe *pipe, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    ENSURE(len < sizeof address.sun_path, STATUS_TOO_LARGE);
    memcpy(address.sun_path, path, len);
    bufferevent_setcb(pipe->connection, on_read, NULL, on_event, pipe);
    ENSURE(bufferevent_enable(pipe->connection, EV_READ | EV_WRITE) == 0, STATUS_MEMORY);
    int started = bufferevent_socket_connect(pipe->connection, (struct sockaddr *)&address, sizeof address);
    ENSURE(started == 0, STATUS_UNREACHABLE);
    return STATUS_OK;
}

CLEANUP_POINTER(struct gate_pipe, gate_pipe_free)

enum status gate_pipe_open(struct event_base *base, const char *path, const struct preface *preface,
                           gate_pipe_done *done, void *arg, struct gate_pipe **out_pipe) {
    struct gate_pipe *pipe CLEANUP(gate_pipe_free_cleanup) = calloc(1, sizeof *pipe);
    ENSURE(pipe, STATUS_MEMORY);
    pipe->preface = *preface;
    pipe->done = done;
    pipe->arg = arg;
    pipe->connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    ENSURE(pipe->connection, STATUS_MEMORY);
    TRY(pipe_connect(pipe, path));
    *out_pipe = MOVE(pipe);
    return STATUS_OK;
}

struct bufferevent *gate_pipe_take(struct gate_pipe *pipe) {
    return MOVE(pipe->connection);
}

void gate_pipe_free(struct gate_pipe *pipe) {
    if (!pipe) return;
    if (pipe->connection) bufferevent_free(pipe->connection);
    free(pipe);
}
