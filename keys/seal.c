/*
 * Owns private sealing keys. Trusts libsodium's X25519, OpenSSL's AES-GCM and keys/hash.c. Invariants: an ephemeral key
 * seals one message only, so that sequence 0 is the only nonce of a context; shared secrets and derived keys are wiped
 * on every way out. Names follow RFC 9180 sections 4 and 5.
 */
#include "keys/seal.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/checked.h"
#include "keys/frame.h"
#include "keys/gcm.h"
#include "keys/seal_internal.h"

struct seal_private {
    struct secret *scalar;
    struct seal_public public;
};

static const uint8_t kem_suite[5] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t hpke_suite[10] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};

/* Takes scalar over, whatever comes of it. */
static enum status private_new(struct secret *scalar, struct seal_private **out_private) {
    struct seal_private *private = scalar ? calloc(1, sizeof *private) : NULL;
    if (!private) {
        secret_free(scalar);
        return STATUS_MEMORY;
    }
    private->scalar = scalar;
    (void)crypto_scalarmult_base(private->public.b, secret_bytes(scalar).data);
    *out_private = private;
    return STATUS_OK;
}

enum status seal_generate(struct seal_private **out_private) {
    return private_new(secret_random(crypto_scalarmult_SCALARBYTES), out_private);
}

enum status seal_from_secret(const struct secret *scalar, struct seal_private **out_private) {
    ENSURE(secret_len(scalar) == crypto_scalarmult_SCALARBYTES, STATUS_MALFORMED);
    return private_new(secret_from(secret_bytes(scalar)), out_private);
}

enum status seal_secret(const struct seal_private *key, struct secret **out_scalar) {
    struct secret *scalar = secret_from(secret_bytes(key->scalar));
    ENSURE(scalar, STATUS_MEMORY);
    *out_scalar = scalar;
    return STATUS_OK;
}

void seal_free(struct seal_private *key) {
    if (!key) return;
    secret_free(key->scalar);
    free(key);
}

struct seal_public seal_public_of(const struct seal_private *key) {
    return key->public;
}

struct hash seal_key_id(const char *federation, const struct seal_public *key) {
    return FRAME_HASH("sluss key v1", federation, BYTES_ARRAY(key->b));
}

static struct hash labeled_extract(struct bytes suite, struct bytes salt, const char *label, struct bytes ikm) {
    const struct bytes parts[] = {bytes_text("HPKE-v1"), suite, bytes_text(label), ikm};
    return hash_hmac_sha256_parts(salt, parts, 4);
}

/* len is at most 32: one block of HKDF-Expand. */
static void labeled_expand(struct bytes suite, const struct hash *prk, const char *label, struct bytes info,
                           uint8_t *out, uint8_t len) {
    const uint8_t length[2] = {0, len};
    const uint8_t counter = 1;
    const struct bytes parts[] = {BYTES_ARRAY(length), bytes_text("HPKE-v1"), suite, bytes_text(label), info,
                                  BYTES(&counter, 1)};
    struct hash block = hash_hmac_sha256_parts(hash_bytes(prk), parts, 6);
    memcpy(out, block.b, len);
    secret_wipe(&block, sizeof block);
}

/* DH and ExtractAndExpand; the context is enc || the receiver's public key. */
static enum status shared_secret(const struct seal_private *own, const struct seal_public *peer,
                                 const struct seal_public *enc, const struct seal_public *receiver,
                                 struct hash *out_shared) {
    struct hash dh;
    if (crypto_scalarmult(dh.b, secret_bytes(own->scalar).data, peer->b) != 0) return STATUS_INVALID;
    struct bytes suite = BYTES_ARRAY(kem_suite);
    struct hash prk = labeled_extract(suite, BYTES_EMPTY, "eae_prk", hash_bytes(&dh));
    uint8_t context[64];
    memcpy(context, enc->b, 32);
    memcpy(context + 32, receiver->b, 32);
    labeled_expand(suite, &prk, "shared_secret", BYTES_ARRAY(context), out_shared->b, HASH_BYTES);
    secret_wipe(&dh, sizeof dh);
    secret_wipe(&prk, sizeof prk);
    return STATUS_OK;
}

enum status seal_decapsulate(const struct seal_private *key, const struct seal_public *enc, struct hash *out_shared) {
    return shared_secret(key, enc, enc, &key->public, out_shared);
}

/* Key and base nonce of a context in base mode. */
struct schedule {
    struct hash shared;
    uint8_t key[GCM_KEY_BYTES];
    uint8_t nonce[GCM_NONCE_BYTES];
};

