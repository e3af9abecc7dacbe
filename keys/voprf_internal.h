/*
 * Inner steps of voprf.c with every input given, for the published vectors, which also cover mode 0 (no proof). Nothing
 * but voprf.c and its test includes this: a blind or proof nonce that is used twice gives the key or the input away.
 */
#ifndef KEYS_VOPRF_INTERNAL_H
#define KEYS_VOPRF_INTERNAL_H

#include "keys/voprf.h"

enum voprf_mode { VOPRF_MODE_OPRF = 0, VOPRF_MODE_VOPRF = 1 };

/* DeriveKeyPair in a mode. */
enum status voprf_derive_mode(enum voprf_mode mode, const struct secret *seed, struct bytes info,
                              struct voprf_secret **out_secret);
/* Blind by a given scalar, which the query takes over when all is well. */
enum status voprf_blind_mode(enum voprf_mode mode, struct bytes input, struct secret *blind,
                             struct voprf_query *out_query);
/* Evaluation without a proof. */
enum status voprf_evaluate_plain(const struct voprf_secret *secret, const struct voprf_element *blinded, size_t count,
                                 struct voprf_element *out_evaluated);
/* GenerateProof with a given nonce r, 32 bytes. */
enum status voprf_prove(const struct voprf_secret *secret, const struct voprf_element *blinded,
                        const struct voprf_element *evaluated, size_t count, const struct secret *nonce,
                        struct voprf_proof *out_proof);
/* Unblinds and hashes one. */
enum status voprf_output_of(const struct voprf_query *query, const struct voprf_element *evaluated,
                            struct voprf_output *out_output);

#endif
