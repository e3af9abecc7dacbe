/*
 * A key grant: the content key sealed by HPKE to one recipient key (docs/protocol.md section 4). A Signed KeyGrant,
 * label SIGNED_GRANT, by a key of the source's member. Any thread.
 */
#ifndef PROTO_KEY_GRANT_H
#define PROTO_KEY_GRANT_H

#include <stdint.h>

#include "keys/hash.h"
#include "keys/seal.h"
#include "proto/codec.h"
#include "proto/ids.h"
#include "proto/kind.h"

#define KEY_GRANT_SEALED_BYTES 48

struct key_grant {
    uint32_t version;
    const char *federation;
    struct bytes token; /* 16 bytes, or empty for a device's own reading */
    struct id16 fragment;
    uint32_t revision;
    enum kind kind;
    const char *purpose;          /* empty for a device */
    struct hash header_hash;      /* of the Signed header */
    const char *recipient;        /* unit, or text form of the device's thumbprint */
    struct hash recipient_key_id; /* seal_key_id of the recipient key */
    uint8_t enc[SEAL_ENC_BYTES];
    uint8_t sealed[KEY_GRANT_SEALED_BYTES]; /* content key and tag */
    struct bytes state;                     /* Signed StateStatement relied on; empty for a device */
    struct bytes release_event;             /* 16 bytes for access once, else empty */
};

CODEC_DECLARE_BOUND(key_grant, key_grant)

/* The HPKE info of a grant: F("sluss grant info v1", ...) over what it is bound to. In the arena. STATUS_MEMORY. */
enum status key_grant_info(struct arena *arena, const struct key_grant *grant, struct bytes *out_info);

#endif
