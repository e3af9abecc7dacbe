/*
 * A whole tree in memory: entries and all complete nodes, in growing arrays. For tests, for models, and for readers of
 * small logs; the broker keeps its nodes in its store.
 *
 * One owner at a time.
 */
#ifndef PROTO_TREE_STORE_H
#define PROTO_TREE_STORE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"
#include "proto/merkle.h"
#include "proto/tile.h"

struct tree_store;

/* NULL when memory is out. */
struct tree_store *tree_store_new(void);
/* Takes NULL. */
void tree_store_free(struct tree_store *store);
CLEANUP_POINTER(struct tree_store, tree_store_free)

/* Copies the entry. STATUS_MEMORY: then nothing was added. */
enum status tree_store_append(struct tree_store *store, struct bytes entry);

uint64_t tree_store_size(const struct tree_store *store);
struct hash tree_store_root(const struct tree_store *store);

/* A view that lives until the store is freed. STATUS_NOT_FOUND. */
enum status tree_store_entry(const struct tree_store *store, uint64_t index, struct bytes *out_entry);

/* A merkle_read_fn; context is the store. STATUS_NOT_FOUND for a node that is not complete. */
enum status tree_store_read(void *context, unsigned level, uint64_t index, struct hash *out_node);

/* A tile_fetch_fn; context is the store. STATUS_NOT_FOUND for a tile that the tree does not have. */
enum status tree_store_fetch(void *context, const struct tile *tile, struct arena *arena, struct bytes *out_content);

#endif
