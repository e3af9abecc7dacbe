/*
 * What tokens, statements and registrations have in common: a compact JWS with header exactly {alg, typ, kid} and a
 * payload that is one JSON object with exactly the members of its type. RFC 7515, RFC 7519. Used by proto/ only.
 */
#ifndef PROTO_CLAIMS_H
#define PROTO_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "keys/hash.h"
#include "keys/jws.h"
#include "keys/sign.h"
#include "proto/ids.h"

#define CLAIMS_ISSUER "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"

struct claims {
    struct jws jws;
    struct hash kid;
    json_t *payload; /* owned by whoever parsed; json_cleanup */
};

/* Splits, checks the header against typ, reads the payload. Does not verify. STATUS_TOO_LARGE, STATUS_UNSUPPORTED,
 * STATUS_MALFORMED, STATUS_MEMORY. The caller gives claims->payload free with json_decref. */
enum status claims_parse(struct arena *arena, struct bytes compact, size_t max_bytes, const char *typ,
                         struct claims *out_claims);

/* iss is the issuer of kid, aud is the federation: STATUS_MALFORMED, STATUS_FEDERATION. */
enum status claims_check_parties(const struct claims *claims, const char *federation);

/* STATUS_SIGNATURE unless key signed compact and its thumbprint is device. */
enum status claims_verify(struct bytes compact, const struct hash *device, const struct sign_public *key);

/* A member that is a whole number of seconds, at most LIMIT_SECONDS: STATUS_MALFORMED. */
enum status claims_time(const json_t *payload, const char *name, uint64_t *out_time_s);

/* STATUS_TIME unless |iat - at_ms / 1000| <= LIMIT_IAT_SKEW_S. */
enum status claims_fresh(uint64_t iat_s, uint64_t at_ms);

/* Of the form of a language tag (RFC 5646): letters, digits and dashes, at most LIMIT_LANG_BYTES. */
bool claims_is_lang(const char *text);

/* An object with iss and aud set. NULL when memory is out. */
json_t *claims_new(const struct hash *device, const char *federation);

/* Signs with header {"alg":"EdDSA","kid":...,"typ":typ}. */
enum status claims_sign(struct arena *arena, const char *typ, json_t *payload, const struct sign_private *key,
                        struct bytes *out_compact);

#endif
