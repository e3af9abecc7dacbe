/*
 * Tile names, widths, contents, bundles: refusals first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "proto/tile.h"
#include "proto/tile_source.h"
#include "support/log_tree.h"
#include "support/vectors.h"

enum { SIZE = 70000 };

static struct arena *arena;
static struct tree_store *store;

static int setup(void **state) {
    (void)state;
    arena = arena_new(8 << 20);
    store = log_tree_new(SIZE);
    return arena ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    tree_store_free(store);
    return 0;
}

static void test_bad_paths(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "/tile/0/000",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/x0/000",
        "tile/0/-01",
        "tile/0/1000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x01/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000.p/1/2",
        "tile/0/000.P/1",
        "tile/0/.p/1",
        "tile/0/x001.p/000",
        "tile/entries",
        "tile/entries/",
        "tile/Entries/000",
        "tile/0/..",
        "tile/0/000%2e",
        "tiles/0/000",
        "tile/0/000 ",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tile tile = {.number = 77};
        if (tile_parse(bytes_text(bad[i]), &tile) != STATUS_MALFORMED) fail_msg("%s", bad[i]);
        assert_int_equal(tile.number, 77);
    }
}

static void test_paths(void **state) {
    (void)state;
    static const struct {
        const char *path;
        struct tile tile;
    } good[] = {
        {"tile/0/000", {TILE_HASHES, 0, 0, 256}},
        {"tile/63/999.p/255", {TILE_HASHES, 63, 999, 255}},
        {"tile/2/x001/000", {TILE_HASHES, 2, 1000, 256}},
        {"tile/0/x001/x234/067", {TILE_HASHES, 0, 1234067, 256}},
        {"tile/0/x001/x234/067.p/8", {TILE_HASHES, 0, 1234067, 8}},
        {"tile/entries/x001/x234/067", {TILE_ENTRIES, 0, 1234067, 256}},
        {"tile/entries/000.p/1", {TILE_ENTRIES, 0, 0, 1}},
        {"tile/0/x018/x014/x398/x509/x481/984", {TILE_HASHES, 0, UINT64_C(18014398509481984), 256}},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct tile tile;
        assert_int_equal(tile_parse(bytes_text(good[i].path), &tile), STATUS_OK);
        assert_int_equal(tile.kind, good[i].tile.kind);
        assert_int_equal(tile.level, good[i].tile.level);
        assert_int_equal(tile.number, good[i].tile.number);
        assert_int_equal(tile.width, good[i].tile.width);
        assert_string_equal(tile_format(arena, &good[i].tile), good[i].path);
    }
}

static void test_widths(void **state) {
    (void)state;
    static const struct {
        unsigned level;
        uint64_t number;
        uint64_t size;
        unsigned width;
    } rows[] = {
        {0, 0, 0, 0},      {0, 0, 1, 1},        {0, 0, 255, 255},
        {0, 0, 256, 256},  {0, 1, 256, 0},      {1, 0, 255, 0},
        {1, 0, 256, 1},    {0, 272, SIZE, 256}, {0, 273, SIZE, 112},
        {0, 274, SIZE, 0}, {1, 0, SIZE, 256},   {1, 1, SIZE, 17},
        {1, 2, SIZE, 0},   {2, 0, SIZE, 1},     {3, 0, SIZE, 0},
        {8, 0, SIZE, 0},   {63, 0, SIZE, 0},    {7, 0, MERKLE_SIZE_MAX, 64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tile_width(rows[i].level, rows[i].number, rows[i].size), rows[i].width);
        struct tile tile = {TILE_HASHES, rows[i].level, rows[i].number, rows[i].width};
        assert_int_equal(tile_within(&tile, rows[i].size), rows[i].width > 0);
        tile.width++;
        assert_false(tile_within(&tile, rows[i].size));
    }
}

static void test_bad_bundles(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct bytes content;
        unsigned width;
    } rows[] = {
        {"nothing", {(const uint8_t *)"", 0}, 1},
        {"half a length", {(const uint8_t *)"\0", 1}, 1},
        {"entry cut off", {(const uint8_t *)"\0\2a", 3}, 1},
        {"one entry too few", {(const uint8_t *)"\0\1a", 3}, 2},
        {"one entry too many", {(const uint8_t *)"\0\1a\0\0", 5}, 1},
        {"a byte left over", {(const uint8_t *)"\0\1a\0", 4}, 1},
        {"wider than a tile", {(const uint8_t *)"\0\1a", 3}, 257},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct bytes *entries = NULL;
        if (tile_entries_parse(arena, rows[i].content, rows[i].width, &entries) != STATUS_MALFORMED)
            fail_msg("%s", rows[i].name);
        assert_null(entries);
    }
}

static void test_entry_above_the_bound(void **state) {
    (void)state;
    static uint8_t memory[2 * (TILE_ENTRY_BYTES_MAX + 3)];
    static uint8_t entry[TILE_ENTRY_BYTES_MAX + 1];
    struct writer writer = writer_init(memory, sizeof memory);
    struct bytes content;
    const struct bytes *entries;
    tile_entry_write(&writer, BYTES(entry, TILE_ENTRY_BYTES_MAX));
    assert_int_equal(writer_end(&writer, &content), STATUS_OK);
    assert_int_equal(tile_entries_parse(arena, content, 1, &entries), STATUS_OK);
    assert_int_equal(entries[0].len, TILE_ENTRY_BYTES_MAX);
    tile_entry_write(&writer, BYTES_ARRAY(entry));
    assert_int_equal(writer_end(&writer, &content), STATUS_TOO_LARGE);
}

static void test_script_tiles(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("log.json");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "tiles"), i, row) {
        struct tile tile;
        struct bytes content;
        const char *path = json_string_value(json_object_get(row, "path"));
        struct hash expected = log_tree_hash(row, "sha256");
        assert_int_equal(tile_parse(bytes_text(path), &tile), STATUS_OK);
        assert_int_equal(tile.number, log_tree_number(row, "n"));
        assert_int_equal(tile.width, log_tree_number(row, "width"));
        assert_int_equal(tile_width(tile.level, tile.number, SIZE), tile.width);
        assert_int_equal(tree_store_fetch(store, &tile, arena, &content), STATUS_OK);
        assert_int_equal(content.len, log_tree_number(row, "bytes"));
        struct hash hash = hash_sha256(content);
        assert_memory_equal(hash.b, expected.b, sizeof hash.b);
    }
    assert_int_equal(i, 8);
}

static void test_inner_nodes(void **state) {
    (void)state;
    struct tile tile = {TILE_HASHES, 0, 1, 256};
    struct bytes content;
    struct hash node = {{7}};
    assert_int_equal(tile_build(arena, tree_store_read, store, &tile, &content), STATUS_OK);
    assert_int_equal(tile_node(content, 9, 0, &node), STATUS_INVALID);
    assert_int_equal(tile_node(content, 8, 1, &node), STATUS_INVALID);
    assert_int_equal(tile_node(BYTES(content.data, 255 * HASH_BYTES), 8, 0, &node), STATUS_INVALID);
    assert_int_equal(tile_node(content, 0, 256, &node), STATUS_INVALID);
    assert_int_equal(node.b[0], 7);
    for (unsigned height = 0; height <= TILE_HEIGHT; height++) {
        for (unsigned position = 0; position < 256U >> height; position++) {
            struct hash expected;
            assert_int_equal(tile_node(content, height, position, &node), STATUS_OK);
            assert_int_equal(tree_store_read(store, height, (256U >> height) + position, &expected), STATUS_OK);
            assert_memory_equal(node.b, expected.b, sizeof node.b);
        }
    }
}

/* A log that dropped its partial tiles when the full ones came. */
static enum status fetch_full_only(void *context, const struct tile *tile, struct arena *into, struct bytes *out) {
    ENSURE(tile->width == TILE_WIDTH, STATUS_NOT_FOUND);
    return tree_store_fetch(context, tile, into, out);
}

