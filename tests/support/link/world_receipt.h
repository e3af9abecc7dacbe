/*
 * Receipts as every member checks them: signature of the checkpoint, inclusion, commitment, leaf and opening. The
 * checkpoints seen are kept, so that a note that many receipts share is verified once, and so that a test can hold the
 * log to all of them afterwards.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_RECEIPT_H
#define TESTS_SUPPORT_LINK_WORLD_RECEIPT_H

#include "proto/leaf.h"
#include "proto/tlog_proof.h"
#include "support/link/world.h"

/* A tree that the log has signed. */
struct world_tree {
    uint64_t size;
    struct hash root;
};

struct world_notes;

/* Any thread uses them at once. NULL when memory is out. */
struct world_notes *world_notes_new(const struct note_key *log_key);
void world_notes_free(struct world_notes *notes);
CLEANUP_POINTER(struct world_notes, world_notes_free)

/* The tree of a signed note, verified now or before. Errors of checkpoint_open. STATUS_FORK when another note gave the
 * same size another root. */
enum status world_notes_open(struct world_notes *notes, struct arena *arena, struct bytes note,
                             struct world_tree *out_tree);
/* Every tree seen, in the order of first sight. Not while others verify. */
size_t world_notes_trees(const struct world_notes *notes, const struct world_tree **out_trees);

struct world_receipt {
    uint64_t index;
    struct world_tree tree;
    struct hash leaf_hash;
    struct leaf leaf;
    struct opening opening;
};

/* Verifies all of it. STATUS_PROOF, STATUS_SIGNATURE, STATUS_MALFORMED; STATUS_INVALID for another type than expected
 * (LEAF_NONE: any). */
enum status world_receipt_open(struct world_notes *notes, struct arena *arena, struct bytes text,
                               enum leaf_type expected, struct world_receipt *out_receipt);

/* Whether an opening's field is these 16 bytes. */
bool world_receipt_names(struct bytes field, const struct id16 *id);

#endif
