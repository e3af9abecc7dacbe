/*
 * A tree seen through its tiles: reads nodes from whoever serves them (a mirror directory, an HTTPS client, a store),
 * so that roots and proofs can be made from published files alone.
 *
 * Nothing here checks the tiles: compare the root or the proof that comes out with a signed checkpoint.
 * One owner at a time.
 */
#ifndef PROTO_TILE_SOURCE_H
#define PROTO_TILE_SOURCE_H

#include "base/arena.h"
#include "proto/tile.h"

/* Yields a tile's content, in the arena or otherwise valid as long as it. Called on the caller's thread, may block.
 * STATUS_NOT_FOUND when there is none of exactly this width. */
typedef enum status tile_fetch_fn(void *context, const struct tile *tile, struct arena *arena,
                                  struct bytes *out_content);

/* size: of the tree as the checkpoint says, from which follows how wide the last tiles are. */
struct tile_source {
    tile_fetch_fn *fetch;
    void *context;
    struct arena *arena;
    uint64_t size;
};

/* The hashes of a tile in the tree of this size. Where a partial tile is gone the full one is asked for, as a log may
 * drop the partial (c2sp.org/tlog-tiles, Partial Tiles), and cut. STATUS_NOT_FOUND; STATUS_MALFORMED when the content
 * has the wrong length; what fetch returns. */
enum status tile_source_hashes(const struct tile_source *source, unsigned level, uint64_t number,
                               struct bytes *out_content);

/* The entries under hash tile (0, number), in the same way: *out_count views in the arena. */
enum status tile_source_entries(const struct tile_source *source, uint64_t number, const struct bytes **out_entries,
                                unsigned *out_count);

/* A merkle_read_fn; context is the source. Its arena grows by a tile for each read, and is the caller's to reset. */
enum status tile_source_read(void *context, unsigned level, uint64_t index, struct hash *out_node);

#endif
