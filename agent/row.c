/* Rows by tables. Owns nothing. Invariant: what row_encode writes, row_parse reads back. */
#include "agent/row.h"

#include <string.h>

#define LIST_MAX 4096

static const void *at(const void *base, size_t offset) { return (const uint8_t *)base + offset; }

static void *at_out(void *base, size_t offset) { return (uint8_t *)base + offset; }

static struct bytes text_view(const void *field) {
    const char *text = *(const char *const *)field;
    return text ? bytes_text(text) : BYTES_EMPTY;
}

/* Room that a field needs, generously. */
static size_t field_room(const struct row_field *field, const void *in) {
    const void *from = at(in, field->offset);
    if (field->kind == ROW_FIXED) return field->more;
    if (field->kind == ROW_BYTES) return 4 + ((const struct bytes *)from)->len;
    if (field->kind == ROW_TEXT) return 4 + text_view(from).len;
    if (field->kind != ROW_LIST) return 8;
    const struct bytes *items = *(const struct bytes *const *)from;
    size_t room = 4;
    for (size_t i = 0; i < *(const size_t *)at(in, field->more); i++) {
        room += 4 + items[i].len;
    }
    return room;
}

static void put_list(struct writer *writer, const struct row_field *field, const void *in) {
    const struct bytes *items = *(const struct bytes *const *)at(in, field->offset);
    size_t count = *(const size_t *)at(in, field->more);
    writer_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        writer_vector(writer, items[i]);
    }
}

static void put_field(struct writer *writer, const struct row_field *field, const void *in) {
    const void *from = at(in, field->offset);
    switch (field->kind) {
    case ROW_U32:
        writer_u32(writer, *(const uint32_t *)from);
        break;
    case ROW_U64:
        writer_u64(writer, *(const uint64_t *)from);
        break;
    case ROW_FIXED:
        writer_put(writer, BYTES(from, field->more));
        break;
    case ROW_BYTES:
        writer_vector(writer, *(const struct bytes *)from);
        break;
    case ROW_TEXT:
        writer_vector(writer, text_view(from));
        break;
    case ROW_LIST:
        put_list(writer, field, in);
        break;
    }
}

enum status row_encode(const struct row_form *form, struct arena *arena, const void *in, struct bytes *out_bytes) {
    size_t room = 1;
    for (size_t i = 0; i < form->n_fields; i++) {
        room += field_room(&form->fields[i], in);
    }
    ENSURE(room <= STORE_VALUE_MAX, STATUS_TOO_LARGE);
    void *memory = arena_alloc(arena, room);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, room);
    writer_u8(&writer, form->version);
    for (size_t i = 0; i < form->n_fields; i++) {
        put_field(&writer, &form->fields[i], in);
    }
    return writer_end(&writer, out_bytes);
}

static enum status take_text(struct reader *reader, struct arena *arena, void *out) {
    struct bytes view = reader_vector(reader, STORE_VALUE_MAX);
    return arena_text(arena, view, (const char **)out);
}

static enum status take_bytes(struct reader *reader, struct arena *arena, struct bytes *out) {
    struct bytes view = reader_vector(reader, STORE_VALUE_MAX);
    if (view.len > 0) return arena_copy(arena, view, out);
    *out = BYTES_EMPTY;
    return STATUS_OK;
}

static enum status take_list(struct reader *reader, const struct row_field *field, struct arena *arena, void *out) {
    uint32_t count = reader_u32(reader);
    ENSURE(count <= LIST_MAX && reader->status == STATUS_OK, STATUS_INTEGRITY);
    struct bytes *items = ARENA_ARRAY(arena, struct bytes, count);
    ENSURE(items, STATUS_MEMORY);
    for (uint32_t i = 0; i < count; i++) {
        TRY(take_bytes(reader, arena, &items[i]));
    }
    *(const struct bytes **)at_out(out, field->offset) = items;
    *(size_t *)at_out(out, field->more) = count;
    return STATUS_OK;
}

static enum status take_field(struct reader *reader, const struct row_field *field, struct arena *arena, void *out) {
    void *to = at_out(out, field->offset);
    switch (field->kind) {
    case ROW_U32:
        *(uint32_t *)to = reader_u32(reader);
        return STATUS_OK;
    case ROW_U64:
        *(uint64_t *)to = reader_u64(reader);
        return STATUS_OK;
    case ROW_FIXED:
        reader_copy(reader, to, field->more);
        return STATUS_OK;
    case ROW_BYTES:
        return take_bytes(reader, arena, to);
    case ROW_TEXT:
        return take_text(reader, arena, to);
    case ROW_LIST:
        return take_list(reader, field, arena, out);
    }
    return STATUS_INTEGRITY;
}

enum status row_parse(const struct row_form *form, struct arena *arena, struct bytes from, void *out) {
    struct reader reader = reader_init(from);
    ENSURE(reader_u8(&reader) == form->version, STATUS_VERSION);
    void *row = arena_alloc(arena, form->size);
    ENSURE(row, STATUS_MEMORY);
    for (size_t i = 0; i < form->n_fields; i++) {
        enum status status = take_field(&reader, &form->fields[i], arena, row);
        if (status != STATUS_OK) return status == STATUS_MEMORY ? status : STATUS_INTEGRITY;
    }
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    memcpy(out, row, form->size);
    return STATUS_OK;
}

enum status row_get(struct store_txn *txn, enum agent_table table, struct bytes key, const struct row_form *form,
                    struct arena *arena, void *out) {
    struct bytes value;
    TRY(store_get(txn, table, key, arena, &value));
    return row_parse(form, arena, value, out);
}

enum status row_put(struct store_txn *txn, enum agent_table table, struct bytes key, const struct row_form *form,
                    struct arena *arena, const void *in) {
    struct bytes value;
    TRY(row_encode(form, arena, in, &value));
    return store_put(txn, table, key, value);
}

enum status row_key(struct arena *arena, struct bytes first, struct bytes second, struct bytes third,
                    struct bytes *out_key) {
    size_t room = first.len + second.len + third.len;
    void *memory = arena_alloc(arena, room);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, room);
    writer_put(&writer, first);
    writer_put(&writer, second);
    writer_put(&writer, third);
    return writer_end(&writer, out_key);
}

struct bytes row_u32(struct arena *arena, uint32_t number) {
    void *memory = arena_alloc(arena, sizeof number);
    if (!memory) return BYTES_EMPTY;
    struct writer writer = writer_init(memory, sizeof number);
    writer_u32(&writer, number);
    return BYTES(memory, sizeof number);
}

struct bytes row_u64(struct arena *arena, uint64_t number) {
    void *memory = arena_alloc(arena, sizeof number);
    if (!memory) return BYTES_EMPTY;
    struct writer writer = writer_init(memory, sizeof number);
    writer_u64(&writer, number);
    return BYTES(memory, sizeof number);
}

enum status row_number_get(struct store_txn *txn, struct arena *arena, const char *name, uint64_t *out_number) {
    struct bytes value;
    enum status status = store_get(txn, AGENT_META, bytes_text(name), arena, &value);
    if (status == STATUS_NOT_FOUND) {
        *out_number = 0;
        return STATUS_OK;
    }
    TRY(status);
    struct reader reader = reader_init(value);
    uint64_t number = reader_u64(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_number = number;
    return STATUS_OK;
}

enum status row_number_put(struct store_txn *txn, struct arena *arena, const char *name, uint64_t number) {
    return store_put(txn, AGENT_META, bytes_text(name), row_u64(arena, number));
}
