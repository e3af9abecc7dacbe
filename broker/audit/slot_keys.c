/*
 * Owns one secret for each slot. A file is read in pieces that end between keys, so that no piece of it lies outside
 * secret memory for longer than its parsing takes.
 */
#include "broker/audit/slot_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "broker/audit/table.h"
#include "proto/internal_msg.h"

#define PIECE_BYTES   65536
#define PIECE_ARENA   ((size_t)1 << 20)
#define KEY_TAG       0x0a /* field 1 of SlotKeys, length-delimited */
#define KEY_BYTES_MAX 127  /* of one SlotKey: so its length takes one byte */

struct slot_row {
    uint64_t slot;
    struct secret *key;
};

struct slot_keys_ring {
    struct table rows;
};

struct slot_keys_ring *slot_keys_new(void) {
    struct slot_keys_ring *ring = calloc(1, sizeof *ring);
    if (ring) table_init(&ring->rows, sizeof(uint64_t), sizeof(struct slot_row));
    return ring;
}

void slot_keys_free(struct slot_keys_ring *ring) {
    if (!ring) return;
    for (uint32_t i = 0; i < ring->rows.count; i++) {
        struct slot_row *row = table_at(&ring->rows, i);
        secret_free(row->key);
    }
    table_clear(&ring->rows);
    free(ring);
}

static enum status keep(struct slot_keys_ring *ring, const struct slot_key *from) {
    struct slot_row *row = table_require(&ring->rows, &from->slot);
    ENSURE(row, STATUS_MEMORY);
    ENSURE(!row->key, STATUS_CONFLICT);
    row->key = secret_from(from->key);
    return row->key ? STATUS_OK : STATUS_MEMORY;
}

enum status slot_keys_add(struct slot_keys_ring *ring, struct bytes encoded) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PIECE_ARENA + 8 * encoded.len);
    ENSURE(arena, STATUS_MEMORY);
    struct slot_keys keys = {.n_keys = 0};
    TRY(internal_slot_keys_parse(arena, encoded, &keys));
    struct slot_keys wiped = keys;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < keys.n_keys && status == STATUS_OK; i++) {
        status = keep(ring, &keys.keys[i]);
    }
    internal_slot_keys_wipe(&wiped);
    return status;
}

const struct secret *slot_keys_get(const struct slot_keys_ring *ring, uint64_t slot) {
    const struct slot_row *row = table_find(&ring->rows, &slot);
    return row ? row->key : NULL;
}

/* How many bytes of the piece are whole keys. STATUS_MALFORMED for what begins no key. */
static enum status whole_keys(struct bytes piece, size_t *out_len) {
    size_t len = 0;
    while (piece.len - len >= 2) {
        ENSURE(piece.data[len] == KEY_TAG && piece.data[len + 1] <= KEY_BYTES_MAX, STATUS_MALFORMED);
        size_t end = len + 2 + piece.data[len + 1];
        if (end > piece.len) break;
        len = end;
    }
    *out_len = len;
    return STATUS_OK;
}

static enum status check_private(int fd) {
    struct stat stat;
    ENSURE(fstat(fd, &stat) == 0, file_status(errno));
    ENSURE(S_ISREG(stat.st_mode) && (stat.st_mode & 077) == 0, STATUS_PERMISSION);
    ENSURE(stat.st_uid == geteuid() || stat.st_uid == 0, STATUS_PERMISSION);
    return STATUS_OK;
}

/* Fills the piece behind what it holds; *out_got 0 at the end of the file. */
static enum status read_more(int fd, uint8_t *piece, size_t held, size_t *out_got) {
    ssize_t got = 0;
    do {
        got = read(fd, piece + held, PIECE_BYTES - held);
    } while (got < 0 && errno == EINTR);
    ENSURE(got >= 0, file_status(errno));
    *out_got = (size_t)got;
    return STATUS_OK;
}

enum status slot_keys_read(struct slot_keys_ring *ring, const char *path) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC);
    ENSURE(fd >= 0, file_status(errno));
    TRY(check_private(fd));
    struct secret *memory CLEANUP(secret_free_cleanup) = secret_new(PIECE_BYTES);
    ENSURE(memory, STATUS_MEMORY);
    uint8_t *piece = secret_data(memory);
    size_t held = 0;
    for (;;) {
        size_t got = 0;
        size_t whole = 0;
        TRY(read_more(fd, piece, held, &got));
        if (got == 0) break;
        held += got;
        TRY(whole_keys(BYTES(piece, held), &whole));
        TRY(slot_keys_add(ring, BYTES(piece, whole)));
        memmove(piece, piece + whole, held - whole);
        held -= whole;
    }
    return held == 0 ? STATUS_OK : STATUS_MALFORMED;
}
