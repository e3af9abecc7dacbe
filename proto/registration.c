/*
 * Registration of a device: proof of possession of the new signing key over both public keys, and a mac that only the
 * agent can check that made the one-time code.
 */
#include <string.h>

#include "base/json.h"
#include "proto/claims.h"
#include "proto/derive.h"
#include "proto/statement.h"

#define REGISTRATION_TYP "device+jwt"

static enum status parse_jwk(const json_t *payload, struct sign_public *out_key) {
    static const char *const members[] = {"kty", "crv", "x", NULL};
    const json_t *jwk = json_object_get(payload, "jwk");
    ENSURE(json_is_object(jwk), STATUS_MALFORMED);
    TRY(json_only(jwk, members));
    const char *kty = NULL;
    const char *crv = NULL;
    TRY(json_get_text(jwk, "kty", &kty));
    TRY(json_get_text(jwk, "crv", &crv));
    ENSURE(strcmp(kty, "OKP") == 0 && strcmp(crv, "Ed25519") == 0, STATUS_UNSUPPORTED);
    return json_get_fixed(jwk, "x", out_key->b, sizeof out_key->b);
}

static enum status parse_payload(const json_t *payload, struct registration *registration) {
    static const char *const members[] = {"iss", "aud", "iat", "jti", "enrolment", "jwk", "read", "mac", NULL};
    TRY(json_only(payload, members));
    TRY(claims_time(payload, "iat", &registration->iat_s));
    TRY(json_get_fixed(payload, "jti", registration->jti.b, sizeof registration->jti.b));
    TRY(json_get_fixed(payload, "enrolment", registration->enrolment.b, sizeof registration->enrolment.b));
    TRY(json_get_fixed(payload, "read", registration->read_key.b, sizeof registration->read_key.b));
    TRY(json_get_fixed(payload, "mac", registration->mac, sizeof registration->mac));
    return parse_jwk(payload, &registration->sign_key);
}

enum status registration_parse(struct arena *arena, const char *federation, struct bytes compact,
                               struct registration *out_registration) {
    struct claims claims;
    TRY(claims_parse(arena, compact, STATEMENT_MAX_BYTES, REGISTRATION_TYP, &claims));
    json_t *payload CLEANUP(json_cleanup) = claims.payload;
    TRY(claims_check_parties(&claims, federation));
    struct registration registration = {.device = claims.kid};
    TRY(parse_payload(payload, &registration));
    TRY(claims_verify(compact, &registration.device, &registration.sign_key));
    TRY(arena_copy(arena, compact, &registration.compact));
    *out_registration = registration;
    return STATUS_OK;
}

static enum status make_mac(const char *federation, const struct sign_public *sign_key,
                            const struct seal_public *read_key, const uint8_t secret[16], struct hash *out_mac) {
    struct secret *code CLEANUP(secret_free_cleanup) = secret_from(BYTES(secret, 16));
    ENSURE(code, STATUS_MEMORY);
    *out_mac = derive_enrolment_mac(code, federation, sign_key, read_key);
    return STATUS_OK;
}

enum status registration_check(const char *federation, const struct registration *registration,
                               const uint8_t secret[16]) {
    struct hash mac;
    TRY(make_mac(federation, &registration->sign_key, &registration->read_key, secret, &mac));
    ENSURE(bytes_equal_ct(hash_bytes(&mac), BYTES_ARRAY(registration->mac)), STATUS_SIGNATURE);
    return STATUS_OK;
}

static enum status fill(json_t *payload, const struct id16 *enrolment, const struct sign_public *key,
                        const struct seal_public *read_key, const struct hash *mac, uint64_t now_ms) {
    struct id16 jti = ids_random();
    TRY(json_set_bytes(payload, "jti", BYTES_ARRAY(jti.b)));
    TRY(json_set_bytes(payload, "enrolment", BYTES_ARRAY(enrolment->b)));
    TRY(json_set_bytes(payload, "read", BYTES_ARRAY(read_key->b)));
    TRY(json_set_bytes(payload, "mac", hash_bytes(mac)));
    json_t *jwk = json_pack("{s:s, s:s}", "kty", "OKP", "crv", "Ed25519");
    int failed = json_object_set_new(payload, "jwk", jwk);
    failed |= json_object_set_new(payload, "iat", json_integer((json_int_t)(now_ms / 1000)));
    ENSURE(!failed, STATUS_MEMORY);
    return json_set_bytes(jwk, "x", BYTES_ARRAY(key->b));
}

enum status registration_make(struct arena *arena, const char *federation, const struct id16 *enrolment,
                              const uint8_t secret[16], const struct sign_private *key,
                              const struct seal_public *read_key, uint64_t now_ms, struct bytes *out_compact) {
    struct sign_public public_key = sign_public_of(key);
    struct hash device = jws_thumbprint(&public_key);
    struct hash mac;
    TRY(make_mac(federation, &public_key, read_key, secret, &mac));
    json_t *payload CLEANUP(json_cleanup) = claims_new(&device, federation);
    ENSURE(payload, STATUS_MEMORY);
    TRY(fill(payload, enrolment, &public_key, read_key, &mac, now_ms));
    return claims_sign(arena, REGISTRATION_TYP, payload, key, out_compact);
}
