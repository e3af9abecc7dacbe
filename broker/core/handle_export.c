/*
 * The log with its sealed openings and evidence, for auditors (docs/protocol.md section 14), and the keys of slots,
 * which leave only against an AUDITED leaf that is signed.
 */
#include "broker/core/handle_engine.h"
#include "broker/core/ledger.h"
#include "broker/core/subject.h"
#include "proto/limits.h"

enum { EXPORT_BYTES = LIMIT_REPLY_BODY_BYTES - 65536, EXPORT_ARENA_BYTES = 8 << 20 };

/* The signed part of [a, a + b). */
static uint64_t export_count(struct call *call) {
    uint64_t size = ledger_signed_size(call->core->ledger);
    uint64_t first = call->order->a;
    uint64_t count = call->order->b < LIMIT_TILE_WIDTH ? call->order->b : LIMIT_TILE_WIDTH;
    if (first >= size) return 0;
    return count < size - first ? count : size - first;
}

static struct export_leaf export_of(const struct ledger_leaf *leaf) {
    struct export_leaf exported = {.leaf = leaf->leaf};
    if (leaf->slot == LEDGER_NO_SLOT) {
        exported.nonce = leaf->nonce;
        exported.opening = leaf->opening;
    } else {
        exported.slot = (uint64_t)leaf->slot + 1;
        if (leaf->opening.len) exported.opening = leaf->sealed;
    }
    return exported;
}

enum status handle_export_leaves(struct call *call, struct store_txn *txn) {
    struct ledger *ledger = call->core->ledger;
    struct export_part part = {.n_leaves = 0};
    uint64_t size, count = export_count(call);
    size_t used = 0;
    TRY(ledger_checkpoint(ledger, call->arena, &part.checkpoint, &size));
    struct export_leaf *leaves = ARENA_ARRAY(call->arena, struct export_leaf, (size_t)count + 1);
    ENSURE(leaves, STATUS_MEMORY);
    for (uint64_t i = 0; i < count && used < EXPORT_BYTES - 2 * LIMIT_SEALED_OPENING_BYTES; i++) {
        struct ledger_leaf leaf;
        /* Rows hold large causes now and then: fewer leaves are an answer too. */
        if (i > 0 && arena_used_bytes(call->arena) > EXPORT_ARENA_BYTES) break;
        TRY(ledger_read(ledger, txn, call->order->a + i, call->arena, &leaf));
        leaves[part.n_leaves++] = export_of(&leaf);
        used += leaf.leaf.len + leaf.sealed.len + 64;
    }
    part.leaves = leaves;
    return internal_export_part_encode(call->arena, &part, &call->answer_body);
}

/* Evidence collected for one answer. */
struct evidence_list {
    struct call *call;
    struct store_txn *txn;
    struct evidence_item *items;
    size_t count;
    size_t used;
};

/* STATUS_LIMIT: the caller asks for fewer leaves. */
static enum status add_item(struct evidence_list *list, const struct hash *hash, uint32_t slot, struct bytes content) {
    list->used += content.len + 64;
    ENSURE(list->used < EXPORT_BYTES, STATUS_LIMIT);
    list->items[list->count++] = (struct evidence_item){
        .hash = *hash, .slot = slot == LEDGER_NO_SLOT ? 0 : (uint64_t)slot + 1, .content = content};
    return STATUS_OK;
}

static enum status add_leaf_evidence(struct evidence_list *list, uint64_t index) {
    struct arena *arena = list->call->arena;
    struct ledger *ledger = list->call->core->ledger;
    struct ledger_leaf leaf;
    struct opening opening;
    TRY(ledger_read(ledger, list->txn, index, arena, &leaf));
    if (leaf.opening.len == 0) return STATUS_OK;
    if (leaf.sealed_cause.len) TRY(add_item(list, &leaf.cause, leaf.slot, leaf.sealed_cause));
    TRY(leaf_opening_parse(arena, leaf.opening, &opening));
    for (size_t i = 0; i < opening.n_evidence; i++) {
        struct bytes stored;
        TRY(ledger_evidence_stored(ledger, list->txn, &opening.evidence[i], leaf.slot, arena, &stored));
        TRY(add_item(list, &opening.evidence[i], leaf.slot, stored));
    }
    return STATUS_OK;
}

enum status handle_export_evidence(struct call *call, struct store_txn *txn) {
    uint64_t count = export_count(call);
    struct evidence_list list = {.call = call, .txn = txn};
    list.items = ARENA_ARRAY(call->arena, struct evidence_item, (size_t)count * (LIMIT_EVIDENCE + 1) + 1);
    ENSURE(list.items, STATUS_MEMORY);
    for (uint64_t i = 0; i < count; i++)
        TRY(add_leaf_evidence(&list, call->order->a + i));
    struct evidence_part part = {.items = list.items, .n_items = list.count};
    return internal_evidence_part_encode(call->arena, &part, &call->answer_body);
}

/* ---- keys ---- */

struct key_range {
    uint32_t first;
    uint32_t end;
};

/* Of the slots that were handed out. */
enum status handle_export_keys_check(struct call *call, struct store_txn *txn) {
    struct key_range *range = ARENA_NEW(call->arena, struct key_range);
    uint32_t taken;
    ENSURE(range, STATUS_MEMORY);
    TRY(subject_slots_taken(txn, &taken));
    uint64_t first = call->order->a < taken ? call->order->a : taken;
    uint64_t most = call->order->b < LIMIT_SLOT_KEYS ? call->order->b : LIMIT_SLOT_KEYS;
    uint64_t end = most < taken - first ? first + most : taken;
    *range = (struct key_range){.first = (uint32_t)first, .end = (uint32_t)end};
    call->work = range;
    return STATUS_OK;
}

enum status handle_export_keys_apply(struct call *call, struct store_txn *txn) {
    const struct key_range *range = call->work;
    struct opening opening = {.actor = "operator", .number = range->end - range->first};
    struct ledger_entry entry = {
        .type = LEAF_AUDITED, .event = ids_random(), .slot = LEDGER_NO_SLOT, .opening = &opening};
    return call_append(call, txn, &entry);
}

/* Copies the keys of slots that are not destroyed. */
static enum status copy_keys(struct call *call, const struct key_range *range, struct slot_keys *out_keys) {
    struct slot_key *keys = ARENA_ARRAY(call->arena, struct slot_key, range->end - range->first + (size_t)1);
    ENSURE(keys, STATUS_MEMORY);
    out_keys->keys = keys;
    for (uint32_t slot = range->first; slot < range->end; slot++) {
        struct secret *key CLEANUP(secret_free_cleanup) = NULL;
        enum status got = subject_key(call->core, slot, &key);
        if (got == STATUS_NOT_FOUND) continue;
        TRY(got);
        TRY(arena_copy(call->arena, secret_bytes(key), &keys[out_keys->n_keys].key));
        keys[out_keys->n_keys++].slot = slot;
    }
    return STATUS_OK;
}

enum status handle_export_keys_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct slot_keys keys = {.n_keys = 0};
    /* The leaf must be signed before a key leaves. */
    ENSURE(call->n_leaves == 1 && call->leaves[0] < ledger_signed_size(call->core->ledger), STATUS_RETRY);
    enum status copied = copy_keys(call, call->work, &keys);
    if (copied == STATUS_OK) copied = internal_slot_keys_encode(call->arena, &keys, &call->answer_body);
    internal_slot_keys_wipe(&keys);
    return copied;
}
