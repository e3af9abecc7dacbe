/*
 * The auditor's pass. Owns its arena and the rows; trusts nothing that it fetches.
 * Invariant: rows[l] holds the hashes, as the level below gives them, of the tile of level l that is being filled.
 */
#include "proto/tile_verify.h"

#include <stdlib.h>
#include <string.h>

/* A bundle of the largest entries with its views and its hash tile, twice (a full tile in place of a partial one). */
#define PASS_ARENA_BYTES ((size_t)40 << 20)

struct row {
    uint64_t number;
    unsigned count;
    struct hash below[TILE_WIDTH];
};

struct pass {
    struct tile_source source;
    const struct tile_visitor *visitor;
    struct row rows[TILE_LEVEL_COUNT];
};

static enum status report(const struct pass *pass, enum tile_fault fault, const struct tile *tile, unsigned place) {
    struct tile_finding finding = {fault, *tile, place};
    return pass->visitor->finding(pass->visitor->context, &finding);
}

/* A fault of the published files is reported and the pass goes on; anything else ends it. */
static enum status report_status(const struct pass *pass, enum status status, const struct tile *tile) {
    switch (status) {
    case STATUS_NOT_FOUND:
        return report(pass, TILE_FAULT_MISSING, tile, 0);
    case STATUS_MALFORMED:
        return report(pass, TILE_FAULT_MALFORMED, tile, 0);
    default:
        return status;
    }
}

/* Compares the row with its stored tile, and takes over what is stored. A tile that cannot be read leaves the row as it
 * is: computed. */
static enum status row_check(struct pass *pass, unsigned level) {
    struct row *row = &pass->rows[level];
    struct tile tile = {TILE_HASHES, level, row->number, row->count};
    struct bytes content;
    enum status status = tile_source_hashes(&pass->source, level, row->number, &content);
    if (status != STATUS_OK) return report_status(pass, status, &tile);
    for (unsigned i = 0; i < row->count; i++) {
        const uint8_t *stored = content.data + (size_t)i * HASH_BYTES;
        if (memcmp(stored, row->below[i].b, HASH_BYTES) == 0) continue;
        TRY(report(pass, TILE_FAULT_HASH, &tile, i));
        memcpy(row->below[i].b, stored, HASH_BYTES);
    }
    return STATUS_OK;
}

/* Closes full tiles from level 0 upwards as far as they reach. */
static enum status rows_rise(struct pass *pass) {
    for (unsigned level = 0; pass->rows[level].count == TILE_WIDTH; level++) {
        struct row *row = &pass->rows[level];
        struct row *above = &pass->rows[level + 1];
        TRY(row_check(pass, level));
        TRY(tile_node(BYTES_ARRAY(row->below), TILE_HEIGHT, 0, &above->below[above->count++]));
        row->count = 0;
        row->number++;
    }
    return STATUS_OK;
}

static enum status visit(struct pass *pass, uint64_t number, const struct bytes *entries, unsigned count) {
    struct row *row = &pass->rows[0];
    for (unsigned i = 0; i < count; i++) {
        row->below[i] = merkle_leaf_hash(entries[i]);
        if (pass->visitor->entry) {
            TRY(pass->visitor->entry(pass->visitor->context, number * TILE_WIDTH + i, entries[i], &row->below[i]));
        }
    }
    row->count = count;
    return STATUS_OK;
}

/* Without its entries, a hash tile has to speak for itself. */
static enum status take_hashes(struct pass *pass, uint64_t number) {
    struct row *row = &pass->rows[0];
    struct bytes content;
    enum status status = tile_source_hashes(&pass->source, 0, number, &content);
    if (status == STATUS_MALFORMED) status = STATUS_NOT_FOUND;
    TRY(status);
    memcpy(row->below, content.data, content.len);
    row->count = (unsigned)(content.len / HASH_BYTES);
    return STATUS_OK;
}

static enum status bundle_check(struct pass *pass, uint64_t number) {
    const struct bytes *entries;
    struct tile tile = {TILE_ENTRIES, 0, number, tile_width(0, number, pass->source.size)};
    unsigned count;
    enum status status = tile_source_entries(&pass->source, number, &entries, &count);
    if (status == STATUS_OK) {
        TRY(visit(pass, number, entries, count));
    } else {
        TRY(report_status(pass, status, &tile));
        TRY(take_hashes(pass, number));
    }
    return rows_rise(pass);
}

/* The partial tiles on the right edge. What is stored in them goes into the root. */
static enum status rows_end(struct pass *pass, struct hash *out_root) {
    bool any = false;
    struct hash folded;
    for (unsigned level = 0; level < TILE_LEVEL_COUNT; level++) {
        struct row *row = &pass->rows[level];
        if (row->count == 0) continue;
        TRY(row_check(pass, level));
        for (unsigned rest = row->count; rest > 0; rest &= rest - 1) {
            unsigned height = (unsigned)__builtin_ctz(rest);
            struct hash node;
            TRY(tile_node(BYTES_ARRAY(row->below), height, (rest >> height) - 1, &node));
            folded = any ? merkle_node_hash(&node, &folded) : node;
            any = true;
        }
    }
    *out_root = any ? folded : merkle_empty_root();
    return STATUS_OK;
}

static void pass_free(struct pass *pass) {
    if (!pass) return;
    arena_free(pass->source.arena);
    free(pass);
}
CLEANUP_POINTER(struct pass, pass_free)

enum status tile_verify(tile_fetch_fn *fetch, void *fetch_context, uint64_t size, const struct tile_visitor *visitor,
                        struct hash *out_root) {
    ENSURE(size <= MERKLE_SIZE_MAX, STATUS_INVALID);
    struct pass *pass CLEANUP(pass_free_cleanup) = calloc(1, sizeof *pass);
    ENSURE(pass, STATUS_MEMORY);
    pass->visitor = visitor;
    pass->source = (struct tile_source){fetch, fetch_context, arena_new(PASS_ARENA_BYTES), size};
    ENSURE(pass->source.arena, STATUS_MEMORY);
    for (uint64_t number = 0; number * TILE_WIDTH < size; number++) {
        arena_reset(pass->source.arena);
        TRY(bundle_check(pass, number));
    }
    arena_reset(pass->source.arena);
    return rows_end(pass, out_root);
}
