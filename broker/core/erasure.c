/*
 * Owns the rows "core/erase/" + u32 slot of meta. A mark is removed only in a batch after the one that made it, when
 * the slot has been overwritten.
 */
#include "broker/core/erasure.h"

#include "base/arena.h"
#include "base/log.h"
#include "broker/core/subject.h"
#include "proto/shred.h"

#define ERASURE_PREFIX "core/erase/"

enum { ERASURE_KEY_BYTES = sizeof ERASURE_PREFIX - 1 + 4, ERASURE_ROW_VERSION = 1, ERASURE_MOST = 1024 };

enum status erasure_mark(struct core *core, struct store_txn *txn, uint32_t slot) {
    ENSURE(slot < shred_slot_count(core->shred), STATUS_INVALID);
    uint8_t key[ERASURE_KEY_BYTES];
    const uint8_t value = ERASURE_ROW_VERSION;
    struct writer writer = writer_init(key, sizeof key);
    writer_put(&writer, bytes_text(ERASURE_PREFIX));
    writer_u32(&writer, slot);
    atomic_fetch_add(&core->erasure_marks, 1);
    return store_put(txn, STORE_META, BYTES_ARRAY(key), BYTES(&value, 1));
}

/* Slots that are marked. */
struct marks {
    uint32_t slots[ERASURE_MOST];
    size_t count;
};

static enum status scan_marks(struct store_txn *txn, struct arena *arena, struct store_rows *out_rows) {
    struct store_range range = {
        .table = STORE_META, .prefix = bytes_text(ERASURE_PREFIX), .limit = ERASURE_MOST, .direction = STORE_ASCENDING};
    return store_scan(txn, &range, arena, out_rows);
}

static uint32_t slot_of(struct bytes key) {
    struct reader reader = reader_init(key);
    (void)reader_take(&reader, sizeof ERASURE_PREFIX - 1);
    return reader_u32(&reader);
}

static enum status read_marks(struct store_txn *txn, void *arg) {
    struct marks *marks = arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    ENSURE(arena, STATUS_MEMORY);
    struct store_rows rows;
    TRY(scan_marks(txn, arena, &rows));
    for (size_t i = 0; i < rows.count; i++)
        marks->slots[i] = slot_of(rows.items[i].key);
    marks->count = rows.count;
    return STATUS_OK;
}

enum status erasure_finish(struct core *core) {
    struct marks marks = {.count = 0};
    TRY(store_read(core->store, read_marks, &marks));
    TRY(shred_destroy_all(core->shred, marks.slots, marks.count));
    if (marks.count) log_line(LOG_LEVEL_INFO, "slots_destroyed", "count=%zu", marks.count);
    return STATUS_OK;
}

enum status erasure_clear(struct core *core, struct store_txn *txn, size_t *out_stood) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    ENSURE(arena, STATUS_MEMORY);
    struct store_rows rows;
    TRY(scan_marks(txn, arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct secret *key = NULL;
        enum status gone = subject_key(core, slot_of(rows.items[i].key), &key);
        secret_free(key);
        if (gone == STATUS_NOT_FOUND) TRY(store_delete(txn, STORE_META, rows.items[i].key));
    }
    *out_stood = rows.count;
    return STATUS_OK;
}
