/*
 * Puts leaves together.
 */
#include "broker/core/entry.h"

#include <assert.h>

#include "base/json.h"
#include "base/text.h"

void entry_init(struct entry *entry, enum leaf_type type, uint32_t slot, const struct hash *subject, const char *actor,
                const struct directory *directory) {
    entry->opening = (struct opening){
        .actor = actor,
        .subject = subject ? hash_bytes(subject) : BYTES_EMPTY,
        .directory_sequence = directory_sequence(directory),
    };
    entry->ledger = (struct ledger_entry){
        .type = type,
        .slot = slot,
        .opening = &entry->opening,
        .evidence = entry->evidence,
    };
}

void entry_cause(struct entry *entry, struct bytes content) { entry->ledger.cause = content; }

void entry_cause_hash(struct entry *entry, const struct hash *hash) { entry->opening.cause = hash_bytes(hash); }

void entry_evidence(struct entry *entry, struct bytes content) {
    assert(entry->ledger.n_evidence < sizeof entry->evidence / sizeof entry->evidence[0]);
    entry->evidence[entry->ledger.n_evidence++] = (struct ledger_evidence){hash_sha256(content), content};
}

void entry_prior(struct entry *entry, uint64_t leaf) { entry->opening.prior_leaf = leaf + 1; }

enum status entry_receipts_json(struct call *call, struct store_txn *txn, const uint64_t *leaves, size_t n_leaves,
                                struct bytes *out_body) {
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[]}", "receipts");
    ENSURE(root, STATUS_MEMORY);
    json_t *list = json_object_get(root, "receipts");
    for (size_t i = 0; i < n_leaves; i++) {
        struct bytes receipt;
        TRY(ledger_receipt(call->core->ledger, txn, leaves[i], call->arena, &receipt));
        const char *encoded = text_base64url(call->arena, receipt);
        ENSURE(encoded && json_array_append_new(list, json_string(encoded)) == 0, STATUS_MEMORY);
    }
    const char *text = json_compact(call->arena, root);
    ENSURE(text, STATUS_MEMORY);
    *out_body = bytes_text(text);
    return STATUS_OK;
}
