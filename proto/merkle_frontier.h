/*
 * The right edge of a growing tree: all that is needed to append entries and to know the root (a compact range from 0).
 *
 * For each bit l that is set in size, edge[l] is the complete node of level l that ends the tree's prefix of that part;
 * other slots mean nothing. So size = 6 (binary 110) holds edge[2] over the entries 0-3 and edge[1] over 4-5.
 *
 * Pure, embedded, no clean-up. One owner at a time.
 */
#ifndef PROTO_MERKLE_FRONTIER_H
#define PROTO_MERKLE_FRONTIER_H

#include "proto/merkle.h"

#define MERKLE_FRONTIER_LEVELS 63

struct merkle_frontier {
    uint64_t size;
    struct hash edge[MERKLE_FRONTIER_LEVELS];
};

/* Receives each complete node as it comes into being: level 0 first, then upwards. Called on the caller's thread from
 * inside merkle_frontier_append. A failure ends the append with the same status. */
typedef enum status merkle_emit_fn(void *context, unsigned level, uint64_t index, const struct hash *node);

/* The tree without entries. */
void merkle_frontier_init(struct merkle_frontier *frontier);

/* The frontier of a stored tree of `size` entries. STATUS_INVALID above MERKLE_SIZE_MAX; what read returns. */
enum status merkle_frontier_load(merkle_read_fn *read, void *context, uint64_t size,
                                 struct merkle_frontier *out_frontier);

/* Appends one leaf hash. emit may be NULL. STATUS_LIMIT when the tree is full; what emit returns: then the frontier is
 * as before, and nodes already emitted come again, the same, when the same leaf is appended again. On average one and
 * one more node for each leaf. */
enum status merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf, merkle_emit_fn *emit,
                                   void *context);

/* Appends the complete node `node` of the given level, which covers 2^level entries. The size must be a multiple of
 * 2^level: else STATUS_INVALID. For readers that skip parts of the tree whose hash they know; emits as append does,
 * from `level` upwards. */
enum status merkle_frontier_append_node(struct merkle_frontier *frontier, unsigned level, const struct hash *node,
                                        merkle_emit_fn *emit, void *context);

/* The root of the tree so far. */
struct hash merkle_frontier_root(const struct merkle_frontier *frontier);

#endif
