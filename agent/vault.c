/*
 * Owns the shred file. The record of slots is the number "slots" in META: all below it are taken. The destroyer of
 * proto/shred.h is whoever holds the mutex.
 */
#include "agent/vault.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/row.h"
#include "proto/shred.h"

#define SLOTS_NAME    "slots"
#define OWN_SLOT      ((uint32_t)0)
#define FIRST_FREE    ((uint32_t)1)
#define SLOTS_AHEAD   ((uint32_t)256)
#define SCRATCH_BYTES ((size_t)1 << 20)

struct vault {
    struct store *store;
    struct shred *shred;
    pthread_mutex_t mutex; /* held by the destroyer */
};

void vault_close(struct vault *vault) {
    if (!vault) return;
    shred_close(vault->shred);
    (void)pthread_mutex_destroy(&vault->mutex);
    free(vault);
}

struct count_ask {
    struct arena *arena;
    uint64_t taken;
};

static enum status read_taken(struct store_txn *txn, void *arg) {
    struct count_ask *ask = arg;
    return row_number_get(txn, ask->arena, SLOTS_NAME, &ask->taken);
}

static enum status slots_taken(struct store *store, uint64_t *out_taken) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct count_ask ask = {.arena = arena};
    TRY(store_read(store, read_taken, &ask));
    *out_taken = ask.taken;
    return STATUS_OK;
}

static enum status open_or_make(struct vault *vault, const char *path, const char *federation,
                                const struct secret *kek) {
    enum status status = shred_open(path, federation, kek, &vault->shred);
    if (status != STATUS_NOT_FOUND) return status;
    uint64_t taken = 0;
    TRY(slots_taken(vault->store, &taken));
    ENSURE(taken == 0, STATUS_INTEGRITY);
    TRY(shred_create(path, federation, kek));
    return shred_open(path, federation, kek, &vault->shred);
}

enum status vault_open(const char *path, const char *federation, const struct secret *kek, struct store *store,
                       struct vault **out_vault) {
    struct vault *vault CLEANUP(vault_close_cleanup) = calloc(1, sizeof *vault);
    ENSURE(vault, STATUS_MEMORY);
    if (pthread_mutex_init(&vault->mutex, NULL) != 0) abort();
    vault->store = store;
    TRY(open_or_make(vault, path, federation, kek));
    *out_vault = MOVE(vault);
    return STATUS_OK;
}

static enum status grow_to(struct vault *vault, uint64_t needed) {
    while (shred_slot_count(vault->shred) < needed) {
        TRY(shred_grow(vault->shred));
    }
    return STATUS_OK;
}

enum status vault_reserve(struct vault *vault) {
    uint64_t taken = 0;
    TRY(slots_taken(vault->store, &taken));
    uint64_t needed = taken + SLOTS_AHEAD;
    if (shred_slot_count(vault->shred) >= needed) return STATUS_OK;
    (void)pthread_mutex_lock(&vault->mutex);
    enum status status = grow_to(vault, needed);
    (void)pthread_mutex_unlock(&vault->mutex);
    return status;
}

enum status vault_take(struct vault *vault, struct store_txn *txn, uint32_t *out_slot) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    uint64_t next = 0;
    TRY(row_number_get(txn, arena, SLOTS_NAME, &next));
    if (next < FIRST_FREE) next = FIRST_FREE;
    ENSURE(next < shred_slot_count(vault->shred), STATUS_RETRY);
    TRY(row_number_put(txn, arena, SLOTS_NAME, next + 1));
    *out_slot = (uint32_t)next;
    return STATUS_OK;
}

enum status vault_key(struct vault *vault, uint32_t slot, struct secret **out_key) {
    return shred_key(vault->shred, slot, out_key);
}

enum status vault_own_key(struct vault *vault, struct secret **out_key) {
    return shred_key(vault->shred, OWN_SLOT, out_key);
}

static struct bytes slot_key(uint32_t slot, uint8_t memory[static 4]) {
    struct writer writer = writer_init(memory, 4);
    writer_u32(&writer, slot);
    return BYTES(memory, 4);
}

enum status vault_doom(struct store_txn *txn, uint32_t slot) {
    uint8_t memory[4];
    return store_put(txn, AGENT_DOOMED, slot_key(slot, memory), BYTES("\1", 1));
}

struct doomed {
    struct arena *arena;
    struct store_rows rows;
};

static enum status list_doomed(struct store_txn *txn, void *arg) {
    struct doomed *doomed = arg;
    const struct store_range range = {.table = AGENT_DOOMED, .limit = STORE_SCAN_MAX};
    return store_scan(txn, &range, doomed->arena, &doomed->rows);
}

static enum status forget_doomed(struct store_txn *txn, void *arg) {
    const struct doomed *doomed = arg;
    for (size_t i = 0; i < doomed->rows.count; i++) {
        TRY(store_delete(txn, AGENT_DOOMED, doomed->rows.items[i].key));
    }
    return STATUS_OK;
}

static enum status destroy_all(struct vault *vault, const struct store_rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        struct reader reader = reader_init(rows->items[i].key);
        uint32_t slot = reader_u32(&reader);
        ENSURE(reader_end(&reader) == STATUS_OK && slot != OWN_SLOT, STATUS_INTEGRITY);
        TRY(shred_destroy(vault->shred, slot));
    }
    return STATUS_OK;
}

static enum status bury_some(struct vault *vault, size_t *out_count) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct doomed doomed = {.arena = arena};
    TRY(store_read(vault->store, list_doomed, &doomed));
    TRY(destroy_all(vault, &doomed.rows));
    if (doomed.rows.count > 0) TRY(store_write(vault->store, forget_doomed, &doomed));
    *out_count = doomed.rows.count;
    return STATUS_OK;
}

enum status vault_bury(struct vault *vault) {
    size_t count = 1;
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&vault->mutex);
    while (status == STATUS_OK && count > 0) {
        status = bury_some(vault, &count);
    }
    (void)pthread_mutex_unlock(&vault->mutex);
    return status;
}
