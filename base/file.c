/*
 * Files. Owns nothing beyond one call. Trusts the kernel that fsync means it.
 *
 * Invariant of replacement: at any moment the name holds the whole old content or the whole new one. One writer at a
 * time for each path: two would share the temporary name.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"

static const struct {
    int error;
    enum status status;
} file_statuses[] = {
    {ENOENT, STATUS_NOT_FOUND}, {ENOTDIR, STATUS_NOT_FOUND}, {EACCES, STATUS_PERMISSION}, {EPERM, STATUS_PERMISSION},
    {EROFS, STATUS_PERMISSION}, {EEXIST, STATUS_CONFLICT},   {EFBIG, STATUS_TOO_LARGE},   {ENOSPC, STATUS_DISK_FULL},
    {EDQUOT, STATUS_DISK_FULL}, {ENOMEM, STATUS_MEMORY},
};

enum status file_status(int error) {
    for (size_t i = 0; i < sizeof file_statuses / sizeof file_statuses[0]; i++) {
        if (file_statuses[i].error == error) return file_statuses[i].status;
    }
    return STATUS_IO;
}

/* Non-blocking, so that a FIFO in the file's place does not hold the caller. */
static enum status file_open_regular(const char *path, int *out_fd, struct stat *out_stat) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ENSURE(fd >= 0, file_status(errno));
    struct stat found;
    ENSURE(fstat(fd, &found) == 0, file_status(errno));
    *out_fd = fd;
    *out_stat = found;
    fd = -1;
    return STATUS_OK;
}

/* Reads size bytes and looks that the file ends there. */
static enum status file_read_exactly(int fd, void *out, size_t size) {
    TRY(file_pread_all(fd, out, size, 0));
    uint8_t beyond = 0;
    ENSURE(pread(fd, &beyond, 1, (off_t)size) == 0, STATUS_IO);
    return STATUS_OK;
}

enum status file_read(const char *path, size_t max_bytes, struct arena *arena, struct bytes *out_content) {
    int fd CLEANUP(cleanup_fd) = -1;
    struct stat found;
    TRY(file_open_regular(path, &fd, &found));
    ENSURE(S_ISREG(found.st_mode), STATUS_IO);
    ENSURE((uint64_t)found.st_size <= max_bytes, STATUS_TOO_LARGE);
    size_t size = (size_t)found.st_size;
    uint8_t *content = arena_alloc(arena, size);
    ENSURE(content, STATUS_MEMORY);
    TRY(file_read_exactly(fd, content, size));
    *out_content = BYTES(content, size);
    return STATUS_OK;
}

/* Only its owner may do anything with it, and the owner is this process's user or root. */
static enum status file_check_private(const struct stat *found) {
    ENSURE(S_ISREG(found->st_mode), STATUS_PERMISSION);
    ENSURE((found->st_mode & (S_IRWXG | S_IRWXO)) == 0, STATUS_PERMISSION);
    ENSURE(found->st_uid == geteuid() || found->st_uid == 0, STATUS_PERMISSION);
    return STATUS_OK;
}

enum status file_read_secret(const char *path, size_t max_bytes, struct secret **out_content) {
    int fd CLEANUP(cleanup_fd) = -1;
    struct stat found;
    TRY(file_open_regular(path, &fd, &found));
    TRY(file_check_private(&found));
    ENSURE((uint64_t)found.st_size <= max_bytes, STATUS_TOO_LARGE);
    ENSURE(found.st_size > 0, STATUS_MALFORMED);
    struct secret *content CLEANUP(secret_free_cleanup) = secret_new((size_t)found.st_size);
    ENSURE(content, STATUS_MEMORY);
    TRY(file_read_exactly(fd, secret_data(content), secret_len(content)));
    *out_content = MOVE(content);
    return STATUS_OK;
}

/* The directory that holds path, so that names added, renamed or removed in it can be made durable. */
static enum status file_open_parent(const char *path, int *out_fd) {
    const char *slash = strrchr(path, '/');
    char *parent CLEANUP(cleanup_free) =
        slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    ENSURE(parent, STATUS_MEMORY);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, file_status(errno));
    *out_fd = fd;
    return STATUS_OK;
}

