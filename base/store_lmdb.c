/*
 * The store in LMDB (0.9). Owns the environment, a lock on its directory, and a pool of read transactions that are
 * reset and renewed rather than made anew.
 *
 * Trusts: LMDB and the file system below it to keep what a sync has confirmed. MDB_NOSYNC, MDB_NOMETASYNC,
 * MDB_MAPASYNC, MDB_WRITEMAP and MDB_NOMEMINIT (which lets stale heap memory reach the disk) are never set. MDB_NOTLS
 * ties a reader slot to its transaction, so that any worker can take one from the pool.
 *
 * Invariants: `broken` is set once the environment cannot say whether a commit stands, and nothing is read or written
 * after that. A transaction in the pool is reset: it holds a reader slot but no snapshot.
 */
#include "base/store_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/file.h"
#include "base/store_engine.h"

/* LMDB reports a short write as EIO; with less space left than this it means a full disk. */
#define LMDB_FULL_BELOW_BYTES ((uint64_t)1 << 20)

struct lmdb_txn {
    struct store_txn base;
    MDB_txn *handle;
};

struct lmdb_store {
    struct store base;
    MDB_env *env;
    MDB_dbi tables[STORE_TABLES_MAX];
    uint64_t map_bytes;
    int dir_fd; /* holds the lock */
    atomic_bool broken;
    pthread_mutex_t pool_mutex; /* guards pool and pool_count */
    struct lmdb_txn *pool[STORE_LMDB_READERS];
    size_t pool_count;
};

static struct lmdb_store *store_of(struct store *store) { return (struct lmdb_store *)store; }

static struct lmdb_txn *txn_of(struct store_txn *txn) { return (struct lmdb_txn *)txn; }

static MDB_val val_of(struct bytes from) { return (MDB_val){.mv_size = from.len, .mv_data = (void *)from.data}; }

static struct bytes bytes_of(MDB_val from) { return BYTES(from.mv_data, from.mv_size); }

static enum status lmdb_status(int code) {
    static const struct {
        int code;
        enum status status;
    } codes[] = {
        {0, STATUS_OK},
        {MDB_NOTFOUND, STATUS_NOT_FOUND},
        {MDB_MAP_FULL, STATUS_DISK_FULL},
        {MDB_TXN_FULL, STATUS_TOO_LARGE},
        {MDB_READERS_FULL, STATUS_LIMIT},
        {MDB_BAD_VALSIZE, STATUS_INVALID},
        {MDB_VERSION_MISMATCH, STATUS_VERSION},
        {MDB_INVALID, STATUS_INTEGRITY},
        {MDB_CORRUPTED, STATUS_INTEGRITY},
        {MDB_PAGE_NOTFOUND, STATUS_INTEGRITY},
        {ENOMEM, STATUS_MEMORY},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == code) return codes[i].status;
    }
    return code > 0 ? file_status(code) : STATUS_IO;
}

/* A transaction from the pool, or NULL. */
static struct lmdb_txn *pool_take(struct lmdb_store *store) {
    struct lmdb_txn *txn = NULL;
    if (pthread_mutex_lock(&store->pool_mutex) != 0) abort();
    if (store->pool_count > 0) txn = store->pool[--store->pool_count];
    (void)pthread_mutex_unlock(&store->pool_mutex);
    return txn;
}

static void txn_free(struct lmdb_txn *txn) {
    if (!txn) return;
    if (txn->handle) mdb_txn_abort(txn->handle);
    free(txn);
}
CLEANUP_POINTER(struct lmdb_txn, txn_free)

static void pool_give(struct lmdb_store *store, struct lmdb_txn *txn) {
    mdb_txn_reset(txn->handle);
    if (pthread_mutex_lock(&store->pool_mutex) != 0) abort();
    bool kept = store->pool_count < STORE_LMDB_READERS;
    if (kept) store->pool[store->pool_count++] = txn;
    (void)pthread_mutex_unlock(&store->pool_mutex);
    if (!kept) txn_free(txn);
}

