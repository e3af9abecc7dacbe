/*
 * What the log holds: leaves, the openings that they commit to, and what a receipt carries besides the proof
 * (docs/protocol.md section 9). Event ids, tags and commitments are derived in proto/derive.h.
 */
#ifndef PROTO_LEAF_H
#define PROTO_LEAF_H

#include <stddef.h>
#include <stdint.h>

#include "keys/hash.h"
#include "proto/codec.h"
#include "proto/ids.h"

enum leaf_type {
    LEAF_NONE = 0,
    LEAF_EPOCH = 1,
    LEAF_MEMBER = 2,
    LEAF_MEMBER_REMOVED = 3,
    LEAF_AGREEMENT = 4,
    LEAF_AGREEMENT_ENDED = 5,
    LEAF_RULES = 6,
    LEAF_DEVICE_ENROLLED = 7,
    LEAF_DEVICE_REMOVED = 8,
    LEAF_READ_REQUESTED = 9,
    LEAF_PUBLISHED = 10,
    LEAF_WITHDRAWN = 11,
    LEAF_GRANTED_KEY = 12,
    LEAF_CONSENT_REQUESTED = 13,
    LEAF_CONSENT_GRANTED = 14,
    LEAF_CONSENT_REFUSED = 15,
    LEAF_CONSENT_SUSPENDED = 16,
    LEAF_CONSENT_RESUMED = 17,
    LEAF_CONSENT_REVOKED = 18,
    LEAF_CONSENT_EXPIRED = 19,
    LEAF_CONSENT_SUPERSEDED = 20,
    LEAF_RELEASED = 21,
    LEAF_REFUSED = 22,
    LEAF_ACKNOWLEDGED = 23,
    LEAF_ERASED = 24,
    LEAF_EVALUATIONS = 25,
    LEAF_PORTAL_ASSETS = 26,
    LEAF_AUDITED = 27,
};

#define LEAF_LAST LEAF_AUDITED

struct leaf {
    uint32_t version;
    enum leaf_type type;
    struct id16 event;
    uint64_t time_ms;        /* never decreasing in the log */
    struct id16 subject_tag; /* zeros where there is no subject */
    struct hash commitment;
};

struct opening_item {
    struct id16 fragment;
    uint32_t revision;
    struct hash header_hash;
    struct hash ciphertext_hash;
    struct bytes grant_hash; /* 32 bytes, or empty where there is none */
    uint32_t clause;         /* 0: passes, else the clause that refused it */
};

/* Every input of a decision. Of the fields that may be absent, docs/protocol.md says by type which are set. */
struct opening {
    uint32_t version;
    enum leaf_type type;
    uint32_t stage;               /* of the rule; 0 where it was not asked */
    uint32_t clause;              /* 0: passes */
    uint64_t now_ms;              /* = leaf time */
    struct bytes slot_commitment; /* 32 or empty */
    struct bytes subject;         /* 32 or empty */
    const char *actor;            /* unit, member, device's text thumbprint, "broker", "authority", "operator" */
    struct bytes cause;           /* 32 or empty */
    struct bytes request;         /* 16 or empty */
    struct bytes consent;         /* 16 or empty */
    struct bytes token;           /* 16 or empty */
    struct bytes device;          /* 32 or empty */
    uint64_t directory_sequence;
    const struct opening_item *items;
    size_t n_items;
    const struct hash *evidence;
    size_t n_evidence;
    const char *purpose;
    const uint32_t *kinds; /* enum kind */
    size_t n_kinds;
    const char *recipient;
    const char *source;
    uint64_t number;
    uint64_t prior_leaf; /* index + 1 of the leaf that this one relies on, 0: none */
};

struct receipt_extra {
    struct bytes leaf; /* exact bytes */
    struct hash nonce;
    struct bytes opening; /* exact bytes */
};

CODEC_DECLARE(leaf, leaf)
CODEC_DECLARE(leaf_opening, opening)
CODEC_DECLARE(leaf_receipt_extra, receipt_extra)

/* "PUBLISHED", ...: the type's name in docs/protocol.md; NULL for a number that is no type. */
const char *leaf_type_name(enum leaf_type type);

#endif
