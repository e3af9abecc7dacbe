/*
 * Owns private signing keys. Trusts libsodium's Ed25519. Invariant: sign_private.key holds 64 bytes, seed || public key
 * as libsodium lays them out.
 */
#include "keys/sign.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "keys/frame.h"

#define STACK_FRAME_BYTES 4096

struct sign_private {
    struct secret *key;
    struct sign_public public;
};

static enum status private_new(struct sign_private **out_private) {
    struct sign_private *private = calloc(1, sizeof *private);
    ENSURE(private, STATUS_MEMORY);
    private->key = secret_new(crypto_sign_SECRETKEYBYTES);
    if (!private->key) {
        sign_free(private);
        return STATUS_MEMORY;
    }
    *out_private = private;
    return STATUS_OK;
}

enum status sign_generate(struct sign_private **out_private) {
    TRY(private_new(out_private));
    (void)crypto_sign_keypair((*out_private)->public.b, secret_data((*out_private)->key));
    return STATUS_OK;
}

enum status sign_from_seed(const struct secret *seed, struct sign_private **out_private) {
    ENSURE(secret_len(seed) == SIGN_SEED_BYTES, STATUS_MALFORMED);
    TRY(private_new(out_private));
    (void)crypto_sign_seed_keypair((*out_private)->public.b, secret_data((*out_private)->key), secret_bytes(seed).data);
    return STATUS_OK;
}

enum status sign_seed(const struct sign_private *key, struct secret **out_seed) {
    struct secret *seed = secret_from(BYTES(secret_bytes(key->key).data, SIGN_SEED_BYTES));
    ENSURE(seed, STATUS_MEMORY);
    *out_seed = seed;
    return STATUS_OK;
}

void sign_free(struct sign_private *key) {
    if (!key) return;
    secret_free(key->key);
    free(key);
}

struct sign_public sign_public_of(const struct sign_private *key) {
    return key->public;
}

struct sign_signature sign_bytes(const struct sign_private *key, struct bytes message) {
    struct sign_signature signature;
    (void)crypto_sign_detached(signature.b, NULL, message.data, message.len, secret_bytes(key->key).data);
    return signature;
}

enum status sign_verify(const struct sign_public *key, struct bytes message, const struct sign_signature *signature) {
    int result = crypto_sign_verify_detached(signature->b, message.data, message.len, key->b);
    return result == 0 ? STATUS_OK : STATUS_SIGNATURE;
}

/* F(label, federation, body) in one piece, as Ed25519 needs it: on the stack when it fits. */
struct framed {
    uint8_t stack[STACK_FRAME_BYTES];
    uint8_t *heap;
    struct bytes bytes;
};

static void framed_clear(struct framed *framed) { free(framed->heap); }

/* Not initialised as a whole: 4 KiB of zeros would cost as much as the hash of a short body. */
static enum status framed_make(struct framed *framed, const char *label, const char *federation, struct bytes body) {
    size_t len = frame_len(label, federation, &body, 1);
    framed->heap = len > sizeof framed->stack ? malloc(len) : NULL;
    ENSURE(framed->heap || len <= sizeof framed->stack, STATUS_MEMORY);
    struct writer writer = writer_init(framed->heap ? framed->heap : framed->stack, len);
    frame_write(&writer, label, federation, &body, 1);
    return writer_end(&writer, &framed->bytes);
}

enum status sign_framed(const struct sign_private *key, const char *label, const char *federation, struct bytes body,
                        struct sign_signature *out_signature) {
    __attribute__((uninitialized)) struct framed framed CLEANUP(framed_clear);
    TRY(framed_make(&framed, label, federation, body));
    *out_signature = sign_bytes(key, framed.bytes);
    return STATUS_OK;
}

enum status sign_verify_framed(const struct sign_public *key, const char *label, const char *federation,
                               struct bytes body, const struct sign_signature *signature) {
    __attribute__((uninitialized)) struct framed framed CLEANUP(framed_clear);
    TRY(framed_make(&framed, label, federation, body));
    return sign_verify(key, framed.bytes, signature);
}

struct hash sign_key_id(const char *federation, const struct sign_public *key) {
    return FRAME_HASH("sluss key v1", federation, BYTES_ARRAY(key->b));
}
