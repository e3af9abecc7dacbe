/*
 * Owns the table device. Trusts what it opens: the row's seal binds it to its key and slot.
 */
#include "broker/core/device_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"
#include "proto/limits.h"

#define FIXED_BYTES 400

static struct pack_key device_key(const struct core *core, uint32_t slot, const struct hash *device) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_DEVICE, hash_bytes(device), tag);
    return pack_slot_key(slot, tag);
}

static size_t content_bytes(const struct device_row *row) {
    size_t size = FIXED_BYTES + row->attestation.len + pack_text_bytes(row->attester);
    for (size_t i = 0; i < row->n_reads; i++) {
        size += 8 + pack_text_bytes(row->reads[i].unit);
    }
    return size;
}

static enum status encode(struct arena *arena, const struct device_row *row, struct bytes *out) {
    struct writer writer = pack_new(arena, content_bytes(row));
    pack_hash(&writer, &row->device);
    pack_hash(&writer, &row->subject);
    writer_put(&writer, BYTES_ARRAY(row->sign_key.b));
    writer_put(&writer, BYTES_ARRAY(row->read_key.b));
    writer_u8(&writer, (uint8_t)row->state);
    writer_u64(&writer, row->since_ms);
    writer_u64(&writer, row->waits_until_ms);
    writer_u64(&writer, row->leaf);
    pack_text(&writer, row->attester);
    writer_u32(&writer, row->assurance);
    writer_vector(&writer, row->attestation);
    pack_hash(&writer, &row->last_statement);
    writer_u32(&writer, (uint32_t)row->n_reads);
    for (size_t i = 0; i < row->n_reads; i++) {
        pack_text(&writer, row->reads[i].unit);
        writer_u64(&writer, row->reads[i].at_ms);
    }
    return writer_end(&writer, out);
}

static void decode_reads(struct reader *reader, struct arena *arena, struct device_row *row) {
    uint32_t count = reader_u32(reader);
    if (count > DEVICE_ROWS_READS_MAX) reader_fail(reader, STATUS_TOO_LARGE);
    if (reader->status != STATUS_OK || count == 0) return;
    struct device_read *reads = ARENA_ARRAY(arena, struct device_read, count);
    if (!reads) {
        reader_fail(reader, STATUS_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        reads[i].unit = unpack_text(reader, arena, LIMIT_UNIT_BYTES);
        reads[i].at_ms = reader_u64(reader);
    }
    row->reads = reads;
    row->n_reads = count;
}

static enum status decode(struct arena *arena, struct bytes content, struct device_row *out) {
    struct device_row row = {0};
    struct reader reader = reader_init(content);
    row.device = unpack_hash(&reader);
    row.subject = unpack_hash(&reader);
    reader_copy(&reader, row.sign_key.b, sizeof row.sign_key.b);
    reader_copy(&reader, row.read_key.b, sizeof row.read_key.b);
    row.state = (enum device_state)reader_u8(&reader);
    row.since_ms = reader_u64(&reader);
    row.waits_until_ms = reader_u64(&reader);
    row.leaf = reader_u64(&reader);
    row.attester = unpack_text(&reader, arena, LIMIT_MEMBER_BYTES);
    row.assurance = reader_u32(&reader);
    row.attestation = reader_vector(&reader, LIMIT_ATTESTATION_BYTES);
    row.last_statement = unpack_hash(&reader);
    decode_reads(&reader, arena, &row);
    enum status status = reader_end(&reader);
    ENSURE(status != STATUS_MEMORY, STATUS_MEMORY);
    ENSURE(status == STATUS_OK && row.state >= DEVICE_ACTIVE && row.state <= DEVICE_REMOVED, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status device_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct hash *device,
                            struct arena *arena, struct device_row *out) {
    struct pack_key key = device_key(core, slot, device);
    struct bytes content;
    TRY(row_get(core, txn, STORE_DEVICE, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(arena, content, out);
}

enum status device_rows_find(const struct core *core, struct store_txn *txn, const struct hash *device,
                             struct arena *arena, uint32_t *out_slot, struct device_row *out) {
    uint32_t slot = 0;
    TRY(subject_find(core, txn, INDEX_DEVICE, hash_bytes(device), &slot));
    TRY(device_rows_get(core, txn, slot, device, arena, out));
    *out_slot = slot;
    return STATUS_OK;
}

enum status device_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot, const struct device_row *row,
                            struct arena *arena) {
    ENSURE(row->n_reads <= DEVICE_ROWS_READS_MAX, STATUS_LIMIT);
    struct bytes content;
    TRY(encode(arena, row, &content));
    TRY(subject_index_put(core, txn, INDEX_DEVICE, hash_bytes(&row->device), slot));
    struct pack_key key = device_key(core, slot, &row->device);
    return row_put(core, txn, STORE_DEVICE, BYTES_ARRAY(key.b), slot, content, arena);
}

enum status device_rows_list(const struct core *core, struct store_txn *txn, uint32_t slot, struct arena *arena,
                             struct device_list *out) {
    uint8_t prefix[8];
    pack_slot(slot, prefix);
    const struct store_range range = {
        .table = STORE_DEVICE, .prefix = BYTES_ARRAY(prefix), .limit = STORE_SCAN_MAX, .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    struct device_row *items = ARENA_ARRAY(arena, struct device_row, rows.count);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++) {
        struct bytes content;
        TRY(row_open(core, STORE_DEVICE, rows.items[i].key, rows.items[i].value, arena, NULL, &content));
        TRY(decode(arena, content, &items[i]));
    }
    *out = (struct device_list){items, rows.count};
    return STATUS_OK;
}

bool device_rows_settled(const struct device_row *row, uint64_t now_ms) {
    return row->state == DEVICE_ACTIVE && row->waits_until_ms <= now_ms;
}

bool device_rows_has_read(const struct device_row *row, const char *unit) {
    for (size_t i = 0; i < row->n_reads; i++) {
        if (strcmp(row->reads[i].unit, unit) == 0) return true;
    }
    return false;
}