static void test_tree_read_from_tiles(void **state) {
    (void)state;
    static const uint64_t sizes[] = {1, 255, 256, 257, 1000, 65536, 65537, 69888, SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hash expected;
        struct hash root;
        struct tile_source source = {tree_store_fetch, store, arena, sizes[i]};
        arena_reset(arena);
        assert_int_equal(merkle_root(tree_store_read, store, sizes[i], &expected), STATUS_OK);
        assert_int_equal(merkle_root(tile_source_read, &source, sizes[i], &root), STATUS_OK);
        assert_memory_equal(root.b, expected.b, sizeof root.b);
        struct merkle_proof proof;
        struct hash leaf;
        uint64_t index = sizes[i] / 3;
        assert_int_equal(tree_store_read(store, 0, index, &leaf), STATUS_OK);
        assert_int_equal(merkle_prove_inclusion(tile_source_read, &source, index, sizes[i], &proof), STATUS_OK);
        assert_int_equal(merkle_check_inclusion(index, sizes[i], &leaf, proof.hashes, proof.count, &root), STATUS_OK);
    }
}

static void test_full_tile_in_place_of_partial(void **state) {
    (void)state;
    struct tile_source source = {fetch_full_only, store, arena, 65536 + 300};
    const struct bytes *entries;
    struct bytes content;
    unsigned count;
    arena_reset(arena);
    assert_int_equal(tile_source_hashes(&source, 0, 257, &content), STATUS_OK);
    assert_int_equal(content.len, 44 * HASH_BYTES);
    assert_int_equal(tile_source_entries(&source, 257, &entries, &count), STATUS_OK);
    assert_int_equal(count, 44);
    assert_int_equal(tile_source_hashes(&source, 0, 258, &content), STATUS_NOT_FOUND);
    assert_int_equal(tile_source_hashes(&source, 2, 0, &content), STATUS_NOT_FOUND);
}

static enum status fetch_short(void *context, const struct tile *tile, struct arena *into, struct bytes *out) {
    TRY(tree_store_fetch(context, tile, into, out));
    out->len--;
    return STATUS_OK;
}

static void test_wrong_length_is_refused(void **state) {
    (void)state;
    struct tile_source source = {fetch_short, store, arena, 300};
    struct hash node;
    const struct bytes *entries;
    unsigned count;
    arena_reset(arena);
    assert_int_equal(tile_source_read(&source, 3, 1, &node), STATUS_MALFORMED);
    assert_int_equal(tile_source_entries(&source, 0, &entries, &count), STATUS_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_bad_bundles),
        cmocka_unit_test(test_entry_above_the_bound),
        cmocka_unit_test(test_script_tiles),
        cmocka_unit_test(test_inner_nodes),
        cmocka_unit_test(test_tree_read_from_tiles),
        cmocka_unit_test(test_full_tile_in_place_of_partial),
        cmocka_unit_test(test_wrong_length_is_refused),
    };
    return cmocka_run_group_tests_name("proto/tile", tests, setup, teardown);
}
