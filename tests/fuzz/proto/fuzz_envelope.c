/* Any bytes as a signed envelope; the known key is that of the seeds, so that some open. */
#include <stdlib.h>

#include "proto/envelope.h"
#include "support/codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_public known_key(void) {
    struct hash seed = hash_sha256(bytes_text("seed of member 0"));
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(hash_bytes(&seed));
    struct sign_private *key CLEANUP(sign_free_cleanup) = NULL;
    if (!secret || sign_from_seed(secret, &key) != STATUS_OK) abort();
    return sign_public_of(key);
}

static enum status find_key(void *arg, const struct hash *key_id, struct envelope_key *out_key) {
    (void)key_id;
    *out_key = (struct envelope_key){.key = *(const struct sign_public *)arg, .member = "0007:2021002114"};
    return STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_public key;
    static bool ready;
    if (!ready) {
        if (secret_setup() != STATUS_OK) abort();
        key = known_key();
        ready = true;
    }
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(32 << 20);
    struct envelope_opened opened;
    if (!arena) return 0;
    if (envelope_open(arena, CODECS_FEDERATION, BYTES(data, size), find_key, &key, &opened) != STATUS_OK) return 0;
    if (!ids_unit_belongs(opened.envelope.sender, opened.member)) abort();
    return 0;
}
