/*
 * The log: appends leaves with their openings and evidence inside the writer's transaction, keeps the Merkle tree, and
 * builds proofs and receipts against the last signed tree.
 *
 * Owns: the tables leaf, node, event, access, evidence; the frontier, the right edge of the tree and the last leaf time
 * in memory. The writer is the only one that appends. A batch, inside its transaction: ledger_begin (which forgets what
 * an earlier run of the batch did), any number of ledger_append, ledger_end; after the commit ledger_committed, after
 * keyd's signature ledger_signed. Readers see only the signed tree.
 *
 * One row of the table leaf holds the exact leaf, the sealed opening and the cause, so that an append costs three rows
 * and its share of the tiles of the table node.
 */
#ifndef BROKER_CORE_LEDGER_H
#define BROKER_CORE_LEDGER_H

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "keys/hash.h"
#include "proto/ids.h"
#include "proto/leaf.h"
#include "proto/merkle.h"

#define LEDGER_NO_SLOT UINT32_MAX

/* Reads size, frontier and last time from the store. Uses federation, store and shred of core. STATUS_INTEGRITY when
 * they contradict each other. The caller closes. */
enum status ledger_open(struct core *core, struct ledger **out_ledger);
/* Takes NULL. */
void ledger_close(struct ledger *ledger);
CLEANUP_POINTER(struct ledger, ledger_close)

/* Committed leaves, signed or not, and the time of the last. Writer, or before there are threads. */
uint64_t ledger_size(const struct ledger *ledger);
uint64_t ledger_last_ms(const struct ledger *ledger);

/* now_ms becomes the time of the batch's leaves, but never below the last leaf's. */
void ledger_begin(struct ledger *ledger, uint64_t now_ms);
/* The time of the batch's leaves: what apply() takes as now. Writer. */
uint64_t ledger_now_ms(const struct ledger *ledger);
/* How many leaves the batch has so far. */
uint64_t ledger_pending(const struct ledger *ledger);
/* Writes what the batch changed of the tree. The last thing in the transaction. */
enum status ledger_end(struct ledger *ledger, struct store_txn *txn);
/* The transaction is committed. */
void ledger_committed(struct ledger *ledger);

struct ledger_evidence {
    struct hash hash; /* SHA-256 of content */
    struct bytes content;
};

struct ledger_entry {
    enum leaf_type type;
    struct id16 event;
    uint32_t slot;                          /* of the subject, or LEDGER_NO_SLOT: opening and evidence in clear */
    struct hash request_hash;               /* what a repetition must equal: see call_identify */
    struct opening *opening;                /* version, type, now_ms and slot_commitment are filled in here, and from
                                               cause and evidence below, where these are set, their hashes */
    struct bytes cause;                     /* content of opening.cause; kept with the leaf; may be empty */
    const struct ledger_evidence *evidence; /* in the order of the protocol */
    size_t n_evidence;
};

/* STATUS_CONFLICT when the event id stands already (a repetition: see ledger_find_event before). */
enum status ledger_append(struct ledger *ledger, struct store_txn *txn, const struct ledger_entry *entry,
                          uint64_t *out_index);

/* After the commit: size and root to be signed, and the consistency proof from the last signed size. Writer, outside
 * any transaction. */
enum status ledger_to_sign(struct ledger *ledger, uint64_t *out_size, struct hash *out_root,
                           struct merkle_proof *out_consistency);
/* keyd's note for that tree (already compared with it): readers see the new tree from here on. Copied. */
enum status ledger_signed(struct ledger *ledger, uint64_t size, struct bytes note);
/* The root of the first `size` committed leaves. Start-up and the writer. */
enum status ledger_root(struct ledger *ledger, uint64_t size, struct hash *out_root);

/* Leaves below this are signed. Any thread. */
uint64_t ledger_signed_size(struct ledger *ledger);
/* The newest signed tree that a transaction has all leaves of: what was signed since it began is not in it. Any thread.
 */
enum status ledger_signed_in(struct ledger *ledger, struct store_txn *txn, struct arena *arena, uint64_t *out_size);
/* The last signed note and its size. Any thread; copied into the arena. STATUS_NOT_FOUND before the first. */
enum status ledger_checkpoint(struct ledger *ledger, struct arena *arena, struct bytes *out_note, uint64_t *out_size);

/* The receipt (tlog-proof text) for a leaf of the signed tree, with its opening in clear. Any thread, read
 * transaction. STATUS_NOT_FOUND when the opening is gone, STATUS_RETRY when the leaf is not signed yet. */
enum status ledger_receipt(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                           struct bytes *out_receipt);

/* One leaf with nonce and opening (empty when gone); its slot or LEDGER_NO_SLOT. */
struct ledger_leaf {
    struct bytes leaf;
    struct bytes nonce;
    struct bytes opening;
    uint32_t slot;
    struct bytes sealed;       /* as stored: nonce and opening, sealed when slot is not LEDGER_NO_SLOT */
    struct hash cause;         /* zeros when there is none */
    struct bytes sealed_cause; /* likewise; empty when there is none */
};
enum status ledger_read(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                        struct ledger_leaf *out_leaf);

/* The index of an event and the request hash that it was appended with. STATUS_NOT_FOUND. Sees what stands in txn,
 * signed or not. */
enum status ledger_find_event(struct ledger *ledger, struct store_txn *txn, const struct id16 *event,
                              uint64_t *out_index, struct hash *out_request_hash);

/* The content of a leaf's cause, opened. STATUS_NOT_FOUND when there is none or it is gone. */
enum status ledger_cause(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                         struct bytes *out_content);

/* Evidence (not a cause) by its hash, opened. `slot` as of the leaf that it belongs to. STATUS_NOT_FOUND when gone. */
enum status ledger_evidence(struct ledger *ledger, struct store_txn *txn, const struct hash *hash, uint32_t slot,
                            struct arena *arena, struct bytes *out_content);

/* Evidence as stored, sealed when slot is not LEDGER_NO_SLOT: for exports. STATUS_NOT_FOUND. */
enum status ledger_evidence_stored(struct ledger *ledger, struct store_txn *txn, const struct hash *hash, uint32_t slot,
                                   struct arena *arena, struct bytes *out_stored);

/* Leaf indexes about a person, ascending from `from`; at most *count, which gets the number found. Signed leaves only.
 */
enum status ledger_of_subject(struct ledger *ledger, struct store_txn *txn, uint32_t slot, uint64_t from,
                              struct arena *arena, uint64_t *out_indexes, size_t *count);

/* Consistency from old_size to new_size; STATUS_INVALID unless old_size <= new_size <= signed size. */
enum status ledger_consistency(struct ledger *ledger, struct store_txn *txn, uint64_t old_size, uint64_t new_size,
                               struct merkle_proof *out_proof);
/* Content of a C2SP tile; level 0 and up. width 0: full. STATUS_NOT_FOUND beyond the signed tree. */
enum status ledger_tile(struct ledger *ledger, struct store_txn *txn, uint32_t level, uint64_t index, uint32_t width,
                        struct arena *arena, struct bytes *out_tile);
enum status ledger_entries(struct ledger *ledger, struct store_txn *txn, uint64_t index, uint32_t width,
                           struct arena *arena, struct bytes *out_bundle);

#endif
