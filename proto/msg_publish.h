/*
 * Messages of a source about its own fragments: PUBLISH, WITHDRAW, ERASE, and the answer that is only a receipt.
 */
#ifndef PROTO_MSG_PUBLISH_H
#define PROTO_MSG_PUBLISH_H

#include <stddef.h>

#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/codec.h"
#include "proto/ids.h"

struct msg_publish {
    struct bytes header; /* Signed FragmentHeader */
    struct bytes ciphertext;
    const struct bytes *grants; /* Signed KeyGrant each */
    size_t n_grants;
};

struct msg_withdraw {
    struct id16 fragment;
};

struct msg_erase {
    struct hash subject;
    const char *reason;
};

/* Answers PUBLISH, WITHDRAW, REQUEST_CONSENT, REVOKE, ACKNOWLEDGE, ATTEST and ERASE. */
struct msg_receipted {
    struct bytes receipt; /* tlog-proof text */
};

CODEC_DECLARE(msg_publish, msg_publish)
CODEC_DECLARE(msg_withdraw, msg_withdraw)
CODEC_DECLARE(msg_erase, msg_erase)
CODEC_DECLARE(msg_receipted, msg_receipted)

#endif
