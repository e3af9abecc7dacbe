/*
 * JSON Web Signature, compact form, EdDSA over Ed25519 only (RFC 7515, RFC 8037, RFC 9864), and the RFC 7638 thumbprint
 * of a key. The header's "alg" is "EdDSA" or "Ed25519" and is checked before anything else is looked at. Any thread.
 */
#ifndef KEYS_JWS_H
#define KEYS_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/sign.h"

/* The parts of a compact JWS, not yet verified. Views of the text given and of the arena. */
struct jws {
    struct bytes input;   /* what is signed: the text up to the second dot */
    struct bytes header;  /* decoded: a JSON object, no member twice */
    struct bytes payload; /* decoded */
    struct sign_signature signature;
};

/* header is the exact JSON text of the protected header and must name the algorithm (STATUS_UNSUPPORTED). out_compact
 * is NUL-terminated, in the arena. STATUS_MALFORMED when header is no JSON object, STATUS_MEMORY. */
enum status jws_sign(const struct sign_private *key, const char *header, struct bytes payload, struct arena *arena,
                     const char **out_compact);

/* Three parts of canonical base64url, at most max_bytes in all. STATUS_TOO_LARGE; STATUS_UNSUPPORTED for another
 * algorithm or a critical extension ("crit", "b64"); STATUS_MALFORMED for the rest; STATUS_MEMORY. */
enum status jws_split(struct bytes compact, size_t max_bytes, struct arena *arena, struct jws *out_jws);

/* STATUS_SIGNATURE unless it verifies. */
enum status jws_verify(const struct jws *jws, const struct sign_public *key);

/* SHA-256 of {"crv":"Ed25519","kty":"OKP","x":"..."}. */
struct hash jws_thumbprint(const struct sign_public *key);
/* The same in base64url, 43 characters; NULL when the arena is full. */
const char *jws_thumbprint_text(struct arena *arena, const struct sign_public *key);

#endif
