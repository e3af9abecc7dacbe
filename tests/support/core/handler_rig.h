/*
 * Core's handlers with a whole federation around them and no thread, process or socket: a message goes through check,
 * apply, signature and answer as the engine's threads would take it, one at a time. And people: devices, requests,
 * consents, grants, made with real keys. Any failure that a test does not ask for fails the running test.
 */
#ifndef TESTS_SUPPORT_CORE_HANDLER_RIG_H
#define TESTS_SUPPORT_CORE_HANDLER_RIG_H

#include "broker/core/call.h"
#include "proto/consent_request.h"
#include "proto/fragment_header.h"
#include "proto/key_grant.h"
#include "proto/msg_consent.h"
#include "proto/msg_events.h"
#include "proto/state_statement.h"
#include "proto/statement.h"
#include "proto/token.h"
#include "support/core/core_parts.h"
#include "support/federation.h"

#define RIG_URL "https://portal.example"

struct rig {
    struct core_parts parts;
    struct federation *fed;
    struct arena *arena; /* everything that answers hold */
};

void rig_init(struct rig *rig, enum core_parts_engine engine);
void rig_clear(struct rig *rig);
/* Core uses the federation's newest directory from now on. */
void rig_use_directory(struct rig *rig);
uint64_t rig_now_ms(const struct rig *rig);
/* Runs what is due in a batch of its own and signs. */
void rig_run_due(struct rig *rig);

struct rig_answer {
    enum status status;
    enum reply_code code;
    enum rule_clause clause;
    struct bytes body;
    uint32_t http_status;
    const char *nonce;
    uint64_t leaves[CALL_LEAVES_MAX];
    size_t n_leaves;
};

/* A message of a unit: encodes, signs, runs. message NULL: an empty body. */
struct rig_answer rig_send(struct rig *rig, enum federation_unit unit, enum message_type type, const void *message);
/* An envelope as it is, over the connection of the unit's member. */
struct rig_answer rig_send_envelope(struct rig *rig, enum federation_unit unit, struct bytes envelope);
struct bytes rig_envelope(struct rig *rig, enum federation_unit unit, enum message_type type, const void *message);

/* What a handler that fails in apply() after its writes would do to the batch is a bug: the rig fails the test then. */

/* ---- people ---- */

struct rig_person {
    struct hash subject;
    struct sign_private *sign;
    struct seal_private *read;
    struct hash device;
    const char *kid;
    struct bytes prev; /* of its next statement */
};

/* Keys for a device of a person; not enrolled yet. */
void rig_person_init(struct rig *rig, struct rig_person *person, const struct hash *subject);
void rig_person_clear(struct rig_person *person);
/* Opens an enrolment at UNIT_GUIDANCE, registers, attests. */
struct rig_answer rig_enrol(struct rig *rig, struct rig_person *person, bool others_lost);

/* A request of the person's page. op gives method and path; id stands in the path (NULL: none); body NULL: none. */
struct rig_answer rig_ask(struct rig *rig, const struct rig_person *person, enum portal_op op, const char *id,
                          const char *body);
/* The same with everything of the ask given. */
struct rig_answer rig_ask_as_is(struct rig *rig, const struct portal_ask *ask);
/* A fresh proof for method and path. */
struct bytes rig_proof(struct rig *rig, const struct rig_person *person, const char *method, const char *path);

/* A statement of the person's device as {"statement":...}; the chain goes on from it when `chain`. */
const char *rig_statement(struct rig *rig, struct rig_person *person, struct statement statement);
/* Sends a statement that must be accepted. */
struct rig_answer rig_state(struct rig *rig, struct rig_person *person, enum portal_op op, const char *id,
                            struct statement statement);

/* ---- fragments, requests, consents, grants ---- */

struct rig_fragment {
    enum federation_unit unit;
    struct fragment_core core;
    struct hash header_hash;
    struct bytes header;
    struct bytes ciphertext;
};

/* A fragment, signed and sealed, not sent. */
struct rig_fragment rig_fragment_make(struct rig *rig, enum federation_unit unit, const struct hash *subject,
                                      enum kind kind, size_t ciphertext_len);
/* The next revision of a fragment. */
struct rig_fragment rig_fragment_next(struct rig *rig, const struct rig_fragment *before);
struct rig_answer rig_publish(struct rig *rig, const struct rig_fragment *fragment);

struct rig_request {
    enum federation_unit unit;
    struct consent_request request;
    struct bytes whole;
    struct hash hash;
    struct msg_source_salt salts[4];
    size_t n_sources;
};

/* Kinds goal and activity, 30 days, from these sources; not sent. Change `request` and sign again for others. */
struct rig_request rig_request_make(struct rig *rig, enum federation_unit unit, const struct hash *subject,
                                    const enum federation_unit *sources, size_t n_sources, enum access access);
void rig_request_sign(struct rig *rig, struct rig_request *request);
struct rig_answer rig_request_send(struct rig *rig, const struct rig_request *request);

struct rig_consent {
    struct token tokens[4];
    struct bytes compact[4];
    size_t n_tokens;
    struct id16 code;
};

/* Tokens for every source of the request, not sent. Change a token and sign again for others. */
struct rig_consent rig_consent_make(struct rig *rig, const struct rig_person *person,
                                    const struct rig_request *request);
void rig_consent_sign(struct rig *rig, const struct rig_person *person, struct rig_consent *consent);
/* The notice for the consent's sources, put into its tokens. */
void rig_consent_notice(struct rig *rig, struct rig_consent *consent);
struct rig_answer rig_consent_send(struct rig *rig, const struct rig_person *person, const struct rig_request *request,
                                   const struct rig_consent *consent);

/* A key grant for a token's recipient, with a fresh state statement; not sent. */
struct key_grant rig_grant_fill(struct rig *rig, const struct token *token, const struct rig_fragment *fragment);
struct bytes rig_grant_sign(struct rig *rig, enum federation_unit unit, const struct key_grant *grant);
struct bytes rig_state_statement(struct rig *rig, const struct id16 *token, enum consent_state state, uint64_t time_ms);
/* Uploads a grant for the fragment; must be kept. */
struct rig_answer rig_grant(struct rig *rig, const struct token *token, const struct rig_fragment *fragment);

/* RELEASE of the token's kinds by its recipient. */
struct rig_answer rig_release(struct rig *rig, enum federation_unit unit, const struct token *token);

/* A copy of a Signed object, or of a compact JWS, whose signature does not hold. */
struct bytes rig_forge(struct rig *rig, struct bytes whole);

/* ---- looking ---- */

uint64_t rig_leaves(const struct rig *rig);
/* The opening of a leaf, parsed; slot: whether it has one. */
struct opening rig_opening(struct rig *rig, uint64_t index, bool *out_slot);
/* Events in the mailbox of a unit's member, of one type. */
size_t rig_mail(struct rig *rig, enum federation_unit unit, enum event_type type, const struct msg_mail_event **out);

#define RIG_DONE(answer) assert_int_equal((answer).status, STATUS_OK)

#endif
