/*
 * The content of core's rows: fields in a fixed order, written with base/bytes.h, texts and bytes with a u32 length in
 * front. What a row means stands with its module; here are only the pieces that all of them need. Any thread.
 */
#ifndef BROKER_CORE_PACK_H
#define BROKER_CORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/ids.h"

/* A writer over fresh memory of the arena; when that is out, the writer has failed with STATUS_MEMORY. */
struct writer pack_new(struct arena *arena, size_t cap_bytes);

/* u32 length and the characters; NULL is written as empty text. */
void pack_text(struct writer *writer, const char *text);
void pack_id(struct writer *writer, const struct id16 *id);
void pack_hash(struct writer *writer, const struct hash *hash);
/* u32 count, then each as u32. */
void pack_numbers(struct writer *writer, const uint32_t *numbers, size_t count);
/* Room that pack_text takes for this text. */
size_t pack_text_bytes(const char *text);

/* NUL-terminated text in the arena; "" after a failure. */
const char *unpack_text(struct reader *reader, struct arena *arena, size_t max_bytes);
struct id16 unpack_id(struct reader *reader);
struct hash unpack_hash(struct reader *reader);
/* At most max_count numbers into out; *out_count is 0 after a failure. */
void unpack_numbers(struct reader *reader, uint32_t *out, size_t max_count, size_t *out_count);

/* Keys: slot u64, then a tag of 16 bytes. */
#define PACK_SLOT_KEY_BYTES 24
struct pack_key {
    uint8_t b[PACK_SLOT_KEY_BYTES];
};
struct pack_key pack_slot_key(uint32_t slot, const uint8_t tag[16]);
/* The first 8 bytes of such keys: prefix of all rows of a slot. */
void pack_slot(uint32_t slot, uint8_t out[8]);

#endif
