/*
 * Verifiable oblivious pseudorandom function, RFC 9497, ristretto255-SHA512, mode 1 (VOPRF). The client blinds its
 * input, the server evaluates it under its key without seeing it and proves that it used the key of its public key; the
 * client checks the proof and finalises. The same input and key give the same 64 bytes, whatever the blind.
 *
 * Elements are the 32-byte encoding of a ristretto255 element; anything not canonical, and the identity, is refused.
 * Any thread.
 */
#ifndef KEYS_VOPRF_H
#define KEYS_VOPRF_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"

#define VOPRF_BATCH_MAX 64
#define VOPRF_INPUT_MAX 65535

struct voprf_public {
    uint8_t b[32];
};

struct voprf_element {
    uint8_t b[32];
};

struct voprf_proof {
    uint8_t b[64];
};

/* The pseudonym; a value that only the asking member and whoever it tells may know. */
struct voprf_output {
    uint8_t b[64];
};

struct voprf_secret;

/* A fresh key. STATUS_MEMORY. The caller frees. */
enum status voprf_generate(struct voprf_secret **out_secret);
/* DeriveKeyPair (RFC 9497 section 3.2.1): seed has 32 bytes, info at most 65535. STATUS_MALFORMED, STATUS_MEMORY. */
enum status voprf_derive(const struct secret *seed, struct bytes info, struct voprf_secret **out_secret);
/* From a 32-byte little-endian scalar; STATUS_MALFORMED when not canonical or zero. STATUS_MEMORY. */
enum status voprf_from_scalar(const struct secret *scalar, struct voprf_secret **out_secret);
/* The scalar, for sealing into a file. STATUS_MEMORY. The caller frees. */
enum status voprf_scalar(const struct voprf_secret *secret, struct secret **out_scalar);
/* Wipes. Takes NULL. */
void voprf_free(struct voprf_secret *secret);
CLEANUP_POINTER(struct voprf_secret, voprf_free)

struct voprf_public voprf_public_of(const struct voprf_secret *secret);

/* One input under way. input is a view that must outlive the query; blind is owned: voprf_query_clear. */
struct voprf_query {
    struct bytes input;
    struct secret *blind;
    struct voprf_element blinded; /* what the server gets */
};

/* Client: draws a blind. STATUS_TOO_LARGE above VOPRF_INPUT_MAX, STATUS_INVALID for an input that hashes to the
 * identity, STATUS_MEMORY. */
enum status voprf_blind(struct bytes input, struct voprf_query *out_query);
/* Wipes the blind; fine for a zeroed query. */
void voprf_query_clear(struct voprf_query *query);

/* Server: evaluates 1 to VOPRF_BATCH_MAX elements, with one proof for all. Outputs are untouched on failure.
 * STATUS_LIMIT for another count, STATUS_MALFORMED when an element is not valid, STATUS_MEMORY. */
enum status voprf_evaluate(const struct voprf_secret *secret, const struct voprf_element *blinded, size_t count,
                           struct voprf_element *out_evaluated, struct voprf_proof *out_proof);

/* Client: checks the proof against the pinned key, then finalises all. STATUS_PROOF when it does not hold,
 * STATUS_MALFORMED when an element or the key is not valid, STATUS_LIMIT for another count, STATUS_MEMORY. */
enum status voprf_finalize(const struct voprf_public *key, const struct voprf_query *queries,
                           const struct voprf_element *evaluated, size_t count, const struct voprf_proof *proof,
                           struct voprf_output *out_outputs);

#endif
