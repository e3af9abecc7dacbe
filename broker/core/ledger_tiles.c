/*
 * A tile in memory holds its 256 hashes and the complete nodes above them up to height 7, 510 in all; height 8 is the
 * next level's hash. Rows hold the hashes only: u8 version 1, then 32 bytes each.
 *
 * Invariant: the edge of each level is pinned. Tiles beyond the committed edge (from a batch that was run again) may be
 * pinned too; they are filled anew before the edge passes them.
 */
#include "broker/core/ledger_tiles.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/merkle.h"
#include "proto/tile.h"

enum {
    TILES_KEPT = 128, /* 16 KiB each */
    TILES_BUCKETS = 64,
    TILE_ROW_VERSION = 1,
    TILE_ROW_BYTES = 1 + TILE_BYTES,
    TILE_KEY_BYTES = 9,
    TILE_NODES = 2 * TILE_WIDTH - 2,
};

enum tile_hold { TILE_DROPPABLE, TILE_PINNED };

struct held_tile {
    struct held_tile *next;
    unsigned level;
    uint64_t number;
    enum tile_hold hold;
    uint64_t used;
    struct hash nodes[TILE_NODES];
};

struct ledger_tiles {
    pthread_mutex_t mutex; /* guards all below */
    struct held_tile *buckets[TILES_BUCKETS];
    size_t count;
    uint64_t tick;
};

struct ledger_tiles *ledger_tiles_new(void) {
    struct ledger_tiles *tiles = calloc(1, sizeof *tiles);
    if (!tiles) return NULL;
    if (pthread_mutex_init(&tiles->mutex, NULL) != 0) {
        free(tiles);
        return NULL;
    }
    return tiles;
}

void ledger_tiles_free(struct ledger_tiles *tiles) {
    if (!tiles) return;
    for (size_t b = 0; b < TILES_BUCKETS; b++) {
        while (tiles->buckets[b]) {
            struct held_tile *next = tiles->buckets[b]->next;
            free(tiles->buckets[b]);
            tiles->buckets[b] = next;
        }
    }
    (void)pthread_mutex_destroy(&tiles->mutex);
    free(tiles);
}

static void tiles_lock(struct ledger_tiles *tiles) {
    if (pthread_mutex_lock(&tiles->mutex) != 0) abort();
}

static void tiles_unlock(struct ledger_tiles *tiles) {
    if (pthread_mutex_unlock(&tiles->mutex) != 0) abort();
}

/* Where the node of a height (0 to 7) stands in a tile. */
static size_t node_at(unsigned height, uint64_t position) {
    size_t first = 2 * TILE_WIDTH - ((size_t)2 * TILE_WIDTH >> height);
    return first + (size_t)position;
}

static size_t bucket_of(unsigned level, uint64_t number) { return (size_t)(number * 8 + level) % TILES_BUCKETS; }

/* The mutex is held, here and in the four below. */
static struct held_tile *find_tile(struct ledger_tiles *tiles, unsigned level, uint64_t number) {
    struct held_tile *tile = tiles->buckets[bucket_of(level, number)];
    while (tile && (tile->level != level || tile->number != number))
        tile = tile->next;
    if (tile) tile->used = ++tiles->tick;
    return tile;
}

static void insert_tile(struct ledger_tiles *tiles, struct held_tile *tile) {
    struct held_tile **bucket = &tiles->buckets[bucket_of(tile->level, tile->number)];
    tile->next = *bucket;
    tile->used = ++tiles->tick;
    *bucket = tile;
    tiles->count++;
}

