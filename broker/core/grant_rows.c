/*
 * Owns the table grant.
 */
#include "broker/core/grant_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "proto/limits.h"

enum { KEY_BYTES = SUBJECT_TAG_BYTES + IDS_ID16_BYTES, FIXED_BYTES = 128, DELETE_ROWS = 256 };

struct grant_key {
    uint8_t b[KEY_BYTES];
};

static struct grant_key grant_key(const struct grant_owner *owner, const struct id16 *fragment) {
    struct grant_key key;
    memcpy(key.b, owner->tag, SUBJECT_TAG_BYTES);
    memcpy(key.b + SUBJECT_TAG_BYTES, fragment->b, sizeof fragment->b);
    return key;
}

struct grant_owner grant_rows_of_token(const struct core *core, const struct id16 *token, uint32_t consent_slot) {
    struct grant_owner owner = {.slot = consent_slot};
    subject_tag(core, INDEX_TOKEN, ids_bytes(token), owner.tag);
    return owner;
}

struct grant_owner grant_rows_of_device(const struct core *core, const struct hash *device, uint32_t slot) {
    struct grant_owner owner = {.slot = slot};
    subject_tag(core, INDEX_DEVICE, hash_bytes(device), owner.tag);
    return owner;
}

static enum status decode(struct bytes content, struct grant_row *out) {
    struct grant_row row;
    struct reader reader = reader_init(content);
    row.fragment = unpack_id(&reader);
    row.revision = reader_u32(&reader);
    row.recipient_key_id = unpack_hash(&reader);
    row.hash = unpack_hash(&reader);
    row.release_event = unpack_id(&reader);
    row.grant = reader_vector(&reader, LIMIT_GRANT_BYTES);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status grant_rows_get(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                           const struct id16 *fragment, struct arena *arena, struct grant_row *out) {
    struct grant_key key = grant_key(owner, fragment);
    struct bytes content;
    TRY(row_get(core, txn, STORE_GRANT, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(content, out);
}

enum status grant_rows_put(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                           const struct grant_row *row, struct arena *arena) {
    struct writer writer = pack_new(arena, FIXED_BYTES + row->grant.len);
    struct bytes content;
    pack_id(&writer, &row->fragment);
    writer_u32(&writer, row->revision);
    pack_hash(&writer, &row->recipient_key_id);
    pack_hash(&writer, &row->hash);
    pack_id(&writer, &row->release_event);
    writer_vector(&writer, row->grant);
    TRY(writer_end(&writer, &content));
    struct grant_key key = grant_key(owner, &row->fragment);
    return row_put(core, txn, STORE_GRANT, BYTES_ARRAY(key.b), owner->slot, content, arena);
}

enum status grant_rows_list(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                            const struct id16 *after, size_t most, struct arena *arena, struct grant_list *out) {
    uint8_t from[KEY_BYTES + 1] = {0};
    struct grant_key key = grant_key(owner, after);
    memcpy(from, key.b, KEY_BYTES);
    struct store_range range = {.table = STORE_GRANT,
                                .prefix = BYTES(owner->tag, SUBJECT_TAG_BYTES),
                                .limit = most,
                                .direction = STORE_ASCENDING};
    if (!ids_is_zero(after)) range.from = BYTES_ARRAY(from);
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    struct grant_row *items = ARENA_ARRAY(arena, struct grant_row, rows.count);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++) {
        struct bytes content;
        TRY(row_open(core, STORE_GRANT, rows.items[i].key, rows.items[i].value, arena, NULL, &content));
        TRY(decode(content, &items[i]));
    }
    *out = (struct grant_list){items, rows.count};
    return STATUS_OK;
}

enum status grant_rows_delete_all(struct store_txn *txn, const struct grant_owner *owner, struct arena *arena) {
    const struct store_range range = {.table = STORE_GRANT,
                                      .prefix = BYTES(owner->tag, SUBJECT_TAG_BYTES),
                                      .limit = DELETE_ROWS,
                                      .direction = STORE_ASCENDING};
    struct store_rows rows;
    do {
        TRY(store_scan(txn, &range, arena, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            TRY(store_delete(txn, STORE_GRANT, rows.items[i].key));
        }
    } while (rows.count == DELETE_ROWS);
    return STATUS_OK;
}
