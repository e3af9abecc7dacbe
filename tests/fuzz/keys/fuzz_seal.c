/* Opening HPKE messages under a known key, into the arena and into secret memory: both agree. */
#include <stdlib.h>
#include <string.h>

#include "keys/seal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void open_both(const struct seal_private *key, struct bytes sealed, struct arena *arena) {
    struct bytes info = bytes_text("info");
    struct bytes aad = bytes_text("aad");
    struct bytes plain = BYTES_EMPTY;
    struct secret *secret CLEANUP(secret_free_cleanup) = NULL;
    enum status open = seal_open(key, info, aad, sealed, arena, &plain);
    enum status open_secret = seal_open_secret(key, info, aad, sealed, &secret);
    if (open == STATUS_OK && plain.len + SEAL_OVERHEAD_BYTES != sealed.len) abort();
    if ((open == STATUS_OK && plain.len > 0) != (open_secret == STATUS_OK)) abort();
    if (secret && !bytes_equal(plain, secret_bytes(secret))) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (secret_setup() != STATUS_OK) return 0;
    uint8_t bytes[32];
    memset(bytes, 7, sizeof bytes);
    if (size > 65536) return 0;
    struct secret *scalar CLEANUP(secret_free_cleanup) = secret_from(BYTES_ARRAY(bytes));
    struct seal_private *key CLEANUP(seal_free_cleanup) = NULL;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(65536);
    if (scalar && arena && seal_from_secret(scalar, &key) == STATUS_OK) open_both(key, BYTES(data, size), arena);
    return 0;
}
