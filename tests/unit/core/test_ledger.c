#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/subject.h"
#include "proto/derive.h"
#include "proto/shred.h"
#include "proto/tile.h"
#include "proto/tlog_proof.h"
#include "proto/tree_store.h"
#include "support/core/core_parts.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* Leaves of a batch: `count` from `first` on, every third about the person in `slot`. */
struct leaves {
    struct core_parts *parts;
    uint64_t first;
    uint64_t count;
    uint32_t slot;
};

static struct id16 event_of(uint64_t n) {
    struct id16 event = {{0xe7}};
    memcpy(event.b + 8, &n, sizeof n);
    return event;
}

static uint32_t slot_of(const struct leaves *leaves, uint64_t n) { return n % 3 == 0 ? leaves->slot : LEDGER_NO_SLOT; }

static struct bytes cause_of(struct core_parts *parts, uint64_t n) {
    return bytes_text(arena_printf(parts->arena, "plain cause number %llu", (unsigned long long)n));
}

static enum status append_one(struct leaves *leaves, struct store_txn *txn, uint64_t n) {
    struct core_parts *parts = leaves->parts;
    struct bytes evidence_text = bytes_text("plain evidence, the same for all");
    struct ledger_evidence evidence = {.hash = hash_sha256(evidence_text), .content = evidence_text};
    struct opening opening = {.actor = "broker", .number = n, .purpose = "plain_purpose"};
    struct ledger_entry entry = {.type = LEAF_CONSENT_EXPIRED,
                                 .event = event_of(n),
                                 .slot = slot_of(leaves, n),
                                 .request_hash = hash_sha256(ids_bytes(&(struct id16){{1}})),
                                 .opening = &opening,
                                 .cause = cause_of(parts, n),
                                 .evidence = &evidence,
                                 .n_evidence = 1};
    uint64_t index;
    TRY(ledger_append(parts->core.ledger, txn, &entry, &index));
    assert_int_equal(index, n);
    return STATUS_OK;
}

static enum status append_leaves(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    for (uint64_t n = leaves->first; n < leaves->first + leaves->count; n++)
        TRY(append_one(leaves, txn, n));
    return STATUS_OK;
}

static enum status take_slot(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    return subject_new_slot(&leaves->parts->core, txn, &leaves->slot);
}

static void append_signed(struct leaves *leaves, uint64_t count) {
    leaves->count = count;
    OK(core_parts_batch(leaves->parts, append_leaves, leaves));
    leaves->first += count;
    core_parts_sign(leaves->parts);
}

static void start(struct core_parts *parts, struct leaves *leaves, enum core_parts_engine engine) {
    core_parts_init(parts, engine);
    *leaves = (struct leaves){.parts = parts};
    OK(store_write(parts->core.store, take_slot, leaves));
}

/* What a receiver checks (docs/protocol.md section 9). */
static void check_receipt(struct core_parts *parts, struct bytes text, uint64_t index) {
    struct tlog_proof proof;
    struct receipt_extra extra;
    struct leaf leaf;
    struct opening opening;
    struct checkpoint checkpoint;
    struct note_result result;
    OK(tlog_proof_parse(parts->arena, text, &proof));
    OK(leaf_receipt_extra_parse(parts->arena, proof.extra, &extra));
    struct hash hash = merkle_leaf_hash(extra.leaf);
    OK(tlog_proof_verify(parts->arena, &proof, &hash, &parts->log_vkey, 1, &checkpoint, &result));
    OK(leaf_parse(parts->arena, extra.leaf, &leaf));
    OK(leaf_opening_parse(parts->arena, extra.opening, &opening));
    struct hash commitment = derive_leaf_commitment(CORE_PARTS_FEDERATION, &extra.nonce, extra.opening);
    assert_true(hash_equal(&commitment, &leaf.commitment));
    assert_int_equal(proof.index, index);
    assert_int_equal(opening.number, index);
    assert_int_equal(leaf.time_ms, opening.now_ms);
    struct hash cause = hash_sha256(cause_of(parts, index));
    assert_true(bytes_equal(opening.cause, hash_bytes(&cause)));
    assert_int_equal(opening.slot_commitment.len, index % 3 == 0 ? HASH_BYTES : 0);
    assert_int_equal(ids_is_zero(&leaf.subject_tag), index % 3 != 0);
}

static enum status check_all_receipts(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    for (uint64_t n = 0; n < leaves->first; n++) {
        struct bytes receipt;
        arena_reset(arena);
        OK(ledger_receipt(leaves->parts->core.ledger, txn, n, arena, &receipt));
        check_receipt(leaves->parts, receipt, n);
    }
    return STATUS_OK;
}

