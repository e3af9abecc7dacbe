/*
 * Owns nothing. Trusts libsodium's ristretto255 and SHA-512. Invariant: what is derived from a secret is wiped from the
 * stack.
 */
#include "keys/voprf_group.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define SCALAR_BYTES VOPRF_SCALAR_BYTES
#define WIDE_BYTES   64

static void put(crypto_hash_sha512_state *state, struct bytes from) {
    (void)crypto_hash_sha512_update(state, from.data, from.len);
}

void voprf_group_tag(struct voprf_tag *tag, const char *prefix, enum voprf_mode mode) {
    struct writer writer = writer_init(tag->memory, sizeof tag->memory);
    writer_put(&writer, bytes_text(prefix));
    writer_put(&writer, bytes_text("OPRFV1-"));
    writer_u8(&writer, (uint8_t)mode);
    writer_put(&writer, bytes_text("-ristretto255-SHA512"));
    if (writer_end(&writer, &tag->bytes) != STATUS_OK) abort();
}

/* expand_message_xmd to 64 bytes, one block of SHA-512 (RFC 9380 section 5.3.1), over the parts of a message. */
static void expand(const struct bytes *parts, size_t count, struct bytes tag, uint8_t out[WIDE_BYTES]) {
    static const uint8_t pad[128];
    const uint8_t middle[3] = {0, WIDE_BYTES, 0};
    const uint8_t one = 1;
    const uint8_t tag_len = (uint8_t)tag.len;
    uint8_t first[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    put(&state, BYTES_ARRAY(pad));
    for (size_t i = 0; i < count; i++)
        put(&state, parts[i]);
    put(&state, BYTES_ARRAY(middle));
    put(&state, tag);
    put(&state, BYTES(&tag_len, 1));
    (void)crypto_hash_sha512_final(&state, first);
    (void)crypto_hash_sha512_init(&state);
    put(&state, BYTES_ARRAY(first));
    put(&state, BYTES(&one, 1));
    put(&state, tag);
    put(&state, BYTES(&tag_len, 1));
    (void)crypto_hash_sha512_final(&state, out);
    secret_wipe(&state, sizeof state);
    secret_wipe(first, sizeof first);
}

void voprf_group_scalar(const struct bytes *parts, size_t count, const char *prefix, enum voprf_mode mode,
                        uint8_t out[SCALAR_BYTES]) {
    struct voprf_tag tag;
    voprf_group_tag(&tag, prefix, mode);
    uint8_t wide[WIDE_BYTES];
    expand(parts, count, tag.bytes, wide);
    crypto_core_ristretto255_scalar_reduce(out, wide);
    secret_wipe(wide, sizeof wide);
}

enum status voprf_group_element(struct bytes input, enum voprf_mode mode, struct voprf_element *out_element) {
    struct voprf_tag tag;
    voprf_group_tag(&tag, "HashToGroup-", mode);
    uint8_t wide[WIDE_BYTES];
    expand(&input, 1, tag.bytes, wide);
    (void)crypto_core_ristretto255_from_hash(out_element->b, wide);
    secret_wipe(wide, sizeof wide);
    ENSURE(!sodium_is_zero(out_element->b, sizeof out_element->b), STATUS_INVALID);
    return STATUS_OK;
}

enum status voprf_group_check(const uint8_t scalar[SCALAR_BYTES]) {
    uint8_t wide[WIDE_BYTES] = {0};
    uint8_t reduced[SCALAR_BYTES];
    memcpy(wide, scalar, SCALAR_BYTES);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    int same = sodium_memcmp(reduced, scalar, SCALAR_BYTES);
    int zero = sodium_is_zero(scalar, SCALAR_BYTES);
    secret_wipe(wide, sizeof wide);
    secret_wipe(reduced, sizeof reduced);
    return same == 0 && zero == 0 ? STATUS_OK : STATUS_MALFORMED;
}

enum status voprf_group_multiply(const uint8_t scalar[SCALAR_BYTES], const uint8_t element[32], uint8_t out[32]) {
    uint8_t product[32];
    ENSURE(crypto_scalarmult_ristretto255(product, scalar, element) == 0, STATUS_MALFORMED);
    memcpy(out, product, sizeof product);
    return STATUS_OK;
}