static enum status file_sync(int fd) {
    ENSURE(fsync(fd) == 0, file_status(errno));
    return STATUS_OK;
}

/* A new file of this content, on disk; left by a crash, an older one of that name goes first. */
static enum status file_write_new(const char *path, struct bytes content, mode_t mode) {
    ENSURE(unlink(path) == 0 || errno == ENOENT, file_status(errno));
    int fd CLEANUP(cleanup_fd) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0700);
    ENSURE(fd >= 0, file_status(errno));
    TRY(file_pwrite_all(fd, content, 0));
    ENSURE(fchmod(fd, mode) == 0, file_status(errno));
    return file_sync(fd);
}

/* rename_flags as renameat2 takes them. */
static enum status file_write_and_rename(const char *from, const char *to, struct bytes content, mode_t mode,
                                         unsigned rename_flags) {
    TRY(file_write_new(from, content, mode));
    ENSURE(renameat2(AT_FDCWD, from, AT_FDCWD, to, rename_flags) == 0, file_status(errno));
    return STATUS_OK;
}

static enum status file_put(const char *path, struct bytes content, mode_t mode, unsigned rename_flags) {
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    ENSURE(len > 0 && len < PATH_MAX, STATUS_TOO_LARGE);
    int parent CLEANUP(cleanup_fd) = -1;
    TRY(file_open_parent(path, &parent));
    enum status put = file_write_and_rename(temporary, path, content, mode, rename_flags);
    if (put != STATUS_OK) {
        (void)unlink(temporary);
        return put;
    }
    return file_sync(parent);
}

enum status file_replace(const char *path, struct bytes content, mode_t mode) {
    return file_put(path, content, mode, 0);
}

enum status file_create(const char *path, struct bytes content, mode_t mode) {
    return file_put(path, content, mode, RENAME_NOREPLACE);
}

enum status file_rename(const char *from, const char *to) {
    int parent CLEANUP(cleanup_fd) = -1;
    TRY(file_open_parent(to, &parent));
    ENSURE(rename(from, to) == 0, file_status(errno));
    return file_sync(parent);
}

static enum status file_check_dir(const char *path, mode_t mode) {
    struct stat found;
    ENSURE(stat(path, &found) == 0, file_status(errno));
    ENSURE(S_ISDIR(found.st_mode), STATUS_CONFLICT);
    ENSURE(found.st_uid == geteuid(), STATUS_PERMISSION);
    ENSURE((found.st_mode & 07777 & ~mode) == 0, STATUS_PERMISSION);
    return STATUS_OK;
}

enum status file_make_dir(const char *path, mode_t mode) {
    int parent CLEANUP(cleanup_fd) = -1;
    TRY(file_open_parent(path, &parent));
    if (mkdir(path, mode & 0700) != 0) {
        ENSURE(errno == EEXIST, file_status(errno));
        return file_check_dir(path, mode);
    }
    ENSURE(chmod(path, mode) == 0, file_status(errno));
    return file_sync(parent);
}

enum status file_sync_dir(const char *path) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, file_status(errno));
    return file_sync(fd);
}

/* The end of the range must be a possible file offset. */
static enum status file_check_range(size_t len, uint64_t offset) {
    uint64_t end = 0;
    TRY(checked_add_u64(offset, len, &end));
    ENSURE(end <= INT64_MAX, STATUS_TOO_LARGE);
    return STATUS_OK;
}

enum status file_pread_all(int fd, void *out, size_t len, uint64_t offset) {
    TRY(file_check_range(len, offset));
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = pread(fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        ENSURE(got >= 0, file_status(errno));
        ENSURE(got > 0, STATUS_IO);
        at += got;
        len -= (size_t)got;
        offset += (uint64_t)got;
    }
    return STATUS_OK;
}

enum status file_pwrite_all(int fd, struct bytes from, uint64_t offset) {
    TRY(file_check_range(from.len, offset));
    while (from.len > 0) {
        ssize_t put = pwrite(fd, from.data, from.len, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        ENSURE(put >= 0, file_status(errno));
        from.data += put;
        from.len -= (size_t)put;
        offset += (uint64_t)put;
    }
    return STATUS_OK;
}

enum status file_sync_data(int fd) {
    ENSURE(fdatasync(fd) == 0, file_status(errno));
    return STATUS_OK;
}
