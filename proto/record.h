/*
 * What the directory is made of: member records, agreements, rules, epochs and the entries that carry them
 * (docs/protocol.md section 12, object.proto). Plain values after codec_parse; what only several of them together can
 * break is checked where they are folded into a directory.
 */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "keys/voprf.h"
#include "proto/codec.h"
#include "proto/ids.h"

struct text {
    const char *lang; /* BCP 47 */
    const char *text;
};

enum key_state {
    KEY_STATE_NONE = 0,
    KEY_ACTIVE = 1,
    KEY_RETIRED = 2, /* verifies what stands in the log before the record that retired it */
    KEY_REVOKED = 3, /* verifies nothing after that record */
};

struct sign_key {
    struct sign_public key;
    enum key_state state;
};

struct unit {
    const char *id;
    const struct text *names;
    size_t n_names;
    struct seal_public seal_key;
};

struct member_record {
    uint32_t version;
    const char *federation;
    const char *member;
    uint64_t revision;
    const struct text *names;
    size_t n_names;
    const struct unit *units;
    size_t n_units;
    const struct sign_key *sign_keys;
    size_t n_sign_keys;
    const struct hash *link_certs;
    size_t n_link_certs;
    const char *witness; /* C2SP verifier key, or empty: does not witness */
    bool identifies_people;
    const char *contact;
};

struct agreement {
    uint32_t version;
    const char *federation;
    struct id16 id;
    uint64_t revision;
    const char *const *units; /* ascending */
    size_t n_units;
    const uint32_t *kinds; /* enum kind, ascending */
    size_t n_kinds;
    const char *const *purposes;
    size_t n_purposes;
    uint64_t longest_consent_s;
    const char *const *attesters;
    size_t n_attesters;
    const char *const *self_read_attesters;
    size_t n_self_read_attesters;
    bool recipient_may_attest;
    const char *legal_note;
    uint64_t valid_from_ms;
    uint64_t valid_until_ms; /* 0: no end */
};

struct agreement_end {
    uint32_t version;
    const char *federation;
    struct id16 id;
    const char *member; /* the party that ends it */
};

struct purpose {
    const char *code;
    const struct text *texts;
    size_t n_texts;
};

struct rules {
    uint32_t version;
    const char *federation;
    uint64_t revision;
    const struct purpose *purposes;
    size_t n_purposes;
    uint64_t longest_consent_s;
    uint32_t most_sources;
    uint32_t most_pending;
    uint32_t cosignatures; /* K */
    const char *const *witnesses;
    size_t n_witnesses;
};

struct epoch {
    uint32_t version;
    const char *federation;
    uint64_t epoch;
    const char *log_vkey;
    struct sign_public status_key;
    uint32_t pseudonym_version;
    struct voprf_public pseudonym_key;
    uint32_t authority_threshold;
    const struct sign_public *authority_keys;
    size_t n_authority_keys;
    struct bytes previous_checkpoint; /* empty for the first */
    uint64_t restored_size;
};

struct member_removal {
    uint32_t version;
    const char *federation;
    const char *member;
    const char *reason;
};

enum directory_type {
    DIRECTORY_NONE = 0,
    DIRECTORY_EPOCH = 1,
    DIRECTORY_MEMBER = 2,
    DIRECTORY_MEMBER_REMOVED = 3,
    DIRECTORY_AGREEMENT = 4,
    DIRECTORY_AGREEMENT_ENDED = 5,
    DIRECTORY_RULES = 6,
};

struct directory_entry {
    uint32_t version;
    const char *federation;
    uint64_t sequence;
    struct hash previous; /* of the previous entry's body; zeros for the first */
    enum directory_type type;
    struct bytes object;
};

CODEC_DECLARE_BOUND(record_member, member_record)
CODEC_DECLARE_BOUND(record_agreement, agreement)
CODEC_DECLARE_BOUND(record_agreement_end, agreement_end)
CODEC_DECLARE_BOUND(record_rules, rules)
CODEC_DECLARE_BOUND(record_epoch, epoch)
CODEC_DECLARE_BOUND(record_removal, member_removal)
CODEC_DECLARE_BOUND(record_entry, directory_entry)

#endif
