/*
 * An agent's connection to the gate made by hand: TLS with a member's certificate, hello, SP header. After that, nng's
 * frames. For what must cost little or what no agent would do. One owner; blocking, with a time-out, until the caller
 * makes the descriptor non-blocking.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_TLS_H
#define TESTS_SUPPORT_LINK_WORLD_TLS_H

#include <openssl/ssl.h>

#include "support/link/world.h"

struct world_tls {
    int fd;
    SSL *ssl;
};

/* A client context for a member's certificate; the caller frees it. */
enum status world_tls_context(const struct world *world, size_t member, SSL_CTX **out_context);
/* Up to the point where frames pass. STATUS_DENIED when the gate does not admit. Clear also after a failure. */
enum status world_tls_open(const struct world *world, size_t member, SSL_CTX *context, struct world_tls *out_tls);
void world_tls_clear(struct world_tls *tls);

/* All of it, or STATUS_UNREACHABLE. */
enum status world_tls_put(struct world_tls *tls, const void *data, size_t len);
enum status world_tls_get(struct world_tls *tls, void *data, size_t len);

/* Head and request id of a frame around a payload of len bytes. */
#define WORLD_FRAME_HEAD 13
void world_tls_frame(uint32_t id, size_t len, uint8_t out_head[static WORLD_FRAME_HEAD]);

#endif
