/*
 * Owns the tables fragment, fragment_by_slot and ciphertext.
 *
 * Invariant: a fragment has a row in `fragment` exactly when it has one in the index, both say the same, and ciphertext
 * stands for the newest revision only.
 */
#include "broker/core/fragment_rows.h"

#include <string.h>

#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "proto/limits.h"

enum {
    INDEX_VERSION = 1,
    INDEX_KEY_BYTES = 33,
    INDEX_UNIT_AT = 8,
    INDEX_KIND_AT = 16,
    INDEX_FRAGMENT_AT = 17,
    PIECE_VERSION = 1,
    PIECE_KEY_BYTES = 24,
    PIECES_AT_ONCE = 64,
    FIXED_BYTES = 128,
};

struct index_key {
    uint8_t b[INDEX_KEY_BYTES];
};

static struct index_key index_key(uint32_t slot, const char *unit, enum kind kind, const struct id16 *fragment) {
    struct index_key key = {{0}};
    struct hash hash = hash_sha256(bytes_text(unit));
    pack_slot(slot, key.b);
    memcpy(key.b + INDEX_UNIT_AT, hash.b, INDEX_KIND_AT - INDEX_UNIT_AT);
    key.b[INDEX_KIND_AT] = (uint8_t)kind;
    memcpy(key.b + INDEX_FRAGMENT_AT, fragment->b, sizeof fragment->b);
    return key;
}

/* ---- row contents ---- */

static void encode(struct writer *writer, const struct fragment_row *row) {
    pack_id(writer, &row->fragment);
    writer_u8(writer, (uint8_t)row->kind);
    writer_u8(writer, (uint8_t)row->state);
    writer_u32(writer, row->revision);
    pack_text(writer, row->source);
    writer_u64(writer, row->expires_ms);
    writer_u64(writer, row->leaf);
    writer_u64(writer, row->ciphertext_len);
    pack_hash(writer, &row->header_hash);
    pack_hash(writer, &row->ciphertext_hash);
}

static void decode(struct reader *reader, struct arena *arena, struct fragment_row *row) {
    row->fragment = unpack_id(reader);
    row->kind = (enum kind)reader_u8(reader);
    row->state = (enum fragment_state)reader_u8(reader);
    row->revision = reader_u32(reader);
    row->source = unpack_text(reader, arena, LIMIT_UNIT_BYTES);
    row->expires_ms = reader_u64(reader);
    row->leaf = reader_u64(reader);
    row->ciphertext_len = reader_u64(reader);
    row->header_hash = unpack_hash(reader);
    row->ciphertext_hash = unpack_hash(reader);
    bool known = row->kind > KIND_NONE && row->kind <= KIND_LAST && row->state >= FRAGMENT_CURRENT &&
                 row->state <= FRAGMENT_WITHDRAWN;
    if (!known) reader_fail(reader, STATUS_INTEGRITY);
}

static enum status decoded(const struct reader *reader) {
    enum status status = reader_end(reader);
    return status == STATUS_OK || status == STATUS_MEMORY ? status : STATUS_INTEGRITY;
}

static enum status get_row(const struct core *core, struct store_txn *txn, const struct id16 *fragment,
                           struct arena *arena, uint32_t *out_slot, struct fragment_row *out_row,
                           struct bytes *out_header) {
    struct bytes content;
    TRY(row_get(core, txn, STORE_FRAGMENT, ids_bytes(fragment), arena, out_slot, &content));
    struct reader reader = reader_init(content);
    decode(&reader, arena, out_row);
    *out_header = reader_vector(&reader, LIMIT_HEADER_BYTES);
    return decoded(&reader);
}

enum status fragment_rows_find(const struct core *core, struct store_txn *txn, const struct id16 *fragment,
                               struct arena *arena, uint32_t *out_slot, struct fragment_row *out) {
    struct bytes header;
    return get_row(core, txn, fragment, arena, out_slot, out, &header);
}

enum status fragment_rows_header(const struct core *core, struct store_txn *txn, const struct id16 *fragment,
                                 struct arena *arena, struct bytes *out_header) {
    uint32_t slot;
    struct fragment_row row;
    struct bytes header;
    TRY(get_row(core, txn, fragment, arena, &slot, &row, &header));
    ENSURE(header.len > 0, STATUS_NOT_FOUND);
    *out_header = header;
    return STATUS_OK;
}

static enum status put_rows(const struct core *core, struct store_txn *txn, uint32_t slot,
                            const struct fragment_row *row, struct bytes header, struct arena *arena) {
    size_t size = FIXED_BYTES + pack_text_bytes(row->source);
    struct writer index = pack_new(arena, size + 1);
    struct bytes value;
    writer_u8(&index, INDEX_VERSION);
    encode(&index, row);
    TRY(writer_end(&index, &value));
    struct index_key key = index_key(slot, row->source, row->kind, &row->fragment);
    TRY(store_put(txn, STORE_FRAGMENT_BY_SLOT, BYTES_ARRAY(key.b), value));

    struct writer content = pack_new(arena, size + 4 + header.len);
    encode(&content, row);
    writer_vector(&content, header);
    TRY(writer_end(&content, &value));
    return row_put(core, txn, STORE_FRAGMENT, ids_bytes(&row->fragment), slot, value, arena);
}

