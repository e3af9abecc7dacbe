/*
 * Appending to the tree. Owns no memory. Invariant: the nodes of the set bits of size, from the highest bit to the
 * lowest, cover the entries 0..size-1 without gap.
 */
#include "proto/merkle_frontier.h"

void merkle_frontier_init(struct merkle_frontier *frontier) { *frontier = (struct merkle_frontier){.size = 0}; }

enum status merkle_frontier_load(merkle_read_fn *read, void *context, uint64_t size,
                                 struct merkle_frontier *out_frontier) {
    ENSURE(size <= MERKLE_SIZE_MAX, STATUS_INVALID);
    struct merkle_frontier loaded = {.size = size};
    for (uint64_t rest = size; rest != 0; rest &= rest - 1) {
        unsigned level = (unsigned)__builtin_ctzll(rest);
        /* The node of this bit is the last one of its level that lies within the size. */
        TRY(read(context, level, (size >> level) - 1, &loaded.edge[level]));
    }
    *out_frontier = loaded;
    return STATUS_OK;
}

enum status merkle_frontier_append_node(struct merkle_frontier *frontier, unsigned level, const struct hash *node,
                                        merkle_emit_fn *emit, void *context) {
    ENSURE(level < MERKLE_FRONTIER_LEVELS, STATUS_INVALID);
    uint64_t added = (uint64_t)1 << level;
    ENSURE((frontier->size & (added - 1)) == 0, STATUS_INVALID);
    ENSURE(added <= MERKLE_SIZE_MAX - frontier->size, STATUS_LIMIT);
    struct hash grown = *node;
    unsigned top = level;
    for (;; top++) {
        uint64_t position = frontier->size >> top;
        if (emit) TRY(emit(context, top, position, &grown));
        if ((position & 1) == 0) break;
        grown = merkle_node_hash(&frontier->edge[top], &grown);
    }
    frontier->edge[top] = grown;
    frontier->size += added;
    return STATUS_OK;
}

enum status merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf, merkle_emit_fn *emit,
                                   void *context) {
    return merkle_frontier_append_node(frontier, 0, leaf, emit, context);
}

struct hash merkle_frontier_root(const struct merkle_frontier *frontier) {
    uint64_t rest = frontier->size;
    if (rest == 0) return merkle_empty_root();
    struct hash folded = frontier->edge[__builtin_ctzll(rest)];
    for (rest &= rest - 1; rest != 0; rest &= rest - 1)
        folded = merkle_node_hash(&frontier->edge[__builtin_ctzll(rest)], &folded);
    return folded;
}
