/*
 * Owns nothing. Invariant: a frame reads back in one way only, since every length stands before its bytes and the
 * label says what the fields are; so two different lists of fields never hash or sign alike.
 */
#include "keys/frame.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 255

static struct bytes checked_label(const char *label) {
    struct bytes text = bytes_text(label);
    if (text.len == 0 || text.len > LABEL_MAX) abort();
    return text;
}

static uint32_t checked_len(struct bytes field) {
    if (field.len > UINT32_MAX) abort();
    return (uint32_t)field.len;
}

void frame_init(struct frame *frame, const char *label, const char *federation) {
    struct bytes text = checked_label(label);
    uint8_t len = (uint8_t)text.len;
    hash_init(&frame->state);
    hash_update(&frame->state, BYTES(&len, 1));
    hash_update(&frame->state, text);
    frame_put_text(frame, federation);
}

void frame_put(struct frame *frame, struct bytes field) {
    uint32_t len = checked_len(field);
    const uint8_t prefix[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    hash_update(&frame->state, BYTES_ARRAY(prefix));
    hash_update(&frame->state, field);
}

void frame_put_text(struct frame *frame, const char *field) { frame_put(frame, bytes_text(field)); }

void frame_put_u8(struct frame *frame, uint8_t value) { frame_put(frame, BYTES(&value, 1)); }

void frame_put_u32(struct frame *frame, uint32_t value) {
    uint8_t field[4];
    struct writer writer = writer_init(field, sizeof field);
    writer_u32(&writer, value);
    frame_put(frame, BYTES_ARRAY(field));
}

void frame_put_u64(struct frame *frame, uint64_t value) {
    uint8_t field[8];
    struct writer writer = writer_init(field, sizeof field);
    writer_u64(&writer, value);
    frame_put(frame, BYTES_ARRAY(field));
}

struct hash frame_final(struct frame *frame) {
    return hash_final(&frame->state);
}

struct hash frame_hash(const char *label, const char *federation, const struct bytes *fields, size_t count) {
    struct frame frame;
    frame_init(&frame, label, federation);
    for (size_t i = 0; i < count; i++)
        frame_put(&frame, fields[i]);
    return frame_final(&frame);
}

size_t frame_len(const char *label, const char *federation, const struct bytes *fields, size_t count) {
    size_t len = 1 + checked_label(label).len + 4 + strlen(federation);
    for (size_t i = 0; i < count; i++)
        len += 4 + (size_t)checked_len(fields[i]);
    return len;
}

void frame_write(struct writer *writer, const char *label, const char *federation, const struct bytes *fields,
                 size_t count) {
    struct bytes text = checked_label(label);
    writer_u8(writer, (uint8_t)text.len);
    writer_put(writer, text);
    writer_vector(writer, bytes_text(federation));
    for (size_t i = 0; i < count; i++)
        writer_vector(writer, fields[i]);
}

enum status frame_encode(const char *label, const char *federation, const struct bytes *fields, size_t count,
                         struct arena *arena, struct bytes *out_frame) {
    size_t len = frame_len(label, federation, fields, count);
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, len);
    frame_write(&writer, label, federation, fields, count);
    return writer_end(&writer, out_frame);
}
