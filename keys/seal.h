/*
 * HPKE base mode, single shot, sequence 0 (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, that is
 * KEM 0x0020, KDF 0x0001, AEAD 0x0002. A sealed message is enc (32 bytes) || ciphertext || tag (16 bytes).
 *
 * Nothing here says who sealed: whatever relies on that carries a signature besides. A Diffie-Hellman result of zero
 * (a peer key of small order) is refused (RFC 9180 section 7.1.4). Any thread.
 */
#ifndef KEYS_SEAL_H
#define KEYS_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/hash.h"

#define SEAL_ENC_BYTES      32
#define SEAL_TAG_BYTES      16
#define SEAL_OVERHEAD_BYTES (SEAL_ENC_BYTES + SEAL_TAG_BYTES)

struct seal_public {
    uint8_t b[32];
};

struct seal_private;

/* A fresh key. STATUS_MEMORY. The caller frees. */
enum status seal_generate(struct seal_private **out_private);
/* From the 32 bytes of an X25519 private key (RFC 7748). STATUS_MALFORMED for another length, STATUS_MEMORY. */
enum status seal_from_secret(const struct secret *scalar, struct seal_private **out_private);
/* The 32 bytes, for sealing into a file. STATUS_MEMORY. The caller frees. */
enum status seal_secret(const struct seal_private *key, struct secret **out_scalar);
/* Wipes. Takes NULL. */
void seal_free(struct seal_private *key);
CLEANUP_POINTER(struct seal_private, seal_free)

struct seal_public seal_public_of(const struct seal_private *key);

/* H("sluss key v1", federation, public key). */
struct hash seal_key_id(const char *federation, const struct seal_public *key);

/* Seals to a public key. out_sealed lies in the arena: plaintext.len + SEAL_OVERHEAD_BYTES. STATUS_INVALID when the key
 * is of small order, STATUS_MEMORY, STATUS_CRYPTO. */
enum status seal_bytes(const struct seal_public *to, struct bytes info, struct bytes aad, struct bytes plaintext,
                       struct arena *arena, struct bytes *out_sealed);

/* Opens into the arena (not for keys). STATUS_MALFORMED when shorter than the overhead, STATUS_INVALID when enc is of
 * small order, STATUS_PROOF when it does not authenticate, STATUS_MEMORY, STATUS_CRYPTO. */
enum status seal_open(const struct seal_private *key, struct bytes info, struct bytes aad, struct bytes sealed,
                      struct arena *arena, struct bytes *out_plaintext);

/* As seal_open into secret memory, for keys; an empty plaintext is STATUS_MALFORMED. The caller frees. */
enum status seal_open_secret(const struct seal_private *key, struct bytes info, struct bytes aad, struct bytes sealed,
                             struct secret **out_plaintext);

#endif
