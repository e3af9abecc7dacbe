/*
 * AES-GCM (NIST SP 800-38D) through OpenSSL's EVP, with the cipher fetched once for the process. For seal.c and
 * content.c: nonces are theirs to keep unique. A context has one owner.
 */
#ifndef KEYS_GCM_H
#define KEYS_GCM_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define GCM_KEY_BYTES   32
#define GCM_NONCE_BYTES 12
#define GCM_TAG_BYTES   16

enum gcm_direction { GCM_OPEN, GCM_SEAL };

/* Zero is empty. Holds a key: gcm_clear when done. */
struct gcm {
    void *context;
    enum gcm_direction direction;
};

/* key is 32 bytes. STATUS_CRYPTO. Clear also after a failure. */
enum status gcm_init(struct gcm *gcm, enum gcm_direction direction, const uint8_t *key);
/* Wipes the key. Fine for an empty one. */
void gcm_clear(struct gcm *gcm);

/* Encrypts plaintext.len bytes into out, which may not overlap, and appends the tag: len + 16 bytes. STATUS_CRYPTO. */
enum status gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct bytes aad, struct bytes plaintext,
                     uint8_t *out);
/* sealed = ciphertext || tag, at least 16 bytes; writes sealed.len - 16 bytes, wiped again unless the tag fits.
 * STATUS_PROOF when it does not, STATUS_CRYPTO. */
enum status gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct bytes aad, struct bytes sealed,
                     uint8_t *out);

#endif
