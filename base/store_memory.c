/*
 * The store in memory, for tests. Each table is a sorted array of rows; a reader holds the arrays that stood when it
 * began, a writer copies an array before its first change to it, and a commit puts the new arrays in place.
 *
 * Invariants: a row never changes once made; an array that anyone else holds never changes. Arrays and rows are
 * counted; all counts are guarded by the state mutex.
 */
#include "base/store_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/store_engine.h"

struct memory_row {
    size_t holders;
    size_t key_len;
    size_t value_len;
    uint8_t data[]; /* key, then value */
};

struct memory_table {
    size_t holders;
    size_t count;
    size_t capacity;
    struct memory_row **rows; /* ascending by key */
};

struct memory_store {
    struct store base;
    pthread_mutex_t writer_mutex; /* held by the write transaction */
    pthread_mutex_t state_mutex;  /* guards current, fail_* and the holders of all tables and rows */
    struct memory_table *current[STORE_TABLES_MAX];
    enum status fail_status;
    unsigned fail_count;
};

struct memory_txn {
    struct store_txn base;
    struct memory_table *tables[STORE_TABLES_MAX];
    bool own[STORE_TABLES_MAX]; /* copied by this write */
};

static struct memory_store *store_of(struct store *store) { return (struct memory_store *)store; }

static struct memory_txn *txn_of(struct store_txn *txn) { return (struct memory_txn *)txn; }

static void lock(pthread_mutex_t *mutex) {
    if (pthread_mutex_lock(mutex) != 0) abort();
}

static void unlock(pthread_mutex_t *mutex) {
    if (pthread_mutex_unlock(mutex) != 0) abort();
}

static struct bytes row_key(const struct memory_row *row) { return BYTES(row->data, row->key_len); }

static struct bytes row_value(const struct memory_row *row) { return BYTES(row->data + row->key_len, row->value_len); }

static struct memory_row *row_new(struct bytes key, struct bytes value) {
    struct memory_row *row = malloc(sizeof *row + key.len + value.len);
    if (!row) return NULL;
    *row = (struct memory_row){.holders = 1, .key_len = key.len, .value_len = value.len};
    memcpy(row->data, key.data, key.len);
    memcpy(row->data + key.len, value.data, value.len);
    return row;
}

/* The state mutex is held. */
static void row_release(struct memory_row *row) {
    if (--row->holders == 0) free(row);
}

/* The state mutex is held. */
static void table_release(struct memory_table *table) {
    if (!table || --table->holders > 0) return;
    for (size_t i = 0; i < table->count; i++)
        row_release(table->rows[i]);
    free(table->rows);
    free(table);
}

static enum status table_room(struct memory_table *table) {
    if (table->count < table->capacity) return STATUS_OK;
    size_t capacity = table->capacity ? table->capacity * 2 : 16;
    struct memory_row **rows = reallocarray(table->rows, capacity, sizeof(struct memory_row *));
    ENSURE(rows, STATUS_MEMORY);
    table->rows = rows;
    table->capacity = capacity;
    return STATUS_OK;
}

