/*
 * Whether a consent is real, found out by the agent itself from what a mailbox event brings: the token, signed by a
 * device that a member attested; the request, signed by the recipient; and the receipts of the three leaves that say
 * so. Pure; any thread. docs/protocol.md sections 5, 9 and 10.
 */
#ifndef AGENT_CONSENT_CHECK_H
#define AGENT_CONSENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ground.h"
#include "agent/receipt.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "proto/attestation.h"
#include "proto/consent_request.h"
#include "proto/rule.h"
#include "proto/token.h"

enum consent_side {
    CONSENT_SIDE_SOURCE = 1,
    CONSENT_SIDE_RECIPIENT = 2,
};

/* What came. Views only. */
struct consent_proof {
    const char *unit; /* whose mailbox: the token's source or recipient */
    enum consent_side side;
    struct bytes token;
    struct bytes request;
    struct bytes salt; /* 32 bytes: a source gets its own, a recipient chose it */
    struct bytes attestation;
    const struct bytes *receipts; /* CONSENT_GRANTED, CONSENT_REQUESTED, DEVICE_ENROLLED */
    size_t n_receipts;
};

/* What it says, once everything held. */
struct consent_checked {
    struct token token;
    struct consent_request request;
    struct hash request_hash;
    struct attestation attestation;
    struct receipt granted;
    struct receipt requested;
    struct receipt enrolled;
};

/* STATUS_OK only when every signature, every receipt and every agreement between them holds. Otherwise the status of
 * the first that does not, and in *out_why its name, for one line of log without personal data. */
enum status consent_check(struct arena *arena, const struct ground *ground, const struct consent_proof *proof,
                          struct consent_checked *out_checked, const char **out_why);

/* An attestation by a member that identifies people, with a key active at its leaf, and the receipt of its enrolment.
 * For consents and for a person's own reading. */
enum status consent_check_attestation(struct arena *arena, const struct ground *ground, struct bytes attestation,
                                      struct bytes receipt, struct attestation *out_attestation,
                                      struct receipt *out_enrolled);

/* What the source knows about the token before it grants; of the fragment nothing is set. state is what the status key
 * said just now. */
struct consent_now {
    uint64_t now_ms;
    bool active;
    bool unused;
    bool own_key_active;
};
struct rule_facts consent_facts(const struct ground *ground, const struct consent_checked *checked,
                                const struct consent_now *now);

#endif
