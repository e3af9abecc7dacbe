/*
 * Reading the log: leaves, openings, evidence, receipts, tiles. All of it about the signed tree only, but for
 * ledger_find_event and ledger_read, which the writer uses in the middle of a batch. Any thread.
 */
#include "broker/core/ledger.h"

#include <string.h>

#include "broker/core/ledger_internal.h"
#include "broker/core/subject.h"
#include "keys/aead.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/tile.h"
#include "proto/tlog_proof.h"

enum status ledger_read_node(void *context, unsigned level, uint64_t index, struct hash *out_node) {
    const struct ledger_tree *tree = context;
    return ledger_tiles_get(tree->ledger->tiles, tree->txn, level, index, out_node);
}

enum status ledger_row_parse(struct bytes value, struct ledger_row *out_row) {
    struct reader reader = reader_init(value);
    struct ledger_row row;
    uint8_t version = reader_u8(&reader);
    row.slot = reader_u32(&reader);
    row.leaf = reader_vector(&reader, LIMIT_LEAF_BYTES);
    row.opening = reader_vector(&reader, LIMIT_SEALED_OPENING_BYTES);
    reader_copy(&reader, row.cause_hash.b, HASH_BYTES);
    row.cause = reader_vector(&reader, STORE_VALUE_MAX);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(version == LEDGER_ROW_VERSION, STATUS_VERSION);
    *out_row = row;
    return STATUS_OK;
}

static enum status get_row(struct store_txn *txn, uint64_t index, struct arena *arena, struct ledger_row *out_row) {
    uint8_t key[LEDGER_INDEX_BYTES];
    struct bytes value;
    TRY(store_get(txn, STORE_LEAF, ledger_index_key(index, key), arena, &value));
    return ledger_row_parse(value, out_row);
}

/* Opens what is stored under a slot; STATUS_NOT_FOUND when its key is gone. */
static enum status open_stored(const struct ledger *ledger, uint32_t slot, struct bytes aad, struct bytes stored,
                               struct arena *arena, struct bytes *out_content) {
    if (slot == LEDGER_NO_SLOT) {
        *out_content = stored;
        return STATUS_OK;
    }
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    TRY(subject_key(ledger->core, slot, &key));
    enum status opened = aead_open(key, aad, stored, arena, out_content);
    return opened == STATUS_PROOF || opened == STATUS_MALFORMED ? STATUS_INTEGRITY : opened;
}

static enum status open_opening(const struct ledger *ledger, const struct ledger_row *row, struct arena *arena,
                                struct bytes *out_both) {
    struct leaf leaf;
    struct bytes aad;
    TRY(leaf_parse(arena, row->leaf, &leaf));
    TRY(derive_opening_aad(arena, ledger->core->federation, &leaf.event, &aad));
    TRY(open_stored(ledger, row->slot, aad, row->opening, arena, out_both));
    return out_both->len >= HASH_BYTES ? STATUS_OK : STATUS_INTEGRITY;
}

enum status ledger_read(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                        struct ledger_leaf *out_leaf) {
    struct ledger_row row;
    TRY(get_row(txn, index, arena, &row));
    struct ledger_leaf read = {
        .leaf = row.leaf, .slot = row.slot, .sealed = row.opening, .sealed_cause = row.cause, .cause = row.cause_hash};
    struct bytes both;
    enum status opened = open_opening(ledger, &row, arena, &both);
    if (opened == STATUS_OK) {
        read.nonce = BYTES(both.data, HASH_BYTES);
        read.opening = BYTES(both.data + HASH_BYTES, both.len - HASH_BYTES);
    } else if (opened != STATUS_NOT_FOUND) {
        return opened;
    }
    *out_leaf = read;
    return STATUS_OK;
}

static enum status make_extra(const struct ledger_leaf *leaf, struct arena *arena, struct bytes *out_extra) {
    ENSURE(leaf->opening.len > 0, STATUS_NOT_FOUND);
    struct receipt_extra extra = {.leaf = leaf->leaf, .opening = leaf->opening};
    TRY(hash_from_bytes(leaf->nonce, &extra.nonce));
    return leaf_receipt_extra_encode(arena, &extra, out_extra);
}

enum status ledger_signed_in(struct ledger *ledger, struct store_txn *txn, struct arena *arena, uint64_t *out_size) {
    const struct store_range range = {.table = STORE_LEAF, .limit = 1, .direction = STORE_DESCENDING};
    struct store_rows rows;
    uint64_t seen = 0;
    TRY(store_scan(txn, &range, arena, &rows));
    if (rows.count > 0) {
        struct reader reader = reader_init(rows.items[0].key);
        seen = reader_u64(&reader) + 1;
        ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    }
    uint64_t size = ledger_signed_size(ledger);
    *out_size = seen < size ? seen : size;
    return STATUS_OK;
}

enum status ledger_receipt(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                           struct bytes *out_receipt) {
    struct tlog_proof *proof = ARENA_NEW(arena, struct tlog_proof);
    ENSURE(proof, STATUS_MEMORY);
    uint64_t size = 0;
    enum status have = ledger_checkpoint(ledger, arena, &proof->checkpoint, &size);
    ENSURE(have != STATUS_NOT_FOUND && index < size, STATUS_RETRY);
    TRY(have);
    struct ledger_leaf leaf;
    TRY(ledger_read(ledger, txn, index, arena, &leaf));
    TRY(make_extra(&leaf, arena, &proof->extra));
    struct ledger_tree tree = {.ledger = ledger, .txn = txn};
    proof->index = index;
    TRY(merkle_prove_inclusion(ledger_read_node, &tree, index, size, &proof->proof));
    return tlog_proof_format(arena, proof, out_receipt);
}