static struct held_tile **oldest_droppable(struct ledger_tiles *tiles) {
    struct held_tile **oldest = NULL;
    for (size_t b = 0; b < TILES_BUCKETS; b++) {
        for (struct held_tile **at = &tiles->buckets[b]; *at; at = &(*at)->next) {
            if ((*at)->hold == TILE_DROPPABLE && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
        }
    }
    return oldest;
}

static void drop_excess(struct ledger_tiles *tiles) {
    while (tiles->count > TILES_KEPT) {
        struct held_tile **at = oldest_droppable(tiles);
        if (!at) return;
        struct held_tile *tile = *at;
        *at = tile->next;
        free(tile);
        tiles->count--;
    }
}

static struct held_tile *new_tile(unsigned level, uint64_t number, enum tile_hold hold) {
    struct held_tile *tile = calloc(1, sizeof *tile);
    if (!tile) return NULL;
    tile->level = level;
    tile->number = number;
    tile->hold = hold;
    return tile;
}

static struct bytes tile_key(unsigned level, uint64_t number, uint8_t memory[static TILE_KEY_BYTES]) {
    struct writer writer = writer_init(memory, TILE_KEY_BYTES);
    writer_u8(&writer, (uint8_t)level);
    writer_u64(&writer, number);
    return BYTES(memory, TILE_KEY_BYTES);
}

static enum status row_hashes(struct bytes value, struct bytes *out_hashes) {
    struct reader reader = reader_init(value);
    uint8_t version = reader_u8(&reader);
    ENSURE(reader.status == STATUS_OK && reader.rest.len % HASH_BYTES == 0, STATUS_INTEGRITY);
    ENSURE(version == TILE_ROW_VERSION, STATUS_VERSION);
    *out_hashes = reader.rest;
    return STATUS_OK;
}

/* Fills in the nodes above the first `width` hashes. */
static void fill_inner(struct held_tile *tile, unsigned width) {
    for (unsigned height = 1; height < TILE_HEIGHT; height++) {
        for (unsigned i = 0; i < width >> height; i++) {
            tile->nodes[node_at(height, i)] = merkle_node_hash(&tile->nodes[node_at(height - 1, 2 * i)],
                                                               &tile->nodes[node_at(height - 1, 2 * i + 1)]);
        }
    }
}

/* Reads a row of exactly `width` hashes into a tile that is not shared yet. */
static enum status read_tile(struct store_txn *txn, struct held_tile *tile, unsigned width) {
    uint8_t key[TILE_KEY_BYTES];
    uint8_t memory[TILE_ROW_BYTES];
    struct bytes value, hashes;
    enum status got =
        store_get_into(txn, STORE_NODE, tile_key(tile->level, tile->number, key), memory, sizeof memory, &value);
    ENSURE(got != STATUS_NOT_FOUND && got != STATUS_TOO_LARGE, STATUS_INTEGRITY);
    TRY(got);
    TRY(row_hashes(value, &hashes));
    ENSURE(hashes.len == (size_t)width * HASH_BYTES, STATUS_INTEGRITY);
    memcpy(tile->nodes, hashes.data, (size_t)width * HASH_BYTES);
    fill_inner(tile, width);
    return STATUS_OK;
}

enum status ledger_tiles_load(struct ledger_tiles *tiles, struct store_txn *txn, uint64_t size) {
    for (unsigned level = 0; level < TILE_LEVEL_COUNT; level++) {
        uint64_t hashes = size >> (TILE_HEIGHT * level);
        unsigned width = (unsigned)(hashes % TILE_WIDTH);
        if (width == 0) continue;
        struct held_tile *tile = new_tile(level, hashes / TILE_WIDTH, TILE_PINNED);
        ENSURE(tile, STATUS_MEMORY);
        tiles_lock(tiles);
        insert_tile(tiles, tile);
        tiles_unlock(tiles);
        TRY(read_tile(txn, tile, width));
    }
    return STATUS_OK;
}

static enum status write_tile(struct store_txn *txn, unsigned level, uint64_t number, const struct hash *hashes,
                              unsigned width) {
    uint8_t key[TILE_KEY_BYTES];
    uint8_t value[TILE_ROW_BYTES];
    value[0] = TILE_ROW_VERSION;
    memcpy(value + 1, hashes, (size_t)width * HASH_BYTES);
    return store_put(txn, STORE_NODE, tile_key(level, number, key), BYTES(value, 1 + (size_t)width * HASH_BYTES));
}

/* The tile that the writer adds to. Only the writer's tiles change, so that it may go on using it without the mutex
 * while others read nodes that stand already. */
static struct held_tile *edge_tile(struct ledger_tiles *tiles, unsigned level, uint64_t number) {
    tiles_lock(tiles);
    struct held_tile *tile = find_tile(tiles, level, number);
    if (!tile) {
        tile = new_tile(level, number, TILE_PINNED);
        if (tile) insert_tile(tiles, tile);
    }
    if (tile) tile->hold = TILE_PINNED;
    tiles_unlock(tiles);
    return tile;
}

enum status ledger_tiles_add(struct ledger_tiles *tiles, struct store_txn *txn, unsigned level, uint64_t index,
                             const struct hash *node) {
    unsigned height = level % TILE_HEIGHT;
    uint64_t per_tile = TILE_WIDTH >> height;
    struct held_tile *tile = edge_tile(tiles, level / TILE_HEIGHT, index / per_tile);
    ENSURE(tile, STATUS_MEMORY);
    tile->nodes[node_at(height, index % per_tile)] = *node;
    if (height != 0 || index % TILE_WIDTH != TILE_WIDTH - 1) return STATUS_OK;
    return write_tile(txn, tile->level, tile->number, tile->nodes, TILE_WIDTH);
}

enum status ledger_tiles_write(struct ledger_tiles *tiles, struct store_txn *txn, uint64_t old_size, uint64_t size) {
    for (unsigned level = 0; level < TILE_LEVEL_COUNT; level++) {
        uint64_t hashes = size >> (TILE_HEIGHT * level);
        unsigned width = (unsigned)(hashes % TILE_WIDTH);
        if (hashes == old_size >> (TILE_HEIGHT * level)) return STATUS_OK;
        if (width == 0) continue;
        struct held_tile *tile = edge_tile(tiles, level, hashes / TILE_WIDTH);
        ENSURE(tile, STATUS_MEMORY);
        TRY(write_tile(txn, level, tile->number, tile->nodes, width));
    }
    return STATUS_OK;
}

void ledger_tiles_committed(struct ledger_tiles *tiles, uint64_t size) {
    tiles_lock(tiles);
    for (size_t b = 0; b < TILES_BUCKETS; b++) {
        for (struct held_tile *tile = tiles->buckets[b]; tile; tile = tile->next) {
            uint64_t edge = (size >> (TILE_HEIGHT * tile->level)) / TILE_WIDTH;
            if (tile->number < edge) tile->hold = TILE_DROPPABLE;
        }
    }
    drop_excess(tiles);
    tiles_unlock(tiles);
}

static bool get_held(struct ledger_tiles *tiles, unsigned level, uint64_t number, size_t at, struct hash *out_node) {
    tiles_lock(tiles);
    const struct held_tile *tile = find_tile(tiles, level, number);
    if (tile) *out_node = tile->nodes[at];
    tiles_unlock(tiles);
    return tile != NULL;
}

/* Puts a full tile that was read among those held, or frees it when another thread was faster. */
static void keep_tile(struct ledger_tiles *tiles, struct held_tile *tile) {
    tiles_lock(tiles);
    if (find_tile(tiles, tile->level, tile->number)) {
        free(tile);
    } else {
        insert_tile(tiles, tile);
        drop_excess(tiles);
    }
    tiles_unlock(tiles);
}

enum status ledger_tiles_get(struct ledger_tiles *tiles, struct store_txn *txn, unsigned level, uint64_t index,
                             struct hash *out_node) {
    unsigned height = level % TILE_HEIGHT;
    uint64_t per_tile = TILE_WIDTH >> height;
    uint64_t number = index / per_tile;
    size_t at = node_at(height, index % per_tile);
    if (get_held(tiles, level / TILE_HEIGHT, number, at, out_node)) return STATUS_OK;
    struct held_tile *tile = new_tile(level / TILE_HEIGHT, number, TILE_DROPPABLE);
    ENSURE(tile, STATUS_MEMORY);
    enum status read = read_tile(txn, tile, TILE_WIDTH);
    if (read != STATUS_OK) {
        free(tile);
        return read;
    }
    *out_node = tile->nodes[at];
    keep_tile(tiles, tile);
    return STATUS_OK;
}

enum status ledger_tiles_row(struct store_txn *txn, unsigned tile_level, uint64_t number, unsigned width,
                             struct arena *arena, struct bytes *out_hashes) {
    uint8_t key[TILE_KEY_BYTES];
    struct bytes value, hashes;
    TRY(store_get(txn, STORE_NODE, tile_key(tile_level, number, key), arena, &value));
    TRY(row_hashes(value, &hashes));
    ENSURE(hashes.len >= (size_t)width * HASH_BYTES, STATUS_NOT_FOUND);
    *out_hashes = BYTES(hashes.data, (size_t)width * HASH_BYTES);
    return STATUS_OK;
}
