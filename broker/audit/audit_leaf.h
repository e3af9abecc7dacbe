/*
 * One leaf on its way through a replay: what the mirror gave, what could be opened of it, the objects that it was
 * decided on, and what is known of their signatures. Filled by prepare.c on any thread, keyed by timeline.c, checked by
 * signatures.c on any thread, read by the reducer. One thread at a time.
 */
#ifndef BROKER_AUDIT_AUDIT_LEAF_H
#define BROKER_AUDIT_AUDIT_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/audit/finding.h"
#include "proto/attestation.h"
#include "proto/consent_request.h"
#include "proto/directory.h"
#include "proto/envelope.h"
#include "proto/fragment_header.h"
#include "proto/internal_msg.h"
#include "proto/key_grant.h"
#include "proto/leaf.h"
#include "proto/msg_consent.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"
#include "proto/msg_release.h"
#include "proto/state_statement.h"
#include "proto/statement.h"
#include "proto/token.h"

/* What is known of a signature. */
enum verdict {
    VERDICT_NONE,    /* not looked at */
    VERDICT_GOOD,    /* verifies under a key that was active */
    VERDICT_BAD,     /* does not verify */
    VERDICT_NO_KEY,  /* no active key of any member, or no such device */
    VERDICT_FOREIGN, /* verifies, under a key of another member than it should */
};

/* A Signed object of a member: whole bytes taken apart, and who signed. */
struct audit_signed {
    struct signed_object object;
    struct hash hash; /* of the whole */
    enum verdict verdict;
    const char *member; /* GOOD: whose key; lives as long as the directory */
};

struct audit_grant {
    struct audit_signed signature;
    struct key_grant grant;
    bool has_state;
    struct signed_object state_object;
    struct state_statement state;
    enum verdict state_verdict;
};

enum opening_state {
    OPENING_BROKEN, /* a finding says why */
    OPENING_GONE,   /* nothing there, or no key for it */
    OPENING_OPEN,
};

/* The message of an envelope, by its type. */
union audit_message {
    struct msg_release release;
    struct msg_withdraw withdraw;
    struct msg_request_consent request_consent;
    struct msg_upload_grants upload;
    struct msg_publish publish;
    struct msg_revoke revoke;
    struct msg_acknowledge acknowledge;
    struct msg_attest attest;
    struct msg_erase erase;
};

/* Objects that could be read; NULL where there is none, or a finding says why. They live in the leaf's arena. */
struct audit_material {
    struct bytes cause; /* content; data is NULL when it is absent */
    struct hash cause_hash;
    struct audit_signed *envelope_signed;
    struct envelope *envelope;
    union audit_message *message; /* of envelope->type */
    struct audit_signed *header_signed;
    struct fragment_signed *header;
    struct audit_signed *request_signed;
    struct consent_request *request;
    struct audit_signed *attestation_signed;
    struct attestation *attestation;
    struct registration *registration; /* parsing has verified it */
    struct token *token;
    enum verdict token_verdict;
    struct statement *statement;
    enum verdict statement_verdict;
    const struct id16 *code;
    struct bytes notice;
    struct msg_source_salt *salt;
    struct audit_grant *grants;
    size_t n_grants;
};

struct audit_leaf {
    uint64_t index;
    struct arena *arena; /* of the leaf's group; not shared between threads at a time */
    struct finding_list findings;
    struct bytes entry;                 /* from the entry bundle; data is NULL when that could not be read */
    const struct export_leaf *exported; /* NULL when the part could not be read */
    bool readable;                      /* leaf is valid */
    struct leaf leaf;
    enum opening_state state;
    uint64_t slot; /* slot + 1; 0: none */
    struct opening opening;
    struct audit_material material;
    /* Set by the timeline. */
    const struct directory *directory; /* that the decision was made under; empty before the first entry */
    struct sign_public device_key;     /* of a statement's device */
    bool has_device_key;
    /* Counted by whoever checks. */
    unsigned signatures;
};

/* Adds a finding that waits for the leaf's turn. */
static inline enum status audit_leaf_note(struct audit_leaf *leaf, enum finding_name name, const char *text) {
    return finding_add(&leaf->findings, leaf->arena, name, text);
}

#endif