static void schedule_clear(struct schedule *schedule) { secret_wipe(schedule, sizeof *schedule); }

/* KeySchedule with mode 0 and without a pre-shared key (RFC 9180 section 5.1), from schedule->shared. */
static void schedule_derive(struct schedule *schedule, struct bytes info) {
    struct bytes suite = BYTES_ARRAY(hpke_suite);
    struct hash psk_id = labeled_extract(suite, BYTES_EMPTY, "psk_id_hash", BYTES_EMPTY);
    struct hash info_hash = labeled_extract(suite, BYTES_EMPTY, "info_hash", info);
    uint8_t context[1 + 2 * HASH_BYTES] = {0};
    memcpy(context + 1, psk_id.b, HASH_BYTES);
    memcpy(context + 1 + HASH_BYTES, info_hash.b, HASH_BYTES);
    struct hash secret = labeled_extract(suite, hash_bytes(&schedule->shared), "secret", BYTES_EMPTY);
    labeled_expand(suite, &secret, "key", BYTES_ARRAY(context), schedule->key, sizeof schedule->key);
    labeled_expand(suite, &secret, "base_nonce", BYTES_ARRAY(context), schedule->nonce, sizeof schedule->nonce);
    secret_wipe(&secret, sizeof secret);
}

enum status seal_bytes_ephemeral(const struct seal_private *ephemeral, const struct seal_public *to, struct bytes info,
                                 struct bytes aad, struct bytes plaintext, uint8_t *out) {
    struct schedule schedule CLEANUP(schedule_clear) = {0};
    TRY(shared_secret(ephemeral, to, &ephemeral->public, to, &schedule.shared));
    schedule_derive(&schedule, info);
    struct gcm gcm CLEANUP(gcm_clear) = {0};
    TRY(gcm_init(&gcm, GCM_SEAL, schedule.key));
    TRY(gcm_seal(&gcm, schedule.nonce, aad, plaintext, out + SEAL_ENC_BYTES));
    memcpy(out, ephemeral->public.b, SEAL_ENC_BYTES);
    return STATUS_OK;
}

enum status seal_bytes(const struct seal_public *to, struct bytes info, struct bytes aad, struct bytes plaintext,
                       struct arena *arena, struct bytes *out_sealed) {
    size_t len = 0;
    TRY(checked_add_size(plaintext.len, SEAL_OVERHEAD_BYTES, &len));
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct seal_private *ephemeral CLEANUP(seal_free_cleanup) = NULL;
    TRY(seal_generate(&ephemeral));
    TRY(seal_bytes_ephemeral(ephemeral, to, info, aad, plaintext, memory));
    *out_sealed = BYTES(memory, len);
    return STATUS_OK;
}

/* out has sealed.len - SEAL_OVERHEAD_BYTES bytes. */
static enum status open_into(const struct seal_private *key, struct bytes info, struct bytes aad, struct bytes sealed,
                             uint8_t *out) {
    struct reader reader = reader_init(sealed);
    struct seal_public enc;
    reader_copy(&reader, enc.b, sizeof enc.b);
    struct schedule schedule CLEANUP(schedule_clear) = {0};
    TRY(seal_decapsulate(key, &enc, &schedule.shared));
    schedule_derive(&schedule, info);
    struct gcm gcm CLEANUP(gcm_clear) = {0};
    TRY(gcm_init(&gcm, GCM_OPEN, schedule.key));
    return gcm_open(&gcm, schedule.nonce, aad, reader.rest, out);
}

enum status seal_open(const struct seal_private *key, struct bytes info, struct bytes aad, struct bytes sealed,
                      struct arena *arena, struct bytes *out_plaintext) {
    ENSURE(sealed.len >= SEAL_OVERHEAD_BYTES, STATUS_MALFORMED);
    size_t len = sealed.len - SEAL_OVERHEAD_BYTES;
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    TRY(open_into(key, info, aad, sealed, memory));
    *out_plaintext = BYTES(memory, len);
    return STATUS_OK;
}

enum status seal_open_secret(const struct seal_private *key, struct bytes info, struct bytes aad, struct bytes sealed,
                             struct secret **out_plaintext) {
    ENSURE(sealed.len > SEAL_OVERHEAD_BYTES, STATUS_MALFORMED);
    struct secret *plaintext CLEANUP(secret_free_cleanup) = secret_new(sealed.len - SEAL_OVERHEAD_BYTES);
    ENSURE(plaintext, STATUS_MEMORY);
    TRY(open_into(key, info, aad, sealed, secret_data(plaintext)));
    *out_plaintext = MOVE(plaintext);
    return STATUS_OK;
}
