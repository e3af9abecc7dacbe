/*
 * Owns nothing. Trusts libsodium's XChaCha20-Poly1305 and the system's generator. Invariant: a nonce is drawn anew for
 * every seal; plaintext that did not authenticate is never returned (libsodium checks the tag before it decrypts).
 */
#include "keys/aead.h"

#include <sodium.h>

#include "base/checked.h"

static enum status check_key(const struct secret *key) {
    ENSURE(secret_len(key) == AEAD_KEY_BYTES, STATUS_MALFORMED);
    return STATUS_OK;
}

enum status aead_seal_into(const struct secret *key, struct bytes aad, struct bytes plaintext, void *out,
                           size_t out_len) {
    TRY(check_key(key));
    size_t sealed_len = 0;
    TRY(checked_add_size(plaintext.len, AEAD_OVERHEAD_BYTES, &sealed_len));
    ENSURE(out_len == sealed_len, STATUS_MALFORMED);
    uint8_t *nonce = out;
    secret_random_public(nonce, AEAD_NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + AEAD_NONCE_BYTES, NULL, plaintext.data, plaintext.len,
                                                     aad.data, aad.len, NULL, nonce, secret_bytes(key).data);
    return STATUS_OK;
}

enum status aead_seal(const struct secret *key, struct bytes aad, struct bytes plaintext, struct arena *arena,
                      struct bytes *out_sealed) {
    size_t len = 0;
    TRY(checked_add_size(plaintext.len, AEAD_OVERHEAD_BYTES, &len));
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    TRY(aead_seal_into(key, aad, plaintext, memory, len));
    *out_sealed = BYTES(memory, len);
    return STATUS_OK;
}

/* out has sealed.len - AEAD_OVERHEAD_BYTES bytes. */
static enum status open_into(const struct secret *key, struct bytes aad, struct bytes sealed, uint8_t *out) {
    TRY(check_key(key));
    int result = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data + AEAD_NONCE_BYTES,
                                                            sealed.len - AEAD_NONCE_BYTES, aad.data, aad.len,
                                                            sealed.data, secret_bytes(key).data);
    return result == 0 ? STATUS_OK : STATUS_PROOF;
}

enum status aead_open(const struct secret *key, struct bytes aad, struct bytes sealed, struct arena *arena,
                      struct bytes *out_plaintext) {
    ENSURE(sealed.len >= AEAD_OVERHEAD_BYTES, STATUS_MALFORMED);
    size_t len = sealed.len - AEAD_OVERHEAD_BYTES;
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    TRY(open_into(key, aad, sealed, memory));
    *out_plaintext = BYTES(memory, len);
    return STATUS_OK;
}

enum status aead_open_secret(const struct secret *key, struct bytes aad, struct bytes sealed,
                             struct secret **out_plaintext) {
    ENSURE(sealed.len > AEAD_OVERHEAD_BYTES, STATUS_MALFORMED);
    struct secret *plaintext CLEANUP(secret_free_cleanup) = secret_new(sealed.len - AEAD_OVERHEAD_BYTES);
    ENSURE(plaintext, STATUS_MEMORY);
    TRY(open_into(key, aad, sealed, secret_data(plaintext)));
    *out_plaintext = MOVE(plaintext);
    return STATUS_OK;
}
