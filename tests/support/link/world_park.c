#include "support/link/world_park.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/tls.h"
#include "proto/msg_events.h"
#include "proto/preface.h"
#include "proto/sp.h"
#include "support/link/world_internal.h"

#define PARK_ARENA   65536
#define PARK_WAIT_MS 55000
#define PARK_IO_S    10
#define REQUEST_ID   UINT32_C(0x80000001)
#define AFTER_ALL    (UINT64_C(1) << 40)

struct parked_agent {
    int fd;
    SSL *ssl;
};

struct world_parked {
    size_t count;
    struct parked_agent *agents;
};

static enum status connect_gate(uint16_t port, struct parked_agent *agent) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = PARK_IO_S};
    const int one = 1;
    agent->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(agent->fd >= 0, STATUS_IO);
    (void)setsockopt(agent->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(agent->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(agent->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return connect(agent->fd, (const struct sockaddr *)&to, sizeof to) == 0 ? STATUS_OK : STATUS_UNREACHABLE;
}

static enum status put(struct parked_agent *agent, const void *data, size_t len) {
    ERR_clear_error();
    return SSL_write(agent->ssl, data, (int)len) == (int)len ? STATUS_OK : STATUS_UNREACHABLE;
}

static enum status get(struct parked_agent *agent, uint8_t *data, size_t len) {
    while (len > 0) {
        ERR_clear_error();
        int count = SSL_read(agent->ssl, data, (int)len);
        ENSURE(count > 0, STATUS_UNREACHABLE);
        data += count;
        len -= (size_t)count;
    }
    return STATUS_OK;
}

static enum status say_hello(const struct world *world, size_t member, struct parked_agent *agent) {
    uint8_t bytes[PREFACE_HELLO_BYTES];
    uint8_t answer_bytes[PREFACE_HELLO_ANSWER_BYTES];
    uint8_t header[SP_HEADER_BYTES];
    struct preface_hello hello = {.lowest_version = 1, .highest_version = 1, .epoch = 1};
    struct preface_answer answer;
    memcpy(hello.instance, world->members[member].instance.b, sizeof hello.instance);
    preface_hello_encode(&hello, bytes);
    TRY(put(agent, bytes, sizeof bytes));
    TRY(get(agent, answer_bytes, sizeof answer_bytes));
    TRY(preface_hello_answer_parse(BYTES_ARRAY(answer_bytes), &answer));
    ENSURE(answer.verdict == PREFACE_ADMITTED, STATUS_DENIED);
    TRY(get(agent, header, sizeof header));
    sp_header_encode(SP_PROTOCOL_REQ, header);
    return put(agent, header, sizeof header);
}

static enum status send_poll(const struct world *world, size_t member, struct parked_agent *agent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PARK_ARENA);
    const struct msg_events message = {.after = AFTER_ALL, .most = 1, .wait_ms = PARK_WAIT_MS};
    struct bytes body;
    struct bytes whole;
    ENSURE(arena, STATUS_MEMORY);
    TRY(msg_events_encode(arena, &message, &body));
    TRY(world_envelope(world, member * world->options.units, MESSAGE_EVENTS, body, NULL, arena, &whole));
    size_t len = SP_HEAD_BYTES + sizeof REQUEST_ID + whole.len;
    uint8_t *frame = arena_alloc(arena, len);
    ENSURE(frame, STATUS_MEMORY);
    sp_head_encode(sizeof REQUEST_ID + whole.len, frame);
    struct writer writer = writer_init(frame + SP_HEAD_BYTES, len - SP_HEAD_BYTES);
    writer_u32(&writer, REQUEST_ID);
    writer_put(&writer, whole);
    return put(agent, frame, len);
}

static enum status park_one(const struct world *world, size_t member, SSL_CTX *context, struct parked_agent *agent) {
    TRY(connect_gate(world->gate_port, agent));
    agent->ssl = SSL_new(context);
    ENSURE(agent->ssl && SSL_set_fd(agent->ssl, agent->fd) == 1, STATUS_MEMORY);
    TRY(tls_expect_server(agent->ssl, "127.0.0.1"));
    ERR_clear_error();
    ENSURE(SSL_connect(agent->ssl) == 1, STATUS_UNREACHABLE);
    TRY(say_hello(world, member, agent));
    return send_poll(world, member, agent);
}

static enum status park_member(const struct world *world, size_t member, struct world_parked *parked) {
    SSL_CTX *context CLEANUP(SSL_CTX_free_cleanup) = NULL;
    const struct tls_identity identity = {.certificate_path = world->members[member].certificate,
                                          .key_path = world->members[member].key};
    TRY(tls_client(&identity, world->ca, &context));
    for (size_t i = member; i < parked->count; i += world->options.members) {
        TRY(park_one(world, member, context, &parked->agents[i]));
    }
    return STATUS_OK;
}

enum status world_park(struct world *world, size_t count, struct world_parked **out_parked) {
    struct world_parked *parked CLEANUP(world_parked_free_cleanup) = calloc(1, sizeof *parked);
    ENSURE(parked, STATUS_MEMORY);
    parked->agents = calloc(count, sizeof *parked->agents);
    ENSURE(parked->agents, STATUS_MEMORY);
    parked->count = count;
    for (size_t i = 0; i < count; i++) {
        parked->agents[i].fd = -1;
    }
    for (size_t member = 0; member < world->options.members; member++) {
        WORLD_TRY("park", park_member(world, member, parked));
    }
    *out_parked = MOVE(parked);
    return STATUS_OK;
}

size_t world_parked_count(const struct world_parked *parked) {
    size_t count = 0;
    for (size_t i = 0; i < parked->count; i++) {
        struct pollfd fd = {.fd = parked->agents[i].fd, .events = POLLIN};
        if (poll(&fd, 1, 0) == 0) count++;
    }
    return count;
}

void world_parked_free(struct world_parked *parked) {
    if (!parked) return;
    for (size_t i = 0; parked->agents && i < parked->count; i++) {
        SSL_free(parked->agents[i].ssl);
        if (parked->agents[i].fd >= 0) (void)close(parked->agents[i].fd);
    }
    free(parked->agents);
    free(parked);
}
