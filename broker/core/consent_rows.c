/*
 * Owns the table consent.
 */
#include "broker/core/consent_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"

#define FIXED_BYTES 400

static struct pack_key consent_key(const struct core *core, uint32_t slot, const struct id16 *consent) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_CONSENT, ids_bytes(consent), tag);
    return pack_slot_key(slot, tag);
}

static size_t content_bytes(const struct consent_row *row) {
    size_t size =
        FIXED_BYTES + pack_text_bytes(row->to) + pack_text_bytes(row->purpose) + pack_text_bytes(row->attester);
    for (size_t i = 0; i < row->n_tokens; i++) {
        size += 32 + pack_text_bytes(row->tokens[i].from);
    }
    return size;
}

static void encode_tokens(struct writer *writer, const struct consent_row *row) {
    writer_u32(writer, (uint32_t)row->n_tokens);
    for (size_t i = 0; i < row->n_tokens; i++) {
        pack_id(writer, &row->tokens[i].jti);
        pack_text(writer, row->tokens[i].from);
        writer_u64(writer, row->tokens[i].leaf);
        writer_u64(writer, row->tokens[i].ack_leaf);
    }
}

static enum status encode(struct arena *arena, const struct consent_row *row, struct bytes *out) {
    struct writer writer = pack_new(arena, content_bytes(row));
    pack_id(&writer, &row->consent);
    pack_hash(&writer, &row->subject);
    writer_u8(&writer, (uint8_t)row->state);
    writer_u32(&writer, row->key_slot);
    pack_id(&writer, &row->request);
    pack_hash(&writer, &row->device);
    writer_u64(&writer, row->signed_s);
    writer_u64(&writer, row->state_leaf);
    writer_u64(&writer, row->exp_ms);
    pack_text(&writer, row->to);
    pack_text(&writer, row->purpose);
    pack_text(&writer, row->attester);
    pack_numbers(&writer, row->kinds, row->n_kinds);
    writer_u8(&writer, (uint8_t)row->access);
    pack_hash(&writer, &row->rev);
    writer_u64(&writer, row->ack_leaf);
    encode_tokens(&writer, row);
    return writer_end(&writer, out);
}

static void decode_tokens(struct reader *reader, struct arena *arena, struct consent_row *row) {
    uint32_t count = reader_u32(reader);
    if (count == 0 || count > LIMIT_TOKENS) reader_fail(reader, STATUS_TOO_LARGE);
    if (reader->status != STATUS_OK) return;
    row->tokens = ARENA_ARRAY(arena, struct consent_token, count);
    if (!row->tokens) {
        reader_fail(reader, STATUS_MEMORY);
        return;
    }
    row->n_tokens = count;
    for (uint32_t i = 0; i < count; i++) {
        row->tokens[i].jti = unpack_id(reader);
        row->tokens[i].from = unpack_text(reader, arena, LIMIT_UNIT_BYTES);
        row->tokens[i].leaf = reader_u64(reader);
        row->tokens[i].ack_leaf = reader_u64(reader);
    }
}