static enum status txn_new(struct lmdb_store *store, enum store_mode mode, struct lmdb_txn **out_txn) {
    struct lmdb_txn *txn CLEANUP(txn_free_cleanup) = calloc(1, sizeof *txn);
    ENSURE(txn, STATUS_MEMORY);
    TRY(lmdb_status(mdb_txn_begin(store->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &txn->handle)));
    txn->base = (struct store_txn){.store = &store->base, .mode = mode};
    *out_txn = MOVE(txn);
    return STATUS_OK;
}

static enum status lmdb_begin(struct store *base, enum store_mode mode, struct store_txn **out_txn) {
    struct lmdb_store *store = store_of(base);
    ENSURE(!atomic_load_explicit(&store->broken, memory_order_relaxed), STATUS_IO);
    struct lmdb_txn *txn CLEANUP(txn_free_cleanup) = mode == STORE_READ ? pool_take(store) : NULL;
    if (txn) {
        TRY(lmdb_status(mdb_txn_renew(txn->handle)));
        txn->base.status = STATUS_OK;
    } else {
        TRY(txn_new(store, mode, &txn));
    }
    *out_txn = &MOVE(txn)->base;
    return STATUS_OK;
}

static void lmdb_abort(struct store_txn *base) {
    if (base->mode == STORE_READ) {
        pool_give(store_of(base->store), txn_of(base));
    } else {
        txn_free(txn_of(base));
    }
}

static uint64_t disk_free_bytes(const struct lmdb_store *store) {
    struct statvfs found;
    return fstatvfs(store->dir_fd, &found) == 0 ? (uint64_t)found.f_bavail * found.f_frsize : UINT64_MAX;
}

/* LMDB refuses every new transaction once it could not write a meta page. */
static bool env_lost(struct lmdb_store *store) {
    MDB_txn *probe = NULL;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &probe);
    if (code == 0) mdb_txn_abort(probe);
    return code == MDB_PANIC;
}

/* A commit that failed before the meta page was written has changed nothing. */
static enum status commit_failed(struct lmdb_store *store, int code) {
    if (env_lost(store)) {
        atomic_store(&store->broken, true);
        return STATUS_UNKNOWN;
    }
    if (code == EIO && disk_free_bytes(store) < LMDB_FULL_BELOW_BYTES) return STATUS_DISK_FULL;
    return lmdb_status(code);
}

static enum status lmdb_commit(struct store_txn *base) {
    struct lmdb_store *store = store_of(base->store);
    struct lmdb_txn *txn CLEANUP(txn_free_cleanup) = txn_of(base);
    int code = mdb_txn_commit(MOVE(txn->handle));
    return code == 0 ? STATUS_OK : commit_failed(store, code);
}

static enum status lmdb_get(struct store_txn *base, unsigned table, struct bytes key, struct bytes *out_value) {
    MDB_val name = val_of(key);
    MDB_val value;
    TRY(lmdb_status(mdb_get(txn_of(base)->handle, store_of(base->store)->tables[table], &name, &value)));
    *out_value = bytes_of(value);
    return STATUS_OK;
}

static enum status lmdb_put(struct store_txn *base, unsigned table, struct bytes key, struct bytes value) {
    MDB_dbi dbi = store_of(base->store)->tables[table];
    MDB_val name = val_of(key);
    MDB_val content = val_of(value);
    int code = MDB_KEYEXIST;
    if (base->store->tables.items[table].growth == STORE_GROWS)
        code = mdb_put(txn_of(base)->handle, dbi, &name, &content, MDB_APPEND);
    /* Not greater than all others: an ordinary put. */
    if (code == MDB_KEYEXIST) code = mdb_put(txn_of(base)->handle, dbi, &name, &content, 0);
    return lmdb_status(code);
}

