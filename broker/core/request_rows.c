/*
 * Owns the table request.
 */
#include "broker/core/request_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"
#include "proto/limits.h"
#include "proto/signed.h"

#define FIXED_BYTES       160
#define MESSAGE_BYTES_MAX 16384
#define SCAN_ROWS         64

static struct pack_key request_key(const struct core *core, uint32_t slot, const struct id16 *id) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_REQUEST, ids_bytes(id), tag);
    return pack_slot_key(slot, tag);
}

static enum status encode(struct arena *arena, const struct request_row *row, struct bytes *out) {
    struct writer writer = pack_new(arena, FIXED_BYTES + row->message.len);
    pack_id(&writer, &row->id);
    writer_u8(&writer, (uint8_t)row->state);
    writer_u8(&writer, row->tell ? 1 : 0);
    writer_u64(&writer, row->leaf);
    writer_u64(&writer, row->expires_ms);
    pack_hash(&writer, &row->request_hash);
    pack_id(&writer, &row->consent);
    writer_vector(&writer, row->message);
    return writer_end(&writer, out);
}

static enum status decode(struct bytes content, struct request_row *out) {
    struct request_row row = {0};
    struct reader reader = reader_init(content);
    row.id = unpack_id(&reader);
    row.state = (enum request_state)reader_u8(&reader);
    row.tell = reader_u8(&reader) == 1;
    row.leaf = reader_u64(&reader);
    row.expires_ms = reader_u64(&reader);
    row.request_hash = unpack_hash(&reader);
    row.consent = unpack_id(&reader);
    row.message = reader_vector(&reader, MESSAGE_BYTES_MAX);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(row.state >= REQUEST_PENDING && row.state <= REQUEST_REFUSED, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status request_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *id,
                             struct arena *arena, struct request_row *out) {
    struct pack_key key = request_key(core, slot, id);
    struct bytes content;
    TRY(row_get(core, txn, STORE_REQUEST, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(content, out);
}

enum status request_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *id,
                              struct arena *arena, uint32_t *out_slot, struct request_row *out) {
    uint32_t slot = 0;
    TRY(subject_find(core, txn, INDEX_REQUEST, ids_bytes(id), &slot));
    TRY(request_rows_get(core, txn, slot, id, arena, out));
    *out_slot = slot;
    return STATUS_OK;
}

enum status request_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                             const struct request_row *row, struct arena *arena) {
    struct bytes content;
    TRY(encode(arena, row, &content));
    TRY(subject_index_put(core, txn, INDEX_REQUEST, ids_bytes(&row->id), slot));
    struct pack_key key = request_key(core, slot, &row->id);
    return row_put(core, txn, STORE_REQUEST, BYTES_ARRAY(key.b), slot, content, arena);
}

/* Adds those of one page that are undecided. */
static enum status keep_pending(const struct core *core, const struct store_rows *rows, uint64_t now_ms,
                                struct arena *arena, struct request_row *items, size_t *count) {
    for (size_t i = 0; i < rows->count && *count < REQUEST_ROWS_PENDING_MAX; i++) {
        struct bytes content;
        struct request_row row;
        TRY(row_open(core, STORE_REQUEST, rows->items[i].key, rows->items[i].value, arena, NULL, &content));
        TRY(decode(content, &row));
        if (request_rows_state(&row, now_ms) == REQUEST_PENDING) items[(*count)++] = row;
    }
    return STATUS_OK;
}

enum status request_rows_pending(const struct core *core, struct store_txn *txn, uint32_t slot, uint64_t now_ms,
                                 struct arena *arena, struct request_list *out) {
    uint8_t from[PACK_SLOT_KEY_BYTES + 1] = {0};
    pack_slot(slot, from);
    struct store_range range = {
        .table = STORE_REQUEST, .prefix = BYTES(from, 8), .limit = SCAN_ROWS, .direction = STORE_ASCENDING};
    struct request_row *items = ARENA_ARRAY(arena, struct request_row, REQUEST_ROWS_PENDING_MAX);
    ENSURE(items, STATUS_MEMORY);
    struct store_rows rows;
    size_t count = 0;
    do {
        TRY(store_scan(txn, &range, arena, &rows));
        TRY(keep_pending(core, &rows, now_ms, arena, items, &count));
        if (rows.count == 0) break;
        memcpy(from, rows.items[rows.count - 1].key.data, PACK_SLOT_KEY_BYTES);
        range.from = BYTES_ARRAY(from);
    } while (rows.count == SCAN_ROWS && count < REQUEST_ROWS_PENDING_MAX);
    *out = (struct request_list){items, count};
    return STATUS_OK;
}

enum status request_rows_parts(const struct core *core, const struct request_row *row, struct arena *arena,
                               struct request_parts *out) {
    struct request_parts parts;
    struct signed_object object;
    if (msg_request_consent_parse(arena, row->message, &parts.message) != STATUS_OK) return STATUS_INTEGRITY;
    if (signed_parse(arena, parts.message.request, &object) != STATUS_OK) return STATUS_INTEGRITY;
    if (consent_request_parse(arena, core->federation, object.body, &parts.request) != STATUS_OK) {
        return STATUS_INTEGRITY;
    }
    *out = parts;
    return STATUS_OK;
}

enum request_state request_rows_state(const struct request_row *row, uint64_t now_ms) {
    if (row->state == REQUEST_PENDING && row->expires_ms <= now_ms) return REQUEST_EXPIRED;
    return row->state;
}
