/*
 * Rows are verified again at every start: the store is not believed about members.
 */
#include "broker/core/directory_rows.h"

#include "base/log.h"
#include "proto/limits.h"

enum { DIRECTORY_ROW_VERSION = 1, DIRECTORY_KEY_BYTES = 8, DIRECTORY_FOLD_STEP = 16 };
#define DIRECTORY_FOLD_BYTES ((size_t)8 << 20)

static struct bytes row_key(uint64_t sequence, uint8_t memory[static DIRECTORY_KEY_BYTES]) {
    struct writer writer = writer_init(memory, DIRECTORY_KEY_BYTES);
    writer_u64(&writer, sequence);
    return BYTES(memory, DIRECTORY_KEY_BYTES);
}

static enum status parse_row(const struct store_row *from, struct directory_row *out_row) {
    struct reader key = reader_init(from->key);
    struct reader value = reader_init(from->value);
    struct directory_row row;
    row.sequence = reader_u64(&key);
    uint8_t version = reader_u8(&value);
    row.leaf = reader_u64(&value);
    row.entry = value.rest;
    ENSURE(reader_end(&key) == STATUS_OK && value.status == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(version == DIRECTORY_ROW_VERSION, STATUS_VERSION);
    *out_row = row;
    return STATUS_OK;
}

enum status directory_rows_list(struct store_txn *txn, uint64_t after, size_t most, struct arena *arena,
                                const struct directory_row **out_rows, size_t *out_count) {
    ENSURE(after < UINT64_MAX, STATUS_INVALID);
    uint8_t first[DIRECTORY_KEY_BYTES];
    struct store_range range = {
        .table = STORE_DIRECTORY, .from = row_key(after + 1, first), .limit = most, .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    struct directory_row *list = ARENA_ARRAY(arena, struct directory_row, rows.count + 1);
    ENSURE(list, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++)
        TRY(parse_row(&rows.items[i], &list[i]));
    *out_rows = list;
    *out_count = rows.count;
    return STATUS_OK;
}

enum status directory_rows_newest(struct store_txn *txn, struct arena *arena, uint64_t *out_sequence) {
    struct store_range range = {.table = STORE_DIRECTORY, .limit = 1, .direction = STORE_DESCENDING};
    struct store_rows rows;
    struct directory_row row = {.sequence = 0};
    TRY(store_scan(txn, &range, arena, &rows));
    if (rows.count) TRY(parse_row(&rows.items[0], &row));
    *out_sequence = row.sequence;
    return STATUS_OK;
}

enum status directory_rows_put(struct store_txn *txn, const struct directory_row *row, struct arena *arena) {
    uint8_t key[DIRECTORY_KEY_BYTES];
    size_t cap = 1 + 8 + row->entry.len;
    void *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_u8(&writer, DIRECTORY_ROW_VERSION);
    writer_u64(&writer, row->leaf);
    writer_put(&writer, row->entry);
    struct bytes value;
    TRY(writer_end(&writer, &value));
    return store_put(txn, STORE_DIRECTORY, row_key(row->sequence, key), value);
}

/* A fold under way. */
struct fold {
    struct directory *directory;
    struct arena *arena;
};

static enum status fold_row(struct fold *fold, const struct directory_row *row) {
    struct directory *next = NULL;
    enum status folded = directory_copy_with(fold->directory, row->entry, &next);
    if (folded != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "directory_entry_bad", "sequence=%llu status=%s", (unsigned long long)row->sequence,
                 status_name(folded));
        return folded == STATUS_MEMORY ? folded : STATUS_INTEGRITY;
    }
    directory_unref(fold->directory);
    fold->directory = next;
    return directory_sequence(next) == row->sequence ? STATUS_OK : STATUS_INTEGRITY;
}

static enum status fold_all(struct store_txn *txn, void *arg) {
    struct fold *fold = arg;
    const struct directory_row *rows = NULL;
    size_t count = DIRECTORY_FOLD_STEP;
    while (count == DIRECTORY_FOLD_STEP) {
        arena_reset(fold->arena);
        uint64_t after = directory_sequence(fold->directory);
        TRY(directory_rows_list(txn, after, DIRECTORY_FOLD_STEP, fold->arena, &rows, &count));
        for (size_t i = 0; i < count; i++)
            TRY(fold_row(fold, &rows[i]));
    }
    return STATUS_OK;
}

enum status directory_rows_fold(struct store *store, struct directory *empty, struct directory **out_directory) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(DIRECTORY_FOLD_BYTES);
    struct fold fold = {.directory = empty, .arena = arena};
    enum status folded = arena ? store_read(store, fold_all, &fold) : STATUS_MEMORY;
    if (folded != STATUS_OK) {
        directory_unref(fold.directory);
        return folded;
    }
    *out_directory = fold.directory;
    return STATUS_OK;
}
