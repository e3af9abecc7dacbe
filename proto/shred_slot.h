/*
 * The bytes of a shred file (docs/protocol.md does not cover it: it never leaves its machine). Pure functions, any
 * thread. All integers are big-endian; bytes named zero must be zero.
 *
 *   offset 0       header record, padded with zeros to 4096
 *   offset 4096    header record, the same; the valid one with the higher sequence counts
 *   offset 8192    slot records, 128 bytes each, slot 0 first
 *
 *   header record  8 "SLUSSHRD", u16 version 1, 2 zero, u32 generation, u64 sequence, u32 slot count, 4 zero,
 *                  32 H("sluss shred file v1", federation),
 *                  16 first bytes of HMAC-SHA256(key-encryption key, H("sluss shred check v1", federation,
 * generation)), 16 zero, 32 SHA-256 of the 96 bytes before slot record    u8 version 1, u8 state, 2 zero, u32 slot, u32
 * generation, 4 zero, 72 key sealed by keys/aead.h, or random bytes, 8 zero, 32 SHA-256 of the 96 bytes before
 *
 * The additional data of a sealed key is H("sluss shred slot v1", federation, slot, generation), both u32.
 */
#ifndef PROTO_SHRED_SLOT_H
#define PROTO_SHRED_SLOT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/aead.h"
#include "keys/hash.h"

#define SHRED_RECORD_BYTES 128
#define SHRED_HEADER_BYTES ((size_t)4096)
#define SHRED_HEADERS      ((size_t)2)
#define SHRED_SLOTS_AT     (SHRED_HEADERS * SHRED_HEADER_BYTES)
#define SHRED_KEY_BYTES    32
#define SHRED_SEALED_BYTES (SHRED_KEY_BYTES + AEAD_OVERHEAD_BYTES)
#define SHRED_CHECK_BYTES  16

struct shred_header {
    uint32_t generation; /* rises by one with each reseal */
    uint64_t sequence;   /* rises by one with each header written */
    uint32_t slot_count;
    struct hash federation;
    uint8_t check[SHRED_CHECK_BYTES]; /* tells whether a key-encryption key is the right one */
};

enum shred_state { SHRED_KEY = 1, SHRED_DESTROYED = 2 };

struct shred_slot {
    enum shred_state state;
    uint32_t slot;
    uint32_t generation;
    uint8_t sealed[SHRED_SEALED_BYTES];
};

/* STATUS_INTEGRITY when length, checksum or form are wrong, STATUS_VERSION for an intact record of another version. */
enum status shred_header_parse(struct bytes record, struct shred_header *out_header);
void shred_header_encode(const struct shred_header *header, uint8_t out_record[static SHRED_RECORD_BYTES]);
enum status shred_slot_parse(struct bytes record, struct shred_slot *out_slot);
void shred_slot_encode(const struct shred_slot *slot, uint8_t out_record[static SHRED_RECORD_BYTES]);

/* What a header says of its federation and of the key-encryption key (32 bytes). */
struct hash shred_federation_hash(const char *federation);
void shred_check_value(const struct secret *kek, const char *federation, uint32_t generation,
                       uint8_t out_check[static SHRED_CHECK_BYTES]);

/* Seals a key for its slot, with state SHRED_KEY. STATUS_MALFORMED for a key that has not 32 bytes. */
enum status shred_slot_seal(const struct secret *kek, const char *federation, uint32_t slot, uint32_t generation,
                            const struct secret *key, struct shred_slot *out_slot);
/* STATUS_NOT_FOUND when destroyed, STATUS_INTEGRITY when it does not open. The caller frees. */
enum status shred_slot_open(const struct secret *kek, const char *federation, const struct shred_slot *slot,
                            struct secret **out_key);
/* A destroyed slot: random bytes where the key was. */
void shred_slot_destroyed(uint32_t slot, uint32_t generation, struct shred_slot *out_slot);

#endif
