/*
 * The part of the store that every engine shares: transactions with a sticky failure, bounds, copies into arenas, the
 * number of each write, and the rows in meta that say what the store is.
 *
 * Trusts: the engine for isolation, order and durability. Invariants: each committed write raises the row
 * "store/batch" by one; each table that this program knows has a row "store/table/NAME" in meta, and no other has.
 */
#include "base/store_engine.h"

#include <string.h>

enum {
    META_VERSION = 1,
    META_VALUE_MAX = 512,
    FEDERATION_MAX = 253,
    FIRST_EPOCH = 1,
    WRITE_ATTEMPTS = 3,
};

#define META_BATCH        "store/batch"
#define META_TABLE_PREFIX "store/table/"

void store_close(struct store *store) {
    if (store) store->engine->close(store);
}

uint64_t store_epoch(const struct store *store) { return store->epoch; }

uint64_t store_txn_batch(const struct store_txn *txn) { return txn->batch; }

uint64_t store_txn_writes(const struct store_txn *txn) { return txn->writes; }

enum status store_txn_status(const struct store_txn *txn) { return txn->status; }

/* Remembers the first failure of a transaction. */
static enum status txn_keep(struct store_txn *txn, enum status status) {
    if (status != STATUS_OK && txn->status == STATUS_OK) txn->status = status;
    return status;
}

static bool key_fits(struct bytes key) { return key.len >= 1 && key.len <= STORE_KEY_MAX; }

/* A view that the engine owns, or STATUS_NOT_FOUND, which is not kept. */
static enum status txn_find(struct store_txn *txn, unsigned table, struct bytes key, struct bytes *out_view) {
    TRY(txn->status);
    if (table >= txn->store->tables.count || !key_fits(key)) return txn_keep(txn, STATUS_INVALID);
    enum status status = txn->store->engine->get(txn, table, key, out_view);
    return status == STATUS_NOT_FOUND ? status : txn_keep(txn, status);
}

enum status store_get(struct store_txn *txn, unsigned table, struct bytes key, struct arena *arena,
                      struct bytes *out_value) {
    struct bytes view;
    TRY(txn_find(txn, table, key, &view));
    return arena_copy(arena, view, out_value);
}

enum status store_get_into(struct store_txn *txn, unsigned table, struct bytes key, void *memory, size_t cap,
                           struct bytes *out_value) {
    struct bytes view;
    TRY(txn_find(txn, table, key, &view));
    ENSURE(view.len <= cap, STATUS_TOO_LARGE);
    memcpy(memory, view.data, view.len);
    *out_value = BYTES(memory, view.len);
    return STATUS_OK;
}

enum status store_has(struct store_txn *txn, unsigned table, struct bytes key, bool *out_present) {
    struct bytes view;
    enum status status = txn_find(txn, table, key, &view);
    if (status != STATUS_NOT_FOUND) TRY(status);
    *out_present = status == STATUS_OK;
    return STATUS_OK;
}

enum status store_get_many(struct store_txn *txn, unsigned table, const struct bytes *keys, size_t count,
                           struct arena *arena, const struct bytes **out_values) {
    struct bytes *values = ARENA_ARRAY(arena, struct bytes, count);
    ENSURE(values, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        enum status status = store_get(txn, table, keys[i], arena, &values[i]);
        if (status != STATUS_NOT_FOUND) TRY(status);
    }
    *out_values = values;
    return STATUS_OK;
}

/* Whether a transaction may change this key now. */
static enum status txn_may_change(struct store_txn *txn, unsigned table, struct bytes key) {
    TRY(txn->status);
    bool fine = txn->mode == STORE_WRITE && table < txn->store->tables.count && key_fits(key);
    txn->writes++;
    return fine ? STATUS_OK : txn_keep(txn, STATUS_INVALID);
}

enum status store_put(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value) {
    TRY(txn_may_change(txn, table, key));
    if (value.len < 1 || value.len > STORE_VALUE_MAX) return txn_keep(txn, STATUS_INVALID);
    return txn_keep(txn, txn->store->engine->put(txn, table, key, value));
}

