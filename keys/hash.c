/*
 * Owns nothing. Trusts OpenSSL's block function; uses its low-level interface, because almost all inputs here are one
 * to five blocks, where the fetch and allocation of the high-level one cost several times the hash itself.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "keys/hash.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define BLOCK_BYTES 64

struct bytes hash_bytes(const struct hash *hash) {
    return BYTES_ARRAY(hash->b);
}

void hash_init(struct hash_state *state) { (void)SHA256_Init(&state->sha); }

void hash_update(struct hash_state *state, struct bytes from) {
    if (from.len > 0) (void)SHA256_Update(&state->sha, from.data, from.len);
}

struct hash hash_final(struct hash_state *state) {
    struct hash hash;
    (void)SHA256_Final(hash.b, &state->sha);
    secret_wipe(state, sizeof *state);
    return hash;
}

struct hash hash_sha256(struct bytes from) {
    struct hash hash;
    SHA256_CTX sha;
    (void)SHA256_Init(&sha);
    if (from.len > 0) (void)SHA256_Update(&sha, from.data, from.len);
    (void)SHA256_Final(hash.b, &sha);
    return hash;
}

/* HMAC's two keyed states (RFC 2104): the key is absorbed once, each message costs two copies. */
struct hmac {
    struct hash_state inner;
    struct hash_state outer;
};

static void hmac_init(struct hmac *hmac, struct bytes key) {
    uint8_t block[BLOCK_BYTES] = {0};
    if (key.len > BLOCK_BYTES) {
        struct hash shorter = hash_sha256(key);
        memcpy(block, shorter.b, sizeof shorter.b);
        secret_wipe(&shorter, sizeof shorter);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        block[i] ^= 0x36;
    hash_init(&hmac->inner);
    hash_update(&hmac->inner, BYTES_ARRAY(block));
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        block[i] ^= 0x36 ^ 0x5c;
    hash_init(&hmac->outer);
    hash_update(&hmac->outer, BYTES_ARRAY(block));
    secret_wipe(block, sizeof block);
}

/* Leaves hmac ready for another message. */
static struct hash hmac_parts(const struct hmac *hmac, const struct bytes *parts, size_t count) {
    struct hash_state state = hmac->inner;
    for (size_t i = 0; i < count; i++)
        hash_update(&state, parts[i]);
    struct hash inner = hash_final(&state);
    state = hmac->outer;
    hash_update(&state, hash_bytes(&inner));
    secret_wipe(&inner, sizeof inner);
    return hash_final(&state);
}

struct hash hash_hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t count) {
    struct hmac hmac;
    hmac_init(&hmac, key);
    struct hash hash = hmac_parts(&hmac, parts, count);
    secret_wipe(&hmac, sizeof hmac);
    return hash;
}

struct hash hash_hmac_sha256(struct bytes key, struct bytes message) {
    return hash_hmac_sha256_parts(key, &message, 1);
}

void hash_hkdf_expand(struct bytes prk, struct bytes info, void *out, size_t len) {
    if (len > (size_t)255 * HASH_BYTES) abort();
    struct hmac hmac;
    hmac_init(&hmac, prk);
    struct hash block;
    uint8_t *to = out;
    size_t previous_len = 0;
    for (uint8_t counter = 1; len > 0; counter++) {
        const struct bytes parts[] = {{block.b, previous_len}, info, {&counter, 1}};
        block = hmac_parts(&hmac, parts, 3);
        previous_len = HASH_BYTES;
        size_t take = len < HASH_BYTES ? len : HASH_BYTES;
        memcpy(to, block.b, take);
        to += take;
        len -= take;
    }
    secret_wipe(&block, sizeof block);
    secret_wipe(&hmac, sizeof hmac);
}

enum status hash_hkdf_sha256(struct bytes key, struct bytes salt, struct bytes info, size_t len,
                             struct secret **out_key) {
    if (len == 0 || len > (size_t)255 * HASH_BYTES) abort();
    struct secret *derived = secret_new(len);
    ENSURE(derived, STATUS_MEMORY);
    struct hash prk = hash_hmac_sha256(salt, key);
    hash_hkdf_expand(hash_bytes(&prk), info, secret_data(derived), len);
    secret_wipe(&prk, sizeof prk);
    *out_key = derived;
    return STATUS_OK;
}

bool hash_equal(const struct hash *a, const struct hash *b) { return sodium_memcmp(a->b, b->b, HASH_BYTES) == 0; }

bool hash_is_zero(const struct hash *hash) { return sodium_is_zero(hash->b, HASH_BYTES) == 1; }

enum status hash_from_bytes(struct bytes from, struct hash *out_hash) {
    ENSURE(from.len == HASH_BYTES, STATUS_MALFORMED);
    memcpy(out_hash->b, from.data, HASH_BYTES);
    return STATUS_OK;
}