/* P4: every leaf of the signed tree has a receipt that proto's own verifier accepts, over tile boundaries and after a
 * restart. */
static void test_receipts_verify(void **state) {
    (void)state;
    for (enum core_parts_engine engine = CORE_PARTS_MEMORY; engine <= CORE_PARTS_LMDB; engine++) {
        struct core_parts parts;
        struct leaves leaves;
        start(&parts, &leaves, engine);
        const uint64_t counts[] = {1, 1, 5, 249, 1, 130, 300};
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            append_signed(&leaves, counts[i]);
        OK(store_read(parts.core.store, check_all_receipts, &leaves));
        OK(core_parts_reopen(&parts));
        assert_int_equal(ledger_size(parts.core.ledger), 687);
        assert_int_equal(ledger_signed_size(parts.core.ledger), 0);
        core_parts_sign(&parts);
        append_signed(&leaves, 100);
        OK(store_read(parts.core.store, check_all_receipts, &leaves));
        core_parts_clear(&parts);
    }
}

static enum status receipt_of_newest(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    struct bytes receipt;
    return ledger_receipt(leaves->parts->core.ledger, txn, leaves->first - 1, leaves->parts->arena, &receipt);
}

/* P4: no receipt before the signature. */
static void test_unsigned_has_no_receipt(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    leaves.count = 3;
    OK(core_parts_batch(&parts, append_leaves, &leaves));
    leaves.first = 3;
    assert_int_equal(store_read(parts.core.store, receipt_of_newest, &leaves), STATUS_RETRY);
    core_parts_sign(&parts);
    OK(store_read(parts.core.store, receipt_of_newest, &leaves));
    leaves.first = 4;
    assert_int_equal(store_read(parts.core.store, receipt_of_newest, &leaves), STATUS_RETRY);
    core_parts_clear(&parts);
}

static enum status append_then_fail(struct store_txn *txn, void *arg) {
    TRY(append_leaves(txn, arg));
    return STATUS_INVALID;
}

/* A batch that is run again, over a tile boundary, leaves no trace in the tree. */
static enum status look_while_it_grows(struct store_txn *txn, void *arg) {
    struct core_parts *parts = arg;
    struct leaves more = {.parts = parts, .first = 3, .count = 2, .slot = LEDGER_NO_SLOT};
    uint64_t before, after;
    TRY(ledger_signed_in(parts->core.ledger, txn, parts->arena, &before));
    TRY(core_parts_batch(parts, append_leaves, &more));
    core_parts_sign(parts);
    TRY(ledger_signed_in(parts->core.ledger, txn, parts->arena, &after));
    assert_int_equal(before, 3);
    assert_int_equal(after, 3);
    assert_int_equal(ledger_signed_size(parts->core.ledger), 5);
    return STATUS_OK;
}

/* What a transaction saw belongs to the tree of then, though a larger one is signed meanwhile. */
static void test_signed_in_a_transaction(void **state) {
    (void)state;
    struct core_parts parts;
    core_parts_init(&parts, CORE_PARTS_LMDB);
    struct leaves leaves = {.parts = &parts, .first = 0, .count = 3, .slot = LEDGER_NO_SLOT};
    OK(core_parts_batch(&parts, append_leaves, &leaves));
    core_parts_sign(&parts);
    OK(store_read(parts.core.store, look_while_it_grows, &parts));
    core_parts_clear(&parts);
}

static void test_rerun_batch(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 200);
    struct hash before, after;
    OK(ledger_root(parts.core.ledger, 200, &before));
    leaves.count = 400;
    assert_int_equal(core_parts_batch(&parts, append_then_fail, &leaves), STATUS_INVALID);
    OK(ledger_root(parts.core.ledger, 200, &after));
    assert_true(hash_equal(&before, &after));
    assert_int_equal(ledger_size(parts.core.ledger), 200);
    append_signed(&leaves, 60);
    append_signed(&leaves, 300);
    OK(store_read(parts.core.store, check_all_receipts, &leaves));
    OK(core_parts_reopen(&parts));
    core_parts_sign(&parts);
    OK(store_read(parts.core.store, check_all_receipts, &leaves));
    core_parts_clear(&parts);
}

static enum status append_again(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    uint64_t before = store_txn_writes(txn);
    assert_int_equal(append_one(leaves, txn, 1), STATUS_CONFLICT);
    assert_int_equal(store_txn_writes(txn), before);
    struct opening opening = {.actor = "an actor whose name is longer than the bound of eighty bytes allows, by far, "
                                       "so that nothing is written"};
    struct ledger_entry entry = {
        .type = LEAF_CONSENT_EXPIRED, .event = event_of(99), .slot = LEDGER_NO_SLOT, .opening = &opening};
    uint64_t index;
    assert_int_not_equal(ledger_append(leaves->parts->core.ledger, txn, &entry, &index), STATUS_OK);
    assert_int_equal(store_txn_writes(txn), before);
    return STATUS_OK;
}

