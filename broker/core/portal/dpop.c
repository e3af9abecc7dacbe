/*
 * Proofs of possession. Trusts nothing of what it parses.
 */
#include "broker/core/portal/dpop.h"

#include <string.h>

#include "base/json.h"
#include "keys/frame.h"
#include "keys/jws.h"
#include "proto/limits.h"

#define DPOP_TYP       "dpop+jwt"
#define DPOP_JTI_BYTES 64

/* Browsers export keys with members that say nothing here; a private key among them is refused. */
static enum status parse_jwk(const json_t *header, struct sign_public *out_key) {
    static const char *const members[] = {"kty", "crv", "x", "alg", "ext", "key_ops", "kid", "use", NULL};
    const json_t *jwk = json_object_get(header, "jwk");
    ENSURE(json_is_object(jwk), STATUS_MALFORMED);
    TRY(json_only(jwk, members));
    const char *kty = NULL;
    const char *crv = NULL;
    TRY(json_get_text(jwk, "kty", &kty));
    TRY(json_get_text(jwk, "crv", &crv));
    ENSURE(strcmp(kty, "OKP") == 0 && strcmp(crv, "Ed25519") == 0, STATUS_UNSUPPORTED);
    return json_get_fixed(jwk, "x", out_key->b, sizeof out_key->b);
}

static enum status parse_header(struct bytes text, struct sign_public *out_key) {
    static const char *const members[] = {"typ", "alg", "jwk", NULL};
    json_t *header CLEANUP(json_cleanup) = NULL;
    TRY(json_read(text, LIMIT_JWS_BYTES, &header));
    TRY(json_only(header, members));
    const char *typ = NULL;
    TRY(json_get_text(header, "typ", &typ));
    ENSURE(strcmp(typ, DPOP_TYP) == 0, STATUS_MALFORMED);
    return parse_jwk(header, out_key);
}

static enum status copy_text(struct arena *arena, const json_t *object, const char *name, size_t max_bytes,
                             const char **out_text) {
    const char *text = NULL;
    TRY(json_get_text(object, name, &text));
    ENSURE(*text != '\0' && strlen(text) <= max_bytes, STATUS_MALFORMED);
    *out_text = arena_string(arena, text);
    ENSURE(*out_text, STATUS_MEMORY);
    return STATUS_OK;
}

static enum status parse_claims(struct arena *arena, struct bytes text, struct dpop *proof) {
    static const char *const members[] = {"htm", "htu", "iat", "jti", "nonce", NULL};
    json_t *claims CLEANUP(json_cleanup) = NULL;
    TRY(json_read(text, LIMIT_JWS_BYTES, &claims));
    ENSURE(json_is_object(claims), STATUS_MALFORMED);
    TRY(json_only(claims, members));
    TRY(copy_text(arena, claims, "htm", LIMIT_METHOD_BYTES, &proof->htm));
    TRY(copy_text(arena, claims, "htu", LIMIT_URL_BYTES, &proof->htu));
    TRY(copy_text(arena, claims, "jti", DPOP_JTI_BYTES, &proof->jti));
    proof->nonce = "";
    if (json_object_get(claims, "nonce")) TRY(copy_text(arena, claims, "nonce", LIMIT_NONCE_BYTES, &proof->nonce));
    TRY(json_get_u64(claims, "iat", &proof->iat_s));
    ENSURE(proof->iat_s <= LIMIT_SECONDS, STATUS_MALFORMED);
    return STATUS_OK;
}

enum status dpop_parse(struct arena *arena, struct bytes proof, struct dpop *out) {
    struct jws jws;
    struct dpop parsed = {.iat_s = 0};
    TRY(jws_split(proof, LIMIT_JWS_BYTES, arena, &jws));
    TRY(parse_header(jws.header, &parsed.key));
    TRY(jws_verify(&jws, &parsed.key));
    TRY(parse_claims(arena, jws.payload, &parsed));
    parsed.device = jws_thumbprint(&parsed.key);
    *out = parsed;
    return STATUS_OK;
}

enum status dpop_check(const struct dpop *proof, const char *method, const char *url, struct nonces *nonces,
                       uint64_t now_ms, uint64_t *out_step) {
    uint64_t now_s = now_ms / 1000;
    ENSURE(strcmp(proof->htm, method) == 0 && strcmp(proof->htu, url) == 0, STATUS_DENIED);
    ENSURE(proof->iat_s <= now_s + LIMIT_IAT_SKEW_S && now_s <= proof->iat_s + LIMIT_IAT_SKEW_S, STATUS_TIME);
    return nonces_check(nonces, now_ms, bytes_text(proof->nonce), out_step);
}

enum status dpop_use(const struct dpop *proof, const char *federation, struct nonces *nonces, uint64_t step) {
    struct hash use = FRAME_HASH("sluss nonce v1", federation, hash_bytes(&proof->device), bytes_text(proof->jti));
    return nonces_use(nonces, step, &use);
}
