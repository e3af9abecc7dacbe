/*
 * The list of core's tables as the store wants it. Invariant: its order is that of enum store_table.
 */
#include "broker/core/store.h"

#include "base/store_lmdb.h"
#include "base/store_memory.h"

static const struct store_form forms[STORE_TABLE_COUNT] = {
#define X(row, text, format, grows) {.name = (text), .version = (format), .growth = (grows)},
    CORE_TABLES(X)
#undef X
};

_Static_assert(STORE_TABLE_COUNT <= STORE_TABLES_MAX, "more tables than a store can have");

const struct store_tables store_core_tables = {.items = forms, .count = STORE_TABLE_COUNT};

enum status store_open(const char *path, const char *federation, uint64_t map_bytes, struct store **out_store) {
    struct store_lmdb_settings settings = {
        .path = path, .federation = federation, .map_bytes = map_bytes, .tables = store_core_tables};
    return store_lmdb_open(&settings, out_store);
}

enum status store_open_memory(const char *federation, struct store **out_store) {
    return store_memory_open(federation, store_core_tables, out_store);
}
