/*
 * Messages between core and the broker's other faces, portal and operator, over Unix sockets of one host; and the parts
 * of an exported directory (docs/protocol.md section 14).
 */
#ifndef PROTO_INTERNAL_MSG_H
#define PROTO_INTERNAL_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/codec.h"

enum portal_op {
    PORTAL_NONE = 0,
    PORTAL_DEVICES_POST = 1,
    PORTAL_DEVICES_GET = 2,
    PORTAL_DEVICES_DELETE = 3,
    PORTAL_REQUESTS_GET = 4,
    PORTAL_DECISION = 5,
    PORTAL_READ_REQUEST = 6,
    PORTAL_CONSENTS_GET = 7,
    PORTAL_CONSENT_REVOKE = 8,
    PORTAL_CONSENT_SUSPEND = 9,
    PORTAL_CONSENT_RESUME = 10,
    PORTAL_ACCESSES_GET = 11,
    PORTAL_PLAN_GET = 12,
    PORTAL_CODE = 13,       /* revocation by code: no proof */
    PORTAL_CHECKPOINT = 14, /* the log: no proof */
    PORTAL_TILE = 15,
    PORTAL_ENTRIES = 16,
    PORTAL_TIME = 17,
    PORTAL_RECEIPT = 18,
};

#define PORTAL_LAST PORTAL_RECEIPT

struct portal_ask {
    enum portal_op op;
    const char *method;
    const char *url;    /* htu: public_url and path, no query */
    struct bytes proof; /* DPoP proof as it came */
    struct bytes id;    /* what stood in the path */
    struct bytes body;  /* JSON as it came */
    uint64_t a;         /* tile level; cursor */
    uint64_t b;         /* tile index; limit */
    uint32_t width;     /* partial tile, 0: full */
};

struct portal_reply {
    uint32_t status; /* HTTP status */
    const char *content_type;
    struct bytes body;
    struct bytes nonce; /* DPoP-Nonce for the next request */
    uint32_t max_age_s; /* 0: no-store */
};

enum operator_verb {
    OPERATOR_NONE = 0,
    OPERATOR_STATUS = 1,
    OPERATOR_DIRECTORY_ADD = 2, /* body: MultiSigned DirectoryEntry */
    OPERATOR_DIRECTORY_HEAD = 3,
    OPERATOR_EXPORT = 4,      /* a: first leaf index, b: count */
    OPERATOR_EXPORT_KEYS = 5, /* a: first slot, b: count; appends AUDITED */
    OPERATOR_CONFIRM_CLOCK = 6,
    OPERATOR_GO_ON = 7, /* without the witnesses' last word */
    OPERATOR_IDENTITY = 8,
    OPERATOR_EXPORT_EVIDENCE = 9, /* a: first leaf index, b: count */
};

#define OPERATOR_LAST OPERATOR_EXPORT_EVIDENCE

struct operator_ask {
    enum operator_verb verb;
    struct bytes body;
    uint64_t a;
    uint64_t b;
};

struct operator_reply {
    uint32_t code; /* enum reply_code */
    const char *text;
    struct bytes body;
};

struct export_leaf {
    struct bytes leaf;    /* exact bytes */
    struct bytes nonce;   /* 32; empty when sealed */
    uint64_t slot;        /* slot + 1; 0: not sealed */
    struct bytes opening; /* nonce and opening sealed together, or the opening; empty: gone */
};

struct export_part {
    const struct export_leaf *leaves;
    size_t n_leaves;
    struct bytes checkpoint;
};

struct evidence_item {
    struct hash hash;
    uint64_t slot; /* slot + 1; 0: not sealed */
    struct bytes content;
};

struct evidence_part {
    const struct evidence_item *items;
    size_t n_items;
};

struct slot_key {
    uint64_t slot;
    struct bytes key; /* 32 */
};

/* The keys of persons, for one audit. They lie in the arena: move them into secrets, then internal_slot_keys_wipe. */
struct slot_keys {
    const struct slot_key *keys;
    size_t n_keys;
};

CODEC_DECLARE(internal_portal_ask, portal_ask)
CODEC_DECLARE(internal_portal_reply, portal_reply)
CODEC_DECLARE(internal_operator_ask, operator_ask)
CODEC_DECLARE(internal_operator_reply, operator_reply)
CODEC_DECLARE(internal_export_part, export_part)
CODEC_DECLARE(internal_evidence_part, evidence_part)
CODEC_DECLARE(internal_slot_keys, slot_keys)

/* Wipes every key of parsed slot keys. */
void internal_slot_keys_wipe(struct slot_keys *keys);

#endif
