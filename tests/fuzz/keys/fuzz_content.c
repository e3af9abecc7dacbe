/* Opening content under a known key: what opens is the one sealed form of its plaintext. */
#include <stdlib.h>
#include <string.h>

#include "keys/content.h"

#define PLAIN_MAX_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void open_and_seal_again(const struct secret *key, struct bytes sealed, struct arena *arena) {
    static const char federation[] = "plan.example";
    struct hash commitment = content_commitment(federation, key);
    struct bytes core = bytes_text("core");
    struct bytes plain;
    if (content_open(key, federation, &commitment, core, sealed, PLAIN_MAX_BYTES, arena, &plain) != STATUS_OK) return;
    struct bytes again;
    if (content_seal(key, federation, core, plain, arena, &again) != STATUS_OK) return;
    if (!bytes_equal(sealed, again)) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (secret_setup() != STATUS_OK) return 0;
    uint8_t bytes[CONTENT_KEY_BYTES];
    memset(bytes, 7, sizeof bytes);
    struct secret *key CLEANUP(secret_free_cleanup) = secret_from(BYTES_ARRAY(bytes));
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 * PLAIN_MAX_BYTES);
    if (key && arena) open_and_seal_again(key, BYTES(data, size), arena);
    return 0;
}
