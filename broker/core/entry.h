/*
 * A leaf being put together: opening, cause and evidence in one place, so that each handler says only what its type
 * adds (docs/protocol.md section 9). Lives on the stack of whoever appends it.
 */
#ifndef BROKER_CORE_ENTRY_H
#define BROKER_CORE_ENTRY_H

#include "broker/core/call.h"
#include "broker/core/ledger.h"
#include "keys/hash.h"
#include "proto/directory.h"
#include "proto/leaf.h"

/* Evidence that fits here; GRANTED_KEY, which has more, brings an array of its own. */
#define ENTRY_EVIDENCE 4

struct entry {
    struct ledger_entry ledger; /* its opening and evidence point into this struct: do not copy it */
    struct opening opening;
    struct ledger_evidence evidence[ENTRY_EVIDENCE];
};

/* Begins an entry. slot and subject: of the person, or LEDGER_NO_SLOT and NULL. Views are not copied. */
void entry_init(struct entry *entry, enum leaf_type type, uint32_t slot, const struct hash *subject, const char *actor,
                const struct directory *directory);

/* What asked for it, kept with the leaf. */
void entry_cause(struct entry *entry, struct bytes content);
/* The same by its hash alone, where the content is kept elsewhere or must not be kept. */
void entry_cause_hash(struct entry *entry, const struct hash *hash);
/* One more piece of evidence. Adding more than the bound is the caller's bug and aborts. */
void entry_evidence(struct entry *entry, struct bytes content);
/* The leaf that this one relies on. */
void entry_prior(struct entry *entry, uint64_t leaf);

/* {"receipts":[...]}, each in text form, of leaves that a handler names itself, in the arena. STATUS_RETRY when one is
 * not signed yet; errors of ledger_receipt. */
enum status entry_receipts_json(struct call *call, struct store_txn *txn, const uint64_t *leaves, size_t n_leaves,
                                struct bytes *out_body);

#endif
