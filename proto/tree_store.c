/*
 * The in-memory tree. Owns copies of its entries and one array of nodes for each level.
 * Invariant: level l holds size >> l nodes; the frontier stands at the same size.
 */
#include "proto/tree_store.h"

#include <stdlib.h>
#include <string.h>

#include "proto/merkle_frontier.h"

struct level {
    struct hash *nodes;
    size_t cap;
};

struct tree_store {
    struct merkle_frontier frontier;
    struct level levels[MERKLE_FRONTIER_LEVELS];
    struct bytes *entries;
    size_t entry_cap;
};

struct tree_store *tree_store_new(void) {
    return calloc(1, sizeof(struct tree_store));
}

void tree_store_free(struct tree_store *store) {
    if (!store) return;
    for (size_t i = 0; i < store->frontier.size; i++)
        free((void *)store->entries[i].data);
    for (size_t i = 0; i < MERKLE_FRONTIER_LEVELS; i++)
        free(store->levels[i].nodes);
    free(store->entries);
    free(store);
}

/* Room for one more of `size` bytes each; *cap counts elements. */
static enum status grow(void **array, size_t count, size_t *cap, size_t size) {
    if (count < *cap) return STATUS_OK;
    size_t wanted = *cap > 0 ? 2 * *cap : 16;
    void *grown = reallocarray(*array, wanted, size);
    ENSURE(grown, STATUS_MEMORY);
    *array = grown;
    *cap = wanted;
    return STATUS_OK;
}

/* An append that fails half-way leaves nodes that the next one writes again. */
static enum status keep_node(void *context, unsigned level, uint64_t index, const struct hash *node) {
    struct level *kept = &((struct tree_store *)context)->levels[level];
    void *nodes = kept->nodes;
    TRY(grow(&nodes, index, &kept->cap, sizeof *kept->nodes));
    kept->nodes = nodes;
    kept->nodes[index] = *node;
    return STATUS_OK;
}

enum status tree_store_append(struct tree_store *store, struct bytes entry) {
    void *entries = store->entries;
    TRY(grow(&entries, store->frontier.size, &store->entry_cap, sizeof *store->entries));
    store->entries = entries;
    uint8_t *copy CLEANUP(cleanup_free) = malloc(entry.len + 1);
    ENSURE(copy, STATUS_MEMORY);
    if (entry.len > 0) memcpy(copy, entry.data, entry.len);
    struct hash leaf = merkle_leaf_hash(entry);
    uint64_t index = store->frontier.size;
    TRY(merkle_frontier_append(&store->frontier, &leaf, keep_node, store));
    store->entries[index] = BYTES(MOVE(copy), entry.len);
    return STATUS_OK;
}

uint64_t tree_store_size(const struct tree_store *store) { return store->frontier.size; }

struct hash tree_store_root(const struct tree_store *store) {
    return merkle_frontier_root(&store->frontier);
}

enum status tree_store_entry(const struct tree_store *store, uint64_t index, struct bytes *out_entry) {
    ENSURE(index < store->frontier.size, STATUS_NOT_FOUND);
    *out_entry = store->entries[index];
    return STATUS_OK;
}

enum status tree_store_read(void *context, unsigned level, uint64_t index, struct hash *out_node) {
    const struct tree_store *store = context;
    ENSURE(level < MERKLE_FRONTIER_LEVELS && index < store->frontier.size >> level, STATUS_NOT_FOUND);
    *out_node = store->levels[level].nodes[index];
    return STATUS_OK;
}

static enum status fetch_bundle(const struct tree_store *store, const struct tile *tile, struct arena *arena,
                                struct bytes *out_content) {
    const struct bytes *entries = &store->entries[tile->number * TILE_WIDTH];
    size_t len = 0;
    for (unsigned i = 0; i < tile->width; i++)
        len += 2 + entries[i].len;
    uint8_t *memory = arena_alloc(arena, len);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, len);
    for (unsigned i = 0; i < tile->width; i++)
        tile_entry_write(&writer, entries[i]);
    return writer_end(&writer, out_content);
}

enum status tree_store_fetch(void *context, const struct tile *tile, struct arena *arena, struct bytes *out_content) {
    struct tree_store *store = context;
    ENSURE(tile_within(tile, store->frontier.size), STATUS_NOT_FOUND);
    if (tile->kind == TILE_ENTRIES) return fetch_bundle(store, tile, arena, out_content);
    return tile_build(arena, tree_store_read, store, tile, out_content);
}
