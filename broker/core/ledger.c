/*
 * Appending to the log, and the state of the tree. Reading is in ledger_read.c.
 *
 * Invariants: `committed` is what the last durable batch left; `pending` grows from it while a batch is made and
 * replaces it when that batch is durable. signed_size <= committed size. Leaf times never decrease.
 *
 * A leaf row is: u8 version 1, u32 slot, vector leaf, vector opening (nonce || opening, sealed), 32 bytes hash of the
 * cause, vector cause (sealed). With slot LEDGER_NO_SLOT nothing is sealed.
 */
#include "broker/core/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core/ledger_internal.h"
#include "broker/core/subject.h"
#include "keys/aead.h"
#include "proto/derive.h"
#include "proto/limits.h"

#define LEDGER_SCRATCH_BYTES ((size_t)8 << 20)

void ledger_close(struct ledger *ledger) {
    if (!ledger) return;
    ledger_tiles_free(ledger->tiles);
    arena_free(ledger->scratch);
    free(ledger->note);
    (void)pthread_mutex_destroy(&ledger->mutex);
    free(ledger);
}

struct bytes ledger_index_key(uint64_t index, uint8_t memory[static LEDGER_INDEX_BYTES]) {
    struct writer writer = writer_init(memory, LEDGER_INDEX_BYTES);
    writer_u64(&writer, index);
    return BYTES(memory, LEDGER_INDEX_BYTES);
}

struct bytes ledger_access_key(uint32_t slot, uint64_t index, uint8_t memory[static LEDGER_ACCESS_KEY_BYTES]) {
    struct writer writer = writer_init(memory, LEDGER_ACCESS_KEY_BYTES);
    writer_u32(&writer, slot);
    writer_u64(&writer, index);
    return BYTES(memory, LEDGER_ACCESS_KEY_BYTES);
}

struct bytes ledger_evidence_key(uint32_t slot, const struct hash *hash,
                                 uint8_t memory[static LEDGER_EVIDENCE_KEY_BYTES]) {
    struct writer writer = writer_init(memory, LEDGER_EVIDENCE_KEY_BYTES);
    writer_u32(&writer, slot);
    writer_put(&writer, hash_bytes(hash));
    return BYTES(memory, LEDGER_EVIDENCE_KEY_BYTES);
}

/* ---- opening ---- */

/* The last leaf's index, time and hash; size 0 when there is none. */
struct last_leaf {
    uint64_t size;
    uint64_t time_ms;
    struct hash hash;
};

static enum status read_last(struct store_txn *txn, struct arena *arena, struct last_leaf *out_last) {
    struct store_rows rows;
    struct store_range range = {.table = STORE_LEAF, .limit = 1, .direction = STORE_DESCENDING};
    TRY(store_scan(txn, &range, arena, &rows));
    if (rows.count == 0) return STATUS_OK;
    struct reader reader = reader_init(rows.items[0].key);
    uint64_t index = reader_u64(&reader);
    TRY(reader_end(&reader));
    struct ledger_row row;
    struct leaf leaf;
    TRY(ledger_row_parse(rows.items[0].value, &row));
    TRY(leaf_parse(arena, row.leaf, &leaf));
    *out_last = (struct last_leaf){.size = index + 1, .time_ms = leaf.time_ms, .hash = merkle_leaf_hash(row.leaf)};
    return STATUS_OK;
}

/* Loads the tree and compares its newest leaf with the newest row. */
static enum status load_tree(struct ledger *ledger, struct store_txn *txn, const struct last_leaf *last) {
    TRY(ledger_tiles_load(ledger->tiles, txn, last->size));
    struct ledger_tree tree = {.ledger = ledger, .txn = txn};
    TRY(merkle_frontier_load(ledger_read_node, &tree, last->size, &ledger->committed));
    if (last->size == 0) return STATUS_OK;
    struct hash newest;
    TRY(ledger_read_node(&tree, 0, last->size - 1, &newest));
    return hash_equal(&newest, &last->hash) ? STATUS_OK : STATUS_INTEGRITY;
}

static enum status open_body(struct store_txn *txn, void *arg) {
    struct ledger *ledger = arg;
    struct last_leaf last = {.size = 0};
    TRY(read_last(txn, ledger->scratch, &last));
    enum status loaded = load_tree(ledger, txn, &last);
    ENSURE(loaded != STATUS_MALFORMED && loaded != STATUS_NOT_FOUND, STATUS_INTEGRITY);
    TRY(loaded);
    ledger->committed_last_ms = last.time_ms;
    ledger->pending = ledger->committed;
    ledger->pending_last_ms = last.time_ms;
    return STATUS_OK;
}

