/*
 * What stands after the leaves folded so far. Only for the files of the reducer. Records live in tables and never move;
 * names (units, members, purposes) are interned, so that equal names are equal pointers.
 */
#ifndef BROKER_AUDIT_REDUCER_STATE_H
#define BROKER_AUDIT_REDUCER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/audit/reducer.h"
#include "broker/audit/table.h"
#include "keys/hash.h"
#include "proto/ids.h"
#include "proto/leaf.h"
#include "proto/limits.h"
#include "proto/rule.h"
#include "proto/state_statement.h"

struct fold_person {
    struct hash handle; /* key */
    uint64_t slot;
    struct fold_device *devices;
    struct fold_fragment *fragments;
    struct fold_consent *consents;
};

enum fold_device_state { FOLD_DEVICE_ACTIVE, FOLD_DEVICE_SUSPENDED, FOLD_DEVICE_REMOVED };

struct fold_device {
    struct hash device; /* key: thumbprint */
    struct fold_person *person;
    struct fold_device *next; /* of the person */
    enum fold_device_state state;
    const char *attester; /* member */
    struct hash attestation;
    struct hash last_statement;
    bool has_statement;
    /* Statements that the log does not show: a countersignature for each device enrolled after this one. */
    unsigned unseen;
    struct fold_read *reads;
};

/* A source that a device has asked for its own reading. */
struct fold_read {
    const char *source;
    struct fold_read *next;
};

struct fold_request {
    struct id16 request; /* key */
    struct fold_person *person;
    struct hash hash; /* of the Signed request */
    uint64_t leaf;
    uint64_t expires_ms;
    bool decided;
};

/* One change of a consent's state. */
struct fold_change {
    uint64_t leaf;
    uint64_t time_ms;
    enum consent_state state; /* after it */
    struct fold_change *before;
};

struct fold_consent {
    struct id16 consent; /* key */
    struct fold_person *person;
    struct fold_device *device;
    struct fold_token *tokens;
    struct fold_consent *next; /* of the person */
    struct fold_change *newest;
    enum consent_state state;
};

struct fold_token {
    struct id16 jti; /* key */
    struct fold_consent *consent;
    struct fold_token *next; /* of the consent */
    enum consent_state state;
    struct hash hash; /* of the compact token */
    struct hash rev;
    const char *to;
    const char *from;
    const char *purpose;
    uint32_t kinds[LIMIT_KINDS];
    uint8_t n_kinds;
    enum access access;
    uint64_t iat_s;
    uint64_t nbf_s;
    uint64_t exp_s;
    uint64_t leaf;
    struct id16 used; /* the RELEASED event of access once; zeros before */
};

struct fold_fragment {
    struct id16 fragment; /* key */
    struct fold_person *person;
    struct fold_fragment *next; /* of the person */
    const char *source;
    enum kind kind;
    uint32_t revision;
    bool withdrawn;
    uint64_t expires_ms;
    struct hash header_hash;
    struct hash ciphertext_hash;
};

struct fold_grant_key {
    struct id16 token;
    struct id16 fragment;
};

/* The newest grant for a token and a fragment. */
struct fold_grant {
    struct fold_grant_key key;
    uint32_t revision;
    struct hash hash; /* of the Signed grant */
    struct hash recipient_key_id;
};

/* A released page of a consent of access once, that a source grants against. */
struct fold_release {
    struct id16 event; /* key */
    struct fold_token *token;
};

struct fold_name {
    struct hash hash; /* key: of the text */
    char *text;
};

/* An opening that is gone, and an erasure that may account for it. */
struct fold_gone {
    uint64_t slot;
    uint64_t leaf;
};
struct fold_erasure {
    uint64_t leaf;
    uint64_t number;
    bool matched;
};

/* The tokens of one decision: they stand in the log one after the other, with what they supersede. */
struct fold_decision {
    bool open;
    struct id16 consent;
    struct id16 first_jti;
    struct token *first; /* of the decision's own arena, as is all here */
    struct hash notice;
    const struct directory *directory;
    struct bytes notice_text;
    uint64_t leaf;
    const char *sources[LIMIT_TOKENS];
    size_t n_sources;
    struct fold_consent *superseded[LIMIT_TOKENS];
    uint64_t superseded_leaf[LIMIT_TOKENS];
    size_t n_superseded;
    size_t request_sources;
};

