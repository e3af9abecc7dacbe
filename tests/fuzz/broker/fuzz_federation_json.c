/*
 * federation.json of a mirror: what is accepted has a threshold that its keys can reach and a log key of its origin.
 */
#include <stddef.h>
#include <stdlib.h>

#include "broker/audit/mirror.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    struct mirror_federation federation;
    struct note_key key;
    REQUIRE(arena);
    if (mirror_federation_parse(arena, BYTES(data, size), &federation) != STATUS_OK) return 0;
    REQUIRE(federation.threshold > 0 && federation.threshold <= federation.n_authority);
    REQUIRE(federation.n_authority <= LIMIT_AUTHORITY_KEYS);
    REQUIRE(mirror_log_key(arena, &federation, &key) == STATUS_OK);
    return 0;
}
