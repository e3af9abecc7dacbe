/*
 * A peer of the gate made by hand over OpenSSL with blocking calls, for what the agent's tunnel would never do. Fails
 * the running test on what must work. One owner: the test's thread.
 */
#ifndef TESTS_SUPPORT_LINK_TLS_PEER_H
#define TESTS_SUPPORT_LINK_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/preface.h"

enum { TLS_PEER_WAIT_MS = 10000 };

struct tls_peer {
    int fd;
    SSL *ssl; /* NULL before the handshake */
};

/* To 127.0.0.1, with timeouts of TLS_PEER_WAIT_MS and without waiting for full packets. */
struct tls_peer tls_peer_connect(uint16_t port);
bool tls_peer_handshake(struct tls_peer *peer, SSL_CTX *context);
void tls_peer_close(struct tls_peer *peer);

bool tls_peer_write(struct tls_peer *peer, const void *data, size_t len);
bool tls_peer_read(struct tls_peer *peer, void *data, size_t len);
/* True when the gate ends the connection well before the timeout, after whatever it still sends. */
bool tls_peer_sees_end(struct tls_peer *peer);

/* What tls_peer_hello says. */
extern const struct preface_hello tls_peer_hello_sent;
void tls_peer_hello(struct tls_peer *peer);
/* PREFACE_VERDICT_COUNT when none comes. */
struct preface_answer tls_peer_answer(struct tls_peer *peer);

/* From connect up to the point where nng's frames pass. */
struct tls_peer tls_peer_admitted(uint16_t port, SSL_CTX *context);

/* A request of len >= 4 bytes with its id; the reply to one, of the same length. */
bool tls_peer_request(struct tls_peer *peer, uint32_t id, size_t len);
bool tls_peer_reply(struct tls_peer *peer, size_t len);

#endif
