#include "support/link/world_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/tls.h"
#include "proto/preface.h"
#include "proto/sp.h"

#define IO_S           10
#define REQUEST_ID_BIT UINT32_C(0x80000000)

enum status world_tls_context(const struct world *world, size_t member, SSL_CTX **out_context) {
    const struct world_member *who = world_member(world, member);
    const struct tls_identity identity = {.certificate_path = who->certificate, .key_path = who->key};
    return tls_client(&identity, world_ca(world), out_context);
}

static enum status connect_gate(uint16_t port, struct world_tls *tls) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = IO_S};
    const int one = 1;
    tls->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(tls->fd >= 0, STATUS_IO);
    (void)setsockopt(tls->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(tls->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(tls->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return connect(tls->fd, (const struct sockaddr *)&to, sizeof to) == 0 ? STATUS_OK : STATUS_UNREACHABLE;
}

enum status world_tls_put(struct world_tls *tls, const void *data, size_t len) {
    ERR_clear_error();
    return SSL_write(tls->ssl, data, (int)len) == (int)len ? STATUS_OK : STATUS_UNREACHABLE;
}

enum status world_tls_get(struct world_tls *tls, void *data, size_t len) {
    uint8_t *to = data;
    while (len > 0) {
        ERR_clear_error();
        int count = SSL_read(tls->ssl, to, (int)len);
        ENSURE(count > 0, STATUS_UNREACHABLE);
        to += count;
        len -= (size_t)count;
    }
    return STATUS_OK;
}

static enum status say_hello(const struct world_member *member, struct world_tls *tls) {
    uint8_t bytes[PREFACE_HELLO_BYTES];
    uint8_t answer_bytes[PREFACE_HELLO_ANSWER_BYTES];
    uint8_t header[SP_HEADER_BYTES];
    struct preface_hello hello = {.lowest_version = 1, .highest_version = 1, .epoch = 1};
    struct preface_answer answer;
    memcpy(hello.instance, member->instance.b, sizeof hello.instance);
    preface_hello_encode(&hello, bytes);
    TRY(world_tls_put(tls, bytes, sizeof bytes));
    TRY(world_tls_get(tls, answer_bytes, sizeof answer_bytes));
    TRY(preface_hello_answer_parse(BYTES_ARRAY(answer_bytes), &answer));
    ENSURE(answer.verdict == PREFACE_ADMITTED, STATUS_DENIED);
    TRY(world_tls_get(tls, header, sizeof header));
    TRY(sp_header_check(BYTES_ARRAY(header), SP_PROTOCOL_REP));
    sp_header_encode(SP_PROTOCOL_REQ, header);
    return world_tls_put(tls, header, sizeof header);
}

enum status world_tls_open(const struct world *world, size_t member, SSL_CTX *context, struct world_tls *out_tls) {
    *out_tls = (struct world_tls){.fd = -1};
    TRY(connect_gate(world_gate_port(world), out_tls));
    out_tls->ssl = SSL_new(context);
    ENSURE(out_tls->ssl && SSL_set_fd(out_tls->ssl, out_tls->fd) == 1, STATUS_MEMORY);
    TRY(tls_expect_server(out_tls->ssl, "127.0.0.1"));
    ERR_clear_error();
    ENSURE(SSL_connect(out_tls->ssl) == 1, STATUS_UNREACHABLE);
    return say_hello(world_member(world, member), out_tls);
}

void world_tls_clear(struct world_tls *tls) {
    SSL_free(tls->ssl);
    if (tls->fd >= 0) (void)close(tls->fd);
    *tls = (struct world_tls){.fd = -1};
}

void world_tls_frame(uint32_t id, size_t len, uint8_t out_head[static WORLD_FRAME_HEAD]) {
    sp_head_encode(sizeof id + len, out_head);
    struct writer writer = writer_init(out_head + SP_HEAD_BYTES, sizeof id);
    writer_u32(&writer, id | REQUEST_ID_BIT);
}
