/*
 * Consent tokens: JWS compact, EdDSA (RFC 7515, RFC 8037), claims after RFC 7519 and RFC 9396. docs/protocol.md
 * section 5. A parsed token is one whose form is right; whether it may be acted on is for its callers: signature by the
 * attested device (token_verify), fit to the request (token_within), fit to its siblings (token_same_decision), and the
 * release rule.
 */
#ifndef PROTO_TOKEN_H
#define PROTO_TOKEN_H

#include <stdbool.h>

#include "base/arena.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/consent_request.h"
#include "proto/ids.h"
#include "proto/kind.h"

#define TOKEN_MAX_BYTES 4096

/* All pointers live in the arena that it was parsed into. */
struct token {
    struct bytes compact; /* the exact JWS */
    struct hash device;   /* thumbprint from kid and iss */
    struct hash subject;  /* handle */
    struct id16 jti;
    struct id16 consent;
    uint64_t iat_s;
    uint64_t nbf_s;
    uint64_t exp_s;
    const char *to;     /* unit */
    const char *from;   /* unit */
    uint32_t kinds[16]; /* enum kind, ascending by number */
    size_t n_kinds;
    const char *purpose;
    enum access access;
    enum basis basis;
    struct hash request; /* SHA-256 of the Signed ConsentRequest */
    const char *notice_lang;
    struct hash notice;
    struct hash rev; /* H("sluss code v1", federation, code) */
};

/* Refuses anything but the exact form: STATUS_MALFORMED, STATUS_TOO_LARGE, STATUS_UNSUPPORTED (alg, checked first),
 * STATUS_FEDERATION (aud). Does not verify. */
enum status token_parse(struct arena *arena, const char *federation, struct bytes compact, struct token *out_token);

/* STATUS_SIGNATURE unless key signed it and key's thumbprint is the token's device. */
enum status token_verify(const struct token *token, const struct sign_public *key);

/* Builds and signs; `compact` and `device` of *token are ignored on the way in. Makes nothing that token_parse would
 * refuse: its errors, STATUS_INVALID, STATUS_MEMORY. */
enum status token_make(struct arena *arena, const char *federation, const struct token *token,
                       const struct sign_private *key, struct bytes *out_compact);

/* STATUS_INVALID unless the token is within the request ("within" of section 5, without the check of iat against the
 * leaf) and its source is the commitment of (from, salt). request_hash is the hash of the Signed request. */
enum status token_within(const char *federation, const struct token *token, const struct consent_request *request,
                         const struct hash *request_hash, const struct hash *salt);

/* STATUS_TIME unless |iat - at_ms / 1000| <= 300. */
enum status token_fresh(const struct token *token, uint64_t at_ms);

/* Whether two tokens can be of one decision: all that they must share is equal. That jti and from differ is for the
 * caller to see. */
bool token_same_decision(const struct token *a, const struct token *b);

#endif
