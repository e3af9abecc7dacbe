/*
 * Owns the table enrolment.
 */
#include "broker/core/enrolment_rows.h"

#include "broker/core/ledger.h"
#include "broker/core/pack.h"
#include "broker/core/row.h"
#include "broker/core/subject.h"
#include "proto/limits.h"

#define FIXED_BYTES 64

struct enrolment_key {
    uint8_t b[SUBJECT_TAG_BYTES];
};

static struct enrolment_key enrolment_key(const struct core *core, const struct id16 *enrolment) {
    struct enrolment_key key;
    subject_tag(core, INDEX_ENROLMENT, ids_bytes(enrolment), key.b);
    return key;
}

enum status enrolment_rows_put(const struct core *core, struct store_txn *txn, const struct enrolment_row *row,
                               struct arena *arena) {
    size_t size = FIXED_BYTES + pack_text_bytes(row->unit);
    for (size_t i = 0; i < row->n_registrations; i++) {
        size += 4 + row->registrations[i].len;
    }
    struct writer writer = pack_new(arena, size);
    struct bytes content;
    pack_id(&writer, &row->enrolment);
    pack_text(&writer, row->unit);
    writer_u64(&writer, row->expires_ms);
    writer_u8(&writer, row->used ? 1 : 0);
    writer_u32(&writer, (uint32_t)row->n_registrations);
    for (size_t i = 0; i < row->n_registrations; i++) {
        writer_vector(&writer, row->registrations[i]);
    }
    TRY(writer_end(&writer, &content));
    struct enrolment_key key = enrolment_key(core, &row->enrolment);
    return row_put(core, txn, STORE_ENROLMENT, BYTES_ARRAY(key.b), LEDGER_NO_SLOT, content, arena);
}

static enum status decode(struct arena *arena, struct bytes content, struct enrolment_row *out) {
    struct enrolment_row row = {0};
    struct reader reader = reader_init(content);
    row.enrolment = unpack_id(&reader);
    row.unit = unpack_text(&reader, arena, LIMIT_UNIT_BYTES);
    row.expires_ms = reader_u64(&reader);
    row.used = reader_u8(&reader) == 1;
    uint32_t count = reader_u32(&reader);
    if (count > ENROLMENT_ROWS_REGISTRATIONS) reader_fail(&reader, STATUS_TOO_LARGE);
    for (uint32_t i = 0; i < count && reader.status == STATUS_OK; i++) {
        row.registrations[i] = reader_vector(&reader, LIMIT_JWS_BYTES);
        row.n_registrations++;
    }
    enum status status = reader_end(&reader);
    ENSURE(status != STATUS_MEMORY, STATUS_MEMORY);
    ENSURE(status == STATUS_OK, STATUS_INTEGRITY);
    *out = row;
    return STATUS_OK;
}

enum status enrolment_rows_get(const struct core *core, struct store_txn *txn, const struct id16 *enrolment,
                               struct arena *arena, struct enrolment_row *out) {
    struct enrolment_key key = enrolment_key(core, enrolment);
    struct bytes content;
    TRY(row_get(core, txn, STORE_ENROLMENT, BYTES_ARRAY(key.b), arena, NULL, &content));
    return decode(arena, content, out);
}

enum status enrolment_rows_expire(struct core *core, struct store_txn *txn, uint32_t slot, const struct id16 *enrolment,
                                  struct arena *arena) {
    (void)slot;
    (void)arena;
    struct enrolment_key key = enrolment_key(core, enrolment);
    return store_delete(txn, STORE_ENROLMENT, BYTES_ARRAY(key.b));
}
