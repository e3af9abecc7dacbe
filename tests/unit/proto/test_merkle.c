/*
 * Tree hashes and proofs (P7): refusals first; then values made by an independent script, and published cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "proto/merkle.h"
#include "proto/merkle_frontier.h"
#include "support/log_tree.h"
#include "support/vectors.h"

enum { SMALL = 40, LARGE = 70000 };

static struct tree_store *large;

static int make_tree(void **state) {
    (void)state;
    large = log_tree_new(LARGE);
    return 0;
}

static int free_tree(void **state) {
    (void)state;
    tree_store_free(large);
    return 0;
}

static struct hash root_at(uint64_t size) {
    struct hash root;
    assert_int_equal(merkle_root(tree_store_read, large, size, &root), STATUS_OK);
    return root;
}

static struct hash leaf_at(uint64_t index) {
    struct hash leaf;
    assert_int_equal(tree_store_read(large, 0, index, &leaf), STATUS_OK);
    return leaf;
}

/* One way to spoil a proof; false when it does not apply. */
struct damage {
    const char *name;
    bool (*spoil)(struct merkle_proof *proof, struct hash *root);
};

static bool drop_first(struct merkle_proof *proof, struct hash *root) {
    (void)root;
    if (proof->count == 0) return false;
    proof->count--;
    memmove(proof->hashes, proof->hashes + 1, proof->count * sizeof *proof->hashes);
    return true;
}

static bool drop_last(struct merkle_proof *proof, struct hash *root) {
    (void)root;
    if (proof->count == 0) return false;
    proof->count--;
    return true;
}

static bool repeat_last(struct merkle_proof *proof, struct hash *root) {
    (void)root;
    if (proof->count == 0) return false;
    proof->hashes[proof->count] = proof->hashes[proof->count - 1];
    proof->count++;
    return true;
}

static bool add_root(struct merkle_proof *proof, struct hash *root) {
    proof->hashes[proof->count++] = *root;
    return true;
}

static bool swap_ends(struct merkle_proof *proof, struct hash *root) {
    (void)root;
    if (proof->count < 2) return false;
    struct hash first = proof->hashes[0];
    if (hash_equal(&first, &proof->hashes[proof->count - 1])) return false;
    proof->hashes[0] = proof->hashes[proof->count - 1];
    proof->hashes[proof->count - 1] = first;
    return true;
}

static bool flip_middle(struct merkle_proof *proof, struct hash *root) {
    (void)root;
    if (proof->count == 0) return false;
    proof->hashes[proof->count / 2].b[31] ^= 1;
    return true;
}

static bool flip_root(struct merkle_proof *proof, struct hash *root) {
    (void)proof;
    root->b[0] ^= 0x80;
    return true;
}

static const struct damage damages[] = {
    {"first hash dropped", drop_first}, {"last hash dropped", drop_last}, {"last hash repeated", repeat_last},
    {"root added", add_root},           {"ends swapped", swap_ends},      {"one bit flipped", flip_middle},
    {"another root", flip_root},
};

static void test_spoilt_inclusion_does_not_hold(void **state) {
    (void)state;
    for (size_t d = 0; d < sizeof damages / sizeof *damages; d++) {
        for (uint64_t size = 1; size <= SMALL; size++) {
            struct merkle_proof proof;
            uint64_t index = size * 7 / 11;
            struct hash root = root_at(size);
            struct hash leaf = leaf_at(index);
            assert_int_equal(merkle_prove_inclusion(tree_store_read, large, index, size, &proof), STATUS_OK);
            if (!damages[d].spoil(&proof, &root)) continue;
            if (merkle_check_inclusion(index, size, &leaf, proof.hashes, proof.count, &root) != STATUS_PROOF)
                fail_msg("%s, size %u", damages[d].name, (unsigned)size);
        }
    }
}

static void test_inclusion_holds_only_at_its_place(void **state) {
    (void)state;
    const uint64_t size = 21;
    struct hash root = root_at(size);
    for (uint64_t index = 0; index < size; index++) {
        struct merkle_proof proof;
        struct hash leaf = leaf_at(index);
        assert_int_equal(merkle_prove_inclusion(tree_store_read, large, index, size, &proof), STATUS_OK);
        for (uint64_t claimed = 0; claimed < size + 3; claimed++) {
            enum status status = merkle_check_inclusion(claimed, size, &leaf, proof.hashes, proof.count, &root);
            assert_int_equal(status, claimed == index ? STATUS_OK : STATUS_PROOF);
        }
        struct hash other = leaf_at(index + 1);
        assert_int_equal(merkle_check_inclusion(index, size, &other, proof.hashes, proof.count, &root), STATUS_PROOF);
    }
}

