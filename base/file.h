/*
 * Files: whole reads with a bound, atomic durable replacement, positioned writes. Errors: STATUS_NOT_FOUND,
 * STATUS_PERMISSION, STATUS_TOO_LARGE, STATUS_DISK_FULL (ENOSPC, EDQUOT), STATUS_IO for the rest. Any thread.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"

/* Reads a regular file of at most max_bytes into the arena. STATUS_IO when it changes meanwhile. */
enum status file_read(const char *path, size_t max_bytes, struct arena *arena, struct bytes *out_content);

/* Reads a private file into secret memory. STATUS_PERMISSION when group or others have any right, when the owner is
 * not the effective user (or root), or when it is no regular file; STATUS_MALFORMED when empty. */
enum status file_read_secret(const char *path, size_t max_bytes, struct secret **out_content);

/* Writes path.tmp, fsync, rename, fsync of the directory: after STATUS_OK the new content survives power loss, before
 * it the old one stands. mode is applied exactly. One writer at a time for each path. */
enum status file_replace(const char *path, struct bytes content, mode_t mode);

/* As file_replace, but STATUS_CONFLICT when the file exists already. */
enum status file_create(const char *path, struct bytes content, mode_t mode);

/* Renames, replacing what stands at `to`, and syncs the directory of `to`. The content must be on disk already. */
enum status file_rename(const char *from, const char *to);

/* Makes one level; fine when it is there as a directory of this user with no looser mode. STATUS_CONFLICT when the name
 * is no directory, STATUS_PERMISSION for another owner or a looser mode. */
enum status file_make_dir(const char *path, mode_t mode);

/* Makes the names in a directory durable: for files that were just created in place. */
enum status file_sync_dir(const char *path);

/* All or STATUS_*; retried over EINTR and short transfers. Reading beyond the end is STATUS_IO. */
enum status file_pread_all(int fd, void *out, size_t len, uint64_t offset);
enum status file_pwrite_all(int fd, struct bytes from, uint64_t offset);
enum status file_sync_data(int fd);

/* The status that an errno value means. */
enum status file_status(int error);

#endif
