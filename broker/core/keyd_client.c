/*
 * Invariant: at most one request is under way on a connection; a connection on which anything failed is closed.
 */
#include "broker/core/keyd_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/service.h"
#include "proto/limits.h"
#include "proto/reply_code.h"

enum {
    KEYD_PACKET_BYTES = 65536,
    KEYD_WIRE_VERSION = 1,
    KEYD_ASK_IDENTITY = 1,
    KEYD_ASK_SIGN = 2,
    KEYD_ASK_LAST_NOTE = 3,
    KEYD_ASK_STATE = 4,
    KEYD_ASK_DIRECTORY_ADD = 5,
    KEYD_ASK_DIRECTORY_HEAD = 6,
    KEYD_ASK_EVALUATE = 7,
    KEYD_ASK_COUNTS = 8,
};

struct keyd_client {
    const char *path;
    uint32_t deadline_ms;
    int fd; /* -1: not connected */
    struct writer out;
    uint8_t request[KEYD_PACKET_BYTES];
    uint8_t reply[KEYD_PACKET_BYTES];
};

struct keyd_client *keyd_client_new(const char *path, uint32_t deadline_ms) {
    struct keyd_client *client = calloc(1, sizeof *client);
    if (!client) return NULL;
    client->path = path;
    client->deadline_ms = deadline_ms;
    client->fd = -1;
    return client;
}

void keyd_client_free(struct keyd_client *client) {
    if (!client) return;
    cleanup_fd(&client->fd);
    free(client);
}

static void disconnect(struct keyd_client *client) {
    cleanup_fd(&client->fd);
    client->fd = -1;
}

/* keyd's time is real time, whatever clock core was given. */
static uint64_t real_ms(void) { return clock_boot_ms(clock_system()); }

/* Waits until the socket can be written or read. */
static enum status wait_for(const struct keyd_client *client, short events, uint64_t until) {
    for (;;) {
        uint64_t now = real_ms();
        ENSURE(now < until, STATUS_TIMEOUT);
        struct pollfd wanted = {.fd = client->fd, .events = events};
        int ready = poll(&wanted, 1, (int)(until - now));
        if (ready > 0) return STATUS_OK;
        ENSURE(ready == 0 || errno == EINTR, STATUS_IO);
    }
}

static enum status send_request(struct keyd_client *client, struct bytes request, uint64_t until) {
    TRY(wait_for(client, POLLOUT, until));
    ssize_t sent = send(client->fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)request.len ? STATUS_OK : STATUS_UNREACHABLE;
}

static enum status receive_reply(struct keyd_client *client, uint64_t until, struct bytes *out_reply) {
    TRY(wait_for(client, POLLIN, until));
    ssize_t got = recv(client->fd, client->reply, sizeof client->reply, MSG_DONTWAIT);
    ENSURE(got > 0, STATUS_UNREACHABLE);
    *out_reply = BYTES(client->reply, (size_t)got);
    return STATUS_OK;
}

static enum status exchange(struct keyd_client *client, struct bytes request, struct bytes *out_reply) {
    uint64_t until = real_ms() + client->deadline_ms;
    if (client->fd < 0) TRY(service_connect(client->path, SOCK_SEQPACKET, &client->fd));
    TRY(send_request(client, request, until));
    return receive_reply(client, until, out_reply);
}

/* A connection that keyd closed while it was idle, as after a restart, is worth one more attempt. */
static enum status exchange_again(struct keyd_client *client, struct bytes request, struct bytes *out_reply) {
    bool fresh = client->fd < 0;
    enum status status = exchange(client, request, out_reply);
    if (status == STATUS_OK) return STATUS_OK;
    disconnect(client);
    if (fresh || status != STATUS_UNREACHABLE) return status;
    status = exchange(client, request, out_reply);
    if (status != STATUS_OK) disconnect(client);
    return status;
}

static struct writer *begin(struct keyd_client *client, uint8_t type) {
    client->out = writer_init(client->request, sizeof client->request);
    writer_u8(&client->out, KEYD_WIRE_VERSION);
    writer_u8(&client->out, type);
    return &client->out;
}

