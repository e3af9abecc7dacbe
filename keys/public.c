/*
 * Owns nothing. Invariant: one key has one text, and a text of one kind never parses as another.
 */
#include "keys/public.h"

#include "base/text.h"

#define SIGN_PREFIX  "sluss-sign:"
#define SEAL_PREFIX  "sluss-seal:"
#define VOPRF_PREFIX "sluss-voprf:"

static const char *key_text(struct arena *arena, const char *prefix, struct bytes key) {
    const char *text = text_base64url(arena, key);
    return text ? arena_printf(arena, "%s%s", prefix, text) : NULL;
}

static enum status key_parse(struct bytes text, const char *prefix, void *out, size_t len) {
    struct reader reader = reader_init(text);
    struct bytes found = reader_take(&reader, bytes_text(prefix).len);
    ENSURE(bytes_equal_text(found, prefix), STATUS_MALFORMED);
    return text_fixed_base64url(reader.rest, out, len);
}

const char *public_sign_text(struct arena *arena, const struct sign_public *key) {
    return key_text(arena, SIGN_PREFIX, BYTES_ARRAY(key->b));
}

const char *public_seal_text(struct arena *arena, const struct seal_public *key) {
    return key_text(arena, SEAL_PREFIX, BYTES_ARRAY(key->b));
}

const char *public_voprf_text(struct arena *arena, const struct voprf_public *key) {
    return key_text(arena, VOPRF_PREFIX, BYTES_ARRAY(key->b));
}

enum status public_sign_parse(struct bytes text, struct sign_public *out_key) {
    return key_parse(text, SIGN_PREFIX, out_key->b, sizeof out_key->b);
}

enum status public_seal_parse(struct bytes text, struct seal_public *out_key) {
    return key_parse(text, SEAL_PREFIX, out_key->b, sizeof out_key->b);
}

enum status public_voprf_parse(struct bytes text, struct voprf_public *out_key) {
    return key_parse(text, VOPRF_PREFIX, out_key->b, sizeof out_key->b);
}
