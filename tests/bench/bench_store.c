/*
 * What the store costs above bare LMDB: the same batches of puts and the same single reads through both, with durable
 * commits. Prints a line each: wall and processor time per operation, and the ratio of processor times.
 *
 *   bench_store [BATCHES]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <lmdb.h>

#include "broker/core/store.h"
#include "support/scratch.h"

enum { GROUPS = 150, PUTS = 8, READS = 200000, KEY_BYTES = 20 };

/* What one group writes: a row in each of these, as a publication does. */
static const struct {
    enum store_table table;
    size_t value_bytes;
    bool in_order;
} rows[PUTS] = {
    {STORE_LEAF, 1000, true}, {STORE_NODE, 600, true},  {STORE_FRAGMENT, 500, false}, {STORE_CIPHERTEXT, 1500, false},
    {STORE_EVENT, 41, false}, {STORE_TOKEN, 60, false}, {STORE_MAILBOX, 300, false},  {STORE_ACCESS, 1, false},
};

static uint8_t content[2048];

/* Spread over the whole range, the same in both runs. */
static void make_key(uint64_t number, size_t put, uint8_t out_key[static KEY_BYTES]) {
    uint64_t first = rows[put].in_order ? number : number * UINT64_C(0x9e3779b97f4a7c15);
    struct writer writer = writer_init(out_key, KEY_BYTES);
    writer_u64(&writer, first);
    writer_u64(&writer, number);
    writer_u32(&writer, (uint32_t)put);
}

struct used {
    double wall_s;
    double cpu_s;
};

static double seconds(struct timeval from) { return (double)from.tv_sec + (double)from.tv_usec / 1e6; }

