/*
 * Records of a shred file. The first byte chooses header or slot, and whether the checksum is put right first, so that
 * the fuzzer gets past it. What parses must encode to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/shred_slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const uint8_t *encoded, struct bytes record) {
    if (!bytes_equal(BYTES(encoded, SHRED_RECORD_BYTES), record)) abort();
}

static void parse_header(struct bytes record) {
    struct shred_header header;
    uint8_t encoded[SHRED_RECORD_BYTES];
    if (shred_header_parse(record, &header) != STATUS_OK) return;
    shred_header_encode(&header, encoded);
    check_same(encoded, record);
}

static void parse_slot(struct bytes record) {
    struct shred_slot slot;
    uint8_t encoded[SHRED_RECORD_BYTES];
    if (shred_slot_parse(record, &slot) != STATUS_OK) return;
    shred_slot_encode(&slot, encoded);
    check_same(encoded, record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct bytes record = BYTES(data + 1, size - 1);
    uint8_t repaired[SHRED_RECORD_BYTES];
    if ((data[0] & 2) && record.len == SHRED_RECORD_BYTES) {
        memcpy(repaired, record.data, sizeof repaired);
        struct hash sum = hash_sha256(BYTES(repaired, SHRED_RECORD_BYTES - HASH_BYTES));
        memcpy(repaired + SHRED_RECORD_BYTES - HASH_BYTES, sum.b, HASH_BYTES);
        record = BYTES_ARRAY(repaired);
    }
    if (data[0] & 1) {
        parse_slot(record);
    } else {
        parse_header(record);
    }
    return 0;
}
