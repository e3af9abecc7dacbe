#include "support/link/tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/tls.h"
#include "proto/sp.h"

struct tls_peer tls_peer_connect(uint16_t port) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = TLS_PEER_WAIT_MS / 1000};
    const int one = 1;
    struct tls_peer peer = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(peer.fd >= 0);
    assert_int_equal(setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(peer.fd, (const struct sockaddr *)&to, sizeof to), 0);
    return peer;
}

bool tls_peer_handshake(struct tls_peer *peer, SSL_CTX *context) {
    peer->ssl = SSL_new(context);
    assert_non_null(peer->ssl);
    assert_int_equal(tls_expect_server(peer->ssl, "127.0.0.1"), STATUS_OK);
    assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
    ERR_clear_error();
    return SSL_connect(peer->ssl) == 1;
}

void tls_peer_close(struct tls_peer *peer) {
    SSL_free(peer->ssl);
    (void)close(peer->fd);
}

bool tls_peer_write(struct tls_peer *peer, const void *data, size_t len) {
    ERR_clear_error();
    return len == 0 || SSL_write(peer->ssl, data, (int)len) == (int)len;
}

bool tls_peer_read(struct tls_peer *peer, void *data, size_t len) {
    uint8_t *to = data;
    while (len > 0) {
        ERR_clear_error();
        int count = SSL_read(peer->ssl, to, (int)len);
        if (count <= 0) return false;
        to += count;
        len -= (size_t)count;
    }
    return true;
}

bool tls_peer_sees_end(struct tls_peer *peer) {
    uint8_t byte;
    uint64_t began = clock_boot_ms(clock_system());
    ssize_t count = 1;
    while (count > 0) {
        ERR_clear_error();
        count = peer->ssl ? SSL_read(peer->ssl, &byte, 1) : recv(peer->fd, &byte, 1, 0);
    }
    return clock_boot_ms(clock_system()) - began < TLS_PEER_WAIT_MS - 1000;
}

const struct preface_hello tls_peer_hello_sent = {
    .lowest_version = 1, .highest_version = 3, .instance = {7}, .epoch = 9};

void tls_peer_hello(struct tls_peer *peer) {
    uint8_t bytes[PREFACE_HELLO_BYTES];
    preface_hello_encode(&tls_peer_hello_sent, bytes);
    assert_true(tls_peer_write(peer, bytes, sizeof bytes));
}

struct preface_answer tls_peer_answer(struct tls_peer *peer) {
    uint8_t bytes[PREFACE_HELLO_ANSWER_BYTES];
    struct preface_answer answer = {.verdict = PREFACE_VERDICT_COUNT};
    if (tls_peer_read(peer, bytes, sizeof bytes)) {
        assert_int_equal(preface_hello_answer_parse(BYTES_ARRAY(bytes), &answer), STATUS_OK);
    }
    return answer;
}

struct tls_peer tls_peer_admitted(uint16_t port, SSL_CTX *context) {
    uint8_t header[SP_HEADER_BYTES];
    struct tls_peer peer = tls_peer_connect(port);
    assert_true(tls_peer_handshake(&peer, context));
    tls_peer_hello(&peer);
    assert_int_equal(tls_peer_answer(&peer).verdict, PREFACE_ADMITTED);
    assert_true(tls_peer_read(&peer, header, sizeof header));
    assert_int_equal(sp_header_check(BYTES_ARRAY(header), SP_PROTOCOL_REP), STATUS_OK);
    sp_header_encode(SP_PROTOCOL_REQ, header);
    assert_true(tls_peer_write(&peer, header, sizeof header));
    return peer;
}

bool tls_peer_request(struct tls_peer *peer, uint32_t id, size_t len) {
    uint8_t *frame = calloc(1, SP_HEAD_BYTES + len);
    assert_non_null(frame);
    sp_head_encode(len, frame);
    struct writer writer = writer_init(frame + SP_HEAD_BYTES, 4);
    writer_u32(&writer, id | 0x80000000u);
    bool sent = tls_peer_write(peer, frame, SP_HEAD_BYTES + len);
    free(frame);
    return sent;
}

bool tls_peer_reply(struct tls_peer *peer, size_t len) {
    uint8_t head[SP_HEAD_BYTES];
    size_t payload = 0;
    if (!tls_peer_read(peer, head, sizeof head)) return false;
    assert_int_equal(sp_head_parse(BYTES_ARRAY(head), SP_FRAME_MAX_BYTES, &payload), STATUS_OK);
    assert_int_equal(payload, len);
    uint8_t *body = malloc(len);
    assert_non_null(body);
    bool got = tls_peer_read(peer, body, len);
    free(body);
    return got;
}