static enum status decode(struct arena *arena, struct bytes content, struct consent_row *out) {
    struct consent_row row = {0};
    struct reader reader = reader_init(content);
    row.consent = unpack_id(&reader);
    row.subject = unpack_hash(&reader);
    row.state = (enum consent_state)reader_u8(&reader);
    row.key_slot = reader_u32(&reader);
    row.request = unpack_id(&reader);
    row.device = unpack_hash(&reader);
    row.signed_s = reader_u64(&reader);
    row.state_leaf = reader_u64(&reader);
    row.exp_ms = reader_u64(&reader);
    row.to = unpack_text(&reader, arena, LIMIT_UNIT_BYTES);
    row.purpose = unpack_text(&reader, arena, LIMIT_CODE_BYTES);
    row.attester = unpack_text(&reader, arena, LIMIT_MEMBER_BYTES);
    unpack_numbers(&reader, row.kinds, LIMIT_KINDS, &row.n_kinds);
    row.access = (enum access)reader_u8(&reader);
    row.rev = unpack_hash(&reader);
    row.ack_leaf = reader_u64(&reader);
    decode_tokens(&reader, arena, &row);
    enum status status = reader_end(&reader);
    ENSURE(status != STATUS_MEMORY, STATUS_MEMORY);
    ENSURE(status == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(row.state >= CONSENT_ACTIVE && row.state <= CONSENT_STATE_LAST, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status consent_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *consent,
                             struct arena *arena, struct consent_row *out) {
    struct pack_key key = consent_key(core, slot, consent);
    struct bytes content;
    TRY(row_get(core, txn, STORE_CONSENT, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(arena, content, out);
}

enum status consent_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *consent,
                              struct arena *arena, uint32_t *out_slot, struct consent_row *out) {
    uint32_t slot = 0;
    TRY(subject_find(core, txn, INDEX_CONSENT, ids_bytes(consent), &slot));
    TRY(consent_rows_get(core, txn, slot, consent, arena, out));
    *out_slot = slot;
    return STATUS_OK;
}

enum status consent_rows_by_code(const struct core *core, struct store_txn *txn, const struct hash *rev,
                                 struct arena *arena, uint32_t *out_slot, struct consent_row *out) {
    uint32_t slot = 0;
    TRY(subject_find(core, txn, INDEX_CODE, hash_bytes(rev), &slot));
    struct consent_list list;
    TRY(consent_rows_list(core, txn, slot, arena, &list));
    for (size_t i = 0; i < list.count; i++) {
        if (!hash_equal(&list.items[i].rev, rev)) continue;
        *out = list.items[i];
        *out_slot = slot;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

enum status consent_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                             const struct consent_row *row, struct arena *arena) {
    struct bytes content;
    TRY(encode(arena, row, &content));
    TRY(subject_index_put(core, txn, INDEX_CONSENT, ids_bytes(&row->consent), slot));
    TRY(subject_index_put(core, txn, INDEX_CODE, hash_bytes(&row->rev), slot));
    struct pack_key key = consent_key(core, slot, &row->consent);
    return row_put(core, txn, STORE_CONSENT, BYTES_ARRAY(key.b), slot, content, arena);
}

enum status consent_rows_list(const struct core *core, struct store_txn *txn, uint32_t slot, struct arena *arena,
                              struct consent_list *out) {
    uint8_t prefix[8];
    pack_slot(slot, prefix);
    const struct store_range range = {
        .table = STORE_CONSENT, .prefix = BYTES_ARRAY(prefix), .limit = STORE_SCAN_MAX, .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    struct consent_row *items = ARENA_ARRAY(arena, struct consent_row, rows.count);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < rows.count; i++) {
        struct bytes content;
        TRY(row_open(core, STORE_CONSENT, rows.items[i].key, rows.items[i].value, arena, NULL, &content));
        TRY(decode(arena, content, &items[i]));
    }
    *out = (struct consent_list){items, rows.count};
    return STATUS_OK;
}

bool consent_rows_final(const struct consent_row *row) { return row->state >= CONSENT_STATE_REVOKED; }

bool consent_rows_has_kind(const struct consent_row *row, uint32_t kind) {
    for (size_t i = 0; i < row->n_kinds; i++) {
        if (row->kinds[i] == kind) return true;
    }
    return false;
}

struct consent_token *consent_rows_token_from(const struct consent_row *row, const char *unit) {
    for (size_t i = 0; i < row->n_tokens; i++) {
        if (strcmp(row->tokens[i].from, unit) == 0) return &row->tokens[i];
    }
    return NULL;
}

bool consent_rows_same_terms(const struct consent_row *a, const struct consent_row *b) {
    if (strcmp(a->to, b->to) != 0 || strcmp(a->purpose, b->purpose) != 0 || a->n_tokens != b->n_tokens) return false;
    for (size_t i = 0; i < a->n_tokens; i++) {
        if (!consent_rows_token_from(b, a->tokens[i].from)) return false;
    }
    return true;
}
