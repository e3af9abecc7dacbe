/*
 * Owns: the tables index and subject_index, and the number of the next slot, in one row of meta. Slots are never used
 * twice: the next one only rises, in the same transaction that hands one out.
 *
 * Invariant: a handle that is known and one that is new cause the same reads and the same writes.
 */
#include "broker/core/subject.h"

#include <string.h>

#include "keys/hash.h"
#include "proto/shred.h"

#define NEXT_SLOT_KEY "core/next_slot"

enum { NUMBER_VERSION = 1, NUMBER_BYTES = 5 };

void subject_tag(const struct core *core, enum subject_index kind, struct bytes id, uint8_t out[SUBJECT_TAG_BYTES]) {
    const uint8_t kind_byte = (uint8_t)kind;
    const struct bytes parts[] = {BYTES(&kind_byte, 1), id};
    struct hash mac = hash_hmac_sha256_parts(secret_bytes(core->index_key), parts, 2);
    memcpy(out, mac.b, SUBJECT_TAG_BYTES);
}

static enum store_table subject_table(enum subject_index kind) {
    return kind == INDEX_HANDLE ? STORE_SUBJECT_INDEX : STORE_INDEX;
}

/* Rows that hold one number. */
static enum status number_get(struct store_txn *txn, enum store_table table, struct bytes key, uint32_t *out_number) {
    uint8_t memory[NUMBER_BYTES];
    struct bytes value;
    enum status got = store_get_into(txn, table, key, memory, sizeof memory, &value);
    ENSURE(got != STATUS_TOO_LARGE, STATUS_INTEGRITY);
    TRY(got);
    struct reader reader = reader_init(value);
    uint8_t version = reader_u8(&reader);
    uint32_t number = reader_u32(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(version == NUMBER_VERSION, STATUS_VERSION);
    *out_number = number;
    return STATUS_OK;
}

static enum status number_put(struct store_txn *txn, enum store_table table, struct bytes key, uint32_t number) {
    uint8_t memory[NUMBER_BYTES];
    struct writer writer = writer_init(memory, sizeof memory);
    writer_u8(&writer, NUMBER_VERSION);
    writer_u32(&writer, number);
    return store_put(txn, table, key, BYTES_ARRAY(memory));
}

enum status subject_find(const struct core *core, struct store_txn *txn, enum subject_index kind, struct bytes id,
                         uint32_t *out_slot) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, kind, id, tag);
    return number_get(txn, subject_table(kind), BYTES_ARRAY(tag), out_slot);
}

enum status subject_index_put(const struct core *core, struct store_txn *txn, enum subject_index kind, struct bytes id,
                              uint32_t slot) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, kind, id, tag);
    uint32_t standing = slot;
    enum status found = number_get(txn, subject_table(kind), BYTES_ARRAY(tag), &standing);
    if (found != STATUS_NOT_FOUND) TRY(found);
    ENSURE(standing == slot, STATUS_CONFLICT);
    return number_put(txn, subject_table(kind), BYTES_ARRAY(tag), slot);
}

enum status subject_index_delete(const struct core *core, struct store_txn *txn, enum subject_index kind,
                                 struct bytes id) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, kind, id, tag);
    return store_delete(txn, subject_table(kind), BYTES_ARRAY(tag));
}

/* The next slot that nobody has; STATUS_RETRY when the pool is empty: the writer fills it between batches. */
static enum status next_slot(const struct core *core, struct store_txn *txn, uint32_t *out_next) {
    uint32_t next = 0;
    enum status found = number_get(txn, STORE_META, bytes_text(NEXT_SLOT_KEY), &next);
    if (found != STATUS_NOT_FOUND) TRY(found);
    ENSURE(next < shred_slot_count(core->shred), STATUS_RETRY);
    *out_next = next;
    return STATUS_OK;
}

static enum status set_next_slot(struct store_txn *txn, uint32_t next) {
    return number_put(txn, STORE_META, bytes_text(NEXT_SLOT_KEY), next);
}

enum status subject_require(const struct core *core, struct store_txn *txn, const struct hash *handle,
                            uint32_t *out_slot) {
    uint8_t tag[SUBJECT_TAG_BYTES];
    subject_tag(core, INDEX_HANDLE, hash_bytes(handle), tag);
    uint32_t next;
    TRY(next_slot(core, txn, &next));
    uint32_t slot = next;
    enum status found = number_get(txn, STORE_SUBJECT_INDEX, BYTES_ARRAY(tag), &slot);
    if (found != STATUS_NOT_FOUND) TRY(found);
    TRY(number_put(txn, STORE_SUBJECT_INDEX, BYTES_ARRAY(tag), slot));
    TRY(set_next_slot(txn, found == STATUS_NOT_FOUND ? next + 1 : next));
    *out_slot = slot;
    return STATUS_OK;
}

enum status subject_new_slot(const struct core *core, struct store_txn *txn, uint32_t *out_slot) {
    uint32_t next;
    TRY(next_slot(core, txn, &next));
    TRY(set_next_slot(txn, next + 1));
    *out_slot = next;
    return STATUS_OK;
}

enum status subject_slots_taken(struct store_txn *txn, uint32_t *out_count) {
    uint32_t next = 0;
    enum status found = number_get(txn, STORE_META, bytes_text(NEXT_SLOT_KEY), &next);
    if (found != STATUS_NOT_FOUND) TRY(found);
    *out_count = next;
    return STATUS_OK;
}

enum status subject_key(const struct core *core, uint32_t slot, struct secret **out_key) {
    return shred_key(core->shred, slot, out_key);
}
