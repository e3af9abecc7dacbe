/*
 * Tables CONSENT, CONSENT_SUBJECT and CONSENT_TOKEN. Invariant: each row of CONSENT has one row in each of the others.
 */
#include "agent/consent_store.h"

#include "agent/row.h"

#define AT(name)     offsetof(struct consent_row, name)
#define KEY_BYTES    (IDS_ID16_BYTES + 1)
#define CONSENTS_MAX 1000

static const struct row_field fields[] = {
    {ROW_FIXED, AT(token), sizeof(struct id16)},
    {ROW_FIXED, AT(consent), sizeof(struct id16)},
    {ROW_U32, AT(side), 0},
    {ROW_U32, AT(state), 0},
    {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_TEXT, AT(unit), 0},
    {ROW_BYTES, AT(proof), 0},
    {ROW_BYTES, AT(request), 0},
    {ROW_BYTES, AT(salt), 0},
    {ROW_BYTES, AT(attestation), 0},
    {ROW_LIST, AT(receipts), AT(n_receipts)},
    {ROW_U64, AT(leaf), 0},
    {ROW_U32, AT(slot), 0},
    {ROW_BYTES, AT(release_event), 0},
    {ROW_BYTES, AT(used), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct consent_row)};

static enum status token_key(struct arena *arena, const struct id16 *token, unsigned side, struct bytes *out_key) {
    uint8_t byte = (uint8_t)side;
    return row_key(arena, ids_bytes(token), BYTES(&byte, 1), BYTES_EMPTY, out_key);
}

enum status consent_store_get(struct store_txn *txn, struct arena *arena, const struct id16 *token,
                              enum consent_side side, struct consent_row *out_row) {
    struct bytes key;
    TRY(token_key(arena, token, side, &key));
    return row_get(txn, AGENT_CONSENT, key, &form, arena, out_row);
}

enum status consent_store_put(struct store_txn *txn, struct arena *arena, const struct consent_row *row) {
    struct bytes key;
    struct bytes by_subject;
    struct bytes by_consent;
    TRY(token_key(arena, &row->token, row->side, &key));
    TRY(row_key(arena, hash_bytes(&row->subject), key, BYTES_EMPTY, &by_subject));
    TRY(row_key(arena, ids_bytes(&row->consent), key, BYTES_EMPTY, &by_consent));
    TRY(row_put(txn, AGENT_CONSENT, key, &form, arena, row));
    TRY(store_put(txn, AGENT_CONSENT_SUBJECT, by_subject, BYTES("\1", 1)));
    return store_put(txn, AGENT_CONSENT_TOKEN, by_consent, BYTES("\1", 1));
}

/* Follows an index whose keys are a prefix and the key of a row. */
static enum status follow(struct store_txn *txn, struct arena *arena, enum agent_table index, struct bytes prefix,
                          unsigned side, struct consent_rows *out_rows) {
    struct store_rows rows;
    const struct store_range range = {.table = index, .prefix = prefix, .limit = CONSENTS_MAX};
    TRY(store_scan(txn, &range, arena, &rows));
    struct consent_row *found = ARENA_ARRAY(arena, struct consent_row, rows.count);
    ENSURE(found, STATUS_MEMORY);
    size_t count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        struct bytes key = rows.items[i].key;
        ENSURE(key.len == prefix.len + KEY_BYTES, STATUS_INTEGRITY);
        struct bytes row = BYTES(key.data + prefix.len, KEY_BYTES);
        if (side != 0 && row.data[KEY_BYTES - 1] != side) continue;
        TRY(row_get(txn, AGENT_CONSENT, row, &form, arena, &found[count]));
        count++;
    }
    *out_rows = (struct consent_rows){.items = found, .count = count};
    return STATUS_OK;
}

enum status consent_store_of_subject(struct store_txn *txn, struct arena *arena, const struct hash *subject,
                                     unsigned side, struct consent_rows *out_rows) {
    return follow(txn, arena, AGENT_CONSENT_SUBJECT, hash_bytes(subject), side, out_rows);
}

enum status consent_store_of_consent(struct store_txn *txn, struct arena *arena, const struct id16 *consent,
                                     struct consent_rows *out_rows) {
    return follow(txn, arena, AGENT_CONSENT_TOKEN, ids_bytes(consent), 0, out_rows);
}

enum status consent_store_page(struct store_txn *txn, struct arena *arena, struct bytes after, size_t most,
                               struct consent_rows *out_rows, struct bytes *out_last) {
    struct store_rows rows;
    struct bytes from = BYTES_EMPTY;
    if (after.len > 0) TRY(row_key(arena, after, BYTES("\0", 1), BYTES_EMPTY, &from));
    const struct store_range range = {.table = AGENT_CONSENT, .from = from, .limit = most};
    TRY(store_scan(txn, &range, arena, &rows));
    struct consent_row *found = ARENA_ARRAY(arena, struct consent_row, rows.count);
    ENSURE(found, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++) {
        TRY(row_parse(&form, arena, rows.items[i].value, &found[i]));
    }
    *out_rows = (struct consent_rows){.items = found, .count = rows.count};
    *out_last = rows.count > 0 ? rows.items[rows.count - 1].key : after;
    return STATUS_OK;
}

struct consent_proof consent_store_proof(const struct consent_row *row) {
    return (struct consent_proof){.unit = row->unit,
                                  .side = (enum consent_side)row->side,
                                  .token = row->proof,
                                  .request = row->request,
                                  .salt = row->salt,
                                  .attestation = row->attestation,
                                  .receipts = row->receipts,
                                  .n_receipts = row->n_receipts};
}

enum status consent_store_token(struct arena *arena, const char *federation, const struct consent_row *row,
                                struct token *out_token) {
    enum status status = token_parse(arena, federation, row->proof, out_token);
    return status == STATUS_OK || status == STATUS_MEMORY ? status : STATUS_INTEGRITY;
}
