/*
 * The whole log as core exports it, held against what was seen of it before: every checkpoint, and every leaf whose
 * receipt was given.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_LOG_H
#define TESTS_SUPPORT_LINK_WORLD_LOG_H

#include "support/link/world_receipt.h"

struct world_log {
    uint64_t size;
    struct hash *leaves; /* leaf hashes */
};

/* Reads every leaf over the operator's socket. The tree that they make must be that of the checkpoint that core gives
 * with them: STATUS_FORK otherwise. */
enum status world_log_read(struct world *world, struct world_notes *notes, struct world_log *out_log);
void world_log_clear(struct world_log *log);

/* Every tree that was seen is a beginning of this log: STATUS_FORK when one is not. */
enum status world_log_holds_trees(const struct world_log *log, const struct world_notes *notes);
/* The leaf of a receipt stands where the receipt says. */
bool world_log_holds(const struct world_log *log, const struct world_receipt *receipt);

#endif
