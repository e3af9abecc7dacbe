#include "support/jose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/text.h"
#include "keys/hash.h"
#include "keys/jws.h"

struct sign_private *jose_key(const char *name) {
    struct hash seed = hash_sha256(bytes_text(name));
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(hash_bytes(&seed));
    struct sign_private *key = NULL;
    assert_non_null(secret);
    assert_int_equal(sign_from_seed(secret, &key), STATUS_OK);
    return key;
}

const char *jose_kid(struct arena *arena, const struct sign_private *key) {
    struct sign_public public = sign_public_of(key);
    const char *kid = jws_thumbprint_text(arena, &public);
    assert_non_null(kid);
    return kid;
}

/* One step down: a member, or an element of a list. */
static json_t *step(json_t *at, const char *name) {
    json_t *next = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10)) : json_object_get(at, name);
    if (!next) fail_msg("no %s to step into", name);
    return next;
}

static void put(json_t *at, const char *name, const char *value) {
    json_t *changed = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    if (value && !changed) fail_msg("no JSON: %s", value);
    if (json_is_array(at)) {
        size_t i = strtoul(name, NULL, 10);
        if (!value) assert_int_equal(json_array_remove(at, i), 0);
        if (value && i < json_array_size(at)) assert_int_equal(json_array_set_new(at, i, changed), 0);
        if (value && i >= json_array_size(at)) assert_int_equal(json_array_append_new(at, changed), 0);
        return;
    }
    if (!value) assert_int_equal(json_object_del(at, name), 0);
    if (value) assert_int_equal(json_object_set_new(at, name, changed), 0);
}

const char *jose_patch(struct arena *arena, const char *text, const char *path, const char *value) {
    json_t *root CLEANUP(json_cleanup) = json_loads(text, 0, NULL);
    assert_non_null(root);
    char *names = arena_string(arena, path);
    assert_non_null(names);
    json_t *at = root;
    for (char *dot = strchr(names, '.'); dot; dot = strchr(names, '.')) {
        *dot = '\0';
        at = step(at, names);
        names = dot + 1;
    }
    put(at, names, value);
    const char *changed = json_compact(arena, root);
    assert_non_null(changed);
    return changed;
}

struct bytes jose_sign_exact(struct arena *arena, const char *header, const char *payload,
                             const struct sign_private *key) {
    const char *header_text = text_base64url(arena, bytes_text(header));
    const char *payload_text = text_base64url(arena, bytes_text(payload));
    assert_true(header_text && payload_text);
    const char *input = arena_printf(arena, "%s.%s", header_text, payload_text);
    assert_non_null(input);
    struct sign_signature signature = sign_bytes(key, bytes_text(input));
    const char *signature_text = text_base64url(arena, BYTES_ARRAY(signature.b));
    assert_non_null(signature_text);
    const char *compact = arena_printf(arena, "%s.%s", input, signature_text);
    assert_non_null(compact);
    return bytes_text(compact);
}

struct bytes jose_sign(struct arena *arena, const char *typ, const char *payload, const struct sign_private *key) {
    const char *header =
        arena_printf(arena, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}", jose_kid(arena, key), typ);
    assert_non_null(header);
    return jose_sign_exact(arena, header, payload, key);
}

/* The text between the dots. */
static struct bytes middle(struct bytes compact) {
    const uint8_t *first = memchr(compact.data, '.', compact.len);
    assert_non_null(first);
    const uint8_t *start = first + 1;
    const uint8_t *second = memchr(start, '.', compact.len - (size_t)(start - compact.data));
    assert_non_null(second);
    return BYTES(start, (size_t)(second - start));
}

struct bytes jose_swap_payload(struct arena *arena, struct bytes compact, const char *payload) {
    struct bytes old = middle(compact);
    const char *encoded = text_base64url(arena, bytes_text(payload));
    assert_non_null(encoded);
    size_t before = (size_t)(old.data - compact.data);
    const uint8_t *behind = old.data + old.len;
    const char *swapped = arena_printf(arena, "%.*s%s%.*s", (int)before, (const char *)compact.data, encoded,
                                       (int)(compact.len - before - old.len), (const char *)behind);
    assert_non_null(swapped);
    return bytes_text(swapped);
}

const char *jose_payload(struct arena *arena, struct bytes compact) {
    struct bytes decoded;
    const char *text = NULL;
    assert_int_equal(text_from_base64url(arena, middle(compact), &decoded), STATUS_OK);
    assert_int_equal(arena_text(arena, decoded, &text), STATUS_OK);
    return text;
}
