/*
 * Any bytes as a proof; and, since none of them would be signed, header and claims (divided by a newline) signed with a
 * key that the header may name as "x":"%". What is accepted carries that key and holds its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "broker/core/portal/dpop.h"
#include "keys/jws.h"
#include "proto/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_private *fixed_key(void) {
    static struct sign_private *key;
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    if (key) return key;
    if (secret_setup() != STATUS_OK) abort();
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(BYTES_ARRAY(seed));
    if (sign_from_seed(secret, &key) != STATUS_OK) abort();
    return key;
}

static void check(const struct dpop *proof) {
    struct hash device = jws_thumbprint(&proof->key);
    if (!hash_equal(&device, &proof->device)) abort();
    if (strlen(proof->htm) > LIMIT_METHOD_BYTES || strlen(proof->htu) > LIMIT_URL_BYTES) abort();
    if (proof->iat_s > LIMIT_SECONDS || *proof->jti == '\0') abort();
}

/* The header with the public key in place of its first %. */
static const char *fill_key(struct arena *arena, struct bytes header) {
    struct sign_public key = sign_public_of(fixed_key());
    const char *x = text_base64url(arena, BYTES_ARRAY(key.b));
    const uint8_t *place = header.len ? memchr(header.data, '%', header.len) : NULL;
    if (!x || memchr(header.data, '\0', header.len)) return NULL;
    if (!place) return arena_printf(arena, "%.*s", (int)header.len, (const char *)header.data);
    size_t before = (size_t)(place - header.data);
    return arena_printf(arena, "%.*s%s%.*s", (int)before, (const char *)header.data, x, (int)(header.len - before - 1),
                        (const char *)place + 1);
}

static void try_signed(struct arena *arena, struct bytes input) {
    const uint8_t *line = input.len ? memchr(input.data, '\n', input.len) : NULL;
    const char *compact = NULL;
    struct dpop proof;
    if (!line) return;
    size_t at = (size_t)(line - input.data);
    const char *header = at > 0 ? fill_key(arena, BYTES(input.data, at)) : NULL;
    if (!header) return;
    struct bytes claims = BYTES(line + 1, input.len - at - 1);
    if (jws_sign(fixed_key(), header, claims, arena, &compact) != STATUS_OK) return;
    if (dpop_parse(arena, bytes_text(compact), &proof) == STATUS_OK) check(&proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct dpop proof;
    if (!arena) return 0;
    if (dpop_parse(arena, BYTES(data, size), &proof) == STATUS_OK) check(&proof);
    try_signed(arena, BYTES(data, size));
    return 0;
}
