/*
 * Consents that this agent verified, as source or as recipient, with all that they were verified from. In transactions
 * of the agent's store; results lie in the arena given.
 */
#ifndef AGENT_CONSENT_STORE_H
#define AGENT_CONSENT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/consent_check.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/store.h"
#include "proto/ids.h"
#include "proto/state_statement.h"

struct consent_row {
    struct id16 token;
    struct id16 consent;
    uint32_t side;  /* enum consent_side */
    uint32_t state; /* enum consent_state, as the log said last */
    struct hash subject;
    const char *unit;   /* this member's, on this side */
    struct bytes proof; /* compact token */
    struct bytes request;
    struct bytes salt;
    struct bytes attestation;
    const struct bytes *receipts;
    size_t n_receipts;
    uint64_t leaf;              /* index of the leaf that changed the state last */
    uint32_t slot;              /* recipient: key of the opened copies; 0: none */
    struct bytes release_event; /* source, once: the event that used it up */
    struct bytes used;          /* its receipt */
};

/* STATUS_NOT_FOUND. */
enum status consent_store_get(struct store_txn *txn, struct arena *arena, const struct id16 *token,
                              enum consent_side side, struct consent_row *out_row);
enum status consent_store_put(struct store_txn *txn, struct arena *arena, const struct consent_row *row);

struct consent_rows {
    struct consent_row *items;
    size_t count;
};

/* All about a person; side 0: both sides. */
enum status consent_store_of_subject(struct store_txn *txn, struct arena *arena, const struct hash *subject,
                                     unsigned side, struct consent_rows *out_rows);
/* All tokens of a consent, both sides. */
enum status consent_store_of_consent(struct store_txn *txn, struct arena *arena, const struct id16 *consent,
                                     struct consent_rows *out_rows);
/* Some rows with keys above `after` (empty: from the first) in the order of keys, and the key of the last. */
enum status consent_store_page(struct store_txn *txn, struct arena *arena, struct bytes after, size_t most,
                               struct consent_rows *out_rows, struct bytes *out_last);

/* The row's proof, for consent_check. Views of the row. */
struct consent_proof consent_store_proof(const struct consent_row *row);

/* Reads the row's token again; it parsed when it was verified. */
enum status consent_store_token(struct arena *arena, const char *federation, const struct consent_row *row,
                                struct token *out_token);

#endif
