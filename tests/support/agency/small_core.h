/*
 * A core in the test's own process, with a real log, real receipts and real signatures, but without judgement: it does
 * what it is told, also what no honest broker would. Agents reach it through a port (agent/link.h). Any failure fails
 * the running test; one call at a time.
 */
#ifndef TESTS_SUPPORT_AGENCY_SMALL_CORE_H
#define TESTS_SUPPORT_AGENCY_SMALL_CORE_H

#include <pthread.h>
#include <stdbool.h>

#include "agent/link.h"
#include "base/clock.h"
#include "proto/consent_request.h"
#include "proto/key_grant.h"
#include "proto/leaf.h"
#include "proto/msg_consent.h"
#include "proto/msg_events.h"
#include "proto/msg_release.h"
#include "proto/state_statement.h"
#include "proto/token.h"
#include "proto/tree_store.h"
#include "support/federation.h"

#define SMALL_CORE_MAX 256

struct small_leaf {
    struct bytes leaf;
    struct hash nonce;
    struct bytes opening;
    struct id16 event;
};

struct small_fragment {
    struct id16 id;
    uint32_t revision;
    uint32_t kind;
    struct hash subject;
    const char *source;
    struct bytes header;
    struct bytes ciphertext;
    uint64_t leaf;
};

struct small_grant {
    struct bytes whole;
    struct key_grant grant;
};

struct small_request {
    struct bytes whole;
    struct consent_request request;
    const struct msg_source_salt *salts;
    size_t n_salts;
    uint64_t leaf;
};

struct small_device {
    struct sign_private *sign;
    struct seal_private *read;
    struct hash thumbprint;
    struct hash subject;
    struct bytes attestation;
    uint64_t leaf;
};

struct small_token {
    struct token token;
    struct bytes compact;
    struct hash salt;
    size_t request;
    size_t device;
    uint64_t leaf;
    enum consent_state state;
    uint64_t used; /* leaf + 1 of the only release */
};

struct small_mail {
    const char *member;
    struct msg_mail_event event;
};

struct small_core;

/* A place to lie: called with each reply before it leaves. */
typedef void small_tweak(struct small_core *core, enum message_type type, struct reply *reply);

struct small_core {
    struct arena *arena;
    struct federation *federation;
    struct tree_store *tree;
    struct clock clock;
    pthread_mutex_t mutex; /* one message at a time */
    pthread_cond_t changed;
    unsigned parked; /* polls whose threads still run */
    struct small_leaf leaves[SMALL_CORE_MAX];
    uint64_t entry_leaves[FEDERATION_ENTRIES_MAX];
    size_t n_entry_leaves;
    struct small_fragment fragments[SMALL_CORE_MAX];
    size_t n_fragments;
    struct small_grant grants[SMALL_CORE_MAX];
    size_t n_grants;
    struct small_request requests[SMALL_CORE_MAX];
    size_t n_requests;
    struct small_device devices[SMALL_CORE_MAX];
    size_t n_devices;
    struct small_token tokens[SMALL_CORE_MAX];
    size_t n_tokens;
    struct small_mail mails[SMALL_CORE_MAX];
    size_t n_mails;
    struct bytes cosigned; /* newest note with cosignatures */
    uint64_t cosigned_size;
    unsigned received[MESSAGE_LAST + 1];
    uint64_t state_age_ms;  /* how old state statements are made */
    unsigned lose_before;   /* so many next messages are lost on the way */
    unsigned lose_after;    /* so many next answers are lost on the way */
    enum reply_code refuse; /* the next message is answered with this */
    small_tweak *tweak;
    enum leaf_type lie_type; /* leaves of this type say what lie makes of them */
    void (*lie)(struct opening *opening);
    bool no_grants_inline; /* RELEASE brings no ciphertext: FETCH does */
};

/* Waits until no parked poll's thread uses the core or a port any more. The agents have been stopped. */
void small_core_settle(struct small_core *core);

struct small_core *small_core_new(void);
void small_core_free(struct small_core *core);

/* The transport of an agent of this member. */
struct small_port {
    struct small_core *core;
    const char *member;
};
struct link_port small_core_port(struct small_port *port);

/* ---- the log ---- */

/* Appends a leaf for an opening; version, type and now are filled in. Its index. */
uint64_t small_core_append(struct small_core *core, enum leaf_type type, struct id16 event, struct opening *opening);
/* The receipt of a leaf under the newest checkpoint. */
struct bytes small_core_receipt(struct small_core *core, uint64_t index);
struct bytes small_core_note(struct small_core *core);
/* Every member in the mask cosigns the newest checkpoint. */
void small_core_cosign(struct small_core *core, unsigned members);
struct merkle_proof small_core_consistency(struct small_core *core, uint64_t from);
/* Appends the federation's entries that are not in the log yet. */
void small_core_admit_new(struct small_core *core);

/* ---- the person ---- */

/* A device, attested by this member. Its index. */
size_t small_core_enrol(struct small_core *core, const struct hash *subject, enum federation_member attester);
struct small_ask {
    enum federation_unit to;
    enum federation_unit from;
    enum access access;
    struct hash subject;
    uint64_t duration_s;
};
/* A request of one source by the recipient, in the log. Its index. */
size_t small_core_request(struct small_core *core, const struct small_ask *ask);
/* A token for the first source of a request, by a device, in the log; mails to both. Its index. */
size_t small_core_consent(struct small_core *core, size_t request, size_t device);
/* The claims of such a token, to be changed; and a consent with claims and a key of any kind, with leaves that agree.
 */
struct token small_core_claims(struct small_core *core, size_t request, size_t device);
size_t small_core_consent_as(struct small_core *core, size_t request, size_t device, const struct token *claims,
                             const struct sign_private *key);
/* The mail about a token, to its source (salt) or recipient. */
struct msg_mail_event small_core_granted_mail(struct small_core *core, size_t token, bool to_source);
/* Revokes, suspends, resumes: leaf and mails. */
void small_core_change(struct small_core *core, size_t token, enum consent_state state);
/* A mail into the boxes of a member. */
void small_core_mail(struct small_core *core, const char *unit, const struct msg_mail_event *event);

/* A StateStatement by the status key. */
struct bytes small_core_state(struct small_core *core, const struct id16 *token, enum consent_state state,
                              uint64_t time_ms);

/* Inner: answers one message. */
void small_core_handle(struct small_core *core, const char *member, const struct envelope *envelope,
                       const struct hash *cause, struct reply *out);

#endif