enum status store_delete(struct store_txn *txn, unsigned table, struct bytes key) {
    TRY(txn_may_change(txn, table, key));
    enum status status = txn->store->engine->remove(txn, table, key);
    return status == STATUS_NOT_FOUND ? STATUS_OK : txn_keep(txn, status);
}

/* Rows that a scan has copied so far. The array doubles; what it leaves behind goes with the arena. */
struct collected {
    struct arena *arena;
    struct store_row *rows;
    size_t count;
    size_t capacity;
    bool arena_full;
};

static enum status collect_room(struct collected *into) {
    if (into->count < into->capacity) return STATUS_OK;
    size_t capacity = into->capacity ? into->capacity * 2 : 16;
    struct store_row *rows = ARENA_ARRAY(into->arena, struct store_row, capacity);
    ENSURE(rows, STATUS_MEMORY);
    if (into->count) memcpy(rows, into->rows, into->count * sizeof *rows);
    into->rows = rows;
    into->capacity = capacity;
    return STATUS_OK;
}

static enum status collect_copy(struct collected *into, struct bytes key, struct bytes value) {
    TRY(collect_room(into));
    struct store_row row;
    TRY(arena_copy(into->arena, key, &row.key));
    TRY(arena_copy(into->arena, value, &row.value));
    into->rows[into->count++] = row;
    return STATUS_OK;
}

static enum status collect_row(void *arg, struct bytes key, struct bytes value) {
    struct collected *into = arg;
    enum status status = collect_copy(into, key, value);
    into->arena_full = status != STATUS_OK;
    return status;
}

/* The smallest key above all that begin with prefix, in memory of STORE_KEY_MAX bytes; empty when there is none. */
static struct bytes prefix_end(struct bytes prefix, uint8_t *memory) {
    size_t len = prefix.len;
    while (len > 0 && prefix.data[len - 1] == 0xff)
        len--;
    if (len == 0) return BYTES_EMPTY;
    memcpy(memory, prefix.data, len);
    memory[len - 1]++;
    return BYTES(memory, len);
}

/* The span of a range; end_memory holds the end of a prefix as long as the span is used. */
static struct store_span span_of(const struct store_range *range, uint8_t *end_memory) {
    struct store_span span = {.table = range->table,
                              .from = range->from,
                              .to = range->to,
                              .limit = range->limit,
                              .direction = range->direction};
    if (range->prefix.len == 0) return span;
    if (span.from.len == 0 || bytes_compare(span.from, range->prefix) < 0) span.from = range->prefix;
    struct bytes end = prefix_end(range->prefix, end_memory);
    bool narrower = end.len > 0 && (span.to.len == 0 || bytes_compare(end, span.to) < 0);
    if (narrower) span.to = end;
    return span;
}

/* A bound may be one byte longer than a key: the last key and a zero byte. */
static bool range_fits(const struct store_txn *txn, const struct store_range *range) {
    bool bounds = range->prefix.len <= STORE_KEY_MAX && range->from.len <= STORE_KEY_MAX + 1 &&
                  range->to.len <= STORE_KEY_MAX + 1;
    return bounds && range->table < txn->store->tables.count && range->limit >= 1 && range->limit <= STORE_SCAN_MAX;
}

enum status store_scan(struct store_txn *txn, const struct store_range *range, struct arena *arena,
                       struct store_rows *out_rows) {
    TRY(txn->status);
    if (!range_fits(txn, range)) return txn_keep(txn, STATUS_INVALID);
    uint8_t end_memory[STORE_KEY_MAX];
    struct store_span span = span_of(range, end_memory);
    struct collected into = {.arena = arena};
    enum status status = txn->store->engine->scan(txn, &span, collect_row, &into);
    if (into.arena_full) return STATUS_MEMORY;
    TRY(txn_keep(txn, status));
    *out_rows = (struct store_rows){.items = into.rows, .count = into.count};
    return STATUS_OK;
}

/* The number in the row "store/batch"; 0 when nothing was written yet. */
static enum status batch_read(struct store_txn *txn, uint64_t *out_batch) {
    struct bytes view = BYTES_EMPTY;
    enum status status = txn_find(txn, STORE_OWN_TABLE, bytes_text(META_BATCH), &view);
    if (status == STATUS_NOT_FOUND) {
        *out_batch = 0;
        return STATUS_OK;
    }
    TRY(status);
    struct reader reader = reader_init(view);
    uint8_t version = reader_u8(&reader);
    uint64_t batch = reader_u64(&reader);
    if (reader_end(&reader) != STATUS_OK) return txn_keep(txn, STATUS_INTEGRITY);
    if (version != META_VERSION) return txn_keep(txn, STATUS_VERSION);
    *out_batch = batch;
    return STATUS_OK;
}

