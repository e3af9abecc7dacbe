/*
 * Arithmetic and hashing of RFC 9497's ciphersuite ristretto255-SHA512, for voprf.c: hashing to scalars and elements is
 * RFC 9380 expand_message_xmd with SHA-512. Any thread.
 */
#ifndef KEYS_VOPRF_GROUP_H
#define KEYS_VOPRF_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "keys/voprf.h"
#include "keys/voprf_internal.h"

#define VOPRF_SCALAR_BYTES 32

/* A domain separation tag: prefix || "OPRFV1-" || mode || "-ristretto255-SHA512". */
struct voprf_tag {
    uint8_t memory[64];
    struct bytes bytes;
};

void voprf_group_tag(struct voprf_tag *tag, const char *prefix, enum voprf_mode mode);

/* HashToScalar over the parts of a message; prefix is that of the tag. */
void voprf_group_scalar(const struct bytes *parts, size_t count, const char *prefix, enum voprf_mode mode,
                        uint8_t out[VOPRF_SCALAR_BYTES]);
/* HashToGroup. STATUS_INVALID for the identity. */
enum status voprf_group_element(struct bytes input, enum voprf_mode mode, struct voprf_element *out_element);
/* DeserializeScalar: STATUS_MALFORMED unless below the order of the group and not zero. */
enum status voprf_group_check(const uint8_t scalar[VOPRF_SCALAR_BYTES]);
/* scalar * element; STATUS_MALFORMED for an element that is not canonical and for any identity. */
enum status voprf_group_multiply(const uint8_t scalar[VOPRF_SCALAR_BYTES], const uint8_t element[32], uint8_t out[32]);

#endif
