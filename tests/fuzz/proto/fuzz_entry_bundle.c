/* First byte: the width; the rest as an entry bundle. What is accepted is written again byte for byte. */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(8 << 20);
    if (!arena || size == 0) return 0;
    struct bytes content = BYTES(data + 1, size - 1);
    unsigned width = data[0] + 1U;
    const struct bytes *entries;
    if (tile_entries_parse(arena, content, width, &entries) != STATUS_OK) return 0;
    uint8_t *memory = arena_alloc(arena, content.len);
    if (!memory) return 0;
    struct writer writer = writer_init(memory, content.len);
    struct bytes again;
    for (unsigned i = 0; i < width; i++)
        tile_entry_write(&writer, entries[i]);
    if (writer_end(&writer, &again) != STATUS_OK || !bytes_equal(again, content)) abort();
    return 0;
}