enum status ledger_find_event(struct ledger *ledger, struct store_txn *txn, const struct id16 *event,
                              uint64_t *out_index, struct hash *out_request_hash) {
    (void)ledger;
    uint8_t memory[LEDGER_EVENT_ROW_BYTES];
    struct bytes value;
    TRY(store_get_into(txn, STORE_EVENT, ids_bytes(event), memory, sizeof memory, &value));
    struct reader reader = reader_init(value);
    uint8_t version = reader_u8(&reader);
    uint64_t index = reader_u64(&reader);
    struct hash hash;
    reader_copy(&reader, hash.b, HASH_BYTES);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(version == LEDGER_ROW_VERSION, STATUS_VERSION);
    *out_index = index;
    *out_request_hash = hash;
    return STATUS_OK;
}

enum status ledger_cause(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct arena *arena,
                         struct bytes *out_content) {
    struct ledger_row row;
    TRY(get_row(txn, index, arena, &row));
    ENSURE(row.cause.len > 0, STATUS_NOT_FOUND);
    struct bytes aad;
    TRY(derive_evidence_aad(arena, ledger->core->federation, &row.cause_hash, &aad));
    return open_stored(ledger, row.slot, aad, row.cause, arena, out_content);
}

enum status ledger_evidence_stored(struct ledger *ledger, struct store_txn *txn, const struct hash *hash, uint32_t slot,
                                   struct arena *arena, struct bytes *out_stored) {
    (void)ledger;
    uint8_t key[LEDGER_EVIDENCE_KEY_BYTES];
    struct bytes value;
    TRY(store_get(txn, STORE_EVIDENCE, ledger_evidence_key(slot, hash, key), arena, &value));
    ENSURE(value.len > 1, STATUS_INTEGRITY);
    ENSURE(value.data[0] == LEDGER_ROW_VERSION, STATUS_VERSION);
    *out_stored = BYTES(value.data + 1, value.len - 1);
    return STATUS_OK;
}

enum status ledger_evidence(struct ledger *ledger, struct store_txn *txn, const struct hash *hash, uint32_t slot,
                            struct arena *arena, struct bytes *out_content) {
    struct bytes stored, aad;
    TRY(ledger_evidence_stored(ledger, txn, hash, slot, arena, &stored));
    TRY(derive_evidence_aad(arena, ledger->core->federation, hash, &aad));
    return open_stored(ledger, slot, aad, stored, arena, out_content);
}

enum status ledger_of_subject(struct ledger *ledger, struct store_txn *txn, uint32_t slot, uint64_t from,
                              struct arena *arena, uint64_t *out_indexes, size_t *count) {
    uint8_t first[LEDGER_ACCESS_KEY_BYTES];
    uint8_t end[LEDGER_ACCESS_KEY_BYTES];
    struct store_range range = {.table = STORE_ACCESS,
                                .from = ledger_access_key(slot, from, first),
                                .to = ledger_access_key(slot, ledger_signed_size(ledger), end),
                                .limit = *count,
                                .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct reader reader = reader_init(rows.items[i].key);
        (void)reader_u32(&reader);
        out_indexes[i] = reader_u64(&reader);
        ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    }
    *count = rows.count;
    return STATUS_OK;
}

enum status ledger_consistency(struct ledger *ledger, struct store_txn *txn, uint64_t old_size, uint64_t new_size,
                               struct merkle_proof *out_proof) {
    ENSURE(old_size <= new_size && new_size <= ledger_signed_size(ledger), STATUS_INVALID);
    struct ledger_tree tree = {.ledger = ledger, .txn = txn};
    return merkle_prove_consistency(ledger_read_node, &tree, old_size, new_size, out_proof);
}

enum status ledger_tile(struct ledger *ledger, struct store_txn *txn, uint32_t level, uint64_t index, uint32_t width,
                        struct arena *arena, struct bytes *out_tile) {
    struct tile tile = {.kind = TILE_HASHES, .level = level, .number = index, .width = width ? width : TILE_WIDTH};
    ENSURE(level < TILE_LEVEL_COUNT && tile_within(&tile, ledger_signed_size(ledger)), STATUS_NOT_FOUND);
    return ledger_tiles_row(txn, level, index, tile.width, arena, out_tile);
}

/* One leaf after the other, for a row may hold a large cause. */
static enum status write_bundle(struct store_txn *txn, const struct tile *tile, struct arena *arena,
                                struct bytes *out_bundle) {
    size_t cap = tile->width * ((size_t)LIMIT_LEAF_BYTES + 2);
    void *memory = arena_alloc(arena, cap);
    struct arena *rows CLEANUP(arena_free_cleanup) = arena_new(STORE_VALUE_MAX * 2);
    ENSURE(memory && rows, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    for (unsigned i = 0; i < tile->width; i++) {
        struct ledger_row row;
        arena_reset(rows);
        TRY(get_row(txn, tile->number * TILE_WIDTH + i, rows, &row));
        tile_entry_write(&writer, row.leaf);
    }
    return writer_end(&writer, out_bundle);
}

enum status ledger_entries(struct ledger *ledger, struct store_txn *txn, uint64_t index, uint32_t width,
                           struct arena *arena, struct bytes *out_bundle) {
    struct tile tile = {.kind = TILE_ENTRIES, .number = index, .width = width ? width : TILE_WIDTH};
    ENSURE(tile_within(&tile, ledger_signed_size(ledger)), STATUS_NOT_FOUND);
    return write_bundle(txn, &tile, arena, out_bundle);
}
