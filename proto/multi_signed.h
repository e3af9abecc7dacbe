/*
 * Objects with several signatures over the same frame F(label, federation, body), key ids ascending: directory entries,
 * member records, agreements (docs/protocol.md section 1). Any thread.
 */
#ifndef PROTO_MULTI_SIGNED_H
#define PROTO_MULTI_SIGNED_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/sign.h"

struct multi_signature {
    struct hash key_id;
    struct sign_signature signature;
};

/* Not yet verified when it was just parsed. whole is the view that was parsed. */
struct multi_signed {
    struct bytes body;
    const struct multi_signature *signatures;
    size_t n_signatures;
    struct bytes whole;
};

/* Errors of codec_parse; STATUS_MALFORMED unless key ids ascend without repeats. Nothing is verified. */
enum status multi_signed_parse(struct arena *arena, struct bytes from, struct multi_signed *out);

/* A body with its first signature. Errors as signed_make. */
enum status multi_signed_make(struct arena *arena, const char *label, const char *federation, struct bytes body,
                              const struct sign_private *key, struct bytes *out_whole);

/* The same object with one more signature. STATUS_CONFLICT when this key signed already, STATUS_TOO_LARGE above 64,
 * STATUS_MEMORY. */
enum status multi_signed_add(struct arena *arena, const char *label, const char *federation,
                             const struct multi_signed *object, const struct sign_private *key,
                             struct bytes *out_whole);

/* Holds when at least `threshold` of the keys signed. Signatures by other keys are ignored; a bad signature under one
 * of the keys rejects the object. A key that stands twice in the list counts once. threshold 0 is refused.
 * STATUS_SIGNATURE. */
enum status multi_signed_verify_threshold(const char *label, const char *federation, const struct multi_signed *object,
                                          const struct sign_public *keys, size_t key_count, size_t threshold);

/* SHA-256 of the whole encoding. */
struct hash multi_signed_hash(const struct multi_signed *object);

#endif