static struct used used_now(void) {
    struct timespec wall;
    struct rusage usage;
    (void)clock_gettime(CLOCK_MONOTONIC, &wall);
    (void)getrusage(RUSAGE_SELF, &usage);
    return (struct used){(double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
                         seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

static struct used used_since(struct used then) {
    struct used now = used_now();
    return (struct used){now.wall_s - then.wall_s, now.cpu_s - then.cpu_s};
}

static void report(const char *what, struct used used, uint64_t count) {
    printf("%-16s %9.0f/s  %6.2f us wall  %6.2f us cpu\n", what, (double)count / used.wall_s,
           used.wall_s / (double)count * 1e6, used.cpu_s / (double)count * 1e6);
}

static void check(bool fine, const char *what) {
    if (fine) return;
    (void)fprintf(stderr, "%s failed\n", what);
    exit(1);
}

/* Bare LMDB. */

struct bare {
    MDB_env *env;
    MDB_dbi tables[PUTS];
};

static void bare_open(struct bare *bare, const char *path) {
    check(mkdir(path, 0700) == 0, "mkdir");
    check(mdb_env_create(&bare->env) == 0, "mdb_env_create");
    check(mdb_env_set_mapsize(bare->env, (size_t)8 << 30) == 0, "mdb_env_set_mapsize");
    check(mdb_env_set_maxdbs(bare->env, PUTS) == 0, "mdb_env_set_maxdbs");
    check(mdb_env_open(bare->env, path, MDB_NOTLS, 0600) == 0, "mdb_env_open");
    MDB_txn *txn;
    check(mdb_txn_begin(bare->env, NULL, 0, &txn) == 0, "mdb_txn_begin");
    for (size_t put = 0; put < PUTS; put++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%zu", put);
        check(mdb_dbi_open(txn, name, MDB_CREATE, &bare->tables[put]) == 0, "mdb_dbi_open");
    }
    check(mdb_txn_commit(txn) == 0, "mdb_txn_commit");
}

static void bare_write(const struct bare *bare, uint64_t first) {
    MDB_txn *txn;
    check(mdb_txn_begin(bare->env, NULL, 0, &txn) == 0, "mdb_txn_begin");
    for (uint64_t i = 0; i < (uint64_t)GROUPS * PUTS; i++) {
        size_t put = i % PUTS;
        uint8_t key[KEY_BYTES];
        make_key(first + i / PUTS, put, key);
        MDB_val name = {KEY_BYTES, key};
        MDB_val value = {rows[put].value_bytes, content};
        check(mdb_put(txn, bare->tables[put], &name, &value, 0) == 0, "mdb_put");
    }
    check(mdb_txn_commit(txn) == 0, "mdb_txn_commit");
}

static void bare_reads(const struct bare *bare, uint64_t groups) {
    MDB_txn *txn;
    check(mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &txn) == 0, "mdb_txn_begin");
    for (uint64_t i = 0; i < READS; i++) {
        uint8_t key[KEY_BYTES];
        uint8_t copy[2048];
        make_key(i * 7919 % groups, 2, key);
        MDB_val name = {KEY_BYTES, key};
        MDB_val value;
        mdb_txn_reset(txn);
        check(mdb_txn_renew(txn) == 0, "mdb_txn_renew");
        check(mdb_get(txn, bare->tables[2], &name, &value) == 0, "mdb_get");
        memcpy(copy, value.mv_data, value.mv_size);
    }
    mdb_txn_abort(txn);
}

/* The store. */

static enum status store_body(struct store_txn *txn, void *arg) {
    uint64_t first = *(const uint64_t *)arg;
    for (uint64_t i = 0; i < (uint64_t)GROUPS * PUTS; i++) {
        size_t put = i % PUTS;
        uint8_t key[KEY_BYTES];
        make_key(first + i / PUTS, put, key);
        TRY(store_put(txn, rows[put].table, BYTES_ARRAY(key), BYTES(content, rows[put].value_bytes)));
    }
    return STATUS_OK;
}

struct one_read {
    struct arena *arena;
    struct bytes key;
};

static enum status read_body(struct store_txn *txn, void *arg) {
    const struct one_read *one = arg;
    struct bytes value;
    return store_get(txn, STORE_FRAGMENT, one->key, one->arena, &value);
}

static void store_reads(struct store *store, uint64_t groups) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    for (uint64_t i = 0; i < READS; i++) {
        uint8_t key[KEY_BYTES];
        make_key(i * 7919 % groups, 2, key);
        struct one_read one = {.arena = arena, .key = BYTES_ARRAY(key)};
        check(store_read(store, read_body, &one) == STATUS_OK, "store_read");
        arena_reset(arena);
    }
}

/* Bare, store, bare, store: a disk that gets slower meanwhile favours neither. */
static void run(struct bare *bare, struct store *store, uint64_t batches) {
    struct used bare_used = {0};
    struct used store_used = {0};
    for (uint64_t batch = 0; batch < batches; batch++) {
        uint64_t first = batch * GROUPS;
        struct used then = used_now();
        bare_write(bare, first);
        struct used took = used_since(then);
        bare_used = (struct used){bare_used.wall_s + took.wall_s, bare_used.cpu_s + took.cpu_s};
        then = used_now();
        check(store_write(store, store_body, &first) == STATUS_OK, "store_write");
        took = used_since(then);
        store_used = (struct used){store_used.wall_s + took.wall_s, store_used.cpu_s + took.cpu_s};
    }
    report("bare puts", bare_used, batches * GROUPS * PUTS);
    report("store puts", store_used, batches * GROUPS * PUTS);
    printf("cpu ratio %.2f\n", store_used.cpu_s / bare_used.cpu_s);
    struct used then = used_now();
    bare_reads(bare, batches * GROUPS);
    struct used bare_read_used = used_since(then);
    then = used_now();
    store_reads(store, batches * GROUPS);
    struct used store_read_used = used_since(then);
    report("bare reads", bare_read_used, READS);
    report("store reads", store_read_used, READS);
    printf("cpu ratio %.2f\n", store_read_used.cpu_s / bare_read_used.cpu_s);
}

static void print_space(struct store *store, const struct bare *bare) {
    struct store_space space;
    MDB_envinfo info;
    check(store_space(store, &space) == STATUS_OK, "store_space");
    check(mdb_env_info(bare->env, &info) == 0, "mdb_env_info");
    printf("bare %zu KiB, store %llu KiB\n", (info.me_last_pgno + 1) * 4, (unsigned long long)space.used_bytes / 1024);
}

int main(int argc, char **argv) {
    uint64_t batches = argc > 1 ? strtoull(argv[1], NULL, 10) : 200;
    check(batches > 0, "BATCHES");
    struct scratch scratch;
    scratch_init(&scratch);
    char path[SCRATCH_PATH_MAX];
    struct bare bare;
    scratch_path(&scratch, "bare", path);
    bare_open(&bare, path);
    struct store *store = NULL;
    scratch_path(&scratch, "store", path);
    check(store_open(path, "bench.example", (uint64_t)8 << 30, &store) == STATUS_OK, "store_open");
    run(&bare, store, batches);
    print_space(store, &bare);
    store_close(store);
    mdb_env_close(bare.env);
    scratch_clear(&scratch);
    return 0;
}
