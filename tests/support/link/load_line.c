#include "support/link/load_line.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "keys/tls.h"
#include "proto/limits.h"
#include "proto/sp.h"
#include "support/link/world_tls.h"

#define ID_MASK  UINT32_C(0x7fffffff)
#define READ_MIN ((size_t)65536)

struct buffer {
    uint8_t *data;
    size_t from; /* consumed */
    size_t len;  /* filled, from the beginning */
    size_t cap;
};

struct load_line {
    struct world_tls tls;
    struct buffer out;
    struct buffer in;
};

/* Room for `more` bytes behind what is there; moves what is left to the front first. */
static enum status make_room(struct buffer *buffer, size_t more) {
    if (buffer->from > 0) {
        memmove(buffer->data, buffer->data + buffer->from, buffer->len - buffer->from);
        buffer->len -= buffer->from;
        buffer->from = 0;
    }
    if (buffer->cap - buffer->len >= more) return STATUS_OK;
    size_t cap = 2 * (buffer->len + more);
    uint8_t *grown = realloc(buffer->data, cap);
    ENSURE(grown, STATUS_MEMORY);
    buffer->data = grown;
    buffer->cap = cap;
    return STATUS_OK;
}

static void append(struct buffer *buffer, const void *data, size_t len) {
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

enum status load_line_open(const struct world *world, size_t member, struct load_line **out_line) {
    struct load_line *line CLEANUP(load_line_free_cleanup) = calloc(1, sizeof *line);
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    ENSURE(line, STATUS_MEMORY);
    line->tls.fd = -1;
    TRY(world_tls_context(world, member, &context));
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    TRY(world_tls_open(world, member, context, &line->tls));
    ENSURE(fcntl(line->tls.fd, F_SETFL, O_NONBLOCK) == 0, STATUS_IO);
    *out_line = MOVE(line);
    return STATUS_OK;
}

void load_line_free(struct load_line *line) {
    if (!line) return;
    world_tls_clear(&line->tls);
    free(line->out.data);
    free(line->in.data);
    free(line);
}

int load_line_fd(const struct load_line *line) { return line->tls.fd; }

bool load_line_blocked(const struct load_line *line) { return line->out.from < line->out.len; }

enum status load_line_put(struct load_line *line, uint32_t id, struct bytes request) {
    uint8_t head[WORLD_FRAME_HEAD];
    world_tls_frame(id, request.len, head);
    TRY(make_room(&line->out, sizeof head + request.len));
    append(&line->out, head, sizeof head);
    append(&line->out, request.data, request.len);
    return STATUS_OK;
}

/* What a call of OpenSSL that did nothing means: STATUS_RETRY when the socket is not ready. */
static enum status tls_status(const struct load_line *line, int result) {
    int error = SSL_get_error(line->tls.ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? STATUS_RETRY : STATUS_UNREACHABLE;
}

enum status load_line_flush(struct load_line *line) {
    while (load_line_blocked(line)) {
        struct buffer *out = &line->out;
        ERR_clear_error();
        int sent = SSL_write(line->tls.ssl, out->data + out->from, (int)(out->len - out->from));
        if (sent <= 0) {
            enum status status = tls_status(line, sent);
            return status == STATUS_RETRY ? STATUS_OK : status;
        }
        out->from += (size_t)sent;
    }
    line->out.from = line->out.len = 0;
    return STATUS_OK;
}

/* Every whole frame in the buffer. */
static enum status hand_out(struct load_line *line, load_line_fn *fn, void *arg) {
    struct buffer *in = &line->in;
    while (in->len - in->from >= WORLD_FRAME_HEAD) {
        size_t payload = 0;
        TRY(sp_head_parse(BYTES(in->data + in->from, SP_HEAD_BYTES), LIMIT_FRAME_BYTES, &payload));
        ENSURE(payload >= sizeof(uint32_t), STATUS_MALFORMED);
        if (in->len - in->from < SP_HEAD_BYTES + payload) break;
        struct reader reader = reader_init(BYTES(in->data + in->from + SP_HEAD_BYTES, payload));
        uint32_t id = reader_u32(&reader) & ID_MASK;
        in->from += SP_HEAD_BYTES + payload;
        TRY(fn(arg, id, reader.rest));
    }
    return STATUS_OK;
}

enum status load_line_read(struct load_line *line, load_line_fn *fn, void *arg) {
    for (;;) {
        TRY(make_room(&line->in, READ_MIN));
        struct buffer *in = &line->in;
        ERR_clear_error();
        int got = SSL_read(line->tls.ssl, in->data + in->len, (int)(in->cap - in->len));
        if (got <= 0) {
            enum status status = tls_status(line, got);
            return status == STATUS_RETRY ? STATUS_OK : status;
        }
        in->len += (size_t)got;
        TRY(hand_out(line, fn, arg));
    }
}
