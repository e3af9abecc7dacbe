/*
 * Owns pseudonym keys and blinds. Trusts libsodium's ristretto255 and SHA-512. Invariants: every element and scalar
 * from outside is canonical and no identity or zero before it is used; scalars that are secret live in struct secret.
 * Names follow RFC 9497 sections 2 and 3.
 */
#include "keys/voprf.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "keys/voprf_group.h"
#include "keys/voprf_internal.h"

#define SCALAR_BYTES VOPRF_SCALAR_BYTES

struct voprf_secret {
    struct secret *scalar;
    struct voprf_public public;
};

/* A scalar that is not secret: a challenge, a weight. */
struct scalar {
    uint8_t b[SCALAR_BYTES];
};

/* Takes scalar over, whatever comes of it. */
static enum status secret_make(struct secret *scalar, struct voprf_secret **out_secret) {
    struct voprf_secret *secret = scalar ? calloc(1, sizeof *secret) : NULL;
    if (!secret) {
        secret_free(scalar);
        return STATUS_MEMORY;
    }
    secret->scalar = scalar;
    if (crypto_scalarmult_ristretto255_base(secret->public.b, secret_bytes(scalar).data) != 0) {
        voprf_free(secret);
        return STATUS_MALFORMED;
    }
    *out_secret = secret;
    return STATUS_OK;
}

static struct secret *scalar_random(void) {
    struct secret *scalar = secret_new(SCALAR_BYTES);
    if (scalar) crypto_core_ristretto255_scalar_random(secret_data(scalar));
    return scalar;
}

enum status voprf_generate(struct voprf_secret **out_secret) { return secret_make(scalar_random(), out_secret); }

enum status voprf_derive_mode(enum voprf_mode mode, const struct secret *seed, struct bytes info,
                              struct voprf_secret **out_secret) {
    ENSURE(secret_len(seed) == 32 && info.len <= UINT16_MAX, STATUS_MALFORMED);
    const uint8_t length[2] = {(uint8_t)(info.len >> 8), (uint8_t)info.len};
    struct secret *scalar CLEANUP(secret_free_cleanup) = secret_new(SCALAR_BYTES);
    ENSURE(scalar, STATUS_MEMORY);
    for (unsigned counter = 0; counter <= UINT8_MAX; counter++) {
        const uint8_t last = (uint8_t)counter;
        const struct bytes parts[] = {secret_bytes(seed), BYTES_ARRAY(length), info, BYTES(&last, 1)};
        voprf_group_scalar(parts, 4, "DeriveKeyPair", mode, secret_data(scalar));
        if (!sodium_is_zero(secret_bytes(scalar).data, SCALAR_BYTES)) return secret_make(MOVE(scalar), out_secret);
    }
    return STATUS_CRYPTO;
}

enum status voprf_derive(const struct secret *seed, struct bytes info, struct voprf_secret **out_secret) {
    return voprf_derive_mode(VOPRF_MODE_VOPRF, seed, info, out_secret);
}

enum status voprf_from_scalar(const struct secret *scalar, struct voprf_secret **out_secret) {
    ENSURE(secret_len(scalar) == SCALAR_BYTES, STATUS_MALFORMED);
    TRY(voprf_group_check(secret_bytes(scalar).data));
    return secret_make(secret_from(secret_bytes(scalar)), out_secret);
}

enum status voprf_scalar(const struct voprf_secret *secret, struct secret **out_scalar) {
    struct secret *scalar = secret_from(secret_bytes(secret->scalar));
    ENSURE(scalar, STATUS_MEMORY);
    *out_scalar = scalar;
    return STATUS_OK;
}

void voprf_free(struct voprf_secret *secret) {
    if (!secret) return;
    secret_free(secret->scalar);
    free(secret);
}

struct voprf_public voprf_public_of(const struct voprf_secret *secret) {
    return secret->public;
}

enum status voprf_blind_mode(enum voprf_mode mode, struct bytes input, struct secret *blind,
                             struct voprf_query *out_query) {
    ENSURE(input.len <= VOPRF_INPUT_MAX, STATUS_TOO_LARGE);
    ENSURE(secret_len(blind) == SCALAR_BYTES, STATUS_MALFORMED);
    TRY(voprf_group_check(secret_bytes(blind).data));
    struct voprf_element element;
    TRY(voprf_group_element(input, mode, &element));
    struct voprf_element blinded;
    enum status status = voprf_group_multiply(secret_bytes(blind).data, element.b, blinded.b);
    secret_wipe(&element, sizeof element);
    TRY(status);
    *out_query = (struct voprf_query){input, blind, blinded};
    return STATUS_OK;
}

enum status voprf_blind(struct bytes input, struct voprf_query *out_query) {
    struct secret *blind CLEANUP(secret_free_cleanup) = scalar_random();
    ENSURE(blind, STATUS_MEMORY);
    TRY(voprf_blind_mode(VOPRF_MODE_VOPRF, input, blind, out_query));
    blind = NULL;
    return STATUS_OK;
}

void voprf_query_clear(struct voprf_query *query) {
    secret_free(query->blind);
    *query = (struct voprf_query){0};
}

