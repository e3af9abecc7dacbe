/*
 * Rows of consent tokens: key slot u64, tag of the token's id; sealed under the person's slot. A row holds what a
 * release asks of a token, so that no release parses a JWS, and the exact token. The state is its consent's
 * (broker/core/consent_rows.h).
 */
#ifndef BROKER_CORE_TOKEN_ROWS_H
#define BROKER_CORE_TOKEN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/limits.h"
#include "proto/token.h"

/* Pointers live in the arena that the row was read into. */
struct token_row {
    struct id16 jti;
    struct id16 consent;
    struct hash subject;
    struct hash device;
    struct hash request; /* hash of the Signed ConsentRequest */
    struct id16 request_id;
    uint64_t leaf; /* CONSENT_GRANTED */
    uint64_t nbf_s;
    uint64_t exp_s;
    const char *to;
    const char *from;
    const char *purpose;
    uint32_t kinds[LIMIT_KINDS]; /* enum kind, ascending by number */
    size_t n_kinds;
    enum access access;
    struct id16 used; /* access once: the RELEASED event that used it; zeros before */
    struct bytes compact;
};

/* The row of a token that was verified. */
struct token_row token_rows_make(const struct token *token, const struct id16 *request_id);

/* Finds by id. STATUS_NOT_FOUND; errors of row_get. */
enum status token_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *jti, struct arena *arena,
                            uint32_t *out_slot, struct token_row *out);
enum status token_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *jti,
                           struct arena *arena, struct token_row *out);
/* Writes row and index. STATUS_CONFLICT when the id leads to another slot. Writer. */
enum status token_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot, const struct token_row *row,
                           struct arena *arena);

bool token_rows_has_kind(const struct token_row *row, uint32_t kind);

#endif
