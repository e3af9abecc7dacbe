/*
 * Receipts, verified: a leaf that the log holds, and the opening that it commits to (docs/protocol.md section 9). Pure;
 * any thread.
 */
#ifndef AGENT_RECEIPT_H
#define AGENT_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "proto/directory.h"
#include "proto/leaf.h"
#include "proto/note.h"

struct receipt {
    struct bytes text; /* as it came */
    uint64_t index;
    struct leaf leaf;
    struct opening opening;
    struct bytes note; /* the checkpoint, with its signatures */
    uint64_t size;     /* that it speaks of */
    struct hash root;
};

/* Reads and verifies: the log's signature (key of the directory's epoch), inclusion of the leaf, commitment, agreement
 * of leaf and opening, and that the type is the one expected. STATUS_PROOF, STATUS_SIGNATURE, STATUS_MALFORMED,
 * STATUS_INVALID (another type), STATUS_NOT_FOUND (the directory has no epoch), STATUS_MEMORY. */
enum status receipt_open(struct arena *arena, const struct directory *directory, struct bytes text,
                         enum leaf_type expected, struct receipt *out_receipt);

/* The same for any type. */
enum status receipt_open_any(struct arena *arena, const struct directory *directory, struct bytes text,
                             struct receipt *out_receipt);

/* The verifier key of the directory's log. */
enum status receipt_log_key(const struct directory *directory, struct note_key *out_key);

/* Whether a field of an opening is exactly these bytes. */
bool receipt_says(struct bytes field, struct bytes expected);
/* Whether the n-th piece of evidence is the hash of these bytes. */
bool receipt_evidence(const struct opening *opening, size_t n, struct bytes content);
/* Whether both lists of kinds are the same. */
bool receipt_kinds(const struct opening *opening, const uint32_t *kinds, size_t n_kinds);

#endif
