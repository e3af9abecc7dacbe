/* Any bytes as a registration: what parses verifies with its own key, and with no secret that was not used. */
#include <stdlib.h>

#include "keys/jws.h"
#include "proto/statement.h"

#define FEDERATION "test.sluss.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t secret[16] = {7};
    if (secret_setup() != STATUS_OK) abort();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
    struct registration registration;
    if (!arena || registration_parse(arena, FEDERATION, BYTES(data, size), &registration) != STATUS_OK) return 0;
    struct hash thumbprint = jws_thumbprint(&registration.sign_key);
    if (!hash_equal(&thumbprint, &registration.device)) abort();
    if (registration_check(FEDERATION, &registration, secret) == STATUS_OK) abort();
    return 0;
}
