/*
 * Trusts the checksum to tell a slot that was written whole from one that was not; nobody but keyd's user can write the
 * file.
 */
#include "broker/keyd/note_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "keys/hash.h"

#define SLOT_BYTES 4096
#define SUM_AT     (SLOT_BYTES - 32)

enum status note_slots_parse(struct bytes slot, uint64_t *out_sequence, struct bytes *out_note) {
    ENSURE(slot.len == SLOT_BYTES, STATUS_INTEGRITY);
    struct hash sum = hash_sha256(BYTES(slot.data, SUM_AT));
    ENSURE(bytes_equal_ct(hash_bytes(&sum), BYTES(slot.data + SUM_AT, 32)), STATUS_INTEGRITY);
    struct reader reader = reader_init(BYTES(slot.data, SUM_AT));
    uint64_t sequence = reader_u64(&reader);
    struct bytes note = reader_vector(&reader, NOTE_SLOTS_NOTE_MAX);
    ENSURE(reader.status == STATUS_OK && sequence > 0, STATUS_INTEGRITY);
    *out_sequence = sequence;
    *out_note = note;
    return STATUS_OK;
}

/* The newest valid slot into memory; sequence 0 when neither is valid. */
static enum status read_newest(int fd, uint8_t memory[SLOT_BYTES], uint64_t *out_sequence) {
    uint64_t newest = 0;
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t slot[SLOT_BYTES];
        if (file_pread_all(fd, slot, sizeof slot, i * SLOT_BYTES) != STATUS_OK) continue;
        uint64_t sequence = 0;
        struct bytes note;
        if (note_slots_parse(BYTES_ARRAY(slot), &sequence, &note) != STATUS_OK || sequence <= newest) continue;
        memcpy(memory, slot, sizeof slot);
        newest = sequence;
    }
    *out_sequence = newest;
    return STATUS_OK;
}

enum status note_slots_open(const char *path, struct note_slots *out_slots) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return file_status(errno);
    struct stat info;
    ENSURE(fstat(fd, &info) == 0, STATUS_IO);
    ENSURE((info.st_mode & 077) == 0, STATUS_PERMISSION);
    uint8_t memory[SLOT_BYTES];
    struct note_slots slots = {.fd = -1};
    TRY(read_newest(fd, memory, &slots.sequence));
    /* A first write that was cut short leaves at most one slot behind. */
    ENSURE(slots.sequence > 0 || info.st_size <= SLOT_BYTES, STATUS_INTEGRITY);
    slots.fd = fd;
    fd = -1;
    *out_slots = slots;
    return STATUS_OK;
}

enum status note_slots_read(const struct note_slots *slots, struct arena *arena, struct bytes *out_note) {
    uint8_t memory[SLOT_BYTES];
    uint64_t sequence = 0;
    struct bytes note = BYTES_EMPTY;
    TRY(read_newest(slots->fd, memory, &sequence));
    ENSURE(sequence == slots->sequence, STATUS_INTEGRITY);
    if (sequence > 0) TRY(note_slots_parse(BYTES_ARRAY(memory), &sequence, &note));
    return arena_copy(arena, note, out_note);
}

enum status note_slots_write(struct note_slots *slots, struct bytes note) {
    ENSURE(note.len <= NOTE_SLOTS_NOTE_MAX, STATUS_TOO_LARGE);
    uint8_t slot[SLOT_BYTES] = {0};
    struct writer writer = writer_init(slot, SUM_AT);
    writer_u64(&writer, slots->sequence + 1);
    writer_vector(&writer, note);
    struct bytes written;
    TRY(writer_end(&writer, &written));
    struct hash sum = hash_sha256(BYTES(slot, SUM_AT));
    memcpy(slot + SUM_AT, sum.b, sizeof sum.b);
    TRY(file_pwrite_all(slots->fd, BYTES_ARRAY(slot), (slots->sequence % 2) * SLOT_BYTES));
    TRY(file_sync_data(slots->fd));
    slots->sequence++;
    return STATUS_OK;
}
