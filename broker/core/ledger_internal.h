/*
 * What ledger.c (appending, signing) and ledger_read.c (everything else) share. Nothing else includes this.
 */
#ifndef BROKER_CORE_LEDGER_INTERNAL_H
#define BROKER_CORE_LEDGER_INTERNAL_H

#include <pthread.h>

#include "broker/core/ledger.h"
#include "broker/core/ledger_tiles.h"
#include "proto/merkle_frontier.h"

enum {
    LEDGER_ROW_VERSION = 1,
    LEDGER_INDEX_BYTES = 8,
    LEDGER_ACCESS_KEY_BYTES = 12,
    LEDGER_EVIDENCE_KEY_BYTES = 36,
    LEDGER_EVENT_ROW_BYTES = 1 + 8 + HASH_BYTES,
};

struct ledger {
    struct core *core;
    struct ledger_tiles *tiles;
    struct arena *scratch; /* the writer's, for one append */

    /* The writer's. */
    struct merkle_frontier committed;
    uint64_t committed_last_ms;
    struct merkle_frontier pending;
    uint64_t pending_last_ms;
    uint64_t now_ms;

    pthread_mutex_t mutex; /* guards the two below */
    uint64_t signed_size;
    char *note; /* NUL-ended; NULL while nothing is signed */
};

/* A read of the tree inside a transaction: the context of ledger_read_node, which is a merkle_read_fn. */
struct ledger_tree {
    struct ledger *ledger;
    struct store_txn *txn;
};
enum status ledger_read_node(void *context, unsigned level, uint64_t index, struct hash *out_node);

struct bytes ledger_index_key(uint64_t index, uint8_t memory[static LEDGER_INDEX_BYTES]);
struct bytes ledger_access_key(uint32_t slot, uint64_t index, uint8_t memory[static LEDGER_ACCESS_KEY_BYTES]);
struct bytes ledger_evidence_key(uint32_t slot, const struct hash *hash,
                                 uint8_t memory[static LEDGER_EVIDENCE_KEY_BYTES]);

/* A row of the table leaf, as views into its value. */
struct ledger_row {
    uint32_t slot;
    struct bytes leaf;
    struct bytes opening; /* as stored */
    struct bytes cause;   /* as stored; may be empty */
    struct hash cause_hash;
};
enum status ledger_row_parse(struct bytes value, struct ledger_row *out_row);

#endif
