/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) over it. No allocation but for the derived secret. Any
 * thread; a state has one owner.
 *
 * A result that is itself a key (an HMAC used as one) must be moved into a struct secret and wiped by the caller.
 */
#ifndef KEYS_HASH_H
#define KEYS_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"

#define HASH_BYTES 32

struct hash {
    uint8_t b[HASH_BYTES];
};

/* A view of the 32 bytes; valid as long as the hash. */
struct bytes hash_bytes(const struct hash *hash);

struct hash hash_sha256(struct bytes from);

/* Incremental: init, any number of updates, final. Final wipes the state. */
struct hash_state {
    SHA256_CTX sha;
};
void hash_init(struct hash_state *state);
void hash_update(struct hash_state *state, struct bytes from);
struct hash hash_final(struct hash_state *state);

/* A key of any length. */
struct hash hash_hmac_sha256(struct bytes key, struct bytes message);
/* As above over the concatenation of count parts. */
struct hash hash_hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t count);

/* Extract and expand: 1 <= len <= 8160. STATUS_MEMORY. The caller owns *out_key. An empty salt is 32 zero bytes. */
enum status hash_hkdf_sha256(struct bytes key, struct bytes salt, struct bytes info, size_t len,
                             struct secret **out_key);
/* The expand half alone: len bytes of T(1) | T(2) | ... into out; prk is 32 bytes or more. */
void hash_hkdf_expand(struct bytes prk, struct bytes info, void *out, size_t len);

/* Time does not depend on the content. */
bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *hash);
/* Exactly 32 bytes, otherwise STATUS_MALFORMED. */
enum status hash_from_bytes(struct bytes from, struct hash *out_hash);

#endif
