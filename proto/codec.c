/*
 * Moves values between protobuf-c messages and our structs, row by row of the tables. Everything allocated is the
 * arena's; protobuf-c frees nothing. Reading trusts what codec_scan let through; writing checks its result by the same.
 *
 * Invariant, held by a unit test: row i of a codec is field i of the descriptor, with field number i + 1.
 */
#include "proto/codec.h"

#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/codec_table.h"

struct codec_memory {
    struct arena *arena;
    bool full;
};

/* protobuf-c does not say why it gave up: `full` tells a full arena from bytes that it did not like. */
static void *codec_alloc(void *data, size_t size) {
    struct codec_memory *memory = data;
    void *allocated = arena_alloc(memory->arena, size);
    if (!allocated) memory->full = true;
    return allocated;
}

/* The arena forgets everything at once. */
static void codec_free(void *data, void *pointer) {
    (void)data;
    (void)pointer;
}

static const void *codec_at(const void *base, size_t offset) { return (const uint8_t *)base + offset; }
static void *codec_at_mutable(void *base, size_t offset) { return (uint8_t *)base + offset; }

/* Counts and pointers are read and written by memcpy: the tables know them by offset, not by type. */
static size_t codec_count(const void *base, size_t offset) {
    size_t count = 0;
    memcpy(&count, codec_at(base, offset), sizeof count);
    return count;
}

static void *codec_pointer(const void *base, size_t offset) {
    void *pointer = NULL;
    memcpy(&pointer, codec_at(base, offset), sizeof pointer);
    return pointer;
}

static void codec_put_list(void *base, size_t offset, const void *elements, size_t count_offset, size_t count) {
    memcpy(codec_at_mutable(base, offset), &elements, sizeof elements);
    memcpy(codec_at_mutable(base, count_offset), &count, sizeof count);
}

/* ---- from protobuf-c ---- */

static enum status codec_read_message(const struct codec *codec, struct arena *arena, const ProtobufCMessage *from,
                                      void *out);

/* One value of protobuf-c's into one place of ours. */
static void codec_read_value(const struct codec_field *field, const void *from, void *to) {
    switch (field->kind) {
    case CODEC_FIXED:
        memcpy(to, ((const ProtobufCBinaryData *)from)->data, field->size);
        break;
    case CODEC_BYTES: {
        const ProtobufCBinaryData *binary = from;
        *(struct bytes *)to = BYTES(binary->data, binary->len);
        break;
    }
    case CODEC_TEXT:
        memcpy(to, from, sizeof(const char *));
        break;
    case CODEC_BOOL:
        *(bool *)to = *(const protobuf_c_boolean *)from;
        break;
    case CODEC_NUMBER:
    case CODEC_ENUM:
        memcpy(to, from, field->size);
        break;
    case CODEC_MESSAGE:
        break;
    }
}

/* Distance of two elements in protobuf-c's array. */
static size_t codec_stride(const struct codec_field *field) {
    if (field->kind == CODEC_FIXED || field->kind == CODEC_BYTES) return sizeof(ProtobufCBinaryData);
    if (field->kind == CODEC_NUMBER) return sizeof(uint32_t);
    return sizeof(void *);
}

static enum status codec_read_list(const struct codec_field *field, const ProtobufCFieldDescriptor *pb,
                                   struct arena *arena, const ProtobufCMessage *message, void *out) {
    size_t count = codec_count(message, pb->quantifier_offset);
    const void *from = codec_pointer(message, pb->offset);
    if (count == 0) return STATUS_OK;
    uint8_t *elements = arena_alloc_array(arena, count, field->size);
    ENSURE(elements, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const void *element = codec_at(from, i * codec_stride(field));
        void *to = elements + i * field->size;
        if (field->kind == CODEC_MESSAGE) {
            TRY(codec_read_message(field->nested, arena, codec_pointer(element, 0), to));
        } else {
            codec_read_value(field, element, to);
        }
    }
    codec_put_list(out, field->offset, elements, field->count_offset, count);
    return STATUS_OK;
}

/* out is zeroed. */
static enum status codec_read_message(const struct codec *codec, struct arena *arena, const ProtobufCMessage *from,
                                      void *out) {
    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct codec_field *field = &codec->fields[i];
        const ProtobufCFieldDescriptor *pb = &codec->descriptor->fields[i];
        if (field->flags & CODEC_LIST) {
            TRY(codec_read_list(field, pb, arena, from, out));
        } else {
            codec_read_value(field, codec_at(from, pb->offset), codec_at_mutable(out, field->offset));
        }
    }
    return STATUS_OK;
}

