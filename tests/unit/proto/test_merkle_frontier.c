/*
 * Appending: the frontier agrees at every size with the tree that is made of stored nodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "proto/merkle_frontier.h"
#include "support/log_tree.h"

struct counted {
    struct tree_store *store;
    unsigned nodes;
    unsigned fail_at;
};

/* Every emitted node is the node that the store holds; levels come upwards without gap. */
static enum status check_node(void *context, unsigned level, uint64_t index, const struct hash *node) {
    struct counted *counted = context;
    struct hash stored;
    if (counted->fail_at > 0 && ++counted->nodes == counted->fail_at) return STATUS_DISK_FULL;
    assert_int_equal(tree_store_read(counted->store, level, index, &stored), STATUS_OK);
    assert_memory_equal(stored.b, node->b, sizeof stored.b);
    counted->nodes += counted->fail_at == 0;
    return STATUS_OK;
}

static void test_failed_append_changes_nothing(void **state) {
    (void)state;
    struct tree_store *store CLEANUP(tree_store_free_cleanup) = log_tree_new(8);
    struct merkle_frontier frontier;
    struct hash leaf;
    assert_int_equal(merkle_frontier_load(tree_store_read, store, 7, &frontier), STATUS_OK);
    assert_int_equal(tree_store_read(store, 0, 7, &leaf), STATUS_OK);
    for (unsigned nth = 1; nth <= 4; nth++) {
        struct merkle_frontier before = frontier;
        struct counted counted = {store, 0, nth};
        assert_int_equal(merkle_frontier_append(&frontier, &leaf, check_node, &counted), STATUS_DISK_FULL);
        assert_memory_equal(&frontier, &before, sizeof frontier);
    }
    struct counted counted = {store, 0, 0};
    assert_int_equal(merkle_frontier_append(&frontier, &leaf, check_node, &counted), STATUS_OK);
    assert_int_equal(counted.nodes, 4);
}

static void test_full_tree_takes_no_more(void **state) {
    (void)state;
    struct merkle_frontier frontier;
    struct hash node = {{1}};
    merkle_frontier_init(&frontier);
    assert_int_equal(merkle_frontier_append_node(&frontier, 63, &node, NULL, NULL), STATUS_INVALID);
    assert_int_equal(merkle_frontier_append_node(&frontier, 62, &node, NULL, NULL), STATUS_OK);
    assert_int_equal(frontier.size, MERKLE_SIZE_MAX);
    assert_int_equal(merkle_frontier_append(&frontier, &node, NULL, NULL), STATUS_LIMIT);
    assert_int_equal(frontier.size, MERKLE_SIZE_MAX);
    struct hash root = merkle_frontier_root(&frontier);
    assert_memory_equal(root.b, node.b, sizeof root.b);
}

static void test_whole_node_needs_its_place(void **state) {
    (void)state;
    struct merkle_frontier frontier;
    struct hash node = {{1}};
    merkle_frontier_init(&frontier);
    assert_int_equal(merkle_frontier_append(&frontier, &node, NULL, NULL), STATUS_OK);
    assert_int_equal(merkle_frontier_append_node(&frontier, 1, &node, NULL, NULL), STATUS_INVALID);
    assert_int_equal(frontier.size, 1);
}

static void test_load_needs_the_nodes(void **state) {
    (void)state;
    struct tree_store *store CLEANUP(tree_store_free_cleanup) = log_tree_new(8);
    struct merkle_frontier frontier = {.size = 77};
    assert_int_equal(merkle_frontier_load(tree_store_read, store, 9, &frontier), STATUS_NOT_FOUND);
    assert_int_equal(merkle_frontier_load(tree_store_read, store, MERKLE_SIZE_MAX + 1, &frontier), STATUS_INVALID);
    assert_int_equal(frontier.size, 77);
}

static void test_grows_as_the_tree(void **state) {
    (void)state;
    enum { SIZE = 600 };
    struct tree_store *store CLEANUP(tree_store_free_cleanup) = log_tree_new(SIZE);
    struct counted counted = {store, 0, 0};
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (uint64_t size = 0;; size++) {
        struct hash leaf;
        struct hash expected;
        struct merkle_frontier loaded;
        struct hash root = merkle_frontier_root(&frontier);
        assert_int_equal(frontier.size, size);
        assert_int_equal(merkle_root(tree_store_read, store, size, &expected), STATUS_OK);
        assert_memory_equal(root.b, expected.b, sizeof root.b);
        assert_int_equal(merkle_frontier_load(tree_store_read, store, size, &loaded), STATUS_OK);
        root = merkle_frontier_root(&loaded);
        assert_memory_equal(root.b, expected.b, sizeof root.b);
        if (size == SIZE) break;
        assert_int_equal(tree_store_read(store, 0, size, &leaf), STATUS_OK);
        assert_int_equal(merkle_frontier_append(&frontier, &leaf, check_node, &counted), STATUS_OK);
    }
    /* n leaves make n - popcount(n) complete nodes above them. */
    assert_int_equal(counted.nodes, 2 * SIZE - __builtin_popcount(SIZE));
}

static void test_skips_known_parts(void **state) {
    (void)state;
    struct tree_store *store CLEANUP(tree_store_free_cleanup) = log_tree_new(27);
    struct merkle_frontier frontier;
    struct hash node;
    struct hash expected = tree_store_root(store);
    static const struct {
        unsigned level;
        uint64_t index;
    } parts[] = {{3, 0}, {3, 1}, {2, 4}, {2, 5}, {1, 12}, {0, 26}};
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_int_equal(tree_store_read(store, parts[i].level, parts[i].index, &node), STATUS_OK);
        assert_int_equal(merkle_frontier_append_node(&frontier, parts[i].level, &node, NULL, NULL), STATUS_OK);
    }
    struct hash root = merkle_frontier_root(&frontier);
    assert_int_equal(frontier.size, 27);
    assert_memory_equal(root.b, expected.b, sizeof root.b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_append_changes_nothing),
        cmocka_unit_test(test_full_tree_takes_no_more),
        cmocka_unit_test(test_whole_node_needs_its_place),
        cmocka_unit_test(test_load_needs_the_nodes),
        cmocka_unit_test(test_grows_as_the_tree),
        cmocka_unit_test(test_skips_known_parts),
    };
    return cmocka_run_group_tests_name("proto/merkle_frontier", tests, NULL, NULL);
}
