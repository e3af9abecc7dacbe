/*
 * Tile names and contents. Owns nothing, trusts no path and no content.
 */
#include "proto/tile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "entries" and a number of 20 digits in 7 groups, well below this. */
#define PATH_BYTES_MAX 64

/* Takes the text up to a slash, or all. */
static struct bytes take_element(struct bytes *rest) {
    const uint8_t *slash = rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->data) : rest->len;
    struct bytes element = BYTES(rest->data, len);
    size_t used = slash ? len + 1 : len;
    *rest = BYTES(rest->data + used, rest->len - used);
    return element;
}

/* Decimal digits only; leading zeros are sorted out by comparing with the canonical form. */
static enum status parse_number(struct bytes digits, uint64_t max, uint64_t *value) {
    ENSURE(digits.len > 0, STATUS_MALFORMED);
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)digits.data[i] - '0';
        ENSURE(digit <= 9 && *value <= (max - digit) / 10, STATUS_MALFORMED);
        *value = *value * 10 + digit;
    }
    return STATUS_OK;
}

static enum status parse_level(struct bytes element, struct tile *tile) {
    uint64_t level = 0;
    tile->kind = bytes_equal_text(element, "entries") ? TILE_ENTRIES : TILE_HASHES;
    if (tile->kind == TILE_HASHES) TRY(parse_number(element, TILE_LEVEL_MAX, &level));
    tile->level = (unsigned)level;
    return STATUS_OK;
}

static bool ends_with(struct bytes text, const char *end) {
    size_t len = strlen(end);
    return text.len > len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* The groups of N, and the width behind ".p/" when there is one. */
static enum status parse_place(struct bytes rest, struct tile *tile) {
    struct bytes element = take_element(&rest);
    for (; element.len > 0 && element.data[0] == 'x'; element = take_element(&rest))
        TRY(parse_number(BYTES(element.data + 1, element.len - 1), MERKLE_SIZE_MAX / TILE_WIDTH, &tile->number));
    bool partial = ends_with(element, ".p");
    if (partial) element.len -= 2;
    TRY(parse_number(element, MERKLE_SIZE_MAX / TILE_WIDTH, &tile->number));
    uint64_t width = partial ? 0 : TILE_WIDTH;
    if (partial) TRY(parse_number(take_element(&rest), TILE_WIDTH - 1, &width));
    ENSURE(rest.len == 0 && width > 0, STATUS_MALFORMED);
    tile->width = (unsigned)width;
    return STATUS_OK;
}

static void write_number(struct writer *writer, const char *before, int digits, uint64_t value) {
    char text[32];
    int len = snprintf(text, sizeof text, "%s%0*" PRIu64, before, digits, value);
    writer_put(writer, BYTES(text, (size_t)len));
}

static enum status write_path(const struct tile *tile, uint8_t memory[PATH_BYTES_MAX], struct bytes *out_path) {
    struct writer writer = writer_init(memory, PATH_BYTES_MAX);
    if (tile->kind == TILE_ENTRIES) {
        writer_put(&writer, bytes_text("tile/entries"));
    } else {
        write_number(&writer, "tile/", 1, tile->level);
    }
    uint64_t divisor = 1;
    while (tile->number / divisor >= 1000)
        divisor *= 1000;
    for (; divisor > 1; divisor /= 1000)
        write_number(&writer, "/x", 3, tile->number / divisor % 1000);
    write_number(&writer, "/", 3, tile->number % 1000);
    if (tile->width < TILE_WIDTH) write_number(&writer, ".p/", 1, tile->width);
    return writer_end(&writer, out_path);
}

enum status tile_parse(struct bytes path, struct tile *out_tile) {
    struct tile tile = {.number = 0};
    uint8_t memory[PATH_BYTES_MAX];
    struct bytes canonical;
    struct bytes rest = path;
    ENSURE(path.len <= PATH_BYTES_MAX, STATUS_MALFORMED);
    ENSURE(bytes_equal_text(take_element(&rest), "tile"), STATUS_MALFORMED);
    TRY(parse_level(take_element(&rest), &tile));
    TRY(parse_place(rest, &tile));
    TRY(write_path(&tile, memory, &canonical));
    ENSURE(bytes_equal(path, canonical), STATUS_MALFORMED);
    *out_tile = tile;
    return STATUS_OK;
}

const char *tile_format(struct arena *arena, const struct tile *tile) {
    uint8_t memory[PATH_BYTES_MAX];
    struct bytes path;
    if (write_path(tile, memory, &path) != STATUS_OK) return NULL;
    return arena_printf(arena, "%.*s", (int)path.len, (const char *)path.data);
}

unsigned tile_width(unsigned level, uint64_t number, uint64_t size) {
    if (level >= TILE_LEVEL_COUNT) return 0;
    uint64_t hashes = size >> (level * TILE_HEIGHT);
    if (hashes / TILE_WIDTH > number) return TILE_WIDTH;
    return hashes / TILE_WIDTH == number ? (unsigned)(hashes % TILE_WIDTH) : 0;
}

bool tile_within(const struct tile *tile, uint64_t size) {
    return tile->width > 0 && tile->width <= tile_width(tile->level, tile->number, size);
}

enum status tile_build(struct arena *arena, merkle_read_fn *read, void *context, const struct tile *tile,
                       struct bytes *out_content) {
    struct hash *hashes = ARENA_ARRAY(arena, struct hash, tile->width);
    ENSURE(hashes, STATUS_MEMORY);
    for (unsigned i = 0; i < tile->width; i++)
        TRY(read(context, tile->level * TILE_HEIGHT, tile->number * TILE_WIDTH + i, &hashes[i]));
    *out_content = BYTES(hashes, tile->width * sizeof *hashes);
    return STATUS_OK;
}

enum status tile_node(struct bytes content, unsigned height, unsigned position, struct hash *out_node) {
    struct hash row[TILE_WIDTH];
    ENSURE(height <= TILE_HEIGHT && position < TILE_WIDTH, STATUS_INVALID);
    size_t count = (size_t)1 << height;
    size_t start = count * position;
    ENSURE((start + count) * HASH_BYTES <= content.len, STATUS_INVALID);
    memcpy(row, content.data + start * HASH_BYTES, count * HASH_BYTES);
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++)
            row[i] = merkle_node_hash(&row[2 * i], &row[2 * i + 1]);
    }
    *out_node = row[0];
    return STATUS_OK;
}

void tile_entry_write(struct writer *writer, struct bytes entry) {
    if (entry.len > TILE_ENTRY_BYTES_MAX) {
        if (writer->status == STATUS_OK) writer->status = STATUS_TOO_LARGE;
        return;
    }
    writer_u16(writer, (uint16_t)entry.len);
    writer_put(writer, entry);
}

enum status tile_entries_parse(struct arena *arena, struct bytes content, unsigned width,
                               const struct bytes **out_entries) {
    /* An entry takes two bytes at least: no memory for what cannot be there. */
    ENSURE(width <= TILE_WIDTH && width <= content.len / 2, STATUS_MALFORMED);
    struct bytes *entries = ARENA_ARRAY(arena, struct bytes, width);
    ENSURE(entries, STATUS_MEMORY);
    struct reader reader = reader_init(content);
    for (unsigned i = 0; i < width; i++)
        entries[i] = reader_take(&reader, reader_u16(&reader));
    TRY(reader_end(&reader));
    *out_entries = entries;
    return STATUS_OK;
}
