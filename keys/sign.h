/*
 * Ed25519 (RFC 8032) by libsodium: canonical S only, no key or R of small order. Public keys and signatures are plain
 * values; a private key is opaque and lives in secret memory. Any thread; a private key may be used by several at once.
 */
#ifndef KEYS_SIGN_H
#define KEYS_SIGN_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/hash.h"

#define SIGN_SEED_BYTES 32

struct sign_public {
    uint8_t b[32];
};

struct sign_signature {
    uint8_t b[64];
};

struct sign_private;

/* A fresh key. STATUS_MEMORY. The caller frees. */
enum status sign_generate(struct sign_private **out_private);
/* The key of a 32-byte seed (RFC 8032's private key). STATUS_MALFORMED for another length, STATUS_MEMORY. */
enum status sign_from_seed(const struct secret *seed, struct sign_private **out_private);
/* The seed, for sealing into a file. STATUS_MEMORY. The caller frees. */
enum status sign_seed(const struct sign_private *key, struct secret **out_seed);
/* Wipes. Takes NULL. */
void sign_free(struct sign_private *key);
CLEANUP_POINTER(struct sign_private, sign_free)

struct sign_public sign_public_of(const struct sign_private *key);

/* Signs exact bytes. Never fails. */
struct sign_signature sign_bytes(const struct sign_private *key, struct bytes message);
/* STATUS_SIGNATURE unless it verifies. */
enum status sign_verify(const struct sign_public *key, struct bytes message, const struct sign_signature *signature);

/* Over F(label, federation, body): the form of every signed object (docs/protocol.md). No allocation up to 4 KiB.
 * STATUS_MEMORY, and STATUS_SIGNATURE when verifying. */
enum status sign_framed(const struct sign_private *key, const char *label, const char *federation, struct bytes body,
                        struct sign_signature *out_signature);
enum status sign_verify_framed(const struct sign_public *key, const char *label, const char *federation,
                               struct bytes body, const struct sign_signature *signature);

/* H("sluss key v1", federation, public key). */
struct hash sign_key_id(const char *federation, const struct sign_public *key);

#endif
