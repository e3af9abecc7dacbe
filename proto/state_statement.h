/*
 * What keyd signs with the status key: the state of a consent as seen from one token, and the head of the directory.
 * Signed StateStatement, label SIGNED_STATE; Signed DirectoryHead, label SIGNED_DIRECTORY_HEAD.
 */
#ifndef PROTO_STATE_STATEMENT_H
#define PROTO_STATE_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/hash.h"
#include "proto/codec.h"
#include "proto/ids.h"

enum consent_state {
    CONSENT_STATE_NONE = 0,
    CONSENT_ACTIVE = 1,
    CONSENT_STATE_SUSPENDED = 2,
    CONSENT_STATE_REVOKED = 3, /* this and the following are final */
    CONSENT_STATE_EXPIRED = 4,
    CONSENT_STATE_SUPERSEDED = 5,
};

#define CONSENT_STATE_LAST CONSENT_STATE_SUPERSEDED

struct state_statement {
    uint32_t version;
    const char *federation;
    struct id16 token;
    enum consent_state state;
    uint64_t tree_size;
    uint64_t time_ms;
};

struct directory_head {
    uint32_t version;
    const char *federation;
    uint64_t sequence;
    struct hash head; /* SHA-256 of the newest entry's body */
    uint64_t time_ms;
};

CODEC_DECLARE_BOUND(state_statement, state_statement)
CODEC_DECLARE_BOUND(state_statement_head, directory_head)

#endif
