/*
 * Any bytes as a slot: as they are, and with the checksum put right behind them, so that the fuzzer gets past it. What
 * is read lies within the slot.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/keyd/note_slots.h"
#include "keys/hash.h"

#define SLOT_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct bytes slot) {
    uint64_t sequence = 0;
    struct bytes note;
    if (note_slots_parse(slot, &sequence, &note) != STATUS_OK) return;
    if (sequence == 0 || note.len > NOTE_SLOTS_NOTE_MAX) abort();
    if (note.len > 0 && (note.data < slot.data || note.data + note.len > slot.data + SLOT_BYTES - 32)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t slot[SLOT_BYTES] = {0};
    check(BYTES(data, size));
    memcpy(slot, data, size < SLOT_BYTES - 32 ? size : SLOT_BYTES - 32);
    struct hash sum = hash_sha256(BYTES(slot, SLOT_BYTES - 32));
    memcpy(slot + SLOT_BYTES - 32, sum.b, sizeof sum.b);
    check(BYTES_ARRAY(slot));
    return 0;
}
