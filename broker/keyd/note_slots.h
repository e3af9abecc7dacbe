/*
 * The last signed note, in a file of two 4 KiB slots that are written in turn: u64 sequence, u32 length, note, zeros,
 * 32-byte SHA-256 over all before it. The slot with a valid checksum and the higher sequence counts, so that a write
 * cut short by a crash leaves the one before.
 */
#ifndef BROKER_KEYD_NOTE_SLOTS_H
#define BROKER_KEYD_NOTE_SLOTS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

#define NOTE_SLOTS_NOTE_MAX (4096 - 8 - 4 - 32)

struct note_slots {
    int fd;
    uint64_t sequence; /* of the newest valid slot; 0: none */
};

/* Opens or creates (mode 0600). STATUS_INTEGRITY when the file has more than one slot and none is valid: a single slot
 * can be the first write, cut short. */
enum status note_slots_open(const char *path, struct note_slots *out_slots);

/* The newest note; empty when there is none yet. STATUS_INTEGRITY when the file no longer holds the note that was
 * opened or written last. */
enum status note_slots_read(const struct note_slots *slots, struct arena *arena, struct bytes *out_note);

/* Durable when it returns STATUS_OK. STATUS_TOO_LARGE, STATUS_IO, STATUS_DISK_FULL. */
enum status note_slots_write(struct note_slots *slots, struct bytes note);

/* One slot's bytes: its sequence and a view of its note. STATUS_INTEGRITY when it is not valid. */
enum status note_slots_parse(struct bytes slot, uint64_t *out_sequence, struct bytes *out_note);

#endif
