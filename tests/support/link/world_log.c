#include "support/link/world_log.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/merkle_frontier.h"

#define LOG_ARENA ((size_t)32 << 20)

static enum status ask_part(struct world *world, uint64_t first, uint64_t count, struct arena *arena,
                            struct export_part *out_part) {
    struct operator_reply reply;
    const struct operator_ask ask = {.verb = OPERATOR_EXPORT, .a = first, .b = count};
    TRY(world_operator(world, &ask, arena, &reply));
    TRY(reply_code_status((enum reply_code)reply.code));
    return internal_export_part_parse(arena, reply.body, out_part);
}

static enum status read_leaves(struct world *world, struct world_log *log) {
    uint64_t have = 0;
    while (have < log->size) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(LOG_ARENA);
        uint64_t want = log->size - have < LIMIT_TILE_WIDTH ? log->size - have : LIMIT_TILE_WIDTH;
        struct export_part part;
        ENSURE(arena, STATUS_MEMORY);
        TRY(ask_part(world, have, want, arena, &part));
        ENSURE(part.n_leaves > 0 && part.n_leaves <= want, STATUS_MALFORMED);
        for (size_t i = 0; i < part.n_leaves; i++) {
            log->leaves[have++] = merkle_leaf_hash(part.leaves[i].leaf);
        }
    }
    return STATUS_OK;
}

static enum status check_root(const struct world_log *log, const struct hash *root) {
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (uint64_t i = 0; i < log->size; i++) {
        TRY(merkle_frontier_append(&frontier, &log->leaves[i], NULL, NULL));
    }
    struct hash found = merkle_frontier_root(&frontier);
    return hash_equal(&found, root) ? STATUS_OK : STATUS_FORK;
}

enum status world_log_read(struct world *world, struct world_notes *notes, struct world_log *out_log) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(LOG_ARENA);
    struct export_part part;
    struct world_tree tree;
    ENSURE(arena, STATUS_MEMORY);
    TRY(ask_part(world, 0, 0, arena, &part));
    TRY(world_notes_open(notes, arena, part.checkpoint, &tree));
    struct world_log log = {.size = tree.size};
    log.leaves = calloc(tree.size, sizeof *log.leaves);
    ENSURE(log.leaves, STATUS_MEMORY);
    enum status status = read_leaves(world, &log);
    if (status == STATUS_OK) status = check_root(&log, &tree.root);
    if (status != STATUS_OK) {
        world_log_clear(&log);
        return status;
    }
    *out_log = log;
    return STATUS_OK;
}

void world_log_clear(struct world_log *log) {
    free(log->leaves);
    *log = (struct world_log){.leaves = NULL};
}

static int by_size(const void *a, const void *b) {
    uint64_t x = ((const struct world_tree *)a)->size;
    uint64_t y = ((const struct world_tree *)b)->size;
    return (x > y) - (x < y);
}

static enum status walk_trees(const struct world_log *log, const struct world_tree *trees, size_t count) {
    struct merkle_frontier frontier;
    size_t next = 0;
    merkle_frontier_init(&frontier);
    for (uint64_t i = 0; i < log->size; i++) {
        TRY(merkle_frontier_append(&frontier, &log->leaves[i], NULL, NULL));
        for (; next < count && trees[next].size == i + 1; next++) {
            struct hash root = merkle_frontier_root(&frontier);
            ENSURE(hash_equal(&root, &trees[next].root), STATUS_FORK);
        }
    }
    return next == count ? STATUS_OK : STATUS_FORK;
}

enum status world_log_holds_trees(const struct world_log *log, const struct world_notes *notes) {
    const struct world_tree *seen = NULL;
    size_t count = world_notes_trees(notes, &seen);
    struct world_tree *trees CLEANUP(cleanup_free) = calloc(count + 1, sizeof *trees);
    ENSURE(trees, STATUS_MEMORY);
    if (count > 0) memcpy(trees, seen, count * sizeof *trees);
    qsort(trees, count, sizeof *trees, by_size);
    return walk_trees(log, trees, count);
}

bool world_log_holds(const struct world_log *log, const struct world_receipt *receipt) {
    return receipt->index < log->size && hash_equal(&log->leaves[receipt->index], &receipt->leaf_hash);
}
