/*
 * Rows of consent requests: key slot u64, tag of the request's id; sealed under the person's slot. An index row leads
 * from the id to the slot.
 */
#ifndef BROKER_CORE_REQUEST_ROWS_H
#define BROKER_CORE_REQUEST_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/consent_request.h"
#include "proto/ids.h"
#include "proto/msg_consent.h"

/* Undecided requests that a list gives at most. */
#define REQUEST_ROWS_PENDING_MAX 256

/* Pointers live in the arena that the row was read into. */
struct request_row {
    struct id16 id;
    enum request_state state; /* REQUEST_REFUSED also when the person did not choose to tell */
    bool tell;                /* the requester may know of the refusal */
    uint64_t leaf;            /* CONSENT_REQUESTED */
    uint64_t expires_ms;
    struct hash request_hash; /* of the Signed ConsentRequest */
    struct id16 consent;      /* GRANTED: which */
    struct bytes message;     /* exact RequestConsent: Signed ConsentRequest and salts */
};

/* The parts of a row's message. */
struct request_parts {
    struct msg_request_consent message;
    struct consent_request request;
};

struct request_list {
    const struct request_row *items;
    size_t count;
};

/* Finds by id. STATUS_NOT_FOUND; errors of row_get. */
enum status request_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *id,
                              struct arena *arena, uint32_t *out_slot, struct request_row *out);
/* The same when the slot is known. */
enum status request_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *id,
                             struct arena *arena, struct request_row *out);
/* Writes row and index. STATUS_CONFLICT when the id leads to another slot. Writer. */
enum status request_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                             const struct request_row *row, struct arena *arena);
/* The person's requests that are undecided at now_ms. */
enum status request_rows_pending(const struct core *core, struct store_txn *txn, uint32_t slot, uint64_t now_ms,
                                 struct arena *arena, struct request_list *out);

/* Takes the message apart; its signature was verified when it came. STATUS_INTEGRITY. */
enum status request_rows_parts(const struct core *core, const struct request_row *row, struct arena *arena,
                               struct request_parts *out);

/* The state as of now: a pending request whose time is over reads REQUEST_EXPIRED. */
enum request_state request_rows_state(const struct request_row *row, uint64_t now_ms);

#endif
