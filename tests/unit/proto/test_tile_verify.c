/*
 * The auditor's pass (P7): every single alteration of a published log is named, by the leaf or tile where it stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "proto/tile_verify.h"
#include "support/log_tree.h"

enum { SIZE = 70000, FINDINGS = 8 };

static struct tree_store *store;

static int setup(void **state) {
    (void)state;
    store = log_tree_new(SIZE);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tree_store_free(store);
    return 0;
}

enum alteration { NOTHING, FLIP, CUT, GONE };

/* The published log with one tile altered. */
struct altered {
    enum alteration what;
    struct tile at;
    /* Byte of the content that is flipped. */
    size_t offset;
};

static bool same_place(const struct tile *a, const struct tile *b) {
    return a->kind == b->kind && a->level == b->level && a->number == b->number;
}

static enum status fetch_altered(void *context, const struct tile *tile, struct arena *arena, struct bytes *out) {
    const struct altered *altered = context;
    TRY(tree_store_fetch(store, tile, arena, out));
    if (altered->what == NOTHING || !same_place(tile, &altered->at)) return STATUS_OK;
    if (altered->what == GONE) return STATUS_NOT_FOUND;
    if (altered->what == CUT) {
        out->len--;
        return STATUS_OK;
    }
    struct bytes copy;
    TRY(arena_copy(arena, *out, &copy));
    ((uint8_t *)copy.data)[altered->offset] ^= 1;
    *out = copy;
    return STATUS_OK;
}

struct heard {
    uint64_t entries;
    size_t count;
    struct tile_finding findings[FINDINGS];
};

static enum status hear_entry(void *context, uint64_t index, struct bytes entry, const struct hash *leaf) {
    struct heard *heard = context;
    struct hash expected = merkle_leaf_hash(entry);
    assert_memory_equal(leaf->b, expected.b, sizeof expected.b);
    assert_true(index < SIZE);
    heard->entries++;
    return STATUS_OK;
}

static enum status hear_finding(void *context, const struct tile_finding *finding) {
    struct heard *heard = context;
    ENSURE(heard->count < FINDINGS, STATUS_LIMIT);
    heard->findings[heard->count++] = *finding;
    return STATUS_OK;
}

static enum status run(struct altered *altered, uint64_t size, struct heard *heard, struct hash *out_root) {
    struct tile_visitor visitor = {heard, hear_entry, hear_finding};
    *heard = (struct heard){.entries = 0};
    return tile_verify(fetch_altered, altered, size, &visitor, out_root);
}

/* One alteration, what is found (in order), and whether the root by the stored hashes still holds. */
static const struct {
    const char *name;
    struct altered altered;
    size_t count;
    struct tile_finding findings[2];
    bool root_holds;
} cases[] = {
    {"a byte of leaf 513 of the entries", /* entry 513 is "entry 513;" behind leaf 512, which is empty */
     {FLIP, {TILE_ENTRIES, 0, 2, 0}, 2 + 2 + 4},
     1,
     {{TILE_FAULT_HASH, {TILE_HASHES, 0, 2, 256}, 1}},
     true},
    {"a length in the last bundle",
     {FLIP, {TILE_ENTRIES, 0, 273, 0}, 0},
     1,
     {{TILE_FAULT_MALFORMED, {TILE_ENTRIES, 0, 273, 112}, 0}},
     true},
    {"a leaf hash",
     {FLIP, {TILE_HASHES, 0, 2, 0}, 5 * HASH_BYTES},
     2,
     {{TILE_FAULT_HASH, {TILE_HASHES, 0, 2, 256}, 5}, {TILE_FAULT_HASH, {TILE_HASHES, 1, 0, 256}, 2}},
     true},
    {"a leaf hash of the last tile",
     {FLIP, {TILE_HASHES, 0, 273, 0}, 111 * HASH_BYTES},
     1,
     {{TILE_FAULT_HASH, {TILE_HASHES, 0, 273, 112}, 111}},
     false},
    {"a hash of level 1",
     {FLIP, {TILE_HASHES, 1, 0, 0}, 255 * HASH_BYTES + 31},
     2,
     {{TILE_FAULT_HASH, {TILE_HASHES, 1, 0, 256}, 255}, {TILE_FAULT_HASH, {TILE_HASHES, 2, 0, 1}, 0}},
     true},
    {"the top", {FLIP, {TILE_HASHES, 2, 0, 0}, 0}, 1, {{TILE_FAULT_HASH, {TILE_HASHES, 2, 0, 1}, 0}}, false},
    {"a bundle gone",
     {GONE, {TILE_ENTRIES, 0, 7, 0}, 0},
     1,
     {{TILE_FAULT_MISSING, {TILE_ENTRIES, 0, 7, 256}, 0}},
     true},
    {"a bundle cut",
     {CUT, {TILE_ENTRIES, 0, 7, 0}, 0},
     1,
     {{TILE_FAULT_MALFORMED, {TILE_ENTRIES, 0, 7, 256}, 0}},
     true},
    {"a leaf tile gone",
     {GONE, {TILE_HASHES, 0, 7, 0}, 0},
     1,
     {{TILE_FAULT_MISSING, {TILE_HASHES, 0, 7, 256}, 0}},
     true},
    {"the top gone", {GONE, {TILE_HASHES, 2, 0, 0}, 0}, 1, {{TILE_FAULT_MISSING, {TILE_HASHES, 2, 0, 1}, 0}}, true},
    {"the top cut", {CUT, {TILE_HASHES, 2, 0, 0}, 0}, 1, {{TILE_FAULT_MALFORMED, {TILE_HASHES, 2, 0, 1}, 0}}, true},
};