enum status ledger_open(struct core *core, struct ledger **out_ledger) {
    struct ledger *ledger CLEANUP(ledger_close_cleanup) = calloc(1, sizeof *ledger);
    ENSURE(ledger && pthread_mutex_init(&ledger->mutex, NULL) == 0, STATUS_MEMORY);
    ledger->core = core;
    ledger->tiles = ledger_tiles_new();
    ledger->scratch = arena_new(LEDGER_SCRATCH_BYTES);
    ENSURE(ledger->tiles && ledger->scratch, STATUS_MEMORY);
    TRY(store_read(core->store, open_body, ledger));
    *out_ledger = MOVE(ledger);
    return STATUS_OK;
}

uint64_t ledger_size(const struct ledger *ledger) { return ledger->committed.size; }

uint64_t ledger_last_ms(const struct ledger *ledger) { return ledger->committed_last_ms; }

/* ---- a batch ---- */

void ledger_begin(struct ledger *ledger, uint64_t now_ms) {
    ledger->pending = ledger->committed;
    ledger->pending_last_ms = ledger->committed_last_ms;
    ledger->now_ms = now_ms > ledger->committed_last_ms ? now_ms : ledger->committed_last_ms;
}

uint64_t ledger_now_ms(const struct ledger *ledger) { return ledger->now_ms; }

uint64_t ledger_pending(const struct ledger *ledger) { return ledger->pending.size - ledger->committed.size; }

enum status ledger_end(struct ledger *ledger, struct store_txn *txn) {
    return ledger_tiles_write(ledger->tiles, txn, ledger->committed.size, ledger->pending.size);
}

void ledger_committed(struct ledger *ledger) {
    ledger->committed = ledger->pending;
    ledger->committed_last_ms = ledger->pending_last_ms;
    ledger_tiles_committed(ledger->tiles, ledger->committed.size);
}

/* One append under way: what becomes rows. */
struct append {
    struct ledger *ledger;
    struct arena *arena;
    const struct ledger_entry *entry;
    struct opening opening;
    struct secret *key; /* of the slot; NULL when there is none */
    struct bytes nonce_and_opening;
    struct bytes leaf;
    struct bytes row;
};

static void append_clear(struct append *append) { secret_free(append->key); }

static enum status fill_evidence(struct append *append) {
    const struct ledger_entry *entry = append->entry;
    struct hash *hashes = ARENA_ARRAY(append->arena, struct hash, entry->n_evidence + 2);
    ENSURE(hashes, STATUS_MEMORY);
    for (size_t i = 0; i < entry->n_evidence; i++)
        hashes[i] = entry->evidence[i].hash;
    if (entry->n_evidence) {
        append->opening.evidence = hashes;
        append->opening.n_evidence = entry->n_evidence;
    }
    if (entry->cause.len) {
        hashes[entry->n_evidence] = hash_sha256(entry->cause);
        append->opening.cause = hash_bytes(&hashes[entry->n_evidence]);
    }
    if (append->key) {
        struct hash *commitment = &hashes[entry->n_evidence + 1];
        *commitment = derive_slot_commitment(append->ledger->core->federation, append->key);
        append->opening.slot_commitment = hash_bytes(commitment);
    }
    return STATUS_OK;
}

/* Completes the opening and puts a fresh nonce in front of it. */
static enum status make_opening(struct append *append) {
    const struct ledger_entry *entry = append->entry;
    append->opening = *entry->opening;
    append->opening.version = 1;
    append->opening.type = entry->type;
    append->opening.now_ms = append->ledger->now_ms;
    TRY(fill_evidence(append));
    struct bytes encoded;
    TRY(leaf_opening_encode(append->arena, &append->opening, &encoded));
    uint8_t *both = arena_alloc(append->arena, HASH_BYTES + encoded.len);
    ENSURE(both, STATUS_MEMORY);
    secret_random_public(both, HASH_BYTES);
    memcpy(both + HASH_BYTES, encoded.data, encoded.len);
    append->nonce_and_opening = BYTES(both, HASH_BYTES + encoded.len);
    return STATUS_OK;
}

static enum status make_leaf(struct append *append) {
    const struct bytes both = append->nonce_and_opening;
    struct hash nonce;
    memcpy(nonce.b, both.data, HASH_BYTES);
    struct bytes opening = BYTES(both.data + HASH_BYTES, both.len - HASH_BYTES);
    struct leaf leaf = {.version = 1,
                        .type = append->entry->type,
                        .event = append->entry->event,
                        .time_ms = append->ledger->now_ms,
                        .commitment = derive_leaf_commitment(append->ledger->core->federation, &nonce, opening)};
    if (append->key) leaf.subject_tag = derive_subject_tag(append->key, &append->entry->event);
    return leaf_encode(append->arena, &leaf, &append->leaf);
}

