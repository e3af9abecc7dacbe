/*
 * What falls due: expiries of consents, requests and the like. Rows are sealed under the person's slot; the writer runs
 * the function of each row that is due, at most 64 a batch, inside the batch's transaction. The release rule never
 * reads the schedule.
 *
 * A row that no longer matters may stay: its function looks whether there is something to do. A row whose slot was
 * destroyed is removed.
 */
#ifndef BROKER_CORE_SCHEDULE_H
#define BROKER_CORE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/ids.h"

#define SCHEDULE_DUE_MAX 64

/* Stored: numbers never change. */
enum schedule_kind {
    SCHEDULE_NONE = 0,
    SCHEDULE_CONSENT_EXPIRY = 1,
    SCHEDULE_REQUEST_EXPIRY = 2,
    SCHEDULE_ENROLMENT = 3,
    SCHEDULE_FRAGMENT_EXPIRY = 4,
    SCHEDULE_DEVICE = 5,
    SCHEDULE_KIND_COUNT,
};

/* What is done when a row of a kind falls due. In the write transaction, like a handler's apply(): reads and decides
 * before the first write, may run more than once; the row itself is already removed. A failure before the first write
 * puts the row off for a minute; after it, the batch is run again without this row. */
typedef enum status schedule_fn(struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *id,
                                struct arena *arena);

/* The function of a kind, from the table in broker/core/dispatch_table.c; NULL when it has none. */
schedule_fn *dispatch_schedule(enum schedule_kind kind);

/* Adds a row; the same (due, kind, id) is one row. slot: of the person or the consent, whose end takes the row along;
 * LEDGER_NO_SLOT: it stands in clear. Writer. */
enum status schedule_add(const struct core *core, struct store_txn *txn, uint64_t due_ms, enum schedule_kind kind,
                         uint32_t slot, const struct id16 *id, struct arena *arena);
/* Removes it; fine when there is none. Writer. */
enum status schedule_remove(const struct core *core, struct store_txn *txn, uint64_t due_ms, enum schedule_kind kind,
                            const struct id16 *id);

struct schedule_row {
    struct bytes key;
    enum schedule_kind kind;
    uint32_t slot;
    struct id16 id;
    enum status status; /* STATUS_NOT_FOUND: its slot is destroyed */
};

/* Rows due at now_ms, the oldest first, at most `most`. */
enum status schedule_due(const struct core *core, struct store_txn *txn, uint64_t now_ms, size_t most,
                         struct arena *arena, const struct schedule_row **out_rows, size_t *out_count);

#endif
