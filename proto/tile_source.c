/*
 * Reading a tree from tiles. Owns nothing; trusts nothing but lengths, and those only after checking them.
 */
#include "proto/tile_source.h"

/* Fetches the tile of this place, or the full tile instead of a partial one that is gone; tile->width says which. */
static enum status fetch(const struct tile_source *source, struct tile *tile, struct bytes *out_content) {
    ENSURE(tile->width > 0, STATUS_NOT_FOUND);
    enum status status = source->fetch(source->context, tile, source->arena, out_content);
    if (status != STATUS_NOT_FOUND || tile->width == TILE_WIDTH) return status;
    tile->width = TILE_WIDTH;
    return source->fetch(source->context, tile, source->arena, out_content);
}

enum status tile_source_hashes(const struct tile_source *source, unsigned level, uint64_t number,
                               struct bytes *out_content) {
    unsigned width = tile_width(level, number, source->size);
    struct tile tile = {TILE_HASHES, level, number, width};
    struct bytes content;
    TRY(fetch(source, &tile, &content));
    ENSURE(content.len == (size_t)tile.width * HASH_BYTES, STATUS_MALFORMED);
    *out_content = BYTES(content.data, (size_t)width * HASH_BYTES);
    return STATUS_OK;
}

enum status tile_source_entries(const struct tile_source *source, uint64_t number, const struct bytes **out_entries,
                                unsigned *out_count) {
    unsigned width = tile_width(0, number, source->size);
    struct tile tile = {TILE_ENTRIES, 0, number, width};
    struct bytes content;
    TRY(fetch(source, &tile, &content));
    TRY(tile_entries_parse(source->arena, content, tile.width, out_entries));
    *out_count = width;
    return STATUS_OK;
}

enum status tile_source_read(void *context, unsigned level, uint64_t index, struct hash *out_node) {
    const struct tile_source *source = context;
    unsigned height = level % TILE_HEIGHT;
    uint64_t first = index << height;
    struct bytes content;
    TRY(tile_source_hashes(source, level / TILE_HEIGHT, first / TILE_WIDTH, &content));
    return tile_node(content, height, (unsigned)(first % TILE_WIDTH >> height), out_node);
}
