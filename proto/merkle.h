/*
 * The audit log's tree: RFC 6962 section 2.1 with SHA-256. Hashes of leaves and nodes, proofs made and checked.
 *
 * A tree is a list of entries. The node (level, index) is the hash of the entries from index * 2^level up to
 * (index + 1) * 2^level; level 0 holds the leaf hashes. A node is complete once the tree holds all its entries, and
 * never changes from then on: only complete nodes are stored or read. A tree of `size` entries is split at the largest
 * power of two below size; the incomplete nodes on its right edge are computed when needed.
 *
 * Pure: no I/O, no allocation. Any thread.
 */
#ifndef PROTO_MERKLE_H
#define PROTO_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"

/* Larger trees are refused. With this bound no proof is longer than MERKLE_PROOF_MAX, which is also what a C2SP
 * tlog-witness accepts. */
#define MERKLE_SIZE_MAX  ((uint64_t)1 << 62)
#define MERKLE_PROOF_MAX 63

/* A proof, in the order in which it is checked: from the leaf towards the root. */
struct merkle_proof {
    size_t count;
    struct hash hashes[MERKLE_PROOF_MAX];
};

/* Yields a complete node. Called on the caller's thread, may block if the caller can; a failure ends the call that
 * needed the node, with the same status. */
typedef enum status merkle_read_fn(void *context, unsigned level, uint64_t index, struct hash *out_node);

/* The root of a tree without entries: SHA-256 of nothing. */
struct hash merkle_empty_root(void);

/* SHA-256(00 || entry). */
struct hash merkle_leaf_hash(struct bytes entry);

/* SHA-256(01 || left || right). */
struct hash merkle_node_hash(const struct hash *left, const struct hash *right);

/* The root of the first `size` entries, from complete nodes. STATUS_INVALID for a size above MERKLE_SIZE_MAX; what read
 * returns. At most 62 reads. */
enum status merkle_root(merkle_read_fn *read, void *context, uint64_t size, struct hash *out_root);

/* Proof that entry `index` is in the tree of `size` entries (RFC 6962 section 2.1.1, PATH). STATUS_INVALID unless
 * index < size <= MERKLE_SIZE_MAX; what read returns. At most 62 + 62 reads, all of complete nodes. */
enum status merkle_prove_inclusion(merkle_read_fn *read, void *context, uint64_t index, uint64_t size,
                                   struct merkle_proof *out_proof);

/* Proof that the first old_size of `size` entries are the whole earlier tree (RFC 6962 section 2.1.2, PROOF). Empty for
 * old_size 0 and for equal sizes. STATUS_INVALID unless old_size <= size <= MERKLE_SIZE_MAX; what read returns. */
enum status merkle_prove_consistency(merkle_read_fn *read, void *context, uint64_t old_size, uint64_t size,
                                     struct merkle_proof *out_proof);

/* Does the proof show leaf at index in the tree of `size` entries with this root? STATUS_PROOF when it does not, also
 * for an index or a size out of range. Algorithm: RFC 9162 section 2.1.3.2. */
enum status merkle_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf, const struct hash *hashes,
                                   size_t hash_count, const struct hash *root);

/* Does the proof show that the tree old_root (old_size entries) is the beginning of the tree `root`? STATUS_PROOF when
 * it does not. The tree of size 0 is the beginning of every tree, and has one root only. Algorithm: RFC 9162 section
 * 2.1.4.2. */
enum status merkle_check_consistency(uint64_t old_size, uint64_t size, const struct hash *old_root,
                                     const struct hash *root, const struct hash *hashes, size_t hash_count);

#endif
