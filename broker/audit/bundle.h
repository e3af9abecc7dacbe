/*
 * 256 leaves of a mirror in memory: entries from the tile, openings and evidence from their parts. Loaded on one
 * thread; afterwards prepare.c works on groups of leaves, each with an arena of its own.
 */
#ifndef BROKER_AUDIT_BUNDLE_H
#define BROKER_AUDIT_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/audit/audit_leaf.h"
#include "broker/audit/mirror.h"
#include "proto/tile.h"

/* Leaves that share an arena and are worked on together. */
#define BUNDLE_GROUP  16
#define BUNDLE_GROUPS (TILE_WIDTH / BUNDLE_GROUP)

struct bundle {
    uint64_t number;
    unsigned width;
    struct audit_leaf leaves[TILE_WIDTH];
    struct arena *entries; /* what the tile gave */
    struct arena *parts;
    struct arena *groups[BUNDLE_GROUPS];
    const struct evidence_item **evidence; /* ascending by hash, then slot */
    size_t n_evidence;
};

/* NULL when memory is out. */
struct bundle *bundle_new(void);
/* Takes NULL. */
void bundle_free(struct bundle *bundle);
CLEANUP_POINTER(struct bundle, bundle_free)

/* Empties it for the leaves of another number. */
void bundle_begin(struct bundle *bundle, uint64_t number, unsigned width);

/* Copies an entry in. place below width. STATUS_MEMORY. */
enum status bundle_entry(struct bundle *bundle, unsigned place, struct bytes entry);

/* Reads the two parts. What is wrong with them becomes findings of the leaves; fails only for what is the fault of this
 * machine. */
enum status bundle_load(struct bundle *bundle, const struct mirror *mirror);

/* The evidence with this hash under this slot (slot + 1, 0: in clear), sealed as it is; NULL when there is none. */
const struct evidence_item *bundle_evidence(const struct bundle *bundle, const struct hash *hash, uint64_t slot);

/* How many groups its leaves make. */
size_t bundle_group_count(const struct bundle *bundle);

#endif