/* Index of the first row whose key is not less; *out_exact when it is equal. */
static size_t table_find(const struct memory_table *table, struct bytes key, bool *out_exact) {
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(row_key(table->rows[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_exact = low < table->count && bytes_equal(row_key(table->rows[low]), key);
    return low;
}

/* A copy with the same rows. The state mutex is held. */
static struct memory_table *table_clone(const struct memory_table *from) {
    struct memory_table *table = calloc(1, sizeof *table);
    if (!table) return NULL;
    table->rows = calloc(from->count + 16, sizeof(struct memory_row *));
    if (!table->rows) {
        free(table);
        return NULL;
    }
    table->holders = 1;
    table->capacity = from->count + 16;
    for (size_t i = 0; i < from->count; i++) {
        table->rows[i] = from->rows[i];
        table->rows[i]->holders++;
    }
    table->count = from->count;
    return table;
}

/* The transaction's own copy of a table. */
static enum status txn_own(struct memory_txn *txn, unsigned table, struct memory_table **out_table) {
    struct memory_store *store = store_of(txn->base.store);
    if (!txn->own[table]) {
        lock(&store->state_mutex);
        struct memory_table *copy = table_clone(txn->tables[table]);
        if (copy) table_release(txn->tables[table]);
        unlock(&store->state_mutex);
        ENSURE(copy, STATUS_MEMORY);
        txn->tables[table] = copy;
        txn->own[table] = true;
    }
    *out_table = txn->tables[table];
    return STATUS_OK;
}

static enum status memory_begin(struct store *base, enum store_mode mode, struct store_txn **out_txn) {
    struct memory_store *store = store_of(base);
    struct memory_txn *txn = calloc(1, sizeof *txn);
    ENSURE(txn, STATUS_MEMORY);
    txn->base = (struct store_txn){.store = base, .mode = mode};
    if (mode == STORE_WRITE) lock(&store->writer_mutex);
    lock(&store->state_mutex);
    for (size_t i = 0; i < store->base.tables.count; i++) {
        txn->tables[i] = store->current[i];
        txn->tables[i]->holders++;
    }
    unlock(&store->state_mutex);
    *out_txn = &txn->base;
    return STATUS_OK;
}

static void memory_abort(struct store_txn *base) {
    struct memory_store *store = store_of(base->store);
    struct memory_txn *txn = txn_of(base);
    lock(&store->state_mutex);
    for (size_t i = 0; i < store->base.tables.count; i++)
        table_release(txn->tables[i]);
    unlock(&store->state_mutex);
    if (base->mode == STORE_WRITE) unlock(&store->writer_mutex);
    free(txn);
}

/* Swaps the transaction's tables with the store's, unless a failure was asked for. */
static enum status commit_swap(struct memory_store *store, struct memory_txn *txn) {
    if (store->fail_count > 0) {
        store->fail_count--;
        return store->fail_status;
    }
    for (size_t i = 0; i < store->base.tables.count; i++) {
        struct memory_table *old = store->current[i];
        store->current[i] = txn->tables[i];
        txn->tables[i] = old;
    }
    return STATUS_OK;
}

static enum status memory_commit(struct store_txn *base) {
    struct memory_store *store = store_of(base->store);
    lock(&store->state_mutex);
    enum status status = commit_swap(store, txn_of(base));
    unlock(&store->state_mutex);
    memory_abort(base);
    return status;
}

static enum status memory_get(struct store_txn *base, unsigned table, struct bytes key, struct bytes *out_value) {
    const struct memory_table *rows = txn_of(base)->tables[table];
    bool exact;
    size_t at = table_find(rows, key, &exact);
    ENSURE(exact, STATUS_NOT_FOUND);
    *out_value = row_value(rows->rows[at]);
    return STATUS_OK;
}

static void row_drop(struct store_txn *base, struct memory_row *row) {
    struct memory_store *store = store_of(base->store);
    lock(&store->state_mutex);
    row_release(row);
    unlock(&store->state_mutex);
}

static enum status memory_put(struct store_txn *base, unsigned table, struct bytes key, struct bytes value) {
    struct memory_table *rows;
    TRY(txn_own(txn_of(base), table, &rows));
    TRY(table_room(rows));
    struct memory_row *row = row_new(key, value);
    ENSURE(row, STATUS_MEMORY);
    bool exact;
    size_t at = table_find(rows, key, &exact);
    if (exact) {
        row_drop(base, rows->rows[at]);
    } else {
        memmove(&rows->rows[at + 1], &rows->rows[at], (rows->count - at) * sizeof(struct memory_row *));
        rows->count++;
    }
    rows->rows[at] = row;
    return STATUS_OK;
}

static enum status memory_remove(struct store_txn *base, unsigned table, struct bytes key) {
    struct memory_table *rows;
    TRY(txn_own(txn_of(base), table, &rows));
    bool exact;
    size_t at = table_find(rows, key, &exact);
    ENSURE(exact, STATUS_NOT_FOUND);
    row_drop(base, rows->rows[at]);
    rows->count--;
    memmove(&rows->rows[at], &rows->rows[at + 1], (rows->count - at) * sizeof(struct memory_row *));
    return STATUS_OK;
}

static enum status memory_scan(struct store_txn *base, const struct store_span *span, store_row_fn row, void *arg) {
    const struct memory_table *rows = txn_of(base)->tables[span->table];
    bool exact;
    size_t begin = span->from.len ? table_find(rows, span->from, &exact) : 0;
    size_t end = span->to.len ? table_find(rows, span->to, &exact) : rows->count;
    size_t count = begin < end ? end - begin : 0;
    if (count > span->limit) count = span->limit;
    for (size_t i = 0; i < count; i++) {
        const struct memory_row *found = rows->rows[span->direction == STORE_ASCENDING ? begin + i : end - 1 - i];
        TRY(row(arg, row_key(found), row_value(found)));
    }
    return STATUS_OK;
}

static enum status memory_copy(struct store *base, int fd) {
    (void)base;
    (void)fd;
    return STATUS_UNSUPPORTED;
}

static enum status memory_space(struct store *base, struct store_space *out_space) {
    struct memory_store *store = store_of(base);
    struct store_space space = {.map_bytes = UINT64_MAX, .disk_free_bytes = UINT64_MAX};
    lock(&store->state_mutex);
    for (size_t i = 0; i < store->base.tables.count; i++) {
        const struct memory_table *table = store->current[i];
        for (size_t row = 0; row < table->count; row++)
            space.used_bytes += table->rows[row]->key_len + table->rows[row]->value_len;
    }
    unlock(&store->state_mutex);
    *out_space = space;
    return STATUS_OK;
}

static void memory_close(struct store *base) {
    struct memory_store *store = store_of(base);
    for (size_t i = 0; i < store->base.tables.count; i++)
        table_release(store->current[i]);
    (void)pthread_mutex_destroy(&store->writer_mutex);
    (void)pthread_mutex_destroy(&store->state_mutex);
    free(store);
}

static const struct store_engine memory_engine = {
    .begin = memory_begin,
    .commit = memory_commit,
    .abort = memory_abort,
    .get = memory_get,
    .put = memory_put,
    .remove = memory_remove,
    .scan = memory_scan,
    .copy = memory_copy,
    .space = memory_space,
    .close = memory_close,
};

enum status store_memory_open(const char *federation, struct store_tables tables, struct store **out_store) {
    ENSURE(tables.count >= 1 && tables.count <= STORE_TABLES_MAX, STATUS_INVALID);
    struct memory_store *store = calloc(1, sizeof *store);
    ENSURE(store, STATUS_MEMORY);
    if (pthread_mutex_init(&store->writer_mutex, NULL) != 0) abort();
    if (pthread_mutex_init(&store->state_mutex, NULL) != 0) abort();
    store->base.engine = &memory_engine;
    store->base.tables = tables;
    struct store *guard CLEANUP(store_close_cleanup) = &store->base;
    for (size_t i = 0; i < store->base.tables.count; i++) {
        store->current[i] = calloc(1, sizeof(struct memory_table));
        ENSURE(store->current[i], STATUS_MEMORY);
        store->current[i]->holders = 1;
    }
    TRY(store_check_meta(guard, federation));
    *out_store = MOVE(guard);
    return STATUS_OK;
}

void store_memory_fail_commits(struct store *base, enum status status, unsigned count) {
    struct memory_store *store = store_of(base);
    lock(&store->state_mutex);
    store->fail_status = status;
    store->fail_count = count;
    unlock(&store->state_mutex);
}
