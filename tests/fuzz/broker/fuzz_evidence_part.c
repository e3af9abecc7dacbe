/*
 * The evidence of an export. What parses encodes to the same bytes.
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/arena.h"
#include "proto/internal_msg.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)64 << 20);
    struct evidence_part part;
    struct bytes again;
    REQUIRE(arena);
    if (internal_evidence_part_parse(arena, BYTES(data, size), &part) != STATUS_OK) return 0;
    REQUIRE(internal_evidence_part_encode(arena, &part, &again) == STATUS_OK);
    REQUIRE(bytes_equal(again, BYTES(data, size)));
    return 0;
}
