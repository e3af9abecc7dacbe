/*
 * The table directory: sequence u64 -> u8 version 1, u64 leaf index, encoded MultiSigned DirectoryEntry.
 */
#ifndef BROKER_CORE_DIRECTORY_ROWS_H
#define BROKER_CORE_DIRECTORY_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/store.h"
#include "proto/directory.h"

struct directory_row {
    uint64_t sequence;
    uint64_t leaf;
    struct bytes entry;
};

/* Rows after a sequence, ascending, at most `most`. */
enum status directory_rows_list(struct store_txn *txn, uint64_t after, size_t most, struct arena *arena,
                                const struct directory_row **out_rows, size_t *out_count);
/* The newest sequence; 0 when there is none. */
enum status directory_rows_newest(struct store_txn *txn, struct arena *arena, uint64_t *out_sequence);
enum status directory_rows_put(struct store_txn *txn, const struct directory_row *row, struct arena *arena);

/* Folds all rows onto an empty directory, which is taken over. STATUS_INTEGRITY when a row does not verify. */
enum status directory_rows_fold(struct store *store, struct directory *empty, struct directory **out_directory);

#endif