static enum status lmdb_remove(struct store_txn *base, unsigned table, struct bytes key) {
    MDB_val name = val_of(key);
    return lmdb_status(mdb_del(txn_of(base)->handle, store_of(base->store)->tables[table], &name, NULL));
}

static void cursor_close(MDB_cursor **cursor) {
    if (*cursor) mdb_cursor_close(*cursor);
}

/* Places the cursor on the first row of the span in its direction; MDB_NOTFOUND when there is no row there. */
static int cursor_start(MDB_cursor *cursor, const struct store_span *span, MDB_val *key, MDB_val *value) {
    bool ascending = span->direction == STORE_ASCENDING;
    struct bytes bound = ascending ? span->from : span->to;
    if (bound.len == 0) return mdb_cursor_get(cursor, key, value, ascending ? MDB_FIRST : MDB_LAST);
    *key = val_of(bound);
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (ascending) return code;
    return mdb_cursor_get(cursor, key, value, code == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
}

static bool span_holds(const struct store_span *span, struct bytes key) {
    if (span->direction == STORE_ASCENDING) return span->to.len == 0 || bytes_compare(key, span->to) < 0;
    return span->from.len == 0 || bytes_compare(key, span->from) >= 0;
}

static enum status lmdb_scan(struct store_txn *base, const struct store_span *span, store_row_fn row, void *arg) {
    MDB_cursor *cursor CLEANUP(cursor_close) = NULL;
    MDB_dbi dbi = store_of(base->store)->tables[span->table];
    TRY(lmdb_status(mdb_cursor_open(txn_of(base)->handle, dbi, &cursor)));
    MDB_val key;
    MDB_val value;
    int code = cursor_start(cursor, span, &key, &value);
    MDB_cursor_op step = span->direction == STORE_ASCENDING ? MDB_NEXT : MDB_PREV;
    for (size_t given = 0; code == 0 && given < span->limit && span_holds(span, bytes_of(key)); given++) {
        TRY(row(arg, bytes_of(key), bytes_of(value)));
        code = mdb_cursor_get(cursor, &key, &value, step);
    }
    return code == MDB_NOTFOUND ? STATUS_OK : lmdb_status(code);
}

static enum status lmdb_copy(struct store *base, int fd) {
    struct lmdb_store *store = store_of(base);
    ENSURE(!atomic_load(&store->broken), STATUS_IO);
    TRY(lmdb_status(mdb_env_copyfd2(store->env, fd, MDB_CP_COMPACT)));
    struct stat found;
    ENSURE(fstat(fd, &found) == 0, file_status(errno));
    return S_ISREG(found.st_mode) ? file_sync_data(fd) : STATUS_OK;
}

/* Pages that wait for reuse: each row of LMDB's table 0 begins with how many it lists. */
static enum status free_pages(struct store_txn *base, void *arg) {
    uint64_t *count = arg;
    MDB_cursor *cursor CLEANUP(cursor_close) = NULL;
    TRY(lmdb_status(mdb_cursor_open(txn_of(base)->handle, 0, &cursor)));
    MDB_val key;
    MDB_val value;
    int code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t listed;
        ENSURE(value.mv_size >= sizeof listed, STATUS_INTEGRITY);
        memcpy(&listed, value.mv_data, sizeof listed);
        *count += listed;
    }
    return code == MDB_NOTFOUND ? STATUS_OK : lmdb_status(code);
}

static enum status lmdb_space(struct store *base, struct store_space *out_space) {
    struct lmdb_store *store = store_of(base);
    uint64_t unused = 0;
    TRY(store_read(base, free_pages, &unused));
    MDB_envinfo info;
    MDB_stat stat;
    TRY(lmdb_status(mdb_env_info(store->env, &info)));
    TRY(lmdb_status(mdb_env_stat(store->env, &stat)));
    uint64_t pages = info.me_last_pgno + 1;
    *out_space = (struct store_space){.used_bytes = (pages > unused ? pages - unused : 0) * stat.ms_psize,
                                      .map_bytes = store->map_bytes,
                                      .disk_free_bytes = disk_free_bytes(store)};
    return STATUS_OK;
}

