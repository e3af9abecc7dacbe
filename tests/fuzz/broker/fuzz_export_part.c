/*
 * The openings of an export, and each leaf of them prepared as a replay does. What parses encodes to the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/audit/prepare.h"
#include "proto/internal_msg.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    static struct bundle *bundle;
    static struct slot_keys_ring *keys;
    if (!bundle) {
        REQUIRE(secret_setup() == STATUS_OK);
        bundle = bundle_new();
        keys = slot_keys_new();
        REQUIRE(bundle && keys);
    }
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)64 << 20);
    struct export_part part;
    REQUIRE(arena);
    if (internal_export_part_parse(arena, BYTES(data, size), &part) != STATUS_OK) return 0;
    struct bytes again;
    REQUIRE(internal_export_part_encode(arena, &part, &again) == STATUS_OK);
    REQUIRE(bytes_equal(again, BYTES(data, size)));
    const struct prepare prepare = {.federation = "test.sluss.example", .keys = keys, .depth = PREPARE_ALL};
    bundle_begin(bundle, 0, (unsigned)part.n_leaves);
    for (size_t i = 0; i < part.n_leaves; i++) {
        bundle->leaves[i].exported = &part.leaves[i];
        REQUIRE(prepare_leaf(&prepare, bundle, &bundle->leaves[i]) == STATUS_OK);
    }
    return 0;
}
