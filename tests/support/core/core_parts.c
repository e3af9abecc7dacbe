#include "support/core/core_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/checkpoint.h"
#include "proto/shred.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static void open_store(struct core_parts *parts) {
    if (parts->engine == CORE_PARTS_MEMORY) {
        OK(store_open_memory(CORE_PARTS_FEDERATION, &parts->core.store));
        return;
    }
    char path[SCRATCH_PATH_MAX];
    scratch_path(&parts->scratch, "store", path);
    OK(store_open(path, CORE_PARTS_FEDERATION, (uint64_t)1 << 30, &parts->core.store));
}

static void open_shred(struct core_parts *parts) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&parts->scratch, "shred", path);
    struct secret *kek CLEANUP(secret_free_cleanup) = secret_random(32);
    OK(shred_create(path, CORE_PARTS_FEDERATION, kek));
    OK(shred_open(path, CORE_PARTS_FEDERATION, kek, &parts->core.shred));
}

static void make_log_key(struct core_parts *parts) {
    OK(sign_generate(&parts->log_key));
    parts->origin = checkpoint_origin(parts->arena, CORE_PARTS_FEDERATION, 1);
    assert_non_null(parts->origin);
    struct sign_public key = sign_public_of(parts->log_key);
    OK(note_key_make(bytes_text(parts->origin), NOTE_ED25519, &key, &parts->log_vkey));
}

void core_parts_init(struct core_parts *parts, enum core_parts_engine engine) {
    OK(secret_setup());
    *parts = (struct core_parts){.engine = engine, .clock = clock_manual(CORE_PARTS_NOW_MS)};
    scratch_init(&parts->scratch);
    parts->arena = arena_new((size_t)64 << 20);
    assert_non_null(parts->arena);
    make_log_key(parts);
    parts->core.federation = CORE_PARTS_FEDERATION;
    parts->core.clock = &parts->clock;
    parts->core.index_key = secret_random(32);
    assert_non_null(parts->core.index_key);
    open_store(parts);
    open_shred(parts);
    OK(ledger_open(&parts->core, &parts->core.ledger));
}

enum status core_parts_reopen(struct core_parts *parts) {
    ledger_close(parts->core.ledger);
    parts->core.ledger = NULL;
    if (parts->engine == CORE_PARTS_LMDB) {
        store_close(parts->core.store);
        open_store(parts);
    }
    return ledger_open(&parts->core, &parts->core.ledger);
}

void core_parts_clear(struct core_parts *parts) {
    ledger_close(parts->core.ledger);
    store_close(parts->core.store);
    shred_close(parts->core.shred);
    secret_free(parts->core.index_key);
    sign_free(parts->log_key);
    arena_free(parts->arena);
    scratch_clear(&parts->scratch);
    *parts = (struct core_parts){.log_key = NULL};
}

struct batch {
    struct core_parts *parts;
    store_fn fn;
    void *arg;
};

static enum status run_batch(struct store_txn *txn, void *arg) {
    const struct batch *batch = arg;
    struct core_parts *parts = batch->parts;
    ledger_begin(parts->core.ledger, clock_now_ms(&parts->clock));
    TRY(batch->fn(txn, batch->arg));
    return ledger_end(parts->core.ledger, txn);
}

enum status core_parts_batch(struct core_parts *parts, store_fn fn, void *arg) {
    struct batch batch = {.parts = parts, .fn = fn, .arg = arg};
    TRY(store_write(parts->core.store, run_batch, &batch));
    ledger_committed(parts->core.ledger);
    return STATUS_OK;
}

/* The root that stands in the last signed note. */
static struct hash signed_root(struct core_parts *parts) {
    struct bytes note;
    uint64_t size;
    enum status have = ledger_checkpoint(parts->core.ledger, parts->arena, &note, &size);
    if (have == STATUS_NOT_FOUND) return merkle_empty_root();
    OK(have);
    struct checkpoint checkpoint;
    struct note_result result;
    OK(checkpoint_open(parts->arena, note, &parts->log_vkey, 1, &checkpoint, &result));
    return checkpoint.root;
}

void core_parts_sign(struct core_parts *parts) {
    struct merkle_proof proof;
    uint64_t old_size = ledger_signed_size(parts->core.ledger);
    struct hash old_root = signed_root(parts);
    struct checkpoint checkpoint = {.origin = bytes_text(parts->origin)};
    OK(ledger_to_sign(parts->core.ledger, &checkpoint.size, &checkpoint.root, &proof));
    OK(merkle_check_consistency(old_size, checkpoint.size, &old_root, &checkpoint.root, proof.hashes, proof.count));
    struct bytes note;
    OK(checkpoint_sign(parts->arena, &checkpoint, parts->log_key, &note));
    OK(ledger_signed(parts->core.ledger, checkpoint.size, note));
}
