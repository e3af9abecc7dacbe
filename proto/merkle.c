/*
 * The tree's algorithms. Owns nothing and trusts nothing: what read callbacks yield is taken as it is, and whoever
 * needs certainty checks the proof or the root that comes out.
 *
 * Invariant of the proof makers: [low, high) is the subtree under consideration; low is a multiple of a power of two
 * that is at least high - low, so every part of it breaks into complete nodes.
 */
#include "proto/merkle.h"

#include <stdbool.h>
#include <string.h>

/* The largest power of two below n, for n > 1: where a tree of n entries is split. */
static uint64_t split_point(uint64_t n) { return (uint64_t)1 << (63 - __builtin_clzll(n - 1)); }

struct hash merkle_empty_root(void) {
    return hash_sha256(BYTES_EMPTY);
}

struct hash merkle_leaf_hash(struct bytes entry) {
    static const uint8_t prefix = 0x00;
    struct hash_state state;
    hash_init(&state);
    hash_update(&state, BYTES(&prefix, 1));
    hash_update(&state, entry);
    return hash_final(&state);
}

struct hash merkle_node_hash(const struct hash *left, const struct hash *right) {
    /* One update of 65 bytes: the streaming interface is several times faster for it than a one-shot call. */
    uint8_t input[1 + 2 * HASH_BYTES] = {0x01};
    memcpy(input + 1, left->b, HASH_BYTES);
    memcpy(input + 1 + HASH_BYTES, right->b, HASH_BYTES);
    struct hash_state state;
    hash_init(&state);
    hash_update(&state, BYTES_ARRAY(input));
    return hash_final(&state);
}

/* The hash of the entries low..high-1, folded from its smallest complete node leftwards. */
static enum status range_hash(merkle_read_fn *read, void *context, uint64_t low, uint64_t high, struct hash *out_hash) {
    struct hash folded;
    unsigned level = (unsigned)__builtin_ctzll(high - low);
    TRY(read(context, level, (high >> level) - 1, &folded));
    for (high -= (uint64_t)1 << level; high > low; high -= (uint64_t)1 << level) {
        struct hash left;
        level = (unsigned)__builtin_ctzll(high - low);
        TRY(read(context, level, (high >> level) - 1, &left));
        folded = merkle_node_hash(&left, &folded);
    }
    *out_hash = folded;
    return STATUS_OK;
}

enum status merkle_root(merkle_read_fn *read, void *context, uint64_t size, struct hash *out_root) {
    ENSURE(size <= MERKLE_SIZE_MAX, STATUS_INVALID);
    if (size > 0) return range_hash(read, context, 0, size, out_root);
    *out_root = merkle_empty_root();
    return STATUS_OK;
}

/* Proofs are found from the root downwards and checked from the leaf upwards. */
static void proof_reverse(struct merkle_proof *proof) {
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct hash swapped = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = swapped;
    }
}

enum status merkle_prove_inclusion(merkle_read_fn *read, void *context, uint64_t index, uint64_t size,
                                   struct merkle_proof *out_proof) {
    ENSURE(size <= MERKLE_SIZE_MAX && index < size, STATUS_INVALID);
    struct merkle_proof proof = {.count = 0};
    uint64_t low = 0;
    uint64_t high = size;
    while (high - low > 1) {
        uint64_t middle = low + split_point(high - low);
        bool in_left = index < middle;
        TRY(range_hash(read, context, in_left ? middle : low, in_left ? high : middle, &proof.hashes[proof.count]));
        proof.count++;
        *(in_left ? &high : &low) = middle;
    }
    proof_reverse(&proof);
    *out_proof = proof;
    return STATUS_OK;
}