/* Sends what was begun; out_body reads the reply's body, valid until the next call. */
static enum status finish(struct keyd_client *client, struct reader *out_body) {
    struct bytes request, reply;
    TRY(writer_end(&client->out, &request));
    TRY(exchange_again(client, request, &reply));
    struct reader reader = reader_init(reply);
    uint8_t version = reader_u8(&reader);
    uint8_t type = reader_u8(&reader);
    uint8_t code = reader_u8(&reader);
    if (reader.status != STATUS_OK || version != KEYD_WIRE_VERSION || type != client->request[1]) {
        disconnect(client);
        return STATUS_MALFORMED;
    }
    TRY(reply_code_status((enum reply_code)code));
    *out_body = reader;
    return STATUS_OK;
}

/* The one vector that most replies are. */
static enum status finish_vector(struct keyd_client *client, struct arena *arena, struct bytes *out_vector) {
    struct reader reader;
    TRY(finish(client, &reader));
    struct bytes vector = reader_vector(&reader, KEYD_PACKET_BYTES);
    TRY(reader_end(&reader));
    return arena_copy(arena, vector, out_vector);
}

enum status keyd_client_identity(struct keyd_client *client, struct arena *arena, struct keyd_identity *out_identity) {
    (void)begin(client, KEYD_ASK_IDENTITY);
    struct reader reader;
    TRY(finish(client, &reader));
    struct keyd_identity identity;
    identity.epoch = reader_u64(&reader);
    struct bytes vkey = reader_vector(&reader, LIMIT_VKEY_BYTES);
    reader_copy(&reader, identity.status_key.b, sizeof identity.status_key.b);
    identity.pseudonym_version = reader_u32(&reader);
    reader_copy(&reader, identity.pseudonym_key.b, sizeof identity.pseudonym_key.b);
    TRY(reader_end(&reader));
    TRY(arena_text(arena, vkey, &identity.log_vkey));
    *out_identity = identity;
    return STATUS_OK;
}

enum status keyd_client_sign(struct keyd_client *client, uint64_t size, const struct hash *root,
                             const struct merkle_proof *consistency, struct arena *arena, struct bytes *out_note) {
    struct writer *out = begin(client, KEYD_ASK_SIGN);
    writer_u64(out, size);
    writer_put(out, hash_bytes(root));
    writer_u8(out, (uint8_t)consistency->count);
    for (size_t i = 0; i < consistency->count; i++)
        writer_put(out, hash_bytes(&consistency->hashes[i]));
    return finish_vector(client, arena, out_note);
}

enum status keyd_client_last_note(struct keyd_client *client, struct arena *arena, struct bytes *out_note) {
    (void)begin(client, KEYD_ASK_LAST_NOTE);
    return finish_vector(client, arena, out_note);
}

enum status keyd_client_state(struct keyd_client *client, const struct id16 *token, enum consent_state state,
                              uint64_t tree_size, uint64_t time_ms, struct arena *arena, struct bytes *out_statement) {
    struct writer *out = begin(client, KEYD_ASK_STATE);
    writer_put(out, ids_bytes(token));
    writer_u8(out, (uint8_t)state);
    writer_u64(out, tree_size);
    writer_u64(out, time_ms);
    return finish_vector(client, arena, out_statement);
}

enum status keyd_client_directory_add(struct keyd_client *client, struct bytes entry) {
    writer_vector(begin(client, KEYD_ASK_DIRECTORY_ADD), entry);
    struct reader reader;
    TRY(finish(client, &reader));
    return reader_end(&reader);
}

enum status keyd_client_directory_head(struct keyd_client *client, uint64_t time_ms, struct arena *arena,
                                       struct bytes *out_head) {
    writer_u64(begin(client, KEYD_ASK_DIRECTORY_HEAD), time_ms);
    return finish_vector(client, arena, out_head);
}

enum status keyd_client_evaluate(struct keyd_client *client, struct bytes envelope, struct arena *arena,
                                 struct bytes *out_evaluated) {
    writer_vector(begin(client, KEYD_ASK_EVALUATE), envelope);
    return finish_vector(client, arena, out_evaluated);
}

enum status keyd_client_counts(struct keyd_client *client, uint32_t day, uint64_t *out_count) {
    writer_u32(begin(client, KEYD_ASK_COUNTS), day);
    struct reader reader;
    TRY(finish(client, &reader));
    uint64_t count = reader_u64(&reader);
    TRY(reader_end(&reader));
    *out_count = count;
    return STATUS_OK;
}
