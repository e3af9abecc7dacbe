/*
 * Content of a fragment: its key, the commitment to the key, and sealing in segments (docs/protocol.md, "Fragment").
 *
 *   content key = HKDF-SHA256(subject key; salt federation;
 *                             info F("sluss content v1", federation, fragment id, u32 revision, random)), 32 bytes
 *   commitment  = H("sluss commit v1", federation, content key)
 *   sealed      = AES-256-GCM in segments of 64 KiB of plaintext, each followed by its 16-byte tag;
 *                 nonce = 7 zero bytes || u32 counter || u8 last flag; aad = H("sluss content aad v1", federation,
 * core)
 *
 * Every segment but the last is full; empty content is one empty last segment. A content key seals once only: it is
 * derived from fresh random bytes that stand in the core. AES-GCM does not commit to its key, so opening checks the
 * commitment first. Any thread.
 */
#ifndef KEYS_CONTENT_H
#define KEYS_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/hash.h"

#define CONTENT_KEY_BYTES     32
#define CONTENT_ID_BYTES      16
#define CONTENT_RANDOM_BYTES  32
#define CONTENT_SEGMENT_BYTES 65536
#define CONTENT_TAG_BYTES     16

/* STATUS_MALFORMED unless subject_key has 32 bytes, fragment_id 16, random 32. STATUS_MEMORY. The caller frees. */
enum status content_derive_key(const struct secret *subject_key, const char *federation, struct bytes fragment_id,
                               uint32_t revision, struct bytes random, struct secret **out_key);

struct hash content_commitment(const char *federation, const struct secret *key);

/* Length of what seals plain_len bytes. STATUS_TOO_LARGE on overflow. */
enum status content_sealed_len(size_t plain_len, size_t *out_len);

/* core is the exact bytes of the header's core. out_sealed lies in the arena. STATUS_MALFORMED for a key that has not
 * 32 bytes, STATUS_MEMORY, STATUS_CRYPTO. */
enum status content_seal(const struct secret *key, const char *federation, struct bytes core, struct bytes plaintext,
                         struct arena *arena, struct bytes *out_sealed);

/* Checks the commitment, then opens. STATUS_PROOF when the key is not the one committed to or a segment does not
 * authenticate (cut, joined, reordered or changed content, other core), STATUS_TOO_LARGE when the plaintext would be
 * above max_bytes, STATUS_MALFORMED for a length that no content has, STATUS_MEMORY, STATUS_CRYPTO. */
enum status content_open(const struct secret *key, const char *federation, const struct hash *commitment,
                         struct bytes core, struct bytes sealed, size_t max_bytes, struct arena *arena,
                         struct bytes *out_plaintext);

#endif