static void test_refused_appends_write_nothing(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 2);
    OK(core_parts_batch(&parts, append_again, &leaves));
    assert_int_equal(ledger_size(parts.core.ledger), 2);
    core_parts_clear(&parts);
}

static enum status check_contents(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    struct core_parts *parts = leaves->parts;
    struct ledger *ledger = parts->core.ledger;
    struct bytes content;
    struct hash evidence = hash_sha256(bytes_text("plain evidence, the same for all"));
    for (uint64_t n = 0; n < leaves->first; n++) {
        OK(ledger_cause(ledger, txn, n, parts->arena, &content));
        assert_true(bytes_equal(content, cause_of(parts, n)));
        OK(ledger_evidence(ledger, txn, &evidence, slot_of(leaves, n), parts->arena, &content));
        assert_true(bytes_equal_text(content, "plain evidence, the same for all"));
        uint64_t index;
        struct hash request;
        struct id16 event = event_of(n);
        OK(ledger_find_event(ledger, txn, &event, &index, &request));
        assert_int_equal(index, n);
    }
    struct id16 unknown = event_of(leaves->first);
    uint64_t index;
    struct hash request;
    assert_int_equal(ledger_find_event(ledger, txn, &unknown, &index, &request), STATUS_NOT_FOUND);
    return STATUS_OK;
}

static enum status check_of_subject(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    uint64_t indexes[8];
    size_t count = 8;
    OK(ledger_of_subject(leaves->parts->core.ledger, txn, leaves->slot, 4, leaves->parts->arena, indexes, &count));
    assert_int_equal(count, 2);
    assert_int_equal(indexes[0], 6);
    assert_int_equal(indexes[1], 9);
    return STATUS_OK;
}

static enum status rows_hold_no_plaintext(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    const enum store_table tables[] = {STORE_LEAF, STORE_EVIDENCE};
    for (size_t t = 0; t < 2; t++) {
        struct store_range range = {.table = tables[t], .limit = 100};
        struct store_rows rows;
        OK(store_scan(txn, &range, leaves->parts->arena, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            struct bytes value = rows.items[i].value;
            bool about_person = value.data[1] == 0 || tables[t] == STORE_EVIDENCE;
            if (tables[t] == STORE_EVIDENCE && rows.items[i].key.data[0] == 0xff) about_person = false;
            if (about_person) assert_null(memmem(value.data, value.len, "plain", 5));
        }
    }
    return STATUS_OK;
}

static void test_contents(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 10);
    OK(store_read(parts.core.store, check_contents, &leaves));
    OK(store_read(parts.core.store, check_of_subject, &leaves));
    OK(store_read(parts.core.store, rows_hold_no_plaintext, &leaves));
    core_parts_clear(&parts);
}

static enum status check_forgotten(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    struct core_parts *parts = leaves->parts;
    struct bytes content;
    struct ledger_leaf leaf;
    OK(ledger_read(parts->core.ledger, txn, 0, parts->arena, &leaf));
    assert_int_equal(leaf.opening.len, 0);
    assert_true(leaf.leaf.len > 0 && leaf.sealed.len > 0);
    assert_int_equal(ledger_receipt(parts->core.ledger, txn, 0, parts->arena, &content), STATUS_NOT_FOUND);
    assert_int_equal(ledger_cause(parts->core.ledger, txn, 0, parts->arena, &content), STATUS_NOT_FOUND);
    OK(ledger_receipt(parts->core.ledger, txn, 1, parts->arena, &content));
    return STATUS_OK;
}

/* P9: with the slot the opening, the cause and the receipts are gone; the leaf stays. */
static void test_forgotten(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 2);
    OK(shred_destroy(parts.core.shred, leaves.slot));
    OK(store_read(parts.core.store, check_forgotten, &leaves));
    core_parts_clear(&parts);
}

