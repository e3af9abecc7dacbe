/*
 * Tables FRAGMENT, CIPHERTEXT and OWN. Invariant: OWN names for every fragment the highest revision that FRAGMENT
 * holds.
 */
#include "agent/fragment_store.h"

#include "agent/row.h"
#include "proto/fragment_header.h"

#define AT(name) offsetof(struct fragment_row, name)

static const struct row_field fields[] = {
    {ROW_FIXED, AT(fragment), sizeof(struct id16)},
    {ROW_U32, AT(revision), 0},
    {ROW_U32, AT(state), 0},
    {ROW_U32, AT(kind), 0},
    {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_TEXT, AT(unit), 0},
    {ROW_U64, AT(created_ms), 0},
    {ROW_U64, AT(expires_ms), 0},
    {ROW_BYTES, AT(core), 0},
    {ROW_U64, AT(ciphertext_len), 0},
    {ROW_FIXED, AT(ciphertext_hash), sizeof(struct hash)},
    {ROW_FIXED, AT(commitment), sizeof(struct hash)},
    {ROW_BYTES, AT(header), 0},
    {ROW_BYTES, AT(receipt), 0},
    {ROW_U32, AT(slot), 0},
    {ROW_U32, AT(refusal), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct fragment_row)};

static enum status revision_key(struct arena *arena, const struct id16 *fragment, uint32_t revision,
                                struct bytes *out_key) {
    return row_key(arena, ids_bytes(fragment), row_u32(arena, revision), BYTES_EMPTY, out_key);
}

enum status fragment_store_get(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                               uint32_t revision, struct fragment_row *out_row) {
    struct bytes key;
    TRY(revision_key(arena, fragment, revision, &key));
    return row_get(txn, AGENT_FRAGMENT, key, &form, arena, out_row);
}

enum status fragment_store_newest(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                  struct fragment_row *out_row) {
    struct store_rows rows;
    const struct store_range range = {
        .table = AGENT_FRAGMENT, .prefix = ids_bytes(fragment), .limit = 1, .direction = STORE_DESCENDING};
    TRY(store_scan(txn, &range, arena, &rows));
    ENSURE(rows.count == 1, STATUS_NOT_FOUND);
    return row_parse(&form, arena, rows.items[0].value, out_row);
}

/* The id in a key of OWN: behind the handle. */
static enum status own_id(struct bytes key, struct id16 *out_id) {
    ENSURE(key.len == HASH_BYTES + IDS_ID16_BYTES, STATUS_INTEGRITY);
    return ids_from_bytes(BYTES(key.data + HASH_BYTES, IDS_ID16_BYTES), out_id);
}

enum status fragment_store_list(struct store_txn *txn, struct arena *arena, const struct hash *subject,
                                const struct fragment_row **out_rows, size_t *out_count) {
    struct store_rows rows;
    const struct store_range range = {.table = AGENT_OWN, .prefix = hash_bytes(subject), .limit = STORE_SCAN_MAX};
    TRY(store_scan(txn, &range, arena, &rows));
    struct fragment_row *found = ARENA_ARRAY(arena, struct fragment_row, rows.count);
    ENSURE(found, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++) {
        struct id16 id;
        TRY(own_id(rows.items[i].key, &id));
        TRY(fragment_store_newest(txn, arena, &id, &found[i]));
    }
    *out_rows = found;
    *out_count = rows.count;
    return STATUS_OK;
}

static enum status put_own(struct store_txn *txn, struct arena *arena, const struct fragment_row *row) {
    struct bytes key;
    struct fragment_row newest;
    TRY(row_key(arena, hash_bytes(&row->subject), ids_bytes(&row->fragment), BYTES_EMPTY, &key));
    TRY(fragment_store_newest(txn, arena, &row->fragment, &newest));
    return store_put(txn, AGENT_OWN, key, row_u32(arena, newest.revision));
}

enum status fragment_store_put(struct store_txn *txn, struct arena *arena, const struct fragment_row *row) {
    struct bytes key;
    TRY(revision_key(arena, &row->fragment, row->revision, &key));
    TRY(row_put(txn, AGENT_FRAGMENT, key, &form, arena, row));
    return put_own(txn, arena, row);
}

enum status fragment_store_put_ciphertext(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                          uint32_t revision, struct bytes ciphertext) {
    struct bytes key;
    TRY(revision_key(arena, fragment, revision, &key));
    return store_put(txn, AGENT_CIPHERTEXT, key, ciphertext);
}

enum status fragment_store_ciphertext(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                      uint32_t revision, struct bytes *out_ciphertext) {
    struct bytes key;
    TRY(revision_key(arena, fragment, revision, &key));
    return store_get(txn, AGENT_CIPHERTEXT, key, arena, out_ciphertext);
}

static enum status forget_one(struct store_txn *txn, struct arena *arena, const struct id16 *fragment) {
    struct fragment_row newest;
    TRY(fragment_store_newest(txn, arena, fragment, &newest));
    for (uint32_t revision = 1; revision <= newest.revision; revision++) {
        struct bytes key;
        TRY(revision_key(arena, fragment, revision, &key));
        TRY(store_delete(txn, AGENT_FRAGMENT, key));
        TRY(store_delete(txn, AGENT_CIPHERTEXT, key));
    }
    return STATUS_OK;
}

enum status fragment_store_forget(struct store_txn *txn, struct arena *arena, const struct hash *subject) {
    struct store_rows rows;
    const struct store_range range = {.table = AGENT_OWN, .prefix = hash_bytes(subject), .limit = STORE_SCAN_MAX};
    TRY(store_scan(txn, &range, arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct id16 id;
        TRY(own_id(rows.items[i].key, &id));
        TRY(forget_one(txn, arena, &id));
        TRY(store_delete(txn, AGENT_OWN, rows.items[i].key));
    }
    return STATUS_OK;
}

enum status fragment_store_sign(struct arena *arena, const char *federation, const struct sign_private *key,
                                struct fragment_row *row) {
    if (row->header.len > 0) return STATUS_OK;
    struct bytes body;
    const struct fragment_header header = {.core = row->core,
                                           .ciphertext_len = row->ciphertext_len,
                                           .ciphertext_hash = row->ciphertext_hash,
                                           .commitment = row->commitment};
    TRY(fragment_header_encode(arena, &header, &body));
    return signed_make(arena, SIGNED_HEADER, federation, body, key, &row->header);
}
