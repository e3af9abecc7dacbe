#include "support/link/world_receipt.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/derive.h"

#define RECENT    64
#define TREES_MIN 256

struct recent_note {
    struct hash note;
    struct world_tree tree;
};

struct world_notes {
    struct note_key log_key;
    pthread_mutex_t mutex; /* guards the rest */
    struct recent_note recent[RECENT];
    size_t next;
    struct world_tree *trees;
    size_t n_trees;
    size_t cap;
};

struct world_notes *world_notes_new(const struct note_key *log_key) {
    struct world_notes *notes = calloc(1, sizeof *notes);
    if (!notes) return NULL;
    notes->log_key = *log_key;
    pthread_mutex_init(&notes->mutex, NULL);
    return notes;
}

void world_notes_free(struct world_notes *notes) {
    if (!notes) return;
    pthread_mutex_destroy(&notes->mutex);
    free(notes->trees);
    free(notes);
}

size_t world_notes_trees(const struct world_notes *notes, const struct world_tree **out_trees) {
    *out_trees = notes->trees;
    return notes->n_trees;
}

static bool find(struct world_notes *notes, const struct hash *hash, struct world_tree *out_tree) {
    bool found = false;
    pthread_mutex_lock(&notes->mutex);
    for (size_t i = 1; i <= RECENT && !found; i++) {
        const struct recent_note *recent = &notes->recent[(notes->next + RECENT - i) % RECENT];
        found = recent->tree.size > 0 && hash_equal(&recent->note, hash);
        if (found) *out_tree = recent->tree;
    }
    pthread_mutex_unlock(&notes->mutex);
    return found;
}

/* Under the mutex. */
static enum status keep_tree(struct world_notes *notes, const struct world_tree *tree) {
    for (size_t i = notes->n_trees; i-- > 0;) {
        if (notes->trees[i].size != tree->size) continue;
        return hash_equal(&notes->trees[i].root, &tree->root) ? STATUS_OK : STATUS_FORK;
    }
    if (notes->n_trees == notes->cap) {
        size_t cap = notes->cap ? 2 * notes->cap : TREES_MIN;
        struct world_tree *grown = reallocarray(notes->trees, cap, sizeof *grown);
        ENSURE(grown, STATUS_MEMORY);
        notes->trees = grown;
        notes->cap = cap;
    }
    notes->trees[notes->n_trees++] = *tree;
    return STATUS_OK;
}

static enum status keep(struct world_notes *notes, const struct hash *hash, const struct world_tree *tree) {
    pthread_mutex_lock(&notes->mutex);
    enum status status = keep_tree(notes, tree);
    notes->recent[notes->next] = (struct recent_note){.note = *hash, .tree = *tree};
    notes->next = (notes->next + 1) % RECENT;
    pthread_mutex_unlock(&notes->mutex);
    return status;
}

enum status world_notes_open(struct world_notes *notes, struct arena *arena, struct bytes note,
                             struct world_tree *out_tree) {
    const struct hash hash = hash_sha256(note);
    struct checkpoint checkpoint;
    struct note_result result;
    if (find(notes, &hash, out_tree)) return STATUS_OK;
    TRY(checkpoint_open(arena, note, &notes->log_key, 1, &checkpoint, &result));
    const struct world_tree tree = {.size = checkpoint.size, .root = checkpoint.root};
    TRY(keep(notes, &hash, &tree));
    *out_tree = tree;
    return STATUS_OK;
}

/* The leaf commits to the opening, and both say the same. */
static enum status open_leaf(struct arena *arena, const struct receipt_extra *extra, enum leaf_type expected,
                             struct world_receipt *receipt) {
    struct hash commitment = derive_leaf_commitment(WORLD_FEDERATION, &extra->nonce, extra->opening);
    TRY(leaf_parse(arena, extra->leaf, &receipt->leaf));
    ENSURE(hash_equal(&commitment, &receipt->leaf.commitment), STATUS_PROOF);
    TRY(leaf_opening_parse(arena, extra->opening, &receipt->opening));
    ENSURE(receipt->opening.type == receipt->leaf.type && receipt->opening.now_ms == receipt->leaf.time_ms,
           STATUS_PROOF);
    return expected == LEAF_NONE || receipt->leaf.type == expected ? STATUS_OK : STATUS_INVALID;
}

enum status world_receipt_open(struct world_notes *notes, struct arena *arena, struct bytes text,
                               enum leaf_type expected, struct world_receipt *out_receipt) {
    struct tlog_proof *proof = ARENA_NEW(arena, struct tlog_proof);
    struct receipt_extra extra;
    struct world_receipt receipt = {.index = 0};
    ENSURE(proof, STATUS_MEMORY);
    TRY(tlog_proof_parse(arena, text, proof));
    TRY(leaf_receipt_extra_parse(arena, proof->extra, &extra));
    TRY(world_notes_open(notes, arena, proof->checkpoint, &receipt.tree));
    receipt.index = proof->index;
    receipt.leaf_hash = merkle_leaf_hash(extra.leaf);
    TRY(merkle_check_inclusion(proof->index, receipt.tree.size, &receipt.leaf_hash, proof->proof.hashes,
                               proof->proof.count, &receipt.tree.root));
    TRY(open_leaf(arena, &extra, expected, &receipt));
    *out_receipt = receipt;
    return STATUS_OK;
}

bool world_receipt_names(struct bytes field, const struct id16 *id) { return bytes_equal(field, ids_bytes(id)); }