static enum status batch_write(struct store_txn *txn) {
    uint8_t value[9];
    struct writer writer = writer_init(value, sizeof value);
    writer_u8(&writer, META_VERSION);
    writer_u64(&writer, txn->batch);
    struct bytes written;
    TRY(txn_keep(txn, writer_end(&writer, &written)));
    return store_put(txn, STORE_OWN_TABLE, bytes_text(META_BATCH), written);
}

/* Everything of a write between begin and commit. */
static enum status write_body(struct store_txn *txn, store_fn fn, void *arg) {
    uint64_t last;
    TRY(batch_read(txn, &last));
    txn->batch = last + 1;
    TRY(fn(txn, arg));
    TRY(txn->status);
    return batch_write(txn);
}

static enum status write_once(struct store *store, store_fn fn, void *arg) {
    struct store_txn *txn;
    TRY(store->engine->begin(store, STORE_WRITE, &txn));
    enum status status = write_body(txn, fn, arg);
    if (status == STATUS_OK) return store->engine->commit(txn);
    store->engine->abort(txn);
    return status;
}

enum status store_write(struct store *store, store_fn fn, void *arg) {
    enum status status = STATUS_RETRY;
    for (int attempt = 0; attempt < WRITE_ATTEMPTS && status == STATUS_RETRY; attempt++)
        status = write_once(store, fn, arg);
    return status;
}

enum status store_read(struct store *store, store_fn fn, void *arg) {
    struct store_txn *txn;
    TRY(store->engine->begin(store, STORE_READ, &txn));
    enum status status = fn(txn, arg);
    if (status == STATUS_OK) status = txn->status;
    store->engine->abort(txn);
    return status;
}

static enum status last_batch_body(struct store_txn *txn, void *arg) { return batch_read(txn, arg); }

enum status store_last_batch(struct store *store, uint64_t *out_batch) {
    uint64_t batch = 0;
    TRY(store_read(store, last_batch_body, &batch));
    *out_batch = batch;
    return STATUS_OK;
}

enum status store_copy(struct store *store, int fd) { return store->engine->copy(store, fd); }

enum status store_space(struct store *store, struct store_space *out_space) {
    return store->engine->space(store, out_space);
}

/* What the row of one table says. */
struct table_row {
    uint16_t format;
    uint64_t epoch;
    struct bytes federation;
};

static enum status table_row_parse(struct bytes value, struct table_row *out_row) {
    struct reader reader = reader_init(value);
    ENSURE(reader_u8(&reader) == META_VERSION, STATUS_VERSION);
    struct table_row row;
    row.format = reader_u16(&reader);
    row.epoch = reader_u64(&reader);
    row.federation = reader_vector(&reader, FEDERATION_MAX);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_row = row;
    return STATUS_OK;
}

static struct bytes table_row_key(const struct store_form *form, uint8_t memory[static STORE_KEY_MAX]) {
    struct writer writer = writer_init(memory, STORE_KEY_MAX);
    writer_put(&writer, bytes_text(META_TABLE_PREFIX));
    writer_put(&writer, bytes_text(form->name));
    return BYTES(memory, writer.len);
}

static enum status table_row_write(struct store_txn *txn, const struct store_form *form, const struct table_row *row) {
    uint8_t key[STORE_KEY_MAX];
    uint8_t value[META_VALUE_MAX];
    struct writer writer = writer_init(value, sizeof value);
    writer_u8(&writer, META_VERSION);
    writer_u16(&writer, row->format);
    writer_u64(&writer, row->epoch);
    writer_vector(&writer, row->federation);
    struct bytes written;
    TRY(txn_keep(txn, writer_end(&writer, &written)));
    return store_put(txn, STORE_OWN_TABLE, table_row_key(form, key), written);
}