/* Content as it is stored: sealed where there is a slot. */
static enum status seal(const struct append *append, struct bytes aad, struct bytes content, struct bytes *out_stored) {
    if (!append->key) {
        *out_stored = content;
        return STATUS_OK;
    }
    return aead_seal(append->key, aad, content, append->arena, out_stored);
}

static enum status seal_evidence(const struct append *append, const struct hash *hash, struct bytes content,
                                 struct bytes *out_stored) {
    struct bytes aad;
    TRY(derive_evidence_aad(append->arena, append->ledger->core->federation, hash, &aad));
    return seal(append, aad, content, out_stored);
}

static enum status make_row(struct append *append) {
    struct bytes aad, opening, cause = BYTES_EMPTY;
    struct hash cause_hash = {{0}};
    TRY(derive_opening_aad(append->arena, append->ledger->core->federation, &append->entry->event, &aad));
    TRY(seal(append, aad, append->nonce_and_opening, &opening));
    if (append->entry->cause.len) {
        TRY(hash_from_bytes(append->opening.cause, &cause_hash));
        TRY(seal_evidence(append, &cause_hash, append->entry->cause, &cause));
    }
    size_t cap = 1 + 4 + 4 + append->leaf.len + 4 + opening.len + HASH_BYTES + 4 + cause.len;
    void *memory = arena_alloc(append->arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_u8(&writer, LEDGER_ROW_VERSION);
    writer_u32(&writer, append->entry->slot);
    writer_vector(&writer, append->leaf);
    writer_vector(&writer, opening);
    writer_put(&writer, hash_bytes(&cause_hash));
    writer_vector(&writer, cause);
    return writer_end(&writer, &append->row);
}

static enum status put_event(const struct append *append, struct store_txn *txn, uint64_t index) {
    uint8_t value[LEDGER_EVENT_ROW_BYTES];
    struct writer writer = writer_init(value, sizeof value);
    writer_u8(&writer, LEDGER_ROW_VERSION);
    writer_u64(&writer, index);
    writer_put(&writer, hash_bytes(&append->entry->request_hash));
    return store_put(txn, STORE_EVENT, ids_bytes(&append->entry->event), BYTES_ARRAY(value));
}

static enum status put_access(const struct append *append, struct store_txn *txn, uint64_t index) {
    if (!append->key) return STATUS_OK;
    uint8_t key[LEDGER_ACCESS_KEY_BYTES];
    const uint8_t version = LEDGER_ROW_VERSION;
    return store_put(txn, STORE_ACCESS, ledger_access_key(append->entry->slot, index, key), BYTES(&version, 1));
}

/* Evidence is kept once: what several leaves rely on stands already. */
static enum status put_evidence(const struct append *append, struct store_txn *txn) {
    for (size_t i = 0; i < append->entry->n_evidence; i++) {
        const struct ledger_evidence *evidence = &append->entry->evidence[i];
        uint8_t key[LEDGER_EVIDENCE_KEY_BYTES];
        ledger_evidence_key(append->entry->slot, &evidence->hash, key);
        bool stands;
        TRY(store_has(txn, STORE_EVIDENCE, BYTES_ARRAY(key), &stands));
        if (stands) continue;
        struct bytes stored;
        TRY(seal_evidence(append, &evidence->hash, evidence->content, &stored));
        uint8_t *value = arena_alloc(append->arena, stored.len + 1);
        ENSURE(value, STATUS_MEMORY);
        value[0] = LEDGER_ROW_VERSION;
        memcpy(value + 1, stored.data, stored.len);
        TRY(store_put(txn, STORE_EVIDENCE, BYTES_ARRAY(key), BYTES(value, stored.len + 1)));
    }
    return STATUS_OK;
}

static enum status emit_node(void *context, unsigned level, uint64_t index, const struct hash *node) {
    struct ledger_tree *tree = context;
    return ledger_tiles_add(tree->ledger->tiles, tree->txn, level, index, node);
}

/* Everything that writes. */
static enum status put_all(const struct append *append, struct store_txn *txn) {
    struct ledger *ledger = append->ledger;
    uint64_t index = ledger->pending.size;
    uint8_t key[LEDGER_INDEX_BYTES];
    TRY(store_put(txn, STORE_LEAF, ledger_index_key(index, key), append->row));
    TRY(put_event(append, txn, index));
    TRY(put_access(append, txn, index));
    TRY(put_evidence(append, txn));
    struct ledger_tree tree = {.ledger = ledger, .txn = txn};
    struct hash leaf_hash = merkle_leaf_hash(append->leaf);
    TRY(merkle_frontier_append(&ledger->pending, &leaf_hash, emit_node, &tree));
    ledger->pending_last_ms = ledger->now_ms;
    return STATUS_OK;
}

enum status ledger_append(struct ledger *ledger, struct store_txn *txn, const struct ledger_entry *entry,
                          uint64_t *out_index) {
    bool stands;
    TRY(store_has(txn, STORE_EVENT, ids_bytes(&entry->event), &stands));
    ENSURE(!stands, STATUS_CONFLICT);
    arena_reset(ledger->scratch);
    struct append append CLEANUP(append_clear) = {.ledger = ledger, .arena = ledger->scratch, .entry = entry};
    if (entry->slot != LEDGER_NO_SLOT) TRY(subject_key(ledger->core, entry->slot, &append.key));
    TRY(make_opening(&append));
    TRY(make_leaf(&append));
    TRY(make_row(&append));
    uint64_t index = ledger->pending.size;
    TRY(put_all(&append, txn));
    *out_index = index;
    return STATUS_OK;
}

/* ---- signing ---- */

static void ledger_lock(struct ledger *ledger) {
    if (pthread_mutex_lock(&ledger->mutex) != 0) abort();
}

static void ledger_unlock(struct ledger *ledger) {
    if (pthread_mutex_unlock(&ledger->mutex) != 0) abort();
}

uint64_t ledger_signed_size(struct ledger *ledger) {
    ledger_lock(ledger);
    uint64_t size = ledger->signed_size;
    ledger_unlock(ledger);
    return size;
}

struct proof_ask {
    struct ledger *ledger;
    uint64_t old_size;
    struct merkle_proof *proof;
};

static enum status prove_body(struct store_txn *txn, void *arg) {
    const struct proof_ask *ask = arg;
    struct ledger_tree tree = {.ledger = ask->ledger, .txn = txn};
    return merkle_prove_consistency(ledger_read_node, &tree, ask->old_size, ask->ledger->committed.size, ask->proof);
}

enum status ledger_to_sign(struct ledger *ledger, uint64_t *out_size, struct hash *out_root,
                           struct merkle_proof *out_consistency) {
    struct merkle_proof proof;
    struct proof_ask ask = {.ledger = ledger, .old_size = ledger_signed_size(ledger), .proof = &proof};
    TRY(store_read(ledger->core->store, prove_body, &ask));
    *out_size = ledger->committed.size;
    *out_root = merkle_frontier_root(&ledger->committed);
    *out_consistency = proof;
    return STATUS_OK;
}

enum status ledger_signed(struct ledger *ledger, uint64_t size, struct bytes note) {
    ENSURE(size <= ledger->committed.size, STATUS_INTEGRITY);
    char *copy = strndup((const char *)note.data, note.len);
    ENSURE(copy, STATUS_MEMORY);
    ledger_lock(ledger);
    char *old = ledger->note;
    ledger->note = copy;
    ledger->signed_size = size;
    ledger_unlock(ledger);
    free(old);
    return STATUS_OK;
}

struct root_ask {
    struct ledger *ledger;
    uint64_t size;
    struct hash root;
};

static enum status root_body(struct store_txn *txn, void *arg) {
    struct root_ask *ask = arg;
    struct ledger_tree tree = {.ledger = ask->ledger, .txn = txn};
    return merkle_root(ledger_read_node, &tree, ask->size, &ask->root);
}

enum status ledger_root(struct ledger *ledger, uint64_t size, struct hash *out_root) {
    ENSURE(size <= ledger->committed.size, STATUS_INVALID);
    struct root_ask ask = {.ledger = ledger, .size = size};
    TRY(store_read(ledger->core->store, root_body, &ask));
    *out_root = ask.root;
    return STATUS_OK;
}

enum status ledger_checkpoint(struct ledger *ledger, struct arena *arena, struct bytes *out_note, uint64_t *out_size) {
    ledger_lock(ledger);
    const char *note = ledger->note ? arena_string(arena, ledger->note) : "";
    uint64_t size = ledger->signed_size;
    ledger_unlock(ledger);
    ENSURE(note, STATUS_MEMORY);
    ENSURE(note[0], STATUS_NOT_FOUND);
    *out_note = bytes_text(note);
    *out_size = size;
    return STATUS_OK;
}
