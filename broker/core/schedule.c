/*
 * Owns the table schedule. Key: u64 due (ms), then 16 bytes of an HMAC over kind and id, so that nothing in the key
 * names anybody. Content (broker/core/row.h): u8 kind, 16 bytes id.
 */
#include "broker/core/schedule.h"

#include "broker/core/ledger.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"

enum { SCHEDULE_KEY_BYTES = 8 + SUBJECT_TAG_BYTES, SCHEDULE_CONTENT_BYTES = 1 + IDS_ID16_BYTES };

static void content_of(enum schedule_kind kind, const struct id16 *id, uint8_t out[static SCHEDULE_CONTENT_BYTES]) {
    struct writer writer = writer_init(out, SCHEDULE_CONTENT_BYTES);
    writer_u8(&writer, (uint8_t)kind);
    writer_put(&writer, ids_bytes(id));
}

static struct bytes schedule_key(const struct core *core, uint64_t due_ms, struct bytes content,
                                 uint8_t memory[static SCHEDULE_KEY_BYTES]) {
    struct writer writer = writer_init(memory, SCHEDULE_KEY_BYTES);
    writer_u64(&writer, due_ms);
    subject_tag(core, INDEX_SCHEDULE, content, memory + 8);
    return BYTES(memory, SCHEDULE_KEY_BYTES);
}

enum status schedule_add(const struct core *core, struct store_txn *txn, uint64_t due_ms, enum schedule_kind kind,
                         uint32_t slot, const struct id16 *id, struct arena *arena) {
    ENSURE(kind > SCHEDULE_NONE && kind < SCHEDULE_KIND_COUNT, STATUS_INVALID);
    uint8_t content[SCHEDULE_CONTENT_BYTES];
    uint8_t key[SCHEDULE_KEY_BYTES];
    content_of(kind, id, content);
    return row_put(core, txn, STORE_SCHEDULE, schedule_key(core, due_ms, BYTES_ARRAY(content), key), slot,
                   BYTES_ARRAY(content), arena);
}

enum status schedule_remove(const struct core *core, struct store_txn *txn, uint64_t due_ms, enum schedule_kind kind,
                            const struct id16 *id) {
    uint8_t content[SCHEDULE_CONTENT_BYTES];
    uint8_t key[SCHEDULE_KEY_BYTES];
    content_of(kind, id, content);
    return store_delete(txn, STORE_SCHEDULE, schedule_key(core, due_ms, BYTES_ARRAY(content), key));
}

static enum status open_row(const struct core *core, const struct store_row *row, struct arena *arena,
                            struct schedule_row *out_row) {
    struct bytes content;
    out_row->key = row->key;
    out_row->status = row_open(core, STORE_SCHEDULE, row->key, row->value, arena, &out_row->slot, &content);
    if (out_row->status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(out_row->status);
    struct reader reader = reader_init(content);
    out_row->kind = (enum schedule_kind)reader_u8(&reader);
    reader_copy(&reader, out_row->id.b, sizeof out_row->id.b);
    return reader_end(&reader) == STATUS_OK && out_row->kind < SCHEDULE_KIND_COUNT ? STATUS_OK : STATUS_INTEGRITY;
}

enum status schedule_due(const struct core *core, struct store_txn *txn, uint64_t now_ms, size_t most,
                         struct arena *arena, const struct schedule_row **out_rows, size_t *out_count) {
    uint8_t end[8];
    struct writer writer = writer_init(end, sizeof end);
    writer_u64(&writer, now_ms + 1);
    struct store_range range = {
        .table = STORE_SCHEDULE, .to = BYTES_ARRAY(end), .limit = most, .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    struct schedule_row *opened = ARENA_ARRAY(arena, struct schedule_row, rows.count + 1);
    ENSURE(opened, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++)
        TRY(open_row(core, &rows.items[i], arena, &opened[i]));
    *out_rows = opened;
    *out_count = rows.count;
    return STATUS_OK;
}
