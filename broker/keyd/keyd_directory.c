/*
 * Trusts the file no more than core: every entry is verified from the pinned keys when the file is read.
 */
#include "broker/keyd/keyd_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "proto/multi_signed.h"

#define ENTRY_MAX    65536
#define PREFIX_BYTES 4

struct keyd_directory {
    int fd;
    uint64_t end; /* bytes of whole entries */
    struct directory *directory;
};

/* One entry at `end`: STATUS_NOT_FOUND where no prefix was written any more. */
static enum status read_entry(const struct keyd_directory *directory, uint64_t size, uint8_t *memory,
                              struct bytes *out_entry) {
    uint8_t prefix[PREFIX_BYTES];
    ENSURE(size - directory->end >= sizeof prefix, STATUS_NOT_FOUND);
    TRY(file_pread_all(directory->fd, prefix, sizeof prefix, directory->end));
    struct reader reader = reader_init(BYTES_ARRAY(prefix));
    size_t len = reader_u32(&reader);
    ENSURE(len > 0, STATUS_NOT_FOUND);
    ENSURE(len <= ENTRY_MAX && len <= size - directory->end - sizeof prefix, STATUS_INTEGRITY);
    TRY(file_pread_all(directory->fd, memory, len, directory->end + sizeof prefix));
    *out_entry = BYTES(memory, len);
    return STATUS_OK;
}

static enum status take(struct keyd_directory *directory, struct bytes entry) {
    struct directory *next = NULL;
    TRY(directory_copy_with(directory->directory, entry, &next));
    directory_unref(directory->directory);
    directory->directory = next;
    directory->end += PREFIX_BYTES + entry.len;
    return STATUS_OK;
}

static enum status read_all(struct keyd_directory *directory, uint64_t size) {
    uint8_t *memory CLEANUP(cleanup_free) = malloc(ENTRY_MAX);
    ENSURE(memory, STATUS_MEMORY);
    for (;;) {
        struct bytes entry;
        enum status status = read_entry(directory, size, memory, &entry);
        if (status == STATUS_NOT_FOUND) return STATUS_OK;
        TRY(status);
        status = take(directory, entry);
        ENSURE(status == STATUS_OK, status == STATUS_MEMORY ? status : STATUS_INTEGRITY);
    }
}

static enum status open_file(struct keyd_directory *directory, const char *path) {
    directory->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (directory->fd < 0) return file_status(errno);
    struct stat info;
    ENSURE(fstat(directory->fd, &info) == 0, STATUS_IO);
    ENSURE((info.st_mode & 077) == 0, STATUS_PERMISSION);
    return read_all(directory, (uint64_t)info.st_size);
}

enum status keyd_directory_open(const char *path, const char *federation, const struct sign_public *authority,
                                size_t n_authority, uint32_t threshold, struct keyd_directory **out_directory) {
    struct keyd_directory *directory = calloc(1, sizeof *directory);
    ENSURE(directory, STATUS_MEMORY);
    directory->fd = -1;
    directory->directory = directory_new(federation, authority, n_authority, threshold);
    enum status status = directory->directory ? open_file(directory, path) : STATUS_SETTINGS;
    if (status != STATUS_OK) {
        keyd_directory_close(directory);
        return status;
    }
    *out_directory = directory;
    return STATUS_OK;
}

void keyd_directory_close(struct keyd_directory *directory) {
    if (!directory) return;
    cleanup_fd(&directory->fd);
    directory_unref(directory->directory);
    free(directory);
}

static bool is_newest(const struct keyd_directory *directory, struct bytes entry) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 * (size_t)ENTRY_MAX);
    struct multi_signed object;
    if (!arena || multi_signed_parse(arena, entry, &object) != STATUS_OK) return false;
    struct hash hash = hash_sha256(object.body);
    struct hash head = directory_head(directory->directory);
    return directory_sequence(directory->directory) > 0 && hash_equal(&hash, &head);
}

/* What an earlier attempt left behind goes first, so that behind the new entry there is nothing. */
static enum status append(struct keyd_directory *directory, struct bytes entry) {
    uint8_t prefix[PREFIX_BYTES];
    struct writer writer = writer_init(prefix, sizeof prefix);
    writer_u32(&writer, (uint32_t)entry.len);
    TRY(writer.status);
    ENSURE(ftruncate(directory->fd, (off_t)directory->end) == 0, file_status(errno));
    TRY(file_pwrite_all(directory->fd, entry, directory->end + sizeof prefix));
    TRY(file_sync_data(directory->fd));
    TRY(file_pwrite_all(directory->fd, BYTES_ARRAY(prefix), directory->end));
    return file_sync_data(directory->fd);
}

enum status keyd_directory_add(struct keyd_directory *directory, struct bytes entry) {
    ENSURE(entry.len > 0 && entry.len <= ENTRY_MAX, STATUS_TOO_LARGE);
    if (is_newest(directory, entry)) return STATUS_OK;
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    TRY(directory_copy_with(directory->directory, entry, &next));
    TRY(append(directory, entry));
    directory_unref(directory->directory);
    directory->directory = MOVE(next);
    directory->end += PREFIX_BYTES + entry.len;
    return STATUS_OK;
}

const struct directory *keyd_directory_get(const struct keyd_directory *directory) { return directory->directory; }
