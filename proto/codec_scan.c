/*
 * The wire form of a message, checked before protobuf-c sees it. Trusts the tables, nothing of the bytes.
 *
 * Why: protobuf-c merges repeated singular fields, keeps unknown ones, takes any varint and allocates what a message
 * asks for. What passes here has one encoding only, is within its bounds, and costs protobuf-c a bounded amount of
 * memory. Depth is that of the tables.
 */
#include "proto/codec_table.h"

#include <string.h>

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_BYTES = 2,
};

/* Where the scan of one message stands: fields come in ascending order, so one row is open at a time. */
struct codec_walk {
    const struct codec *codec;
    const char *federation;
    struct bytes rest;
    size_t row;            /* the row that is open */
    uint32_t count;        /* values of it so far */
    struct bytes previous; /* its last element, for ascending lists */
};

/* LEB128 of at most 64 bits in its shortest form. */
static enum status codec_scan_varint(struct bytes *rest, uint64_t *out_value) {
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = rest->data[i];
        ENSURE(i < 9 || byte <= 1, STATUS_MALFORMED);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        ENSURE(i == 0 || byte != 0, STATUS_MALFORMED);
        *rest = BYTES(rest->data + i + 1, rest->len - i - 1);
        *out_value = value;
        return STATUS_OK;
    }
    return STATUS_MALFORMED;
}

static enum status codec_scan_vector(struct bytes *rest, struct bytes *out_vector) {
    uint64_t len = 0;
    TRY(codec_scan_varint(rest, &len));
    ENSURE(len <= rest->len, STATUS_MALFORMED);
    *out_vector = BYTES(rest->data, (size_t)len);
    *rest = BYTES(rest->data + len, rest->len - (size_t)len);
    return STATUS_OK;
}

/* `too_large` is said of sizes, counts and quantities; of an enum it would mean nothing. */
static enum status codec_scan_number(const struct codec_field *field, uint64_t value) {
    if (field->flags & CODEC_VERSION) ENSURE(value == 1, STATUS_VERSION);
    ENSURE(value >= field->least, STATUS_MALFORMED);
    ENSURE(value <= field->most, field->kind == CODEC_NUMBER ? STATUS_TOO_LARGE : STATUS_MALFORMED);
    return STATUS_OK;
}

/* Length and form of bytes and text. Where only one length is right, a longer one is malformed rather than too large.
 */
static enum status codec_scan_content(const struct codec_field *field, const char *federation, struct bytes content) {
    if (content.len == 0 && field->flags & CODEC_MAY_BE_EMPTY) return STATUS_OK;
    ENSURE(content.len >= field->least, STATUS_MALFORMED);
    ENSURE(content.len <= field->most, field->least == field->most ? STATUS_MALFORMED : STATUS_TOO_LARGE);
    if (field->kind != CODEC_TEXT) return STATUS_OK;
    ENSURE(bytes_is_text(content), STATUS_MALFORMED);
    ENSURE(!field->check || field->check(content), STATUS_MALFORMED);
    if (field->flags & CODEC_FEDERATION && federation) ENSURE(bytes_equal_text(content, federation), STATUS_FEDERATION);
    return STATUS_OK;
}

/* A list of numbers: one field, at least one element, or it would not have been written. */
static enum status codec_scan_packed(struct codec_walk *walk, const struct codec_field *field, struct bytes packed) {
    ENSURE(packed.len > 0, STATUS_MALFORMED);
    uint64_t previous = 0;
    for (walk->count = 0; packed.len > 0; walk->count++) {
        uint64_t value = 0;
        ENSURE(walk->count < field->utmost, STATUS_TOO_LARGE);
        TRY(codec_scan_varint(&packed, &value));
        TRY(codec_scan_number(field, value));
        if (field->flags & CODEC_ASCENDING) ENSURE(walk->count == 0 || value > previous, STATUS_MALFORMED);
        previous = value;
    }
    return STATUS_OK;
}

/* One element of a list that is not packed. */
static enum status codec_scan_element(struct codec_walk *walk, const struct codec_field *field, struct bytes content) {
    ENSURE(walk->count < field->utmost, STATUS_TOO_LARGE);
    walk->count++;
    if (field->kind == CODEC_MESSAGE) return codec_scan(field->nested, walk->federation, content);
    TRY(codec_scan_content(field, walk->federation, content));
    if (field->flags & CODEC_ASCENDING)
        ENSURE(walk->count == 1 || bytes_compare(walk->previous, content) < 0, STATUS_MALFORMED);
    walk->previous = content;
    return STATUS_OK;
}

/* A field that stands alone: once, and not with the value that its absence means. */
static enum status codec_scan_singular(struct codec_walk *walk, const struct codec_field *field, uint64_t wire) {
    ENSURE(walk->count == 0, STATUS_MALFORMED);
    walk->count = 1;
    if (wire == WIRE_BYTES) {
        struct bytes content = BYTES_EMPTY;
        TRY(codec_scan_vector(&walk->rest, &content));
        ENSURE(content.len > 0, STATUS_MALFORMED);
        return codec_scan_content(field, walk->federation, content);
    }
    uint64_t value = 0;
    TRY(codec_scan_varint(&walk->rest, &value));
    if (!(field->flags & CODEC_VERSION)) ENSURE(value != 0, STATUS_MALFORMED);
    return codec_scan_number(field, value);
}

static bool codec_is_number(const struct codec_field *field) {
    return field->kind == CODEC_NUMBER || field->kind == CODEC_ENUM || field->kind == CODEC_BOOL;
}

static enum status codec_scan_value(struct codec_walk *walk, const struct codec_field *field, uint64_t wire) {
    bool list = field->flags & CODEC_LIST;
    ENSURE(wire == (codec_is_number(field) && !list ? WIRE_VARINT : WIRE_BYTES), STATUS_MALFORMED);
    if (!list) return codec_scan_singular(walk, field, wire);
    struct bytes content = BYTES_EMPTY;
    TRY(codec_scan_vector(&walk->rest, &content));
    if (!codec_is_number(field)) return codec_scan_element(walk, field, content);
    ENSURE(walk->count == 0, STATUS_MALFORMED);
    return codec_scan_packed(walk, field, content);
}

/* Ends the open row: a field that did not come has the value zero or no elements. */
static enum status codec_scan_close(struct codec_walk *walk) {
    const struct codec_field *field = &walk->codec->fields[walk->row];
    if (field->flags & CODEC_LIST) {
        ENSURE(walk->count >= field->fewest, STATUS_MALFORMED);
    } else if (walk->count == 0) {
        if (codec_is_number(field)) {
            TRY(codec_scan_number(field, 0));
        } else {
            TRY(codec_scan_content(field, walk->federation, BYTES_EMPTY));
        }
    }
    walk->row++;
    walk->count = 0;
    return STATUS_OK;
}

enum status codec_scan(const struct codec *codec, const char *federation, struct bytes from) {
    struct codec_walk walk = {.codec = codec, .federation = federation, .rest = from};
    while (walk.rest.len > 0) {
        uint64_t key = 0;
        TRY(codec_scan_varint(&walk.rest, &key));
        uint64_t number = key >> 3;
        ENSURE(number > walk.row && number <= codec->n_fields, STATUS_MALFORMED);
        while (walk.row < number - 1) {
            TRY(codec_scan_close(&walk));
        }
        TRY(codec_scan_value(&walk, &codec->fields[walk.row], key & 7));
    }
    while (walk.row < codec->n_fields) {
        TRY(codec_scan_close(&walk));
    }
    return STATUS_OK;
}
