/*
 * Rows of consents: key slot u64, tag of the consent's id; sealed under the person's slot. State belongs to the
 * consent, so that ending it by any of its tokens ends all. Key grants made for it are sealed under a slot of the
 * consent's own. How states change: broker/core/consent_change.h.
 */
#ifndef BROKER_CORE_CONSENT_ROWS_H
#define BROKER_CORE_CONSENT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/consent_request.h"
#include "proto/ids.h"
#include "proto/limits.h"
#include "proto/state_statement.h"

struct consent_token {
    struct id16 jti;
    const char *from;  /* unit */
    uint64_t leaf;     /* CONSENT_GRANTED */
    uint64_t ack_leaf; /* index + 1 of the source's ACKNOWLEDGED, 0: none yet */
};

/* Pointers live in the arena that the row was read into. */
struct consent_row {
    struct id16 consent;
    struct hash subject;
    enum consent_state state;
    uint32_t key_slot; /* of its grants */
    struct id16 request;
    struct hash device;  /* that signed */
    uint64_t signed_s;   /* iat of its tokens */
    uint64_t state_leaf; /* the newest that made the state */
    uint64_t exp_ms;
    const char *to;
    const char *purpose;
    const char *attester; /* member */
    uint32_t kinds[LIMIT_KINDS];
    size_t n_kinds;
    enum access access;
    struct hash rev;
    uint64_t ack_leaf;            /* the recipient's, as above */
    struct consent_token *tokens; /* 1 to LIMIT_TOKENS */
    size_t n_tokens;
};

struct consent_list {
    struct consent_row *items;
    size_t count;
};

/* Finds by id. STATUS_NOT_FOUND; errors of row_get. */
enum status consent_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *consent,
                              struct arena *arena, uint32_t *out_slot, struct consent_row *out);
/* Finds by H("sluss code v1", ...) of a revocation code. STATUS_NOT_FOUND. */
enum status consent_rows_by_code(const struct core *core, struct store_txn *txn, const struct hash *rev,
                                 struct arena *arena, uint32_t *out_slot, struct consent_row *out);
enum status consent_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *consent,
                             struct arena *arena, struct consent_row *out);
/* Writes row and both indexes. STATUS_CONFLICT when id or code lead to another slot. Writer. */
enum status consent_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                             const struct consent_row *row, struct arena *arena);
/* All of a person, in no order that means anything; at most STORE_SCAN_MAX. */
enum status consent_rows_list(const struct core *core, struct store_txn *txn, uint32_t slot, struct arena *arena,
                              struct consent_list *out);

/* Revoked, expired or superseded. */
bool consent_rows_final(const struct consent_row *row);
bool consent_rows_has_kind(const struct consent_row *row, uint32_t kind);
/* The token for a source; NULL when there is none. */
struct consent_token *consent_rows_token_from(const struct consent_row *row, const char *unit);
/* Whether recipient, purpose and set of sources are equal: what a new consent supersedes. */
bool consent_rows_same_terms(const struct consent_row *a, const struct consent_row *b);

#endif
