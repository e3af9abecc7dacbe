/*
 * The store: tables of bytes with transactions, behind which nobody knows the engine. Who opens a store names its
 * tables; core's and the agent's are lists of their own.
 *
 * Take care of these first:
 * - A write function may run more than once and must have no effect outside the transaction until store_write says
 *   STATUS_OK. It must not wait for anything.
 * - A transaction keeps its first failure: later calls do nothing and return it, and it cannot commit. Not kept are
 *   STATUS_NOT_FOUND and a full arena of the caller (STATUS_MEMORY from get, get_many and scan), for then nothing is
 *   wrong with the transaction.
 * - There is no partial undo: decide first, then write.
 * - Never fork a process that has an open store and go on using it in the child.
 * - STATUS_UNKNOWN from store_write: whether the batch stands shows only when the store is opened again
 *   (store_last_batch). Until then every call fails with STATUS_IO.
 *
 * Keys have 1 to STORE_KEY_MAX bytes, ordered as bytes; values 1 to STORE_VALUE_MAX bytes. What is read is copied into
 * the caller's arena and stays valid as long as that. Views passed in are not kept. In the first table, keys that begin
 * with "store/" are the store's own.
 */
#ifndef BASE_STORE_H
#define BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

#define STORE_KEY_MAX   511
#define STORE_VALUE_MAX ((size_t)2 << 20)
/* Rows that one scan gives at most. */
#define STORE_SCAN_MAX ((size_t)4096)

#define STORE_TABLES_MAX 64

struct store;
struct store_txn;

/* STORE_GROWS marks a table whose new keys are nearly always greater than all others: pages are then filled from left
 * to right. It is a hint, any key is accepted. */
enum store_growth { STORE_SCATTERED, STORE_GROWS };

struct store_form {
    const char *name; /* on disk, for ever */
    uint16_t version; /* of what the table's values look like; another one is refused at opening */
    enum store_growth growth;
};

/* A program's tables, known by their index. The first holds the store's own rows. 1 to STORE_TABLES_MAX. Static: the
 * store keeps the view. A table added at the end is made, empty, in an older store. */
struct store_tables {
    const struct store_form *items;
    size_t count;
};

/* Runs inside a transaction; its status is the transaction's. arg is the caller's. */
typedef enum status (*store_fn)(struct store_txn *txn, void *arg);

/* No call may be running in any thread. Takes NULL. */
void store_close(struct store *store);
CLEANUP_POINTER(struct store, store_close)

/*
 * Runs fn in a write transaction and commits durably. One writer at a time, others wait; any thread, but never inside
 * another transaction of the same thread.
 *   STATUS_OK         committed: survives kill -9 and power loss
 *   STATUS_RETRY      nothing changed, the engine asks to come again (it has tried three times)
 *   STATUS_FENCED     nothing changed, another process owns the store now: stop the role
 *   STATUS_UNKNOWN    committed or not, see above
 *   STATUS_DISK_FULL  nothing changed: disk or map is full
 *   any other         nothing changed: what fn returned, or the first failure of the transaction
 */
enum status store_write(struct store *store, store_fn fn, void *arg);

/* Runs fn in a read transaction: it sees one committed state throughout. Writing in it is STATUS_INVALID. Any number
 * of threads up to the engine's bound (256 for LMDB), then STATUS_LIMIT. Keep it short: what it sees cannot be freed.
 */
enum status store_read(struct store *store, store_fn fn, void *arg);

/* STATUS_NOT_FOUND when there is no such key. */
enum status store_get(struct store_txn *txn, unsigned table, struct bytes key, struct arena *arena,
                      struct bytes *out_value);
/* The same into memory of the caller, for small rows; STATUS_TOO_LARGE, which is not kept, above cap bytes. */
enum status store_get_into(struct store_txn *txn, unsigned table, struct bytes key, void *memory, size_t cap,
                           struct bytes *out_value);
/* Whether the key is there, without copying. */
enum status store_has(struct store_txn *txn, unsigned table, struct bytes key, bool *out_present);
/* An array of count values in the order of the keys; BYTES_EMPTY where there is none. */
enum status store_get_many(struct store_txn *txn, unsigned table, const struct bytes *keys, size_t count,
                           struct arena *arena, const struct bytes **out_values);
/* Inserts or replaces. STATUS_INVALID for a key or value outside the bounds, STATUS_DISK_FULL. */
enum status store_put(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value);
/* Removes; fine when there is none. */
enum status store_delete(struct store_txn *txn, unsigned table, struct bytes key);

enum store_direction { STORE_ASCENDING, STORE_DESCENDING };

/* Rows with from <= key < to, at most limit. An empty from is the first key, an empty to is beyond the last. A prefix,
 * when given, narrows the range to the keys that begin with it. */
struct store_range {
    unsigned table;
    struct bytes prefix;
    struct bytes from;
    struct bytes to;
    size_t limit; /* 1 to STORE_SCAN_MAX, otherwise STATUS_INVALID */
    enum store_direction direction;
};

struct store_row {
    struct bytes key;
    struct bytes value;
};

struct store_rows {
    const struct store_row *items;
    size_t count; /* 0 when there are none: not an error */
};

/* In the direction asked for: descending begins with the greatest key below `to`. No cursor outlives the call: go on
 * from the last key (ascending: append one zero byte to it; descending: it is the next `to`). */
enum status store_scan(struct store_txn *txn, const struct store_range *range, struct arena *arena,
                       struct store_rows *out_rows);

/* The number of this write: one more than that of the last committed write. 0 in a read transaction. */
uint64_t store_txn_batch(const struct store_txn *txn);
/* How many rows this transaction has put or deleted so far: whether something was written since one looked last. */
uint64_t store_txn_writes(const struct store_txn *txn);
/* The first failure of this transaction, STATUS_OK while there is none. */
enum status store_txn_status(const struct store_txn *txn);
/* The number of the last committed write: a write with a number up to this stands. */
enum status store_last_batch(struct store *store, uint64_t *out_batch);

/* The epoch that the store's tables name. */
uint64_t store_epoch(const struct store *store);
/* Opens a higher epoch in every table's meta (after a restore); store_epoch shows it after the commit of this
 * transaction and the next opening. STATUS_INVALID when it is not higher. */
enum status store_begin_epoch(struct store_txn *txn, uint64_t epoch);

struct store_space {
    uint64_t used_bytes;      /* pages in use; pages that were freed and wait for reuse do not count */
    uint64_t map_bytes;       /* the store cannot grow beyond this */
    uint64_t disk_free_bytes; /* what this user may still write on the file system */
};
enum status store_space(struct store *store, struct store_space *out_space);

/* Writes a consistent, compacted copy to a file descriptor while the store is in use, durably when it is a regular
 * file. STATUS_UNSUPPORTED by engines without files, STATUS_DISK_FULL, STATUS_IO. Runs as long as it takes. */
enum status store_copy(struct store *store, int fd);

#endif
