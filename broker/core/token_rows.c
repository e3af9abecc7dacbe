/*
 * Owns the table token.
 */
#include "broker/core/token_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"

#define FIXED_BYTES 400

struct token_row token_rows_make(const struct token *token, const struct id16 *request_id) {
    struct token_row row = {
        .jti = token->jti,
        .consent = token->consent,
        .subject = token->subject,
        .device = token->device,
        .request = token->request,
        .request_id = *request_id,
        .nbf_s = token->nbf_s,
        .exp_s = token->exp_s,
        .to = token->to,
        .from = token->from,
        .purpose = token->purpose,
        .n_kinds = token->n_kinds,
        .access = token->access,
        .compact = token->compact,
    };
    memcpy(row.kinds, token->kinds, sizeof row.kinds);
    return row;
}

static struct pack_key token_key(const struct core *core, uint32_t slot, const struct id16 *jti) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_TOKEN, ids_bytes(jti), tag);
    return pack_slot_key(slot, tag);
}

static enum status encode(struct arena *arena, const struct token_row *row, struct bytes *out) {
    struct writer writer = pack_new(arena, FIXED_BYTES + pack_text_bytes(row->to) + pack_text_bytes(row->from) +
                                               pack_text_bytes(row->purpose) + row->compact.len);
    pack_id(&writer, &row->jti);
    pack_id(&writer, &row->consent);
    pack_hash(&writer, &row->subject);
    pack_hash(&writer, &row->device);
    pack_hash(&writer, &row->request);
    pack_id(&writer, &row->request_id);
    writer_u64(&writer, row->leaf);
    writer_u64(&writer, row->nbf_s);
    writer_u64(&writer, row->exp_s);
    pack_text(&writer, row->to);
    pack_text(&writer, row->from);
    pack_text(&writer, row->purpose);
    pack_numbers(&writer, row->kinds, row->n_kinds);
    writer_u8(&writer, (uint8_t)row->access);
    pack_id(&writer, &row->used);
    writer_vector(&writer, row->compact);
    return writer_end(&writer, out);
}

static enum status decode(struct arena *arena, struct bytes content, struct token_row *out) {
    struct token_row row = {0};
    struct reader reader = reader_init(content);
    row.jti = unpack_id(&reader);
    row.consent = unpack_id(&reader);
    row.subject = unpack_hash(&reader);
    row.device = unpack_hash(&reader);
    row.request = unpack_hash(&reader);
    row.request_id = unpack_id(&reader);
    row.leaf = reader_u64(&reader);
    row.nbf_s = reader_u64(&reader);
    row.exp_s = reader_u64(&reader);
    row.to = unpack_text(&reader, arena, LIMIT_UNIT_BYTES);
    row.from = unpack_text(&reader, arena, LIMIT_UNIT_BYTES);
    row.purpose = unpack_text(&reader, arena, LIMIT_CODE_BYTES);
    unpack_numbers(&reader, row.kinds, LIMIT_KINDS, &row.n_kinds);
    row.access = (enum access)reader_u8(&reader);
    row.used = unpack_id(&reader);
    row.compact = reader_vector(&reader, TOKEN_MAX_BYTES);
    enum status status = reader_end(&reader);
    ENSURE(status != STATUS_MEMORY, STATUS_MEMORY);
    ENSURE(status == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(row.access == ACCESS_ONCE || row.access == ACCESS_REPEATED, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status token_rows_get(const struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *jti,
                           struct arena *arena, struct token_row *out) {
    struct pack_key key = token_key(core, slot, jti);
    struct bytes content;
    TRY(row_get(core, txn, STORE_TOKEN, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(arena, content, out);
}

enum status token_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *jti, struct arena *arena,
                            uint32_t *out_slot, struct token_row *out) {
    uint32_t slot = 0;
    TRY(subject_find(core, txn, INDEX_TOKEN, ids_bytes(jti), &slot));
    TRY(token_rows_get(core, txn, slot, jti, arena, out));
    *out_slot = slot;
    return STATUS_OK;
}

enum status token_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot, const struct token_row *row,
                           struct arena *arena) {
    struct bytes content;
    TRY(encode(arena, row, &content));
    TRY(subject_index_put(core, txn, INDEX_TOKEN, ids_bytes(&row->jti), slot));
    struct pack_key key = token_key(core, slot, &row->jti);
    return row_put(core, txn, STORE_TOKEN, BYTES_ARRAY(key.b), slot, content, arena);
}

bool token_rows_has_kind(const struct token_row *row, uint32_t kind) {
    for (size_t i = 0; i < row->n_kinds; i++) {
        if (row->kinds[i] == kind) return true;
    }
    return false;
}
