/*
 * Owns nothing. Trusts base/json.h and base/text.h to accept one form only. Invariant: no part of a JWS is looked at,
 * and nothing is verified, before its header has named the one algorithm there is.
 */
#include "keys/jws.h"

#include <string.h>

#include <sodium.h>

#include "base/json.h"
#include "base/text.h"

#define HEADER_MAX_BYTES 4096

static enum status check_header(struct bytes header) {
    json_t *object CLEANUP(json_cleanup) = NULL;
    TRY(json_read(header, HEADER_MAX_BYTES, &object));
    ENSURE(json_is_object(object), STATUS_MALFORMED);
    const char *alg = NULL;
    TRY(json_get_text(object, "alg", &alg));
    ENSURE(strcmp(alg, "EdDSA") == 0 || strcmp(alg, "Ed25519") == 0, STATUS_UNSUPPORTED);
    ENSURE(!json_object_get(object, "crit") && !json_object_get(object, "b64"), STATUS_UNSUPPORTED);
    return STATUS_OK;
}

enum status jws_sign(const struct sign_private *key, const char *header, struct bytes payload, struct arena *arena,
                     const char **out_compact) {
    TRY(check_header(bytes_text(header)));
    const char *header_text = text_base64url(arena, bytes_text(header));
    const char *payload_text = text_base64url(arena, payload);
    ENSURE(header_text && payload_text, STATUS_MEMORY);
    const char *input = arena_printf(arena, "%s.%s", header_text, payload_text);
    ENSURE(input, STATUS_MEMORY);
    struct sign_signature signature = sign_bytes(key, bytes_text(input));
    const char *signature_text = text_base64url(arena, BYTES_ARRAY(signature.b));
    ENSURE(signature_text, STATUS_MEMORY);
    const char *compact = arena_printf(arena, "%s.%s", input, signature_text);
    ENSURE(compact, STATUS_MEMORY);
    *out_compact = compact;
    return STATUS_OK;
}

/* The text up to the next dot, and moves rest behind that dot. */
static enum status take_part(struct bytes *rest, struct bytes *out_part) {
    const uint8_t *dot = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;
    ENSURE(dot, STATUS_MALFORMED);
    size_t len = (size_t)(dot - rest->data);
    *out_part = BYTES(rest->data, len);
    *rest = BYTES(dot + 1, rest->len - len - 1);
    return STATUS_OK;
}

enum status jws_split(struct bytes compact, size_t max_bytes, struct arena *arena, struct jws *out_jws) {
    ENSURE(compact.len <= max_bytes, STATUS_TOO_LARGE);
    struct bytes rest = compact;
    struct bytes header_text;
    struct bytes payload_text;
    TRY(take_part(&rest, &header_text));
    TRY(take_part(&rest, &payload_text));
    struct jws jws = {.input = BYTES(compact.data, header_text.len + 1 + payload_text.len)};
    TRY(text_from_base64url(arena, header_text, &jws.header));
    TRY(check_header(jws.header));
    TRY(text_from_base64url(arena, payload_text, &jws.payload));
    TRY(text_fixed_base64url(rest, jws.signature.b, sizeof jws.signature.b));
    *out_jws = jws;
    return STATUS_OK;
}

enum status jws_verify(const struct jws *jws, const struct sign_public *key) {
    return sign_verify(key, jws->input, &jws->signature);
}

struct hash jws_thumbprint(const struct sign_public *key) {
    char x[44];
    (void)sodium_bin2base64(x, sizeof x, key->b, sizeof key->b, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    struct hash_state state;
    hash_init(&state);
    hash_update(&state, bytes_text("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\""));
    hash_update(&state, bytes_text(x));
    hash_update(&state, bytes_text("\"}"));
    return hash_final(&state);
}

const char *jws_thumbprint_text(struct arena *arena, const struct sign_public *key) {
    struct hash thumbprint = jws_thumbprint(key);
    return text_base64url(arena, hash_bytes(&thumbprint));
}
