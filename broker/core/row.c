/*
 * Seals and opens rows. Trusts nothing of what it opens: a row that does not authenticate under its slot, table and key
 * is STATUS_INTEGRITY.
 */
#include "broker/core/row.h"

#include "broker/core/ledger.h"
#include "broker/core/subject.h"
#include "keys/aead.h"
#include "keys/frame.h"

enum { ROW_VERSION = 1, ROW_HEAD_BYTES = 5 };

static enum status row_aad(const struct core *core, enum store_table table, struct bytes key, struct arena *arena,
                           struct bytes *out_aad) {
    const struct bytes fields[] = {bytes_text(store_core_tables.items[table].name), key};
    return frame_encode("sluss sealed v1", core->federation, fields, 2, arena, out_aad);
}

static enum status row_seal(const struct core *core, enum store_table table, struct bytes key, uint32_t slot,
                            struct bytes content, struct arena *arena, void *out, size_t out_len) {
    struct secret *slot_key CLEANUP(secret_free_cleanup) = NULL;
    TRY(subject_key(core, slot, &slot_key));
    struct bytes aad;
    TRY(row_aad(core, table, key, arena, &aad));
    return aead_seal_into(slot_key, aad, content, out, out_len);
}

enum status row_put(const struct core *core, struct store_txn *txn, enum store_table table, struct bytes key,
                    uint32_t slot, struct bytes content, struct arena *arena) {
    bool clear = slot == LEDGER_NO_SLOT;
    size_t len = ROW_HEAD_BYTES + content.len + (clear ? 0 : AEAD_OVERHEAD_BYTES);
    uint8_t *value = arena_alloc(arena, len);
    ENSURE(value, STATUS_MEMORY);
    struct writer writer = writer_init(value, len);
    writer_u8(&writer, ROW_VERSION);
    writer_u32(&writer, slot);
    if (clear) {
        writer_put(&writer, content);
    } else {
        TRY(row_seal(core, table, key, slot, content, arena, value + ROW_HEAD_BYTES, len - ROW_HEAD_BYTES));
    }
    return store_put(txn, table, key, BYTES(value, len));
}

static enum status row_unseal(const struct core *core, enum store_table table, struct bytes key, uint32_t slot,
                              struct bytes sealed, struct arena *arena, struct bytes *out_content) {
    struct secret *slot_key CLEANUP(secret_free_cleanup) = NULL;
    TRY(subject_key(core, slot, &slot_key));
    struct bytes aad;
    TRY(row_aad(core, table, key, arena, &aad));
    enum status opened = aead_open(slot_key, aad, sealed, arena, out_content);
    return opened == STATUS_PROOF || opened == STATUS_MALFORMED ? STATUS_INTEGRITY : opened;
}

enum status row_open(const struct core *core, enum store_table table, struct bytes key, struct bytes value,
                     struct arena *arena, uint32_t *out_slot, struct bytes *out_content) {
    struct reader reader = reader_init(value);
    uint8_t version = reader_u8(&reader);
    uint32_t slot = reader_u32(&reader);
    ENSURE(reader.status == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(version == ROW_VERSION, STATUS_VERSION);
    if (slot == LEDGER_NO_SLOT) {
        *out_content = reader.rest;
    } else {
        TRY(row_unseal(core, table, key, slot, reader.rest, arena, out_content));
    }
    if (out_slot) *out_slot = slot;
    return STATUS_OK;
}

enum status row_get(const struct core *core, struct store_txn *txn, enum store_table table, struct bytes key,
                    struct arena *arena, uint32_t *out_slot, struct bytes *out_content) {
    struct bytes value;
    TRY(store_get(txn, table, key, arena, &value));
    return row_open(core, table, key, value, arena, out_slot, out_content);
}
