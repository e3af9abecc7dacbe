/*
 * Tiles: the published, static form of the log (c2sp.org/tlog-tiles). Their names, widths and contents.
 *
 * A tile of hashes (level, number) holds up to 256 hashes: the i-th is the node (8 * level, 256 * number + i) of
 * proto/merkle.h. An entry bundle (number) holds the entries under the hash tile (0, number), each as u16 big-endian
 * length and bytes. A tile with fewer than 256 is partial; it is never hashed upwards, and empty tiles do not exist.
 *
 * Pure; memory comes from the caller's arena. Any thread.
 */
#ifndef PROTO_TILE_H
#define PROTO_TILE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "proto/merkle.h"

#define TILE_WIDTH           256
#define TILE_HEIGHT          8
#define TILE_BYTES           (TILE_WIDTH * HASH_BYTES)
#define TILE_ENTRY_BYTES_MAX 65535
/* Levels that a path may name; a tree of MERKLE_SIZE_MAX entries has 8. */
#define TILE_LEVEL_MAX   63
#define TILE_LEVEL_COUNT 8

enum tile_kind {
    TILE_HASHES,
    TILE_ENTRIES,
};

/* level is 0 for entries; width 1 to 256. */
struct tile {
    enum tile_kind kind;
    unsigned level;
    uint64_t number;
    unsigned width;
};

/* "tile/L/N" or "tile/entries/N", with ".p/W" when partial; N in groups of three digits, all but the last behind an x.
 * STATUS_MALFORMED unless canonical. */
enum status tile_parse(struct bytes path, struct tile *out_tile);

/* The path of a tile, NUL-terminated, in the arena; NULL when it is full. */
const char *tile_format(struct arena *arena, const struct tile *tile);

/* How wide the tile is in a tree of `size` entries: 256 when full, 0 when there is none. */
unsigned tile_width(unsigned level, uint64_t number, uint64_t size);

/* Is this exactly a tile that a tree of `size` entries has or, being full, once had as partial? What a server may
 * answer. */
bool tile_within(const struct tile *tile, uint64_t size);

/* The content of a tile of hashes from stored nodes. STATUS_MEMORY; what read returns. */
enum status tile_build(struct arena *arena, merkle_read_fn *read, void *context, const struct tile *tile,
                       struct bytes *out_content);

/* The hash over 2^height hashes (height 0 to 8) of a tile's content, starting at position * 2^height: an inner node.
 * STATUS_INVALID when they do not lie within the content. */
enum status tile_node(struct bytes content, unsigned height, unsigned position, struct hash *out_node);

/* Adds one entry to a bundle; makes the writer fail with STATUS_TOO_LARGE above TILE_ENTRY_BYTES_MAX. */
void tile_entry_write(struct writer *writer, struct bytes entry);

/* The entries of a bundle: exactly `width` of them, views into content. STATUS_MALFORMED, STATUS_MEMORY. */
enum status tile_entries_parse(struct arena *arena, struct bytes content, unsigned width,
                               const struct bytes **out_entries);

#endif