/* All rows about tables that stand in meta, checked one by one as the scan meets them. */
struct meta_check {
    struct store_tables tables;
    struct bytes federation;
    uint64_t epoch; /* 0: none seen yet */
    bool seen[STORE_TABLES_MAX];
};

/* STATUS_VERSION for a table that this program does not know: a newer one has written here. */
static enum status table_by_name(const struct store_tables *tables, struct bytes name, size_t *out_table) {
    for (size_t table = 0; table < tables->count; table++) {
        if (!bytes_equal_text(name, tables->items[table].name)) continue;
        *out_table = table;
        return STATUS_OK;
    }
    return STATUS_VERSION;
}

static enum status meta_check_row(void *arg, struct bytes key, struct bytes value) {
    struct meta_check *check = arg;
    size_t skip = strlen(META_TABLE_PREFIX);
    size_t table;
    TRY(table_by_name(&check->tables, BYTES(key.data + skip, key.len - skip), &table));
    struct table_row row;
    TRY(table_row_parse(value, &row));
    ENSURE(row.format == check->tables.items[table].version, STATUS_VERSION);
    ENSURE(bytes_equal(row.federation, check->federation), STATUS_FEDERATION);
    ENSURE(check->epoch == 0 || check->epoch == row.epoch, STATUS_INTEGRITY);
    ENSURE(row.epoch >= FIRST_EPOCH, STATUS_INTEGRITY);
    check->epoch = row.epoch;
    check->seen[table] = true;
    return STATUS_OK;
}

static enum status meta_scan(struct store_txn *txn, void *arg) {
    uint8_t end[STORE_KEY_MAX];
    struct bytes prefix = bytes_text(META_TABLE_PREFIX);
    struct store_span span = {.table = STORE_OWN_TABLE,
                              .from = prefix,
                              .to = prefix_end(prefix, end),
                              .limit = STORE_SCAN_MAX,
                              .direction = STORE_ASCENDING};
    return txn_keep(txn, txn->store->engine->scan(txn, &span, meta_check_row, arg));
}

/* Writes the rows of tables that have none: all of them in a new store. */
static enum status meta_complete(struct store_txn *txn, void *arg) {
    const struct meta_check *check = arg;
    for (size_t table = 0; table < check->tables.count; table++) {
        const struct store_form *form = &check->tables.items[table];
        if (check->seen[table]) continue;
        struct table_row row = {.format = form->version, .epoch = check->epoch, .federation = check->federation};
        TRY(table_row_write(txn, form, &row));
    }
    return STATUS_OK;
}

enum status store_check_meta(struct store *store, const char *federation) {
    ENSURE(store->tables.count >= 1 && store->tables.count <= STORE_TABLES_MAX, STATUS_INVALID);
    struct meta_check check = {.tables = store->tables, .federation = bytes_text(federation)};
    ENSURE(check.federation.len >= 1 && check.federation.len <= FEDERATION_MAX, STATUS_INVALID);
    TRY(store_read(store, meta_scan, &check));
    bool complete = check.epoch != 0;
    for (size_t table = 0; table < store->tables.count; table++)
        complete = complete && check.seen[table];
    if (check.epoch == 0) check.epoch = FIRST_EPOCH;
    if (!complete) TRY(store_write(store, meta_complete, &check));
    store->epoch = check.epoch;
    return STATUS_OK;
}

enum status store_begin_epoch(struct store_txn *txn, uint64_t epoch) {
    if (epoch <= txn->store->epoch) return txn_keep(txn, STATUS_INVALID);
    const struct store_tables *tables = &txn->store->tables;
    for (size_t table = 0; table < tables->count; table++) {
        const struct store_form *form = &tables->items[table];
        uint8_t key[STORE_KEY_MAX];
        uint8_t federation[FEDERATION_MAX];
        struct bytes view;
        struct table_row row;
        TRY(txn_find(txn, STORE_OWN_TABLE, table_row_key(form, key), &view));
        TRY(txn_keep(txn, table_row_parse(view, &row)));
        /* The view ends with the next write. */
        memcpy(federation, row.federation.data, row.federation.len);
        row.federation.data = federation;
        row.epoch = epoch;
        TRY(table_row_write(txn, form, &row));
    }
    return STATUS_OK;
}
