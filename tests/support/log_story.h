/*
 * The actors of a synthetic log (support/log_world.h): devices, sources, requests, tokens, grants, releases. Each call
 * makes the object, signs it, and appends the leaf that the protocol gives it; what the leaf records (a clause, a
 * state) is what the caller says, whether or not it is right.
 */
#ifndef TESTS_SUPPORT_LOG_STORY_H
#define TESTS_SUPPORT_LOG_STORY_H

#include "proto/consent_request.h"
#include "proto/envelope.h"
#include "proto/fragment_header.h"
#include "proto/rule.h"
#include "proto/state_statement.h"
#include "proto/statement.h"
#include "proto/token.h"
#include "support/log_world.h"

#define LOG_STORY_SOURCES_MAX 4

struct log_device {
    struct log_person *person;
    struct sign_private *sign;
    struct seal_private *read;
    struct hash thumbprint;
    const char *kid;
    struct bytes attestation;
    struct hash last_statement;
    bool has_statement;
    uint64_t leaf;
};

struct log_fragment {
    struct log_person *person;
    enum federation_unit source;
    struct fragment_core core;
    struct bytes header; /* Signed */
    struct hash header_hash;
    struct hash ciphertext_hash;
};

struct log_request {
    struct log_person *person;
    enum federation_unit recipient;
    struct consent_request request;
    struct bytes whole; /* Signed */
    enum federation_unit sources[LOG_STORY_SOURCES_MAX];
    struct hash salts[LOG_STORY_SOURCES_MAX];
    size_t n_sources;
    uint64_t leaf;
};

struct log_token {
    struct log_request *request;
    struct log_device *device;
    struct token token;
    struct bytes compact;
    uint64_t leaf;
    struct id16 code;
};

/* A message in its envelope: whole bytes and the event of its first leaf. */
struct log_sent {
    struct bytes whole;
    struct id16 event;
};
struct log_sent log_story_send(struct log_world *world, enum federation_unit unit, enum message_type type,
                               struct bytes body);

/* Enrols a device that the member of this unit attests. */
struct log_device *log_story_enrol(struct log_world *world, struct log_person *person, enum federation_unit attester);
/* Frees the keys of a device; the rest is the world's. */
void log_story_device_free(struct log_device *device);

/* before: the revision that this one replaces, or NULL. expires_ms 0: never. */
struct log_fragment *log_story_publish(struct log_world *world, struct log_person *person, enum federation_unit source,
                                       enum kind kind, const struct log_fragment *before, uint64_t expires_ms);
uint64_t log_story_withdraw(struct log_world *world, const struct log_fragment *fragment);

struct log_request *log_story_request(struct log_world *world, struct log_person *person,
                                      enum federation_unit recipient, const enum federation_unit *sources,
                                      size_t n_sources, enum access access);

/* How a decision differs from the plain one: all kinds asked, an hour from now. */
struct log_decision {
    struct log_request *request;
    struct log_device *device;
    uint64_t seconds;                    /* 0: 3600 */
    void (*change)(struct token *token); /* before signing; may be NULL */
    struct bytes notice;                 /* other text than the template's, or empty */
};

/* One token for each source of the request, and their leaves. out_tokens has room for them. */
void log_story_grant(struct log_world *world, const struct log_decision *decision, struct log_token **out_tokens);

/* The state statement of a token as keyd signs it. */
struct bytes log_story_state(struct log_world *world, const struct id16 *token, enum consent_state state, uint64_t size,
                             uint64_t time_ms);

/* Grants keys of the fragments for a token: the Signed grants come out, in their order. state: as the source had it;
 * empty: as it is now. release_event NULL: none. clause: recorded for each. */
struct log_upload {
    struct log_token *token;
    struct log_fragment *const *fragments;
    size_t n_fragments;
    struct bytes state;
    const struct id16 *release_event;
    enum rule_clause clause;
};
uint64_t log_story_upload(struct log_world *world, const struct log_upload *upload, struct bytes *out_grants);

struct log_release {
    enum federation_unit unit;
    const struct log_token *token;
    const char *purpose;   /* NULL: the token's */
    const uint32_t *kinds; /* NULL: the token's */
    size_t n_kinds;
    struct log_fragment *const *fragments; /* on the page */
    const struct bytes *grants;            /* of each; NULL: none */
    const enum rule_clause *clauses;       /* of each; NULL: all pass */
    size_t n_fragments;
    enum rule_clause clause; /* RULE_PASS: RELEASED, else REFUSED */
    bool stranger;           /* the leaf names no person */
    struct id16 *out_event;  /* may be NULL */
};
uint64_t log_story_release(struct log_world *world, const struct log_release *release);

/* By the device's statement. type: LEAF_CONSENT_REVOKED, SUSPENDED or RESUMED. One leaf for each token. */
uint64_t log_story_change(struct log_world *world, struct log_token *const *tokens, size_t n_tokens,
                          enum leaf_type type);
uint64_t log_story_revoke_by(struct log_world *world, const struct log_token *token, enum federation_unit unit);
uint64_t log_story_expire(struct log_world *world, const struct log_token *token);
uint64_t log_story_acknowledge(struct log_world *world, const struct log_token *token, enum federation_unit unit,
                               enum consent_state ending);
uint64_t log_story_remove_device(struct log_world *world, struct log_device *by, const struct log_device *device);
uint64_t log_story_refuse(struct log_world *world, struct log_device *device, const struct log_request *request);
/* By the code that was printed on the receipt. */
uint64_t log_story_revoke_code(struct log_world *world, const struct log_token *token);
/* A token of a consent on the same terms takes the place of an earlier one. */
uint64_t log_story_supersede(struct log_world *world, const struct log_token *earlier, const struct log_token *by);
/* Removed as lost: what it signed since is suspended. suspended may be NULL. */
uint64_t log_story_lose_device(struct log_world *world, struct log_device *by, const struct log_device *device,
                               uint64_t since_s, const struct log_token *suspended);
/* A statement that has no leaf. */
void log_story_countersign(struct log_world *world, struct log_device *by, const struct log_device *device);
uint64_t log_story_read(struct log_world *world, struct log_device *device, enum federation_unit source);
uint64_t log_story_grant_own(struct log_world *world, const struct log_device *device,
                             const struct log_fragment *fragment);
/* A member takes its own fragments back. */
uint64_t log_story_erase_own(struct log_world *world, struct log_person *person, enum federation_unit unit,
                             uint64_t covered);
/* An ERASED leaf that covers this many. */
uint64_t log_story_erase(struct log_world *world, const struct log_person *person, uint64_t covered);

#endif
