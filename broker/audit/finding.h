/*
 * What an audit can find wanting: one name for each kind of divergence, and how a finding is handed on. Where a
 * decision should have been another, the name is that of the clause that says so (proto/rule.h).
 */
#ifndef BROKER_AUDIT_FINDING_H
#define BROKER_AUDIT_FINDING_H

#include <stdint.h>

#include "base/arena.h"

/* The finding is about the log as a whole, not about one leaf. */
#define FINDING_LOG UINT64_MAX

/* X(NAME, "name as printed"). The names are documented in docs/auditing.md. */
#define FINDING_TABLE(X)                                                                                               \
    /* the log itself */                                                                                               \
    X(LEAF_HASH, "leaf_hash")                                                                                          \
    X(TILE, "tile")                                                                                                    \
    X(ROOT, "root")                                                                                                    \
    X(CHECKPOINT, "checkpoint")                                                                                        \
    X(COSIGNATURE, "cosignature")                                                                                      \
    X(COSIGNATURE_TIME, "cosignature_time")                                                                            \
    X(LEAF_FORM, "leaf_form")                                                                                          \
    X(LEAF_TIME, "leaf_time")                                                                                          \
    X(UNKNOWN_TYPE, "unknown_type")                                                                                    \
    X(CONSISTENCY, "consistency")                                                                                      \
    /* openings and evidence */                                                                                        \
    X(PART, "part")                                                                                                    \
    X(OPENING_LEAF, "opening_leaf")                                                                                    \
    X(OPENING_MISSING, "opening_missing")                                                                              \
    X(OPENING_SEAL, "opening_seal")                                                                                    \
    X(OPENING_FORM, "opening_form")                                                                                    \
    X(COMMITMENT, "commitment")                                                                                        \
    X(OPENING_TYPE, "opening_type")                                                                                    \
    X(OPENING_TIME, "opening_time")                                                                                    \
    X(SLOT, "slot")                                                                                                    \
    X(SUBJECT_TAG, "subject_tag")                                                                                      \
    X(EVIDENCE_MISSING, "evidence_missing")                                                                            \
    X(EVIDENCE_ALTERED, "evidence_altered")                                                                            \
    X(EVIDENCE_FORM, "evidence_form")                                                                                  \
    /* what asked for it */                                                                                            \
    X(CAUSE, "cause")                                                                                                  \
    X(EVENT, "event")                                                                                                  \
    X(SIGNATURE, "signature")                                                                                          \
    X(PRIOR_LEAF, "prior_leaf")                                                                                        \
    X(SUBJECT, "subject")                                                                                              \
    /* directory */                                                                                                    \
    X(DIRECTORY, "directory")                                                                                          \
    X(DIRECTORY_GAP, "directory_gap")                                                                                  \
    X(DIRECTORY_SEQUENCE, "directory_sequence")                                                                        \
    /* people and consents */                                                                                          \
    X(ATTESTATION, "attestation")                                                                                      \
    X(REGISTRATION, "registration")                                                                                    \
    X(DEVICE_STATE, "device_state")                                                                                    \
    X(REQUEST, "request")                                                                                              \
    X(TOKEN, "token")                                                                                                  \
    X(TOKEN_TIME, "token_time")                                                                                        \
    X(WITHIN, "within")                                                                                                \
    X(DECISION, "decision")                                                                                            \
    X(NOTICE, "notice")                                                                                                \
    X(STATEMENT, "statement")                                                                                          \
    X(STATEMENT_CHAIN, "statement_chain")                                                                              \
    X(STATE_CHANGE, "state_change")                                                                                    \
    X(DENIED, "denied")                                                                                                \
    X(ERASURE, "erasure")                                                                                              \
    /* fragments, grants, releases */                                                                                  \
    X(HEADER, "header")                                                                                                \
    X(REVISION, "revision")                                                                                            \
    X(KEY_GRANT, "key_grant")                                                                                          \
    X(STALE_STATE, "stale_state")                                                                                      \
    X(ITEM, "item")                                                                                                    \
    X(WITHHELD, "withheld")                                                                                            \
    X(REFUSED_WRONGLY, "refused_wrongly")                                                                              \
    X(CLAUSE, "clause")                                                                                                \
    X(ACKNOWLEDGEMENT, "acknowledgement")

enum finding_name {
#define X(name, text) FINDING_##name,
    FINDING_TABLE(X)
#undef X
        FINDING_COUNT
};

const char *finding_text(enum finding_name name);

/* Takes a finding; the texts are used before it returns. leaf may be FINDING_LOG. Main thread. */
typedef void finding_fn(void *context, uint64_t leaf, const char *name, const char *text);

/* Findings of one leaf that wait for their turn, in order. Zero is empty; notes live in the arena given. */
struct finding_note {
    const char *name;
    const char *text;
    struct finding_note *next;
};

struct finding_list {
    struct finding_note *first;
    struct finding_note *last;
};

/* text is not copied. A note for which memory is out is lost: STATUS_MEMORY. */
enum status finding_add(struct finding_list *list, struct arena *arena, enum finding_name name, const char *text);

#endif
