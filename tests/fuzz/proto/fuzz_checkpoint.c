/* Any bytes as the text of a checkpoint: what is accepted is written again byte for byte. */
#include <stdlib.h>

#include "base/arena.h"
#include "proto/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 << 20);
    struct checkpoint checkpoint;
    struct bytes text;
    if (!arena || checkpoint_parse(BYTES(data, size), &checkpoint) != STATUS_OK) return 0;
    enum status status = checkpoint_format(arena, &checkpoint, &text);
    if (status == STATUS_MEMORY) return 0;
    if (status != STATUS_OK || !bytes_equal(text, BYTES(data, size))) abort();
    return 0;
}