static void lmdb_close(struct store *base) {
    struct lmdb_store *store = store_of(base);
    for (size_t i = 0; i < store->pool_count; i++)
        txn_free(store->pool[i]);
    if (store->env) mdb_env_close(store->env);
    if (store->dir_fd >= 0) (void)close(store->dir_fd);
    (void)pthread_mutex_destroy(&store->pool_mutex);
    free(store);
}

static const struct store_engine lmdb_engine = {
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .scan = lmdb_scan,
    .copy = lmdb_copy,
    .space = lmdb_space,
    .close = lmdb_close,
};

/* The lock is the directory's own: it also keeps this process from opening the store twice, which LMDB cannot bear. */
static enum status lock_directory(const char *path, int *out_fd) {
    TRY(file_make_dir(path, 0700));
    int fd CLEANUP(cleanup_fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, file_status(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? STATUS_CONFLICT : file_status(errno);
    *out_fd = fd;
    fd = -1;
    return STATUS_OK;
}

static enum status open_environment(struct lmdb_store *store, const char *path) {
    TRY(lmdb_status(mdb_env_create(&store->env)));
    TRY(lmdb_status(mdb_env_set_mapsize(store->env, (size_t)store->map_bytes)));
    TRY(lmdb_status(mdb_env_set_maxreaders(store->env, STORE_LMDB_READERS)));
    TRY(lmdb_status(mdb_env_set_maxdbs(store->env, STORE_TABLES_MAX)));
    TRY(lmdb_status(mdb_env_open(store->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600)));
    int dead;
    TRY(lmdb_status(mdb_reader_check(store->env, &dead)));
    /* The names of the two files survive power loss from here on. */
    ENSURE(fsync(store->dir_fd) == 0, file_status(errno));
    return STATUS_OK;
}

/* Opens tables first to last, made where they are missing. */
static enum status open_tables(struct lmdb_store *store, size_t first, size_t end) {
    struct lmdb_txn *txn CLEANUP(txn_free_cleanup) = NULL;
    TRY(txn_new(store, STORE_WRITE, &txn));
    for (size_t table = first; table < end; table++) {
        const char *name = store->base.tables.items[table].name;
        TRY(lmdb_status(mdb_dbi_open(txn->handle, name, MDB_CREATE, &store->tables[table])));
    }
    return lmdb_commit(&MOVE(txn)->base);
}

static enum status open_parts(struct lmdb_store *store, const struct store_lmdb_settings *settings) {
    size_t count = settings->tables.count;
    ENSURE(count >= 1 && count <= STORE_TABLES_MAX, STATUS_INVALID);
    TRY(lock_directory(settings->path, &store->dir_fd));
    TRY(open_environment(store, settings->path));
    /* The first alone, so that a store of another format or federation gets no table of ours. */
    TRY(open_tables(store, STORE_OWN_TABLE, STORE_OWN_TABLE + 1));
    TRY(store_check_meta(&store->base, settings->federation));
    return open_tables(store, STORE_OWN_TABLE + 1, count);
}

enum status store_lmdb_open(const struct store_lmdb_settings *settings, struct store **out_store) {
    struct lmdb_store *store = calloc(1, sizeof *store);
    ENSURE(store, STATUS_MEMORY);
    if (pthread_mutex_init(&store->pool_mutex, NULL) != 0) abort();
    store->base.engine = &lmdb_engine;
    store->base.tables = settings->tables;
    store->dir_fd = -1;
    store->map_bytes = settings->map_bytes ? settings->map_bytes : STORE_LMDB_MAP_DEFAULT_BYTES;
    struct store *guard CLEANUP(store_close_cleanup) = &store->base;
    TRY(open_parts(store, settings));
    *out_store = MOVE(guard);
    return STATUS_OK;
}