static void test_inclusion_out_of_range(void **state) {
    (void)state;
    struct merkle_proof proof = {.count = 99};
    struct hash leaf = leaf_at(0);
    assert_int_equal(merkle_check_inclusion(0, 0, &leaf, NULL, 0, &leaf), STATUS_PROOF);
    assert_int_equal(merkle_check_inclusion(1, 1, &leaf, NULL, 0, &leaf), STATUS_PROOF);
    assert_int_equal(merkle_check_inclusion(0, MERKLE_SIZE_MAX + 1, &leaf, NULL, 0, &leaf), STATUS_PROOF);
    assert_int_equal(merkle_prove_inclusion(tree_store_read, large, 5, 5, &proof), STATUS_INVALID);
    assert_int_equal(merkle_prove_inclusion(tree_store_read, large, 0, MERKLE_SIZE_MAX + 1, &proof), STATUS_INVALID);
    assert_int_equal(merkle_prove_inclusion(tree_store_read, large, 0, LARGE + 1, &proof), STATUS_NOT_FOUND);
    assert_int_equal(proof.count, 99);
}

static void test_spoilt_consistency_does_not_hold(void **state) {
    (void)state;
    for (size_t d = 0; d < sizeof damages / sizeof *damages; d++) {
        for (uint64_t size = 2; size <= SMALL; size++) {
            struct merkle_proof proof;
            uint64_t old = size * 5 / 7;
            struct hash old_root = root_at(old);
            struct hash root = root_at(size);
            assert_int_equal(merkle_prove_consistency(tree_store_read, large, old, size, &proof), STATUS_OK);
            if (!damages[d].spoil(&proof, &root)) continue;
            if (merkle_check_consistency(old, size, &old_root, &root, proof.hashes, proof.count) != STATUS_PROOF)
                fail_msg("%s, from %u to %u", damages[d].name, (unsigned)old, (unsigned)size);
        }
    }
}

static void test_consistency_holds_only_for_its_sizes(void **state) {
    (void)state;
    struct merkle_proof proof;
    struct hash old_root = root_at(11);
    struct hash root = root_at(29);
    assert_int_equal(merkle_prove_consistency(tree_store_read, large, 11, 29, &proof), STATUS_OK);
    for (uint64_t old = 0; old <= 32; old++) {
        enum status status = merkle_check_consistency(old, 29, &old_root, &root, proof.hashes, proof.count);
        assert_int_equal(status, old == 11 ? STATUS_OK : STATUS_PROOF);
    }
    struct hash other = root_at(12);
    assert_int_equal(merkle_check_consistency(11, 29, &other, &root, proof.hashes, proof.count), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(29, 11, &root, &old_root, proof.hashes, proof.count), STATUS_PROOF);
}

/* Hashes beyond the root would prove any root that they themselves lead to. */
static void test_climbing_beyond_the_root(void **state) {
    (void)state;
    struct merkle_proof proof;
    struct hash leaf = leaf_at(4);
    struct hash old_root = root_at(5);
    struct hash root = root_at(7);
    struct hash beyond = leaf_at(9);
    struct hash old_forged = merkle_node_hash(&beyond, &old_root);
    struct hash forged = merkle_node_hash(&beyond, &root);
    assert_int_equal(merkle_prove_inclusion(tree_store_read, large, 4, 7, &proof), STATUS_OK);
    proof.hashes[proof.count++] = beyond;
    assert_int_equal(merkle_check_inclusion(4, 7, &leaf, proof.hashes, proof.count, &forged), STATUS_PROOF);
    assert_int_equal(merkle_prove_consistency(tree_store_read, large, 5, 7, &proof), STATUS_OK);
    proof.hashes[proof.count++] = beyond;
    assert_int_equal(merkle_check_consistency(5, 7, &old_forged, &forged, proof.hashes, proof.count), STATUS_PROOF);
}

static void test_consistency_without_hashes(void **state) {
    (void)state;
    struct hash empty = merkle_empty_root();
    struct hash five = root_at(5);
    struct hash six = root_at(6);
    assert_int_equal(merkle_check_consistency(0, 5, &six, &five, NULL, 0), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(0, 0, &five, &five, NULL, 0), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(0, 5, &empty, &five, &six, 1), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(5, 5, &five, &six, NULL, 0), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(5, 5, &five, &five, &six, 1), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(5, 6, &five, &six, NULL, 0), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(4, 6, &five, &six, NULL, 0), STATUS_PROOF);
    assert_int_equal(merkle_check_consistency(0, 5, &empty, &five, NULL, 0), STATUS_OK);
    assert_int_equal(merkle_check_consistency(5, 5, &five, &five, NULL, 0), STATUS_OK);
    assert_int_equal(merkle_check_consistency(0, 0, &empty, &empty, NULL, 0), STATUS_OK);
}

static enum status read_fails(void *context, unsigned level, uint64_t index, struct hash *out_node) {
    int *left = context;
    if (--*left == 0) return STATUS_IO;
    return tree_store_read(large, level, index, out_node);
}