/* ---- ciphertext ---- */

struct piece_key {
    uint8_t b[PIECE_KEY_BYTES];
};

static struct piece_key piece_key(const struct fragment_row *row, uint64_t piece) {
    struct piece_key key = {{0}};
    struct writer writer = writer_init(key.b, sizeof key.b);
    pack_id(&writer, &row->fragment);
    writer_u32(&writer, row->revision);
    writer_u32(&writer, (uint32_t)piece);
    return key;
}

static uint64_t piece_count(uint64_t len) { return (len + FRAGMENT_ROWS_PIECE_BYTES - 1) / FRAGMENT_ROWS_PIECE_BYTES; }

static enum status put_pieces(struct store_txn *txn, const struct fragment_row *row, struct bytes ciphertext) {
    uint8_t value[1 + FRAGMENT_ROWS_PIECE_BYTES] = {PIECE_VERSION};
    for (uint64_t piece = 0; piece < piece_count(ciphertext.len); piece++) {
        size_t at = (size_t)piece * FRAGMENT_ROWS_PIECE_BYTES;
        size_t len = ciphertext.len - at < FRAGMENT_ROWS_PIECE_BYTES ? ciphertext.len - at : FRAGMENT_ROWS_PIECE_BYTES;
        memcpy(value + 1, ciphertext.data + at, len);
        struct piece_key key = piece_key(row, piece);
        TRY(store_put(txn, STORE_CIPHERTEXT, BYTES_ARRAY(key.b), BYTES(value, 1 + len)));
    }
    return STATUS_OK;
}

static enum status delete_pieces(struct store_txn *txn, const struct fragment_row *row) {
    for (uint64_t piece = 0; piece < piece_count(row->ciphertext_len); piece++) {
        struct piece_key key = piece_key(row, piece);
        TRY(store_delete(txn, STORE_CIPHERTEXT, BYTES_ARRAY(key.b)));
    }
    return STATUS_OK;
}

/* The part of one piece that lies in [offset, offset + len). */
static enum status copy_part(struct bytes value, uint64_t piece, uint64_t offset, size_t len, struct writer *writer) {
    ENSURE(value.len > 0, STATUS_NOT_FOUND);
    ENSURE(value.data[0] == PIECE_VERSION, STATUS_VERSION);
    struct bytes part = BYTES(value.data + 1, value.len - 1);
    uint64_t begins = piece * FRAGMENT_ROWS_PIECE_BYTES;
    uint64_t from = offset > begins ? offset - begins : 0;
    uint64_t to = offset + len < begins + part.len ? offset + len - begins : part.len;
    ENSURE(from <= to && to <= part.len, STATUS_INTEGRITY);
    writer_put(writer, BYTES(part.data + from, (size_t)(to - from)));
    return STATUS_OK;
}

static enum status read_pieces(struct store_txn *txn, const struct fragment_row *row, uint64_t first, uint64_t last,
                               struct arena *arena, const struct bytes **out_values) {
    struct piece_key *keys = ARENA_ARRAY(arena, struct piece_key, last - first);
    struct bytes *views = ARENA_ARRAY(arena, struct bytes, last - first);
    ENSURE(keys && views, STATUS_MEMORY);
    for (uint64_t piece = first; piece < last; piece++) {
        keys[piece - first] = piece_key(row, piece);
        views[piece - first] = BYTES_ARRAY(keys[piece - first].b);
    }
    return store_get_many(txn, STORE_CIPHERTEXT, views, (size_t)(last - first), arena, out_values);
}

enum status fragment_rows_ciphertext(struct store_txn *txn, const struct fragment_row *row, uint64_t offset, size_t len,
                                     struct arena *arena, struct bytes *out) {
    ENSURE(offset <= row->ciphertext_len && len <= row->ciphertext_len - offset, STATUS_INVALID);
    struct writer writer = pack_new(arena, len);
    uint64_t piece = offset / FRAGMENT_ROWS_PIECE_BYTES;
    const uint64_t end = len ? piece_count(offset + len) : piece;
    while (piece < end) {
        uint64_t last = end - piece < PIECES_AT_ONCE ? end : piece + PIECES_AT_ONCE;
        const struct bytes *values = NULL;
        TRY(read_pieces(txn, row, piece, last, arena, &values));
        for (uint64_t i = piece; i < last; i++) {
            TRY(copy_part(values[i - piece], i, offset, len, &writer));
        }
        piece = last;
    }
    struct bytes read;
    TRY(writer_end(&writer, &read));
    ENSURE(read.len == len, STATUS_INTEGRITY);
    *out = read;
    return STATUS_OK;
}

/* ---- whole fragments ---- */

