/*
 * Sealing of stored records under a 32-byte key: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha, libsodium) with a random
 * 24-byte nonce, which may be drawn for any number of records. A sealed record is nonce || ciphertext || tag. Any
 * thread.
 */
#ifndef KEYS_AEAD_H
#define KEYS_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"

#define AEAD_KEY_BYTES      32
#define AEAD_NONCE_BYTES    24
#define AEAD_OVERHEAD_BYTES (AEAD_NONCE_BYTES + 16)

/* out_sealed lies in the arena: plaintext.len + AEAD_OVERHEAD_BYTES. STATUS_MALFORMED for a key that has not 32 bytes,
 * STATUS_MEMORY. */
enum status aead_seal(const struct secret *key, struct bytes aad, struct bytes plaintext, struct arena *arena,
                      struct bytes *out_sealed);
/* As aead_seal into the caller's memory of exactly plaintext.len + AEAD_OVERHEAD_BYTES bytes; no allocation.
 * STATUS_MALFORMED when out_len is anything else. */
enum status aead_seal_into(const struct secret *key, struct bytes aad, struct bytes plaintext, void *out,
                           size_t out_len);

/* Opens into the arena (not for keys). STATUS_PROOF when it does not authenticate, STATUS_MALFORMED when too short or
 * for a key that has not 32 bytes, STATUS_MEMORY. */
enum status aead_open(const struct secret *key, struct bytes aad, struct bytes sealed, struct arena *arena,
                      struct bytes *out_plaintext);
/* As aead_open into secret memory, for keys; an empty plaintext is STATUS_MALFORMED. The caller frees. */
enum status aead_open_secret(const struct secret *key, struct bytes aad, struct bytes sealed,
                             struct secret **out_plaintext);

#endif
