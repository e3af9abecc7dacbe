/* Any bytes as a signed object of each kind: parsed, taken apart, and, when it parses, never accepted under a key that
 * did not sign it. */
#include <stdlib.h>

#include "proto/fragment_header.h"
#include "proto/multi_signed.h"
#include "proto/signed.h"
#include "support/codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct sign_public nobody = {{0x58, 0x66, 0x66}};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(32 << 20);
    struct bytes whole = BYTES(data, size);
    struct signed_object object;
    struct multi_signed several;
    struct fragment_signed header;
    if (!arena) return 0;
    if (signed_parse(arena, whole, &object) == STATUS_OK &&
        signed_verify(SIGNED_HEADER, CODECS_FEDERATION, &object, &nobody) == STATUS_OK)
        abort();
    if (multi_signed_parse(arena, whole, &several) == STATUS_OK &&
        multi_signed_verify_threshold(SIGNED_DIRECTORY, CODECS_FEDERATION, &several, &nobody, 1, 1) == STATUS_OK)
        abort();
    if (fragment_header_split(arena, whole, &header) == STATUS_OK && header.object.body.len == 0) abort();
    return 0;
}
