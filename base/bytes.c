/*
 * Views, the sticky reader and the sticky writer.
 *
 * Invariants: a failed reader has an empty rest, so that nothing can be taken from it; a writer's len never exceeds its
 * cap. An empty view may have any pointer, NULL included, and is never handed to memcmp or memcpy.
 */
#include "base/bytes.h"

#include <endian.h>
#include <string.h>

#include <sodium.h>

struct bytes bytes_text(const char *text) {
    return BYTES(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_ct(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text) { return bytes_equal(a, bytes_text(text)); }

int bytes_compare(struct bytes a, struct bytes b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

/* True when all eight bytes are printable ASCII: no high bit, none below 0x20, none 0x7f. */
static bool bytes_word_is_plain(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = ones * 0x80;
    uint64_t delete = word ^ (ones * 0x7f);
    uint64_t below_space = (word - ones * 0x20) & ~word & high;
    uint64_t is_delete = (delete - ones) & ~delete &high;
    return ((word & high) | below_space | is_delete) == 0;
}

static size_t bytes_skip_plain(struct bytes a, size_t at) {
    while (a.len - at >= sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, a.data + at, sizeof word);
        if (!bytes_word_is_plain(word)) break;
        at += sizeof word;
    }
    return at;
}

/* The form of a sequence by its first byte (RFC 3629 section 4): length and range of the second byte; 0: not valid. */
struct bytes_utf8_form {
    uint8_t len;
    uint8_t second_min;
    uint8_t second_max;
};

static struct bytes_utf8_form bytes_utf8_form(uint8_t first) {
    if (first >= 0x20 && first < 0x7f) return (struct bytes_utf8_form){1, 0, 0};
    if (first >= 0xc2 && first <= 0xdf) return (struct bytes_utf8_form){2, 0x80, 0xbf};
    if (first == 0xe0) return (struct bytes_utf8_form){3, 0xa0, 0xbf};
    if (first == 0xed) return (struct bytes_utf8_form){3, 0x80, 0x9f};
    if (first >= 0xe1 && first <= 0xef) return (struct bytes_utf8_form){3, 0x80, 0xbf};
    if (first == 0xf0) return (struct bytes_utf8_form){4, 0x90, 0xbf};
    if (first >= 0xf1 && first <= 0xf3) return (struct bytes_utf8_form){4, 0x80, 0xbf};
    if (first == 0xf4) return (struct bytes_utf8_form){4, 0x80, 0x8f};
    return (struct bytes_utf8_form){0, 0, 0};
}

/* Length of the valid sequence at the start, 0 when there is none. */
static size_t bytes_utf8_len(const uint8_t *data, size_t len) {
    struct bytes_utf8_form form = bytes_utf8_form(data[0]);
    if (form.len == 0 || form.len > len) return 0;
    if (form.len > 1 && (data[1] < form.second_min || data[1] > form.second_max)) return 0;
    for (size_t i = 2; i < form.len; i++) {
        if ((data[i] & 0xc0) != 0x80) return 0;
    }
    return form.len;
}

bool bytes_is_text(struct bytes a) {
    size_t at = 0;
    while (at < a.len) {
        at = bytes_skip_plain(a, at);
        if (at == a.len) break;
        size_t len = bytes_utf8_len(a.data + at, a.len - at);
        if (len == 0) return false;
        at += len;
    }
    return true;
}

struct reader reader_init(struct bytes from) {
    return (struct reader){.rest = from, .status = STATUS_OK};
}

void reader_fail(struct reader *reader, enum status status) {
    if (reader->status == STATUS_OK) reader->status = status;
    reader->rest = BYTES_EMPTY;
}

struct bytes reader_take(struct reader *reader, size_t len) {
    if (len > reader->rest.len) {
        reader_fail(reader, STATUS_MALFORMED);
        return BYTES_EMPTY;
    }
    if (len == 0) return BYTES_EMPTY;
    struct bytes taken = {reader->rest.data, len};
    reader->rest.data += len;
    reader->rest.len -= len;
    return taken;
}

void reader_copy(struct reader *reader, void *out, size_t len) {
    if (len == 0) return;
    struct bytes taken = reader_take(reader, len);
    if (taken.len == len) {
        memcpy(out, taken.data, len);
    } else {
        memset(out, 0, len);
    }
}

uint8_t reader_u8(struct reader *reader) {
    uint8_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return value;
}

uint16_t reader_u16(struct reader *reader) {
    uint16_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return be16toh(value);
}

uint32_t reader_u32(struct reader *reader) {
    uint32_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return be32toh(value);
}

uint64_t reader_u64(struct reader *reader) {
    uint64_t value = 0;
    reader_copy(reader, &value, sizeof value);
    return be64toh(value);
}

struct bytes reader_vector(struct reader *reader, size_t max_bytes) {
    uint32_t len = reader_u32(reader);
    if (len > max_bytes) {
        reader_fail(reader, STATUS_TOO_LARGE);
        return BYTES_EMPTY;
    }
    return reader_take(reader, len);
}

enum status reader_end(const struct reader *reader) {
    if (reader->status != STATUS_OK) return reader->status;
    return reader->rest.len == 0 ? STATUS_OK : STATUS_MALFORMED;
}

struct writer writer_init(void *memory, size_t cap_bytes) {
    return (struct writer){.data = memory, .len = 0, .cap = cap_bytes, .status = STATUS_OK};
}

static void writer_append(struct writer *writer, const void *from, size_t len) {
    if (writer->status != STATUS_OK || len == 0) return;
    if (len > writer->cap - writer->len) {
        writer->status = STATUS_TOO_LARGE;
        return;
    }
    memcpy(writer->data + writer->len, from, len);
    writer->len += len;
}

void writer_u8(struct writer *writer, uint8_t value) { writer_append(writer, &value, sizeof value); }

void writer_u16(struct writer *writer, uint16_t value) {
    value = htobe16(value);
    writer_append(writer, &value, sizeof value);
}

void writer_u32(struct writer *writer, uint32_t value) {
    value = htobe32(value);
    writer_append(writer, &value, sizeof value);
}

void writer_u64(struct writer *writer, uint64_t value) {
    value = htobe64(value);
    writer_append(writer, &value, sizeof value);
}

void writer_put(struct writer *writer, struct bytes from) { writer_append(writer, from.data, from.len); }

void writer_vector(struct writer *writer, struct bytes from) {
    if (from.len > UINT32_MAX) {
        if (writer->status == STATUS_OK) writer->status = STATUS_TOO_LARGE;
        return;
    }
    writer_u32(writer, (uint32_t)from.len);
    writer_put(writer, from);
}

enum status writer_end(const struct writer *writer, struct bytes *out_written) {
    if (writer->status == STATUS_OK) *out_written = (struct bytes){writer->data, writer->len};
    return writer->status;
}
