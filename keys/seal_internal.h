/*
 * Inner steps of seal.c with every input given, for the published vectors. Nothing but seal.c and its test includes
 * this: sealing twice under one ephemeral key would repeat a nonce.
 */
#ifndef KEYS_SEAL_INTERNAL_H
#define KEYS_SEAL_INTERNAL_H

#include "keys/seal.h"

/* DHKEM's shared secret as the receiver computes it (RFC 9180 section 4.1, Decap); the same for every AEAD.
 * STATUS_INVALID when enc is of small order. The caller wipes it. */
enum status seal_decapsulate(const struct seal_private *key, const struct seal_public *enc, struct hash *out_shared);

/* seal_bytes under a given ephemeral key; out has plaintext.len + SEAL_OVERHEAD_BYTES bytes. */
enum status seal_bytes_ephemeral(const struct seal_private *ephemeral, const struct seal_public *to, struct bytes info,
                                 struct bytes aad, struct bytes plaintext, uint8_t *out);

#endif