enum status merkle_prove_consistency(merkle_read_fn *read, void *context, uint64_t old_size, uint64_t size,
                                     struct merkle_proof *out_proof) {
    ENSURE(size <= MERKLE_SIZE_MAX && old_size <= size, STATUS_INVALID);
    struct merkle_proof proof = {.count = 0};
    uint64_t low = 0;
    uint64_t high = old_size == 0 ? 0 : size;
    while (high > old_size) {
        uint64_t middle = low + split_point(high - low);
        bool in_left = old_size <= middle;
        TRY(range_hash(read, context, in_left ? middle : low, in_left ? high : middle, &proof.hashes[proof.count]));
        proof.count++;
        *(in_left ? &high : &low) = middle;
    }
    /* What is left ends where the old tree ends. From 0 it is the old tree itself, whose root the checker has. */
    if (low > 0) TRY(range_hash(read, context, low, high, &proof.hashes[proof.count++]));
    proof_reverse(&proof);
    *out_proof = proof;
    return STATUS_OK;
}

/* Where the check of a proof stands: a node's position in its row, and the last position of that row. */
struct row {
    uint64_t position;
    uint64_t last;
};

static void row_up(struct row *row) {
    row->position >>= 1;
    row->last >>= 1;
}

/* Climbs one hash. Says whether the hash stands on the left of what it is combined with. */
static bool row_climb(struct row *row) {
    bool on_left = (row->position & 1) != 0 || row->position == row->last;
    if (on_left) {
        while ((row->position & 1) == 0 && row->position != 0)
            row_up(row);
    }
    row_up(row);
    return on_left;
}

enum status merkle_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf, const struct hash *hashes,
                                   size_t hash_count, const struct hash *root) {
    ENSURE(size <= MERKLE_SIZE_MAX && index < size, STATUS_PROOF);
    struct row row = {index, size - 1};
    struct hash computed = *leaf;
    for (size_t i = 0; i < hash_count; i++) {
        ENSURE(row.last != 0, STATUS_PROOF);
        if (row_climb(&row)) {
            computed = merkle_node_hash(&hashes[i], &computed);
        } else {
            computed = merkle_node_hash(&computed, &hashes[i]);
        }
    }
    return row.last == 0 && hash_equal(&computed, root) ? STATUS_OK : STATUS_PROOF;
}

/* The sizes for which no hash is needed. */
static enum status check_trivial(uint64_t old_size, const struct hash *old_root, const struct hash *root,
                                 size_t hash_count) {
    struct hash empty = merkle_empty_root();
    const struct hash *expected = old_size == 0 ? &empty : root;
    return hash_count == 0 && hash_equal(old_root, expected) ? STATUS_OK : STATUS_PROOF;
}

/* Both roots from one list of hashes, starting with the node that ends the old tree. */
static enum status check_climb(struct row row, const struct hash *first, const struct hash *hashes, size_t hash_count,
                               const struct hash *old_root, const struct hash *root) {
    struct hash old_computed = *first;
    struct hash computed = *first;
    for (size_t i = 0; i < hash_count; i++) {
        ENSURE(row.last != 0, STATUS_PROOF);
        if (row_climb(&row)) {
            old_computed = merkle_node_hash(&hashes[i], &old_computed);
            computed = merkle_node_hash(&hashes[i], &computed);
        } else {
            computed = merkle_node_hash(&computed, &hashes[i]);
        }
    }
    return row.last == 0 && hash_equal(&old_computed, old_root) && hash_equal(&computed, root) ? STATUS_OK
                                                                                               : STATUS_PROOF;
}

enum status merkle_check_consistency(uint64_t old_size, uint64_t size, const struct hash *old_root,
                                     const struct hash *root, const struct hash *hashes, size_t hash_count) {
    ENSURE(size <= MERKLE_SIZE_MAX && old_size <= size, STATUS_PROOF);
    if (old_size == size && !hash_equal(old_root, root)) return STATUS_PROOF;
    if (old_size == 0 || old_size == size) return check_trivial(old_size, old_root, root, hash_count);
    ENSURE(hash_count > 0, STATUS_PROOF);
    struct row row = {old_size - 1, size - 1};
    while ((row.position & 1) != 0)
        row_up(&row);
    /* A tree of a power of two is one node of the new tree, so its root need not be sent. */
    bool whole = (old_size & (old_size - 1)) == 0;
    const struct hash *first = whole ? old_root : &hashes[0];
    size_t used = whole ? 0 : 1;
    return check_climb(row, first, hashes + used, hash_count - used, old_root, root);
}