enum status fragment_rows_put(const struct core *core, struct store_txn *txn, uint32_t slot,
                              const struct fragment_row *row, struct bytes header, struct bytes ciphertext,
                              const struct fragment_row *before, struct arena *arena) {
    ENSURE(ciphertext.len == row->ciphertext_len, STATUS_INVALID);
    if (before) TRY(delete_pieces(txn, before));
    TRY(put_pieces(txn, row, ciphertext));
    return put_rows(core, txn, slot, row, header, arena);
}

enum status fragment_rows_withdraw(const struct core *core, struct store_txn *txn, uint32_t slot,
                                   const struct fragment_row *row, struct arena *arena) {
    struct fragment_row left = *row;
    left.state = FRAGMENT_WITHDRAWN;
    left.ciphertext_len = 0;
    TRY(delete_pieces(txn, row));
    return put_rows(core, txn, slot, &left, BYTES_EMPTY, arena);
}

/* ---- lists ---- */

/* Appends the rows of a scan that stand and are of this very unit: a key holds only 8 bytes of its hash. */
static enum status keep_rows(const struct store_rows *rows, const char *unit, size_t most, struct arena *arena,
                             struct fragment_list *list) {
    for (size_t i = 0; i < rows->count && list->count < most; i++) {
        struct fragment_row row = {0};
        struct reader reader = reader_init(rows->items[i].value);
        ENSURE(reader_u8(&reader) == INDEX_VERSION, STATUS_VERSION);
        decode(&reader, arena, &row);
        TRY(decoded(&reader));
        if (row.state != FRAGMENT_CURRENT || strcmp(row.source, unit) != 0) continue;
        list->items[list->count++] = row;
    }
    return STATUS_OK;
}

/* Scans on from `after` (a key, or empty) until `most` are kept or the prefix ends. */
static enum status scan_prefix(struct store_txn *txn, struct bytes prefix, struct bytes after, const char *unit,
                               size_t most, struct arena *arena, struct fragment_list *list) {
    uint8_t from[INDEX_KEY_BYTES + 1] = {0};
    struct store_range range = {
        .table = STORE_FRAGMENT_BY_SLOT, .prefix = prefix, .limit = LIMIT_ITEMS + 1, .direction = STORE_ASCENDING};
    while (list->count < most) {
        if (after.len == INDEX_KEY_BYTES) {
            memcpy(from, after.data, INDEX_KEY_BYTES);
            range.from = BYTES_ARRAY(from);
        }
        struct store_rows rows;
        TRY(store_scan(txn, &range, arena, &rows));
        TRY(keep_rows(&rows, unit, most, arena, list));
        if (rows.count < range.limit) return STATUS_OK;
        after = rows.items[rows.count - 1].key;
    }
    return STATUS_OK;
}

static enum status scan_kind(struct store_txn *txn, const struct fragment_ask *ask, enum kind kind, size_t most,
                             struct arena *arena, struct fragment_list *list) {
    struct index_key key = index_key(ask->slot, ask->source, kind, &ask->after.fragment);
    struct bytes after = ask->after.kind == kind ? BYTES_ARRAY(key.b) : BYTES_EMPTY;
    return scan_prefix(txn, BYTES(key.b, INDEX_FRAGMENT_AT), after, ask->source, most, arena, list);
}

enum status fragment_rows_page(struct store_txn *txn, const struct fragment_ask *ask, struct arena *arena,
                               struct fragment_list *out, bool *out_more) {
    struct fragment_list list = {ARENA_ARRAY(arena, struct fragment_row, ask->most + 1), 0};
    ENSURE(list.items, STATUS_MEMORY);
    for (size_t i = 0; i < ask->n_kinds && list.count <= ask->most; i++) {
        if (ask->kinds[i] < ask->after.kind) continue;
        TRY(scan_kind(txn, ask, (enum kind)ask->kinds[i], ask->most + 1, arena, &list));
    }
    *out_more = list.count > ask->most;
    if (*out_more) list.count = ask->most;
    *out = list;
    return STATUS_OK;
}

enum status fragment_rows_of_unit(struct store_txn *txn, uint32_t slot, const char *unit, size_t most,
                                  struct arena *arena, struct fragment_list *out) {
    struct index_key key = index_key(slot, unit, KIND_NONE, &(struct id16){{0}});
    const struct store_range range = {.table = STORE_FRAGMENT_BY_SLOT,
                                      .prefix = BYTES(key.b, INDEX_KIND_AT),
                                      .limit = most + 1,
                                      .direction = STORE_ASCENDING};
    struct store_rows rows;
    TRY(store_scan(txn, &range, arena, &rows));
    ENSURE(rows.count <= most, STATUS_LIMIT);
    struct fragment_list list = {ARENA_ARRAY(arena, struct fragment_row, rows.count), 0};
    ENSURE(list.items, STATUS_MEMORY);
    TRY(keep_rows(&rows, unit, rows.count, arena, &list));
    *out = list;
    return STATUS_OK;
}
