/*
 * The header of a fragment: what the broker sees of it (docs/protocol.md section 4). A Signed FragmentHeader, label
 * SIGNED_HEADER, by a key of the source's member, around the exact bytes of the core. Any thread.
 */
#ifndef PROTO_FRAGMENT_HEADER_H
#define PROTO_FRAGMENT_HEADER_H

#include <stdint.h>

#include "keys/content.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/codec.h"
#include "proto/ids.h"
#include "proto/kind.h"
#include "proto/signed.h"

struct fragment_core {
    uint32_t version;
    struct id16 fragment;
    uint32_t revision;     /* from 1 */
    struct bytes replaces; /* 32 bytes: hash of the Signed header before; empty for revision 1, and only then */
    struct hash subject;   /* handle */
    const char *source;    /* unit */
    enum kind kind;
    uint64_t created_ms;
    uint64_t expires_ms; /* 0: none */
    const char *media_type;
    uint32_t schema;
    uint8_t random[CONTENT_RANDOM_BYTES];
};

struct fragment_header {
    struct bytes core; /* exact bytes of the core */
    uint64_t ciphertext_len;
    struct hash ciphertext_hash;
    struct hash commitment;
};

/* A signed header taken apart, not yet verified. */
struct fragment_signed {
    struct signed_object object;
    struct fragment_header header;
    struct fragment_core core;
    struct hash hash; /* of the whole signed header */
};

CODEC_DECLARE(fragment_header, fragment_header)

extern const struct codec fragment_header_core_codec;
CODEC_DECLARE_ENCODE(fragment_header_core, fragment_core)
/* STATUS_MALFORMED also when `replaces` does not fit the revision. */
enum status fragment_header_core_parse(struct arena *arena, struct bytes from, struct fragment_core *out);

/* Verifies with the key, then parses header and core. STATUS_SIGNATURE, errors of codec_parse, and STATUS_MEMORY.
 * Whether the key may sign for the source unit is the caller's to check: the core names it. */
enum status fragment_header_open(struct arena *arena, const char *federation, struct bytes whole,
                                 const struct sign_public *key, struct fragment_signed *out);

/* Takes a signed header apart without verifying, to find out whose key to ask for. */
enum status fragment_header_split(struct arena *arena, struct bytes whole, struct fragment_signed *out);

#endif
