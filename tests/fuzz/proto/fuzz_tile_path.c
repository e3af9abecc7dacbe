/* Any bytes as the path of a tile: there is one path for each tile, so what is accepted is written again the same. */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    struct tile tile;
    if (!arena || tile_parse(BYTES(data, size), &tile) != STATUS_OK) return 0;
    const char *path = tile_format(arena, &tile);
    if (!path || !bytes_equal_text(BYTES(data, size), path)) abort();
    if (tile.width == 0 || tile.width > TILE_WIDTH || tile.level > TILE_LEVEL_MAX) abort();
    (void)tile_within(&tile, MERKLE_SIZE_MAX);
    return 0;
}
