/*
 * Pieces of row contents. Rows come out of the store sealed and authenticated, so that a wrong form here means that
 * another program wrote them: readers answer STATUS_MALFORMED, which the row modules turn into STATUS_INTEGRITY.
 */
#include "broker/core/pack.h"

#include <string.h>

struct writer pack_new(struct arena *arena, size_t cap_bytes) {
    void *memory = arena_alloc(arena, cap_bytes);
    struct writer writer = writer_init(memory, memory ? cap_bytes : 0);
    if (!memory) writer.status = STATUS_MEMORY;
    return writer;
}

size_t pack_text_bytes(const char *text) { return 4 + (text ? strlen(text) : 0); }

void pack_text(struct writer *writer, const char *text) { writer_vector(writer, bytes_text(text ? text : "")); }

void pack_id(struct writer *writer, const struct id16 *id) { writer_put(writer, ids_bytes(id)); }

void pack_hash(struct writer *writer, const struct hash *hash) { writer_put(writer, hash_bytes(hash)); }

void pack_numbers(struct writer *writer, const uint32_t *numbers, size_t count) {
    writer_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        writer_u32(writer, numbers[i]);
    }
}

const char *unpack_text(struct reader *reader, struct arena *arena, size_t max_bytes) {
    const char *text = "";
    struct bytes view = reader_vector(reader, max_bytes);
    if (view.len == 0) return text;
    enum status status = arena_text(arena, view, &text);
    if (status != STATUS_OK) reader_fail(reader, status);
    return text;
}

struct id16 unpack_id(struct reader *reader) {
    struct id16 id;
    reader_copy(reader, id.b, sizeof id.b);
    return id;
}

struct hash unpack_hash(struct reader *reader) {
    struct hash hash;
    reader_copy(reader, hash.b, sizeof hash.b);
    return hash;
}

void unpack_numbers(struct reader *reader, uint32_t *out, size_t max_count, size_t *out_count) {
    *out_count = 0;
    uint32_t count = reader_u32(reader);
    if (count > max_count) reader_fail(reader, STATUS_TOO_LARGE);
    if (reader->status != STATUS_OK) return;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = reader_u32(reader);
    }
    if (reader->status == STATUS_OK) *out_count = count;
}

void pack_slot(uint32_t slot, uint8_t out[8]) {
    struct writer writer = writer_init(out, 8);
    writer_u64(&writer, slot);
}

struct pack_key pack_slot_key(uint32_t slot, const uint8_t tag[16]) {
    struct pack_key key;
    pack_slot(slot, key.b);
    memcpy(key.b + 8, tag, 16);
    return key;
}
