/*
 * Verification of receipts. Trusts the directory for the log's key. Invariant: a receipt that receipt_open gives out is
 * one whose leaf stands in a tree that the log signed.
 */
#include "agent/receipt.h"

#include <string.h>

#include "proto/derive.h"
#include "proto/tlog_proof.h"

enum status receipt_log_key(const struct directory *directory, struct note_key *out_key) {
    const struct epoch *epoch = directory_epoch(directory);
    ENSURE(epoch, STATUS_NOT_FOUND);
    return note_key_parse(bytes_text(epoch->log_vkey), out_key);
}

/* Leaf and opening belong together and say the same. */
static enum status check_opening(struct arena *arena, const char *federation, const struct receipt_extra *extra,
                                 struct receipt *receipt) {
    struct hash commitment = derive_leaf_commitment(federation, &extra->nonce, extra->opening);
    ENSURE(hash_equal(&commitment, &receipt->leaf.commitment), STATUS_PROOF);
    TRY(leaf_opening_parse(arena, extra->opening, &receipt->opening));
    ENSURE(receipt->opening.type == receipt->leaf.type, STATUS_PROOF);
    ENSURE(receipt->opening.now_ms == receipt->leaf.time_ms, STATUS_PROOF);
    return STATUS_OK;
}

enum status receipt_open_any(struct arena *arena, const struct directory *directory, struct bytes text,
                             struct receipt *out_receipt) {
    struct note_key key;
    struct note_result signed_by;
    struct tlog_proof proof;
    struct receipt_extra extra;
    struct checkpoint checkpoint;
    struct receipt receipt = {0};
    TRY(receipt_log_key(directory, &key));
    TRY(arena_copy(arena, text, &receipt.text));
    TRY(tlog_proof_parse(arena, receipt.text, &proof));
    TRY(leaf_receipt_extra_parse(arena, proof.extra, &extra));
    struct hash leaf_hash = merkle_leaf_hash(extra.leaf);
    TRY(tlog_proof_verify(arena, &proof, &leaf_hash, &key, 1, &checkpoint, &signed_by));
    TRY(leaf_parse(arena, extra.leaf, &receipt.leaf));
    TRY(check_opening(arena, directory_federation(directory), &extra, &receipt));
    receipt.index = proof.index;
    receipt.note = proof.checkpoint;
    receipt.size = checkpoint.size;
    receipt.root = checkpoint.root;
    *out_receipt = receipt;
    return STATUS_OK;
}

enum status receipt_open(struct arena *arena, const struct directory *directory, struct bytes text,
                         enum leaf_type expected, struct receipt *out_receipt) {
    struct receipt receipt;
    TRY(receipt_open_any(arena, directory, text, &receipt));
    ENSURE(receipt.leaf.type == expected, STATUS_INVALID);
    *out_receipt = receipt;
    return STATUS_OK;
}

bool receipt_says(struct bytes field, struct bytes expected) {
    return expected.len > 0 && bytes_equal(field, expected);
}

bool receipt_evidence(const struct opening *opening, size_t n, struct bytes content) {
    struct hash hash = hash_sha256(content);
    return n < opening->n_evidence && hash_equal(&opening->evidence[n], &hash);
}

bool receipt_kinds(const struct opening *opening, const uint32_t *kinds, size_t n_kinds) {
    return opening->n_kinds == n_kinds && (n_kinds == 0 || memcmp(opening->kinds, kinds, n_kinds * sizeof *kinds) == 0);
}
