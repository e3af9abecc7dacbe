/*
 * Rows of the store that name a person or what is a person's: u8 version 1, u32 slot, then the content sealed under the
 * slot's key with aad F("sluss sealed v1", federation, table name, key). Destroying the slot destroys the row's content
 * wherever a copy of it lies. With slot LEDGER_NO_SLOT the content stands in clear: for rows about nobody.
 */
#ifndef BROKER_CORE_ROW_H
#define BROKER_CORE_ROW_H

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"

enum status row_put(const struct core *core, struct store_txn *txn, enum store_table table, struct bytes key,
                    uint32_t slot, struct bytes content, struct arena *arena);

/* STATUS_NOT_FOUND when there is no row or its slot is destroyed; STATUS_VERSION, STATUS_INTEGRITY when it does not
 * open. out_slot may be NULL. */
enum status row_get(const struct core *core, struct store_txn *txn, enum store_table table, struct bytes key,
                    struct arena *arena, uint32_t *out_slot, struct bytes *out_content);

/* Opens a value that a scan gave. */
enum status row_open(const struct core *core, enum store_table table, struct bytes key, struct bytes value,
                     struct arena *arena, uint32_t *out_slot, struct bytes *out_content);

#endif
