/*
 * Trusts nothing of what it parses. The header is compared member by member: a header that says more is refused, since
 * somebody meant something by it.
 */
#include "proto/claims.h"

#include <string.h>

#include "base/text.h"
#include "proto/limits.h"

#define CLAIMS_HEADER_BYTES_MAX 512
#define CLAIMS_VERIFY_ARENA     16384

static enum status check_header(struct bytes header, const char *typ, struct hash *out_kid) {
    static const char *const members[] = {"alg", "typ", "kid", NULL};
    json_t *object CLEANUP(json_cleanup) = NULL;
    TRY(json_read(header, CLAIMS_HEADER_BYTES_MAX, &object));
    TRY(json_only(object, members));
    const char *text = NULL;
    TRY(json_get_text(object, "typ", &text));
    ENSURE(strcmp(text, typ) == 0, STATUS_MALFORMED);
    return json_get_fixed(object, "kid", out_kid->b, sizeof out_kid->b);
}

enum status claims_parse(struct arena *arena, struct bytes compact, size_t max_bytes, const char *typ,
                         struct claims *out_claims) {
    struct claims claims = {.payload = NULL};
    TRY(jws_split(compact, max_bytes, arena, &claims.jws));
    TRY(check_header(claims.jws.header, typ, &claims.kid));
    TRY(json_read(claims.jws.payload, max_bytes, &claims.payload));
    if (!json_is_object(claims.payload)) {
        json_decref(claims.payload);
        return STATUS_MALFORMED;
    }
    *out_claims = claims;
    return STATUS_OK;
}

enum status claims_check_parties(const struct claims *claims, const char *federation) {
    const char *iss = NULL;
    const char *aud = NULL;
    TRY(json_get_text(claims->payload, "iss", &iss));
    TRY(json_get_text(claims->payload, "aud", &aud));
    ENSURE(strcmp(aud, federation) == 0, STATUS_FEDERATION);
    size_t prefix = strlen(CLAIMS_ISSUER);
    ENSURE(strncmp(iss, CLAIMS_ISSUER, prefix) == 0, STATUS_MALFORMED);
    struct hash issuer;
    TRY(text_fixed_base64url(bytes_text(iss + prefix), issuer.b, sizeof issuer.b));
    ENSURE(hash_equal(&issuer, &claims->kid), STATUS_MALFORMED);
    return STATUS_OK;
}

enum status claims_verify(struct bytes compact, const struct hash *device, const struct sign_public *key) {
    struct hash thumbprint = jws_thumbprint(key);
    ENSURE(hash_equal(&thumbprint, device), STATUS_SIGNATURE);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(CLAIMS_VERIFY_ARENA + 2 * compact.len);
    ENSURE(arena, STATUS_MEMORY);
    struct jws jws;
    TRY(jws_split(compact, compact.len, arena, &jws));
    return jws_verify(&jws, key);
}

enum status claims_time(const json_t *payload, const char *name, uint64_t *out_time_s) {
    uint64_t time_s = 0;
    TRY(json_get_u64(payload, name, &time_s));
    ENSURE(time_s <= LIMIT_SECONDS, STATUS_MALFORMED);
    *out_time_s = time_s;
    return STATUS_OK;
}

enum status claims_fresh(uint64_t iat_s, uint64_t at_ms) {
    uint64_t at_s = at_ms / 1000;
    ENSURE(iat_s <= at_s + LIMIT_IAT_SKEW_S && at_s <= iat_s + LIMIT_IAT_SKEW_S, STATUS_TIME);
    return STATUS_OK;
}

bool claims_is_lang(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= LIMIT_LANG_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

json_t *claims_new(const struct hash *device, const char *federation) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    if (!arena) return NULL;
    const char *kid = text_base64url(arena, hash_bytes(device));
    const char *iss = kid ? arena_printf(arena, "%s%s", CLAIMS_ISSUER, kid) : NULL;
    if (!iss) return NULL;
    return json_pack("{s:s, s:s}", "iss", iss, "aud", federation);
}

enum status claims_sign(struct arena *arena, const char *typ, json_t *payload, const struct sign_private *key,
                        struct bytes *out_compact) {
    struct sign_public public_key = sign_public_of(key);
    const char *kid = jws_thumbprint_text(arena, &public_key);
    ENSURE(kid, STATUS_MEMORY);
    const char *header = arena_printf(arena, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}", kid, typ);
    const char *text = json_canonical(arena, payload);
    ENSURE(header && text, STATUS_MEMORY);
    const char *compact = NULL;
    TRY(jws_sign(key, header, bytes_text(text), arena, &compact));
    *out_compact = bytes_text(compact);
    return STATUS_OK;
}
