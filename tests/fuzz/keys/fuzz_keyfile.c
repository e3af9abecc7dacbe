/* Key files under a known credential; only the seeds open, since everything in a file is authenticated. */
#include <stdlib.h>
#include <string.h>

#include "keys/keyfile.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (secret_setup() != STATUS_OK) return 0;
    uint8_t bytes[KEYFILE_CREDENTIAL_MIN];
    memset(bytes, 1, sizeof bytes);
    struct secret *credential CLEANUP(secret_free_cleanup) = secret_from(BYTES_ARRAY(bytes));
    if (!credential) return 0;
    const struct keyfile_lock lock = {KEYFILE_CREDENTIAL, credential};
    for (enum keyfile_type type = KEYFILE_SIGN; type < KEYFILE_TYPE_COUNT; type++) {
        struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
        if (keyfile_parse(BYTES(data, size), type, &lock, &payload) != STATUS_OK) continue;
        if (type != KEYFILE_BUNDLE && secret_len(payload) != 32) abort();
    }
    return 0;
}