static void check_finding(const char *name, const struct tile_finding *is, const struct tile_finding *should) {
    bool same = is->fault == should->fault && is->place == should->place && same_place(&is->tile, &should->tile) &&
                is->tile.width == should->tile.width;
    if (!same) {
        fail_msg("%s: fault %d, kind %d, level %u, number %u, width %u, place %u", name, is->fault, is->tile.kind,
                 is->tile.level, (unsigned)is->tile.number, is->tile.width, is->place);
    }
}

static void test_alterations_are_named(void **state) {
    (void)state;
    struct hash expected = tree_store_root(store);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct altered altered = cases[i].altered;
        struct heard heard;
        struct hash root;
        assert_int_equal(run(&altered, SIZE, &heard, &root), STATUS_OK);
        if (heard.count != cases[i].count) fail_msg("%s: %u findings", cases[i].name, (unsigned)heard.count);
        for (size_t f = 0; f < heard.count; f++)
            check_finding(cases[i].name, &heard.findings[f], &cases[i].findings[f]);
        if (hash_equal(&root, &expected) != cases[i].root_holds) fail_msg("%s: root", cases[i].name);
    }
}

static enum status fetch_entries_gone(void *context, const struct tile *tile, struct arena *arena, struct bytes *out) {
    (void)context;
    ENSURE(tile->number != 3, STATUS_NOT_FOUND);
    return tree_store_fetch(store, tile, arena, out);
}

static enum status fetch_breaks(void *context, const struct tile *tile, struct arena *arena, struct bytes *out) {
    (void)context;
    ENSURE(tile->number != 3, STATUS_IO);
    return tree_store_fetch(store, tile, arena, out);
}

static void test_what_ends_the_pass(void **state) {
    (void)state;
    struct heard heard = {.count = FINDINGS};
    struct hash root = {{9}};
    struct tile_visitor visitor = {&heard, NULL, hear_finding};
    struct altered flipped = {FLIP, {TILE_ENTRIES, 0, 0, 0}, 10};
    assert_int_equal(tile_verify(fetch_altered, &flipped, SIZE, &visitor, &root), STATUS_LIMIT);
    assert_int_equal(tile_verify(fetch_breaks, NULL, SIZE, &visitor, &root), STATUS_IO);
    heard.count = 0;
    assert_int_equal(tile_verify(fetch_entries_gone, NULL, SIZE, &visitor, &root), STATUS_NOT_FOUND);
    assert_int_equal(tile_verify(fetch_altered, &flipped, MERKLE_SIZE_MAX + 1, &visitor, &root), STATUS_INVALID);
    assert_int_equal(root.b[0], 9);
}

static void test_whole_logs(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 511, 1000, 65535, 65536, 65537, 69888, SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct altered altered = {.what = NOTHING};
        struct heard heard;
        struct hash root;
        struct hash expected;
        assert_int_equal(merkle_root(tree_store_read, store, sizes[i], &expected), STATUS_OK);
        assert_int_equal(run(&altered, sizes[i], &heard, &root), STATUS_OK);
        assert_int_equal(heard.count, 0);
        assert_int_equal(heard.entries, sizes[i]);
        assert_memory_equal(root.b, expected.b, sizeof root.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alterations_are_named),
        cmocka_unit_test(test_what_ends_the_pass),
        cmocka_unit_test(test_whole_logs),
    };
    return cmocka_run_group_tests_name("proto/tile_verify", tests, setup, teardown);
}