static void test_failing_reads_end_the_call(void **state) {
    (void)state;
    struct merkle_proof proof = {.count = 99};
    struct hash root = {{9}};
    for (int nth = 1; nth <= 3; nth++) {
        int left = nth;
        assert_int_equal(merkle_root(read_fails, &left, 7, &root), STATUS_IO);
        left = nth;
        assert_int_equal(merkle_prove_inclusion(read_fails, &left, 0, 7, &proof), STATUS_IO);
        left = nth;
        assert_int_equal(merkle_prove_consistency(read_fails, &left, 3, 7, &proof), STATUS_IO);
    }
    assert_int_equal(proof.count, 99);
    assert_int_equal(root.b[0], 9);
    assert_int_equal(merkle_root(tree_store_read, large, MERKLE_SIZE_MAX + 1, &root), STATUS_INVALID);
    assert_int_equal(merkle_prove_consistency(tree_store_read, large, 8, 7, &proof), STATUS_INVALID);
}

static void test_script_roots(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("log.json");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "roots"), i, row) {
        struct hash expected = log_tree_hash(row, "root");
        struct hash root = root_at(log_tree_number(row, "size"));
        assert_memory_equal(root.b, expected.b, sizeof root.b);
    }
    assert_true(i > 40);
}

static void test_script_inclusion(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("log.json");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "inclusion"), i, row) {
        struct merkle_proof made;
        struct merkle_proof given = log_tree_proof(row, "proof");
        uint64_t index = log_tree_number(row, "index");
        uint64_t size = log_tree_number(row, "size");
        struct hash leaf = log_tree_hash(row, "leaf");
        struct hash root = root_at(size);
        assert_int_equal(merkle_prove_inclusion(tree_store_read, large, index, size, &made), STATUS_OK);
        assert_int_equal(made.count, given.count);
        assert_memory_equal(made.hashes, given.hashes, made.count * sizeof *made.hashes);
        assert_int_equal(merkle_check_inclusion(index, size, &leaf, given.hashes, given.count, &root), STATUS_OK);
    }
    assert_true(i > 70);
}

static void test_script_consistency(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("log.json");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "consistency"), i, row) {
        struct merkle_proof made;
        struct merkle_proof given = log_tree_proof(row, "proof");
        uint64_t old = log_tree_number(row, "old");
        uint64_t size = log_tree_number(row, "size");
        struct hash old_root = root_at(old);
        struct hash root = root_at(size);
        assert_int_equal(merkle_prove_consistency(tree_store_read, large, old, size, &made), STATUS_OK);
        assert_int_equal(made.count, given.count);
        assert_memory_equal(made.hashes, given.hashes, made.count * sizeof *made.hashes);
        assert_int_equal(merkle_check_consistency(old, size, &old_root, &root, given.hashes, given.count), STATUS_OK);
    }
    assert_true(i > 100);
}

static void check_published_inclusion(const json_t *row) {
    struct merkle_proof proof = log_tree_proof(row, "proof");
    struct hash leaf = log_tree_hash(row, "leaf");
    struct hash root = log_tree_hash(row, "root");
    enum status status = merkle_check_inclusion(log_tree_number(row, "index"), log_tree_number(row, "size"), &leaf,
                                                proof.hashes, proof.count, &root);
    if ((status == STATUS_OK) != json_is_true(json_object_get(row, "holds")))
        fail_msg("inclusion %s", json_string_value(json_object_get(row, "name")));
}

static void check_published_consistency(const json_t *row) {
    struct merkle_proof proof = log_tree_proof(row, "proof");
    struct hash old_root = log_tree_hash(row, "old_root");
    struct hash root = log_tree_hash(row, "root");
    enum status status = merkle_check_consistency(log_tree_number(row, "old_size"), log_tree_number(row, "size"),
                                                  &old_root, &root, proof.hashes, proof.count);
    if ((status == STATUS_OK) != json_is_true(json_object_get(row, "holds")))
        fail_msg("consistency %s", json_string_value(json_object_get(row, "name")));
}

static void test_published_choice(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("rfc6962.json");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "inclusion"), i, row) check_published_inclusion(row);
    assert_true(i >= 10);
    json_array_foreach(json_object_get(vectors, "consistency"), i, row) check_published_consistency(row);
    assert_true(i >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoilt_inclusion_does_not_hold),
        cmocka_unit_test(test_inclusion_holds_only_at_its_place),
        cmocka_unit_test(test_inclusion_out_of_range),
        cmocka_unit_test(test_spoilt_consistency_does_not_hold),
        cmocka_unit_test(test_consistency_holds_only_for_its_sizes),
        cmocka_unit_test(test_climbing_beyond_the_root),
        cmocka_unit_test(test_consistency_without_hashes),
        cmocka_unit_test(test_failing_reads_end_the_call),
        cmocka_unit_test(test_script_roots),
        cmocka_unit_test(test_script_inclusion),
        cmocka_unit_test(test_script_consistency),
        cmocka_unit_test(test_published_choice),
    };
    return cmocka_run_group_tests_name("proto/merkle", tests, make_tree, free_tree);
}