struct reducer {
    const char *federation;
    enum reducer_scope scope;
    finding_fn *report;
    void *report_context;
    struct table persons;
    struct table devices;
    struct table requests;
    struct table consents;
    struct table tokens;
    struct table fragments;
    struct table grants;
    struct table releases;
    struct table names;
    struct arena *small; /* changes and reads: never freed before the end */
    struct arena *decision_arena;
    struct fold_decision decision;
    struct fold_gone *gone;
    size_t n_gone;
    size_t gone_room;
    struct fold_erasure *erasures;
    size_t n_erasures;
    uint64_t last_ms;
};

/* ---- lookups ---- */

/* An equal name is the same pointer; NULL when memory is out. */
const char *reducer_name(struct reducer *reducer, const char *text);
/* The person of the opening, made when it is new. NULL when the opening has no subject, or memory is out. */
struct fold_person *reducer_person(struct reducer *reducer, const struct audit_leaf *leaf);
/* By the id fields of an opening, which may be empty; NULL when there is none. */
struct fold_token *reducer_token(const struct reducer *reducer, struct bytes jti);
struct fold_consent *reducer_consent(const struct reducer *reducer, struct bytes consent);
struct fold_request *reducer_request(const struct reducer *reducer, struct bytes request);
struct fold_device *reducer_device(const struct reducer *reducer, struct bytes device);

/* ---- judging ---- */

void reducer_report(const struct reducer *reducer, uint64_t leaf, enum finding_name name, const char *text);
/* The same under the name of a clause of the rule. */
void reducer_report_clause(const struct reducer *reducer, uint64_t leaf, enum rule_clause clause, const char *text);

/* Reports unless the condition holds; yields it. */
bool reducer_expect(const struct reducer *reducer, const struct audit_leaf *leaf, bool holds, enum finding_name name,
                    const char *text);

/* Judges the envelope: of this type, signed by the sender's member, sent by the opening's actor, at the leaf's time,
 * under the leaf's event. False when there is no message of this type to go on with. A key that is not active is not
 * judged here when `key_judged` says that a clause does. */
bool reducer_envelope(const struct reducer *reducer, const struct audit_leaf *leaf, enum message_type type,
                      bool key_judged);

/* The leaf's event is that of the message of this sender, for some leaf of it. */
bool reducer_event(const struct reducer *reducer, const struct audit_leaf *leaf, const char *sender,
                   const struct id16 *message);

/* A Signed object verifies under an active key of the member. */
bool reducer_signed_by(const struct audit_signed *object, const char *unit_or_member);

/* ---- by type of leaf; each STATUS_MEMORY at most ---- */

typedef enum status reducer_fold_fn(struct reducer *reducer, const struct audit_leaf *leaf);

reducer_fold_fn fold_device_enrolled, fold_device_removed, fold_device_read;
reducer_fold_fn fold_consent_requested, fold_consent_granted, fold_consent_refused;
reducer_fold_fn fold_change_ordered, fold_change_expired, fold_change_superseded, fold_change_acknowledged;
reducer_fold_fn fold_fragment_published, fold_fragment_withdrawn, fold_erasure_erased;
reducer_fold_fn fold_grant_granted, fold_release_page;

/* The statement is there, verifies, is this device's next, is fresh, and speaks of the opening's person. Takes it into
 * the chain. The device that signed, or NULL. */
struct fold_device *fold_device_statement(struct reducer *reducer, const struct audit_leaf *leaf);

/* Judges the decision that is open, and closes it. */
enum status fold_consent_close(struct reducer *reducer);
/* Opens the decision of this consent unless it is open already; what was open before is closed. */
enum status fold_consent_open(struct reducer *reducer, const struct audit_leaf *leaf, const struct id16 *consent,
                              const struct id16 *jti);

/* Takes a change of state into the consent's history. */
enum status fold_change_add(struct reducer *reducer, struct fold_consent *consent, const struct audit_leaf *leaf,
                            enum consent_state state);
/* The state that the consent had when the tree had this size. */
enum consent_state fold_change_state_at(const struct fold_consent *consent, uint64_t tree_size);

/* An opening that is not there. */
enum status fold_erasure_gone(struct reducer *reducer, const struct audit_leaf *leaf);
/* Reports the openings that no erasure accounts for. */
enum status fold_erasure_end(struct reducer *reducer);

/* The facts of a token for the directory of the leaf: clauses 1, 2, 6 to 9, 13 to 15. */
struct rule_facts fold_release_facts(const struct audit_leaf *leaf, const struct fold_token *token);

#endif
