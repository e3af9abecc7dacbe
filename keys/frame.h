/*
 * Framing of everything that is hashed, signed or derived from: docs/protocol.md, "Framing".
 *
 *   F(label, federation, f1, ...) = u8 length of the label, the label, then for the federation's name and each field
 *   a u32 big-endian length and the bytes. H(...) = SHA-256(F(...)).
 *
 * Labels are ASCII, "sluss NAME v1", 1 to 255 bytes; fields are shorter than 4 GiB: anything else is the caller's bug
 * and aborts. Any thread.
 */
#ifndef KEYS_FRAME_H
#define KEYS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"

/* H(label, federation, fields...). No allocation. */
struct hash frame_hash(const char *label, const char *federation, const struct bytes *fields, size_t count);

/* H with the fields written out: FRAME_HASH("sluss key v1", federation, BYTES_ARRAY(key->b)); at least one field. */
#define FRAME_HASH(label, federation, ...)                                                                             \
    frame_hash((label), (federation), (const struct bytes[]){__VA_ARGS__},                                             \
               sizeof((const struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes))

/* The same as a stream, for fields that are numbers or many. */
struct frame {
    struct hash_state state;
};
void frame_init(struct frame *frame, const char *label, const char *federation);
void frame_put(struct frame *frame, struct bytes field);
void frame_put_text(struct frame *frame, const char *field);
/* A field of 1, 4 or 8 bytes, big-endian. */
void frame_put_u8(struct frame *frame, uint8_t value);
void frame_put_u32(struct frame *frame, uint32_t value);
void frame_put_u64(struct frame *frame, uint64_t value);
struct hash frame_final(struct frame *frame);

/* Length in bytes of F(...). */
size_t frame_len(const char *label, const char *federation, const struct bytes *fields, size_t count);
/* Writes F(...); errors are the writer's. */
void frame_write(struct writer *writer, const char *label, const char *federation, const struct bytes *fields,
                 size_t count);
/* F(...) in the arena. STATUS_MEMORY. */
enum status frame_encode(const char *label, const char *federation, const struct bytes *fields, size_t count,
                         struct arena *arena, struct bytes *out_frame);

#endif
