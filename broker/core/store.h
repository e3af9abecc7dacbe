/*
 * Core's store: base/store.h with core's tables.
 */
#ifndef BROKER_CORE_STORE_H
#define BROKER_CORE_STORE_H

#include <stdint.h>

#include "base/status.h"
#include "base/store.h"
#include "broker/core/store_table.h"

/* What core's store holds, in the order of enum store_table. */
extern const struct store_tables store_core_tables;

/* In LMDB, as store_lmdb_open; map_bytes 0 is the default. The caller closes. */
enum status store_open(const char *path, const char *federation, uint64_t map_bytes, struct store **out_store);

/* In memory, for tests. The caller closes. */
enum status store_open_memory(const char *federation, struct store **out_store);

#endif
