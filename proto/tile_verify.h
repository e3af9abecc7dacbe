/*
 * The auditor's pass over a published log: every entry against its leaf hash, every tile against the tiles beneath it,
 * and the root, in one pass from the first entry to the last.
 *
 * Each stored hash is compared with what the level below says, and then used itself for the level above. So a single
 * altered entry or hash is named by itself and does not hide behind, or cause, others; and when there is no finding and
 * the root is that of a signed checkpoint, all of it is what the log signed.
 *
 * Memory: 64 KiB and one tile with its bundle, whatever the size. One owner at a time.
 */
#ifndef PROTO_TILE_VERIFY_H
#define PROTO_TILE_VERIFY_H

#include <stdint.h>

#include "proto/tile_source.h"

enum tile_fault {
    /* Not there at all. */
    TILE_FAULT_MISSING,
    /* Wrong length, or a bundle that does not hold its entries. */
    TILE_FAULT_MALFORMED,
    /* place-th hash of the tile is not that of the entry or tile beneath it. */
    TILE_FAULT_HASH,
};

/* For level 0, number * 256 + place is the index of the leaf. place is 0 unless fault is TILE_FAULT_HASH. */
struct tile_finding {
    enum tile_fault fault;
    struct tile tile;
    unsigned place;
};

/* Callbacks run on the caller's thread; a failure ends the pass with the same status. */
struct tile_visitor {
    void *context;
    /* Every entry that could be read, in order, with its leaf hash as computed. The view lives until the return. May be
     * NULL. */
    enum status (*entry)(void *context, uint64_t index, struct bytes entry, const struct hash *leaf);
    /* Every divergence, when it is found. Not NULL. */
    enum status (*finding)(void *context, const struct tile_finding *finding);
};

/* Goes through the tree of `size` entries. out_root is the root by the stored hashes; the caller compares it with the
 * checkpoint's. STATUS_INVALID above MERKLE_SIZE_MAX; STATUS_NOT_FOUND when both a bundle and its hash tile are
 * unusable, so that the pass cannot go on; STATUS_MEMORY; what fetch and the visitor return. */
enum status tile_verify(tile_fetch_fn *fetch, void *fetch_context, uint64_t size, const struct tile_visitor *visitor,
                        struct hash *out_root);

#endif