/* A value of the transcript: u16 length and bytes, as each one has there. */
static void put_vector(crypto_hash_sha512_state *state, struct bytes from) {
    const uint8_t length[2] = {(uint8_t)(from.len >> 8), (uint8_t)from.len};
    (void)crypto_hash_sha512_update(state, length, sizeof length);
    (void)crypto_hash_sha512_update(state, from.data, from.len);
}

static void put(crypto_hash_sha512_state *state, struct bytes from) {
    (void)crypto_hash_sha512_update(state, from.data, from.len);
}

static enum status check_count(size_t count) {
    ENSURE(count >= 1 && count <= VOPRF_BATCH_MAX, STATUS_LIMIT);
    return STATUS_OK;
}

enum status voprf_evaluate_plain(const struct voprf_secret *secret, const struct voprf_element *blinded, size_t count,
                                 struct voprf_element *out_evaluated) {
    TRY(check_count(count));
    struct voprf_element evaluated[VOPRF_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        TRY(voprf_group_multiply(secret_bytes(secret->scalar).data, blinded[i].b, evaluated[i].b));
    memcpy(out_evaluated, evaluated, count * sizeof *evaluated);
    return STATUS_OK;
}

/* The weight of the index-th pair in the composites. */
static struct scalar weight(const uint8_t seed[crypto_hash_sha512_BYTES], size_t index,
                            const struct voprf_element *blinded, const struct voprf_element *evaluated) {
    const uint8_t seed_len[2] = {0, crypto_hash_sha512_BYTES};
    const uint8_t number[2] = {(uint8_t)(index >> 8), (uint8_t)index};
    const uint8_t element_len[2] = {0, 32};
    const struct bytes parts[] = {BYTES_ARRAY(seed_len),     BYTES(seed, crypto_hash_sha512_BYTES),
                                  BYTES_ARRAY(number),       BYTES_ARRAY(element_len),
                                  BYTES_ARRAY(blinded->b),   BYTES_ARRAY(element_len),
                                  BYTES_ARRAY(evaluated->b), bytes_text("Composite")};
    struct scalar scalar;
    voprf_group_scalar(parts, sizeof parts / sizeof *parts, "HashToScalar-", VOPRF_MODE_VOPRF, scalar.b);
    return scalar;
}

static void composite_seed(const struct voprf_public *key, uint8_t out[crypto_hash_sha512_BYTES]) {
    struct voprf_tag tag;
    voprf_group_tag(&tag, "Seed-", VOPRF_MODE_VOPRF);
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    put_vector(&state, BYTES_ARRAY(key->b));
    put_vector(&state, tag.bytes);
    (void)crypto_hash_sha512_final(&state, out);
}

/* sum += weight * element; the first summand is taken as it is. */
static enum status add_weighted(struct voprf_element *sum, const struct scalar *by, const struct voprf_element *element,
                                size_t index) {
    struct voprf_element product;
    TRY(voprf_group_multiply(by->b, element->b, product.b));
    if (index == 0) {
        *sum = product;
        return STATUS_OK;
    }
    struct voprf_element before = *sum;
    ENSURE(crypto_core_ristretto255_add(sum->b, before.b, product.b) == 0, STATUS_MALFORMED);
    return STATUS_OK;
}

/* M and Z of a batch (ComputeComposites). */
struct composites {
    struct voprf_element m;
    struct voprf_element z;
};

static enum status composites_compute(const struct voprf_public *key, const struct voprf_element *blinded,
                                      const struct voprf_element *evaluated, size_t count,
                                      struct composites *out_composites) {
    uint8_t seed[crypto_hash_sha512_BYTES];
    composite_seed(key, seed);
    for (size_t i = 0; i < count; i++) {
        struct scalar by = weight(seed, i, &blinded[i], &evaluated[i]);
        TRY(add_weighted(&out_composites->m, &by, &blinded[i], i));
        TRY(add_weighted(&out_composites->z, &by, &evaluated[i], i));
    }
    return STATUS_OK;
}

static struct scalar challenge(const struct voprf_public *key, const struct composites *composites,
                               const struct voprf_element *t2, const struct voprf_element *t3) {
    const uint8_t length[2] = {0, 32};
    struct bytes len = BYTES_ARRAY(length);
    const struct bytes parts[] = {len,
                                  BYTES_ARRAY(key->b),
                                  len,
                                  BYTES_ARRAY(composites->m.b),
                                  len,
                                  BYTES_ARRAY(composites->z.b),
                                  len,
                                  BYTES_ARRAY(t2->b),
                                  len,
                                  BYTES_ARRAY(t3->b),
                                  bytes_text("Challenge")};
    struct scalar scalar;
    voprf_group_scalar(parts, sizeof parts / sizeof *parts, "HashToScalar-", VOPRF_MODE_VOPRF, scalar.b);
    return scalar;
}

enum status voprf_prove(const struct voprf_secret *secret, const struct voprf_element *blinded,
                        const struct voprf_element *evaluated, size_t count, const struct secret *nonce,
                        struct voprf_proof *out_proof) {
    ENSURE(secret_len(nonce) == SCALAR_BYTES, STATUS_MALFORMED);
    const uint8_t *r = secret_bytes(nonce).data;
    struct composites composites;
    TRY(composites_compute(&secret->public, blinded, evaluated, count, &composites));
    struct voprf_element t2;
    struct voprf_element t3;
    ENSURE(crypto_scalarmult_ristretto255_base(t2.b, r) == 0, STATUS_MALFORMED);
    TRY(voprf_group_multiply(r, composites.m.b, t3.b));
    struct scalar c = challenge(&secret->public, &composites, &t2, &t3);
    uint8_t product[SCALAR_BYTES];
    crypto_core_ristretto255_scalar_mul(product, c.b, secret_bytes(secret->scalar).data);
    memcpy(out_proof->b, c.b, SCALAR_BYTES);
    crypto_core_ristretto255_scalar_sub(out_proof->b + SCALAR_BYTES, r, product);
    secret_wipe(product, sizeof product);
    return STATUS_OK;
}

enum status voprf_evaluate(const struct voprf_secret *secret, const struct voprf_element *blinded, size_t count,
                           struct voprf_element *out_evaluated, struct voprf_proof *out_proof) {
    struct secret *nonce CLEANUP(secret_free_cleanup) = scalar_random();
    ENSURE(nonce, STATUS_MEMORY);
    struct voprf_element evaluated[VOPRF_BATCH_MAX];
    TRY(voprf_evaluate_plain(secret, blinded, count, evaluated));
    TRY(voprf_prove(secret, blinded, evaluated, count, nonce, out_proof));
    memcpy(out_evaluated, evaluated, count * sizeof *evaluated);
    return STATUS_OK;
}

/* s * a + c * b; a NULL is the generator. */
static enum status commitment(const uint8_t s[SCALAR_BYTES], const uint8_t *a, const uint8_t c[SCALAR_BYTES],
                              const uint8_t *b, struct voprf_element *out_sum) {
    struct voprf_element left;
    struct voprf_element right;
    if (a) {
        TRY(voprf_group_multiply(s, a, left.b));
    } else {
        ENSURE(crypto_scalarmult_ristretto255_base(left.b, s) == 0, STATUS_MALFORMED);
    }
    TRY(voprf_group_multiply(c, b, right.b));
    ENSURE(crypto_core_ristretto255_add(out_sum->b, left.b, right.b) == 0, STATUS_MALFORMED);
    return STATUS_OK;
}

/* VerifyProof. */
static enum status check_proof(const struct voprf_public *key, const struct voprf_element *blinded,
                               const struct voprf_element *evaluated, size_t count, const struct voprf_proof *proof) {
    const uint8_t *c = proof->b;
    const uint8_t *s = proof->b + SCALAR_BYTES;
    ENSURE(voprf_group_check(c) == STATUS_OK && voprf_group_check(s) == STATUS_OK, STATUS_PROOF);
    struct composites composites;
    TRY(composites_compute(key, blinded, evaluated, count, &composites));
    struct voprf_element t2;
    struct voprf_element t3;
    TRY(commitment(s, NULL, c, key->b, &t2));
    TRY(commitment(s, composites.m.b, c, composites.z.b, &t3));
    struct scalar expected = challenge(key, &composites, &t2, &t3);
    ENSURE(sodium_memcmp(expected.b, c, SCALAR_BYTES) == 0, STATUS_PROOF);
    return STATUS_OK;
}

enum status voprf_output_of(const struct voprf_query *query, const struct voprf_element *evaluated,
                            struct voprf_output *out_output) {
    struct secret *inverse CLEANUP(secret_free_cleanup) = secret_new(SCALAR_BYTES);
    ENSURE(inverse, STATUS_MEMORY);
    ENSURE(crypto_core_ristretto255_scalar_invert(secret_data(inverse), secret_bytes(query->blind).data) == 0,
           STATUS_MALFORMED);
    struct voprf_element unblinded;
    TRY(voprf_group_multiply(secret_bytes(inverse).data, evaluated->b, unblinded.b));
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    put_vector(&state, query->input);
    put_vector(&state, BYTES_ARRAY(unblinded.b));
    put(&state, bytes_text("Finalize"));
    (void)crypto_hash_sha512_final(&state, out_output->b);
    secret_wipe(&unblinded, sizeof unblinded);
    secret_wipe(&state, sizeof state);
    return STATUS_OK;
}

enum status voprf_finalize(const struct voprf_public *key, const struct voprf_query *queries,
                           const struct voprf_element *evaluated, size_t count, const struct voprf_proof *proof,
                           struct voprf_output *out_outputs) {
    TRY(check_count(count));
    struct voprf_element blinded[VOPRF_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        blinded[i] = queries[i].blinded;
    TRY(check_proof(key, blinded, evaluated, count, proof));
    struct voprf_output outputs[VOPRF_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        TRY(voprf_output_of(&queries[i], &evaluated[i], &outputs[i]));
    memcpy(out_outputs, outputs, count * sizeof *outputs);
    return STATUS_OK;
}