static enum status check_tiles(struct store_txn *txn, void *arg) {
    struct leaves *leaves = arg;
    struct core_parts *parts = leaves->parts;
    struct tree_store *model CLEANUP(tree_store_free_cleanup) = tree_store_new();
    struct ledger_leaf leaf;
    for (uint64_t n = 0; n < leaves->first; n++) {
        OK(ledger_read(parts->core.ledger, txn, n, parts->arena, &leaf));
        OK(tree_store_append(model, leaf.leaf));
    }
    struct hash root = tree_store_root(model), signed_root;
    OK(ledger_root(parts->core.ledger, leaves->first, &signed_root));
    assert_true(hash_equal(&root, &signed_root));
    const struct tile tiles[] = {{TILE_HASHES, 0, 0, 256}, {TILE_HASHES, 0, 2, 88},   {TILE_HASHES, 0, 2, 7},
                                 {TILE_HASHES, 1, 0, 2},   {TILE_ENTRIES, 0, 0, 256}, {TILE_ENTRIES, 0, 2, 88}};
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
        struct bytes want, got;
        uint32_t width = tiles[i].width == 256 ? 0 : tiles[i].width;
        OK(tree_store_fetch(model, &tiles[i], parts->arena, &want));
        if (tiles[i].kind == TILE_HASHES) {
            OK(ledger_tile(parts->core.ledger, txn, tiles[i].level, tiles[i].number, width, parts->arena, &got));
        } else {
            OK(ledger_entries(parts->core.ledger, txn, tiles[i].number, width, parts->arena, &got));
        }
        assert_true(bytes_equal(want, got));
    }
    struct bytes none;
    assert_int_equal(ledger_tile(parts->core.ledger, txn, 0, 2, 89, parts->arena, &none), STATUS_NOT_FOUND);
    assert_int_equal(ledger_tile(parts->core.ledger, txn, 0, 3, 1, parts->arena, &none), STATUS_NOT_FOUND);
    assert_int_equal(ledger_entries(parts->core.ledger, txn, 2, 0, parts->arena, &none), STATUS_NOT_FOUND);
    struct merkle_proof proof;
    assert_int_equal(ledger_consistency(parts->core.ledger, txn, 601, 600, &proof), STATUS_INVALID);
    assert_int_equal(ledger_consistency(parts->core.ledger, txn, 600, 601, &proof), STATUS_INVALID);
    OK(ledger_consistency(parts->core.ledger, txn, 300, 600, &proof));
    return STATUS_OK;
}

/* P7: what is served is the tree of RFC 6962 over the exact leaves. */
static void test_tiles_match_model(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 250);
    append_signed(&leaves, 350);
    OK(store_read(parts.core.store, check_tiles, &leaves));
    core_parts_clear(&parts);
}

static enum status alter_leaf(struct store_txn *txn, void *arg) {
    struct core_parts *parts = arg;
    const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 4};
    struct bytes value;
    TRY(store_get(txn, STORE_LEAF, BYTES_ARRAY(key), parts->arena, &value));
    ((uint8_t *)value.data)[12] ^= 1;
    return store_put(txn, STORE_LEAF, BYTES_ARRAY(key), value);
}

static enum status drop_leaf(struct store_txn *txn, void *arg) {
    (void)arg;
    const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 4};
    return store_delete(txn, STORE_LEAF, BYTES_ARRAY(key));
}

static enum status drop_tile(struct store_txn *txn, void *arg) {
    (void)arg;
    const uint8_t key[9] = {0};
    return store_delete(txn, STORE_NODE, BYTES_ARRAY(key));
}

/* P7: at start, a store whose newest leaf or edge was changed is not taken for the log. */
static void test_damage_is_found_at_start(void **state) {
    (void)state;
    const store_fn damages[] = {alter_leaf, drop_leaf, drop_tile};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct core_parts parts;
        struct leaves leaves;
        start(&parts, &leaves, CORE_PARTS_MEMORY);
        append_signed(&leaves, 5);
        OK(store_write(parts.core.store, damages[i], &parts));
        assert_int_equal(core_parts_reopen(&parts), STATUS_INTEGRITY);
        core_parts_clear(&parts);
    }
}

static void test_time_never_decreases(void **state) {
    (void)state;
    struct core_parts parts;
    struct leaves leaves;
    start(&parts, &leaves, CORE_PARTS_MEMORY);
    append_signed(&leaves, 1);
    parts.clock.manual_now_ms -= 5000;
    append_signed(&leaves, 1);
    assert_int_equal(ledger_last_ms(parts.core.ledger), CORE_PARTS_NOW_MS);
    parts.clock.manual_now_ms += 7000;
    append_signed(&leaves, 1);
    assert_int_equal(ledger_last_ms(parts.core.ledger), CORE_PARTS_NOW_MS + 2000);
    core_parts_clear(&parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned_has_no_receipt),
        cmocka_unit_test(test_refused_appends_write_nothing),
        cmocka_unit_test(test_damage_is_found_at_start),
        cmocka_unit_test(test_receipts_verify),
        cmocka_unit_test(test_signed_in_a_transaction),
        cmocka_unit_test(test_rerun_batch),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_tiles_match_model),
        cmocka_unit_test(test_time_never_decreases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