enum status codec_parse(const struct codec *codec, struct arena *arena, const char *federation, struct bytes from,
                        void *out) {
    TRY(codec_scan(codec, federation, from));
    struct codec_memory memory = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = codec_alloc, .free = codec_free, .allocator_data = &memory};
    static const uint8_t nothing;
    const uint8_t *data = from.len > 0 ? from.data : &nothing;
    ProtobufCMessage *message = protobuf_c_message_unpack(codec->descriptor, &allocator, from.len, data);
    ENSURE(message, memory.full ? STATUS_MEMORY : STATUS_MALFORMED);
    /* Built aside: *out stays untouched when the arena fills up half way. */
    void *parsed = arena_alloc(arena, codec->size);
    ENSURE(parsed, STATUS_MEMORY);
    TRY(codec_read_message(codec, arena, message, parsed));
    memcpy(out, parsed, codec->size);
    return STATUS_OK;
}

/* ---- to protobuf-c ---- */

static enum status codec_write_message(const struct codec *codec, struct arena *arena, const void *in,
                                       ProtobufCMessage **out_message);

/* Views only: bytes and text are copied once, when protobuf-c packs. */
static void codec_write_value(const struct codec_field *field, const void *from, void *to) {
    switch (field->kind) {
    case CODEC_FIXED:
        *(ProtobufCBinaryData *)to = (ProtobufCBinaryData){.len = field->size, .data = (uint8_t *)from};
        break;
    case CODEC_BYTES: {
        const struct bytes *view = from;
        *(ProtobufCBinaryData *)to = (ProtobufCBinaryData){.len = view->len, .data = (uint8_t *)view->data};
        break;
    }
    case CODEC_TEXT: {
        const char *text = codec_pointer(from, 0);
        if (!text) text = "";
        memcpy(to, &text, sizeof text);
        break;
    }
    case CODEC_BOOL:
        *(protobuf_c_boolean *)to = *(const bool *)from;
        break;
    case CODEC_NUMBER:
    case CODEC_ENUM:
        memcpy(to, from, field->size);
        break;
    case CODEC_MESSAGE:
        break;
    }
}

static enum status codec_write_list(const struct codec_field *field, const ProtobufCFieldDescriptor *pb,
                                    struct arena *arena, const void *in, ProtobufCMessage *message) {
    size_t count = codec_count(in, field->count_offset);
    const void *from = codec_pointer(in, field->offset);
    ENSURE(count <= field->utmost, STATUS_TOO_LARGE);
    if (count == 0) return STATUS_OK;
    uint8_t *elements = arena_alloc_array(arena, count, codec_stride(field));
    ENSURE(elements, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const void *element = codec_at(from, i * field->size);
        void *to = elements + i * codec_stride(field);
        if (field->kind == CODEC_MESSAGE) {
            ProtobufCMessage *nested = NULL;
            TRY(codec_write_message(field->nested, arena, element, &nested));
            *(ProtobufCMessage **)to = nested;
        } else {
            codec_write_value(field, element, to);
        }
    }
    codec_put_list(message, pb->offset, elements, pb->quantifier_offset, count);
    return STATUS_OK;
}

static enum status codec_write_message(const struct codec *codec, struct arena *arena, const void *in,
                                       ProtobufCMessage **out_message) {
    ProtobufCMessage *message = arena_alloc(arena, codec->descriptor->sizeof_message);
    ENSURE(message, STATUS_MEMORY);
    codec->descriptor->message_init(message);
    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct codec_field *field = &codec->fields[i];
        const ProtobufCFieldDescriptor *pb = &codec->descriptor->fields[i];
        if (field->flags & CODEC_LIST) {
            TRY(codec_write_list(field, pb, arena, in, message));
        } else {
            codec_write_value(field, codec_at(in, field->offset), codec_at_mutable(message, pb->offset));
        }
    }
    *out_message = message;
    return STATUS_OK;
}

enum status codec_encode(const struct codec *codec, struct arena *arena, const void *in, struct bytes *out_bytes) {
    ProtobufCMessage *message = NULL;
    TRY(codec_write_message(codec, arena, in, &message));
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(arena, len);
    ENSURE(packed, STATUS_MEMORY);
    (void)protobuf_c_message_pack(message, packed);
    /* What a reader would refuse is not sent: the maker hears of it now, not from the peer. */
    TRY(codec_scan(codec, NULL, BYTES(packed, len)));
    *out_bytes = BYTES(packed, len);
    return STATUS_OK;
}
