/*
 * Records of a shred file. Trusts nothing that it reads: a record counts only with its checksum, its form and, for a
 * key, its seal. Invariant: encoding what was parsed gives the same bytes.
 */
#include "proto/shred_slot.h"

#include <stdlib.h>
#include <string.h>

#include "keys/frame.h"

enum {
    RECORD_VERSION = 1,
    MAGIC_BYTES = 8,
    CHECKED_BYTES = SHRED_RECORD_BYTES - HASH_BYTES,
};

static const uint8_t magic[MAGIC_BYTES] = {'S', 'L', 'U', 'S', 'S', 'H', 'R', 'D'};

/* Whether the last 32 bytes are the hash of the others. */
static bool record_intact(struct bytes record) {
    if (record.len != SHRED_RECORD_BYTES) return false;
    struct hash sum = hash_sha256(BYTES(record.data, CHECKED_BYTES));
    return bytes_equal(hash_bytes(&sum), BYTES(record.data + CHECKED_BYTES, HASH_BYTES));
}

static void read_zeros(struct reader *reader, size_t count) {
    static const uint8_t zeros[16];
    struct bytes found = reader_take(reader, count);
    if (!bytes_equal(found, BYTES(zeros, count))) reader_fail(reader, STATUS_INTEGRITY);
}

static void write_zeros(struct writer *writer, size_t count) {
    static const uint8_t zeros[16];
    writer_put(writer, BYTES(zeros, count));
}

/* Ends a record with its checksum. The sizes are fixed: anything left over is a mistake in this file. */
static void write_sum(struct writer *writer) {
    if (writer->status != STATUS_OK || writer->len != CHECKED_BYTES) abort();
    struct hash sum = hash_sha256(BYTES(writer->data, CHECKED_BYTES));
    writer_put(writer, hash_bytes(&sum));
}

enum status shred_header_parse(struct bytes record, struct shred_header *out_header) {
    ENSURE(record_intact(record), STATUS_INTEGRITY);
    struct reader reader = reader_init(BYTES(record.data, CHECKED_BYTES));
    ENSURE(bytes_equal(reader_take(&reader, MAGIC_BYTES), BYTES_ARRAY(magic)), STATUS_INTEGRITY);
    ENSURE(reader_u16(&reader) == RECORD_VERSION, STATUS_VERSION);
    struct shred_header header;
    read_zeros(&reader, 2);
    header.generation = reader_u32(&reader);
    header.sequence = reader_u64(&reader);
    header.slot_count = reader_u32(&reader);
    read_zeros(&reader, 4);
    reader_copy(&reader, header.federation.b, HASH_BYTES);
    reader_copy(&reader, header.check, SHRED_CHECK_BYTES);
    read_zeros(&reader, 16);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_header = header;
    return STATUS_OK;
}

void shred_header_encode(const struct shred_header *header, uint8_t out_record[static SHRED_RECORD_BYTES]) {
    struct writer writer = writer_init(out_record, SHRED_RECORD_BYTES);
    writer_put(&writer, BYTES_ARRAY(magic));
    writer_u16(&writer, RECORD_VERSION);
    write_zeros(&writer, 2);
    writer_u32(&writer, header->generation);
    writer_u64(&writer, header->sequence);
    writer_u32(&writer, header->slot_count);
    write_zeros(&writer, 4);
    writer_put(&writer, hash_bytes(&header->federation));
    writer_put(&writer, BYTES_ARRAY(header->check));
    write_zeros(&writer, 16);
    write_sum(&writer);
}

enum status shred_slot_parse(struct bytes record, struct shred_slot *out_slot) {
    ENSURE(record_intact(record), STATUS_INTEGRITY);
    struct reader reader = reader_init(BYTES(record.data, CHECKED_BYTES));
    ENSURE(reader_u8(&reader) == RECORD_VERSION, STATUS_VERSION);
    uint8_t state = reader_u8(&reader);
    ENSURE(state == SHRED_KEY || state == SHRED_DESTROYED, STATUS_INTEGRITY);
    struct shred_slot slot = {.state = (enum shred_state)state};
    read_zeros(&reader, 2);
    slot.slot = reader_u32(&reader);
    slot.generation = reader_u32(&reader);
    read_zeros(&reader, 4);
    reader_copy(&reader, slot.sealed, SHRED_SEALED_BYTES);
    read_zeros(&reader, 8);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_slot = slot;
    return STATUS_OK;
}

void shred_slot_encode(const struct shred_slot *slot, uint8_t out_record[static SHRED_RECORD_BYTES]) {
    struct writer writer = writer_init(out_record, SHRED_RECORD_BYTES);
    writer_u8(&writer, RECORD_VERSION);
    writer_u8(&writer, (uint8_t)slot->state);
    write_zeros(&writer, 2);
    writer_u32(&writer, slot->slot);
    writer_u32(&writer, slot->generation);
    write_zeros(&writer, 4);
    writer_put(&writer, BYTES_ARRAY(slot->sealed));
    write_zeros(&writer, 8);
    write_sum(&writer);
}

struct hash shred_federation_hash(const char *federation) {
    return frame_hash("sluss shred file v1", federation, NULL, 0);
}

void shred_check_value(const struct secret *kek, const char *federation, uint32_t generation,
                       uint8_t out_check[static SHRED_CHECK_BYTES]) {
    struct frame frame;
    frame_init(&frame, "sluss shred check v1", federation);
    frame_put_u32(&frame, generation);
    struct hash message = frame_final(&frame);
    struct hash value = hash_hmac_sha256(secret_bytes(kek), hash_bytes(&message));
    memcpy(out_check, value.b, SHRED_CHECK_BYTES);
    secret_wipe(&value, sizeof value);
}

static struct hash slot_aad(const char *federation, uint32_t slot, uint32_t generation) {
    struct frame frame;
    frame_init(&frame, "sluss shred slot v1", federation);
    frame_put_u32(&frame, slot);
    frame_put_u32(&frame, generation);
    return frame_final(&frame);
}

enum status shred_slot_seal(const struct secret *kek, const char *federation, uint32_t slot, uint32_t generation,
                            const struct secret *key, struct shred_slot *out_slot) {
    ENSURE(secret_len(key) == SHRED_KEY_BYTES, STATUS_MALFORMED);
    struct hash aad = slot_aad(federation, slot, generation);
    struct shred_slot made = {.state = SHRED_KEY, .slot = slot, .generation = generation};
    TRY(aead_seal_into(kek, hash_bytes(&aad), secret_bytes(key), made.sealed, sizeof made.sealed));
    *out_slot = made;
    return STATUS_OK;
}

enum status shred_slot_open(const struct secret *kek, const char *federation, const struct shred_slot *slot,
                            struct secret **out_key) {
    ENSURE(slot->state == SHRED_KEY, STATUS_NOT_FOUND);
    struct hash aad = slot_aad(federation, slot->slot, slot->generation);
    enum status status = aead_open_secret(kek, hash_bytes(&aad), BYTES_ARRAY(slot->sealed), out_key);
    return status == STATUS_PROOF ? STATUS_INTEGRITY : status;
}

void shred_slot_destroyed(uint32_t slot, uint32_t generation, struct shred_slot *out_slot) {
    *out_slot = (struct shred_slot){.state = SHRED_DESTROYED, .slot = slot, .generation = generation};
    secret_random_public(out_slot->sealed, sizeof out_slot->sealed);
}
