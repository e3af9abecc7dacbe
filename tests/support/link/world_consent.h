/*
 * Consents of a world: asked for by a unit, given by a person's device, ended by either.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_CONSENT_H
#define TESTS_SUPPORT_LINK_WORLD_CONSENT_H

#include "proto/consent_request.h"
#include "proto/state_statement.h"
#include "proto/token.h"
#include "support/link/world_person.h"

#define WORLD_SOURCES_MAX 8

/* What to ask for; zero means: all kinds, 30 days, repeated. */
struct world_wish {
    size_t to;                      /* unit */
    size_t from[WORLD_SOURCES_MAX]; /* units, ascending */
    size_t n_from;
    const uint32_t *kinds;
    size_t n_kinds;
    uint64_t duration_s;
    enum access access;
};

struct world_token {
    struct id16 jti;
    uint64_t leaf; /* index of its CONSENT_GRANTED */
};

struct world_consent {
    struct world_person *person; /* not owned */
    struct world_wish wish;
    struct id16 request;
    struct hash request_hash;
    struct id16 consent;
    struct id16 code; /* revocation code */
    uint64_t exp_s;
    struct world_token tokens[WORLD_SOURCES_MAX]; /* one for each source, in their order */
};

/* All of these: 0 patience asks once. What the broker answers otherwise than done comes back as the status that its
 * code stands for. Receipts are verified. */

/* REQUEST_CONSENT: fills in wish defaults, request, request_hash. */
enum status world_request(struct world *world, struct world_notes *notes, struct world_consent *consent,
                          uint32_t patience_ms);
/* The person signs for all sources of the wish: fills in consent, code, tokens. */
enum status world_decide(struct world *world, struct world_notes *notes, struct world_consent *consent,
                         uint32_t patience_ms);
/* Both. */
enum status world_consent(struct world *world, struct world_notes *notes, struct world_consent *consent,
                          uint32_t patience_ms);

enum world_revoker { WORLD_RECIPIENT, WORLD_SOURCE, WORLD_PERSON, WORLD_CODE };

/* Ends the consent: by REVOKE of a unit, by the device's statement, or by the code at the portal's form (which answers
 * without a receipt). out_receipt may be NULL. */
enum status world_revoke(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                         enum world_revoker by, uint32_t patience_ms, struct world_receipt *out_receipt);

/* Encoded REVOKE of this consent. */
enum status world_revoke_body(const struct world_consent *consent, struct arena *arena, struct bytes *out_body);
/* Verifies the receipt of an answer to it. */
enum status world_revoke_check(struct world_notes *notes, const struct world_consent *consent, struct bytes text,
                               struct arena *arena, struct world_receipt *out_receipt);

#endif
