/*
 * The store in LMDB: one directory with data.mdb and lock.mdb.
 *
 * Every commit syncs data and then the meta page; no option turns that off. The directory is locked while the store is
 * open: one owner on a machine. Local file systems only.
 */
#ifndef BASE_STORE_LMDB_H
#define BASE_STORE_LMDB_H

#include <stdint.h>

#include "base/status.h"
#include "base/store.h"

#define STORE_LMDB_MAP_DEFAULT_BYTES ((uint64_t)1 << 40)
#define STORE_LMDB_READERS           256

struct store_lmdb_settings {
    const char *path;       /* directory; made with mode 0700 when missing */
    const char *federation; /* 1 to 253 bytes */
    uint64_t map_bytes;     /* address space, not disk; 0: the default of 1 TiB */
    struct store_tables tables;
};

/* STATUS_CONFLICT when another process (or this one) has it open; STATUS_PERMISSION; STATUS_VERSION and
 * STATUS_FEDERATION when it was written by another format or for another federation; STATUS_INTEGRITY when it is no
 * store; STATUS_DISK_FULL; STATUS_IO. The caller closes. */
enum status store_lmdb_open(const struct store_lmdb_settings *settings, struct store **out_store);

#endif
