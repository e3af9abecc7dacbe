/*
 * The nodes of the log's tree: tiles of 256 hashes in the table node, with their inner nodes in memory for the right
 * edge and for tiles that were used lately, so that a proof about a recent leaf needs no read.
 *
 * The right edge (the partial tile of each level) is always in memory. The writer adds nodes beyond the committed tree
 * and may add them again, others, when a batch is run again; readers ask only for nodes of the signed tree, which never
 * change. One mutex guards all tiles.
 */
#ifndef BROKER_CORE_LEDGER_TILES_H
#define BROKER_CORE_LEDGER_TILES_H

#include <stdint.h>

#include "base/cleanup.h"
#include "broker/core/store.h"
#include "keys/hash.h"

struct ledger_tiles;

/* NULL when memory is out. */
struct ledger_tiles *ledger_tiles_new(void);
/* Takes NULL. */
void ledger_tiles_free(struct ledger_tiles *tiles);
CLEANUP_POINTER(struct ledger_tiles, ledger_tiles_free)

/* Loads the right edge of a stored tree of `size` leaves. STATUS_INTEGRITY when the table does not have it. */
enum status ledger_tiles_load(struct ledger_tiles *tiles, struct store_txn *txn, uint64_t size);

/* Adds a complete node; one that completes a tile writes its row. Writer. */
enum status ledger_tiles_add(struct ledger_tiles *tiles, struct store_txn *txn, unsigned level, uint64_t index,
                             const struct hash *node);
/* Writes the partial tiles of a tree that grew from old_size to size. Writer. */
enum status ledger_tiles_write(struct ledger_tiles *tiles, struct store_txn *txn, uint64_t old_size, uint64_t size);
/* The tree of this size is committed: tiles left of its edge may be dropped from memory. Writer. */
void ledger_tiles_committed(struct ledger_tiles *tiles, uint64_t size);

/* A complete node of the committed (writer) or signed tree. Any thread. STATUS_INTEGRITY when it is not stored. */
enum status ledger_tiles_get(struct ledger_tiles *tiles, struct store_txn *txn, unsigned level, uint64_t index,
                             struct hash *out_node);

/* The first `width` hashes of a tile row. STATUS_NOT_FOUND when it has fewer. */
enum status ledger_tiles_row(struct store_txn *txn, unsigned tile_level, uint64_t number, unsigned width,
                             struct arena *arena, struct bytes *out_hashes);

#endif
