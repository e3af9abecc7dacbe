/* The payload of a bundle: what parses is encoded to the same bytes. */
#include <stdlib.h>

#include "keys/keyfile.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (secret_setup() != STATUS_OK) return 0;
    if (size == 0 || size > KEYFILE_MAX_BYTES) return 0;
    struct secret *payload CLEANUP(secret_free_cleanup) = secret_from(BYTES(data, size));
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = NULL;
    if (!payload || keyfile_bundle_parse(payload, &bundle) != STATUS_OK) return 0;
    struct secret *again CLEANUP(secret_free_cleanup) = NULL;
    if (keyfile_bundle_encode(bundle, &again) != STATUS_OK) return 0;
    if (!bytes_equal(secret_bytes(payload), secret_bytes(again))) abort();
    return 0;
}
