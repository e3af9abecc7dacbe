/*
 * The release rule: one pure function over facts, used by the source before it grants, by core before it releases, and
 * by replay afterwards. docs/protocol.md section 8. Who calls gathers the facts; nothing here reads a store or a clock.
 */
#ifndef PROTO_RULE_H
#define PROTO_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reply_code.h"

/* Recorded in the log: numbers never change. */
enum rule_stage {
    RULE_STAGE_NONE = 0,
    RULE_STAGE_GRANT = 1,
    RULE_STAGE_RELEASE = 2,
};

/* X(id, name, speaks of the token (T) or of a fragment (F), stages, outward code) in the order of evaluation. */
#define RULE_CLAUSES(X)                                                                                                \
    X(1, MEMBER_ADMITTED, T, BOTH, NOT_AVAILABLE)                                                                      \
    X(2, UNIT_LISTED, T, BOTH, NOT_AVAILABLE)                                                                          \
    X(3, ENVELOPE_KEY, T, BOTH, NOT_AVAILABLE)                                                                         \
    X(4, RECIPIENT, T, BOTH, CONSENT_REQUIRED)                                                                         \
    X(5, CONSENT_KNOWN, T, BOTH, CONSENT_REQUIRED)                                                                     \
    X(6, CONSENT_ACTIVE, T, BOTH, CONSENT_ENDED)                                                                       \
    X(7, NOT_BEFORE, T, BOTH, CONSENT_REQUIRED)                                                                        \
    X(8, NOT_EXPIRED, T, BOTH, CONSENT_ENDED)                                                                          \
    X(9, DEVICE, T, BOTH, CONSENT_REQUIRED)                                                                            \
    X(10, SOURCE, F, BOTH, CONSENT_REQUIRED)                                                                           \
    X(11, PURPOSE, T, BOTH, CONSENT_REQUIRED)                                                                          \
    X(12, KIND, F, BOTH, CONSENT_REQUIRED)                                                                             \
    X(13, AGREEMENT, T, BOTH, NOT_AVAILABLE)                                                                           \
    X(14, CAPS, T, BOTH, NOT_AVAILABLE)                                                                                \
    X(15, UNUSED, T, BOTH, CONSENT_ENDED)                                                                              \
    X(16, GRANT, F, RELEASE, TRY_LATER)                                                                                \
    X(17, FRAGMENT, F, BOTH, NOT_AVAILABLE)

enum rule_clause {
    RULE_PASS = 0,
#define X(id, name, of, stages, outward) RULE_##name = (id),
    RULE_CLAUSES(X)
#undef X
};

/* What is so, gathered from the directory, the log's state and the message. All false is the strictest. */
struct rule_facts {
    bool members_admitted;
    bool units_listed;
    bool envelope_key_active;
    bool recipient_matches;
    bool consent_known;
    bool consent_active;
    uint64_t nbf_ms;
    uint64_t exp_ms;
    bool device_valid; /* neither removed nor suspended, attester accepted by the agreement */
    bool purpose_matches;
    bool agreement_covers;
    bool caps_hold;
    bool unused; /* access repeated, or once and not used */
    /* Of one fragment; ignored by rule_token. */
    bool source_matches;
    bool kind_matches;     /* in the token and in what was asked */
    bool grant_present;    /* or access once */
    bool fragment_current; /* not expired, replaced, withdrawn, erased */
};

/* Evaluates every clause of the stage in order; returns the first that does not hold, or RULE_PASS. now_ms is the time
 * of the leaf. At anything that is no stage nothing passes: the first clause. Any thread. */
enum rule_clause rule_release(const struct rule_facts *facts, enum rule_stage stage, uint64_t now_ms);

/* Only the clauses that speak of the token: for a page as a whole. */
enum rule_clause rule_token(const struct rule_facts *facts, enum rule_stage stage, uint64_t now_ms);

/* The code that the asking party may see for a clause; REPLY_DONE for RULE_PASS only. */
enum reply_code rule_outward(enum rule_clause clause);

/* "consent_active" and the like, for the log, the person and the auditor; "unknown" outside the table. */
const char *rule_clause_name(enum rule_clause clause);

#endif
