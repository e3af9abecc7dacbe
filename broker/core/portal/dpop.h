/*
 * DPoP proofs (RFC 9449) by a device's signing key: typ `dpop+jwt`, alg EdDSA or Ed25519, the key itself as jwk, claims
 * exactly htm, htu, iat, jti and, once the server has given one, nonce. docs/protocol.md section 11. Any thread.
 *
 * A proof says who makes this very request, now. It changes nothing: what changes a right is a statement or token.
 */
#ifndef BROKER_CORE_PORTAL_DPOP_H
#define BROKER_CORE_PORTAL_DPOP_H

#include <stdint.h>

#include "base/arena.h"
#include "broker/core/portal/nonces.h"
#include "keys/hash.h"
#include "keys/sign.h"

struct dpop {
    struct sign_public key;
    struct hash device; /* thumbprint of key */
    const char *htm;
    const char *htu;
    const char *jti;
    const char *nonce; /* "" when there is none */
    uint64_t iat_s;
};

/* Parses the form and verifies with the key that it carries. STATUS_TOO_LARGE, STATUS_UNSUPPORTED (alg, another kind of
 * key), STATUS_MALFORMED, STATUS_SIGNATURE, STATUS_MEMORY. */
enum status dpop_parse(struct arena *arena, struct bytes proof, struct dpop *out);

/* Whether the proof is for this request, at this time: STATUS_DENIED for another method or URL, STATUS_TIME for an iat
 * more than 300 s away, STATUS_EXPIRED for no nonce or a stale one. *out_step is for dpop_use. */
enum status dpop_check(const struct dpop *proof, const char *method, const char *url, struct nonces *nonces,
                       uint64_t now_ms, uint64_t *out_step);

/* Uses the proof up, for a request that writes. Errors of nonces_use. */
enum status dpop_use(const struct dpop *proof, const char *federation, struct nonces *nonces, uint64_t step);

#endif
