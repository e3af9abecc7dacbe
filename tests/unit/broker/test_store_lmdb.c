/*
 * What only the LMDB engine can show: opening what others left, durability, full disks, failing writes. The common
 * cases are in test_store.c.
 *
 * The program has fdatasync, pwrite and writev of its own, in front of the C library's, to see in which order LMDB
 * writes and syncs, and to let a call fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/store_lmdb.h"
#include "broker/core/store.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

enum { PAGE = 4096, MAP_BYTES = 1 << 26 };

/* The disk as the test sees it. One thread writes while it looks. */

enum fault { FAULT_NONE, FAULT_SYNC, FAULT_META, FAULT_DATA };

static struct {
    enum fault fault;
    bool dirty;               /* data written and not yet synced */
    unsigned metas;           /* meta pages written */
    unsigned metas_too_early; /* with data not synced before, or not written through */
} disk;

/* LMDB writes whole pages of data, and less than a page of meta. */
static bool is_meta(size_t len) { return len < PAGE; }

int fdatasync(int fd) {
    if (disk.fault == FAULT_SYNC) {
        errno = EIO;
        return -1;
    }
    disk.dirty = false;
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset) {
    if (disk.fault == (is_meta(len) ? FAULT_META : FAULT_DATA)) {
        errno = is_meta(len) ? EIO : ENOSPC;
        return -1;
    }
    if (is_meta(len)) {
        disk.metas++;
        bool through = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
        if (disk.dirty || !through) disk.metas_too_early++;
    } else {
        disk.dirty = true;
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, data, len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (disk.fault == FAULT_DATA) {
        errno = ENOSPC;
        return -1;
    }
    disk.dirty = true;
    return (ssize_t)syscall(SYS_writev, fd, parts, count);
}

struct fixture {
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    struct store *store;
    struct arena *arena;
};

static enum status open_as(struct fixture *fixture, const char *federation, uint64_t map_bytes) {
    return store_open(fixture->path, federation, map_bytes, &fixture->store);
}

static enum status open_it(struct fixture *fixture) { return open_as(fixture, "test.example", MAP_BYTES); }

static void close_it(struct fixture *fixture) {
    store_close(fixture->store);
    fixture->store = NULL;
}

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    scratch_init(&fixture->scratch);
    scratch_path(&fixture->scratch, "main", fixture->path);
    fixture->arena = arena_new((size_t)8 << 20);
    memset(&disk, 0, sizeof disk);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    disk.fault = FAULT_NONE;
    close_it(fixture);
    arena_free(fixture->arena);
    scratch_clear(&fixture->scratch);
    free(fixture);
    return 0;
}

/* A row of meta, written raw. An empty value deletes. */
struct raw {
    const char *key;
    struct bytes value;
};

static enum status write_raw(struct store_txn *txn, void *arg) {
    const struct raw *raw = arg;
    if (raw->value.len == 0) return store_delete(txn, STORE_META, bytes_text(raw->key));
    return store_put(txn, STORE_META, bytes_text(raw->key), raw->value);
}

/* Opening. */

static void test_what_stands_in_meta(void **state) {
    static const struct {
        const char *name;
        const char *key;
        const char *value;
        size_t len;
        enum status expected;
    } rows[] = {
#define VALUE(text) (text), sizeof(text) - 1
        {"another format of a table", "store/table/leaf", VALUE("\1\0\2\0\0\0\0\0\0\0\1\0\0\0\14test.example"),
         STATUS_VERSION},
        {"another form of the row", "store/table/leaf", VALUE("\2\0\1\0\0\0\0\0\0\0\1\0\0\0\14test.example"),
         STATUS_VERSION},
        {"a table that is not known", "store/table/later", VALUE("\1\0\1\0\0\0\0\0\0\0\1\0\0\0\14test.example"),
         STATUS_VERSION},
        {"another federation in one row", "store/table/leaf", VALUE("\1\0\1\0\0\0\0\0\0\0\1\0\0\0\14best.example"),
         STATUS_FEDERATION},
        {"another epoch in one row", "store/table/leaf", VALUE("\1\0\1\0\0\0\0\0\0\0\2\0\0\0\14test.example"),
         STATUS_INTEGRITY},
        {"epoch 0", "store/table/access", VALUE("\1\0\1\0\0\0\0\0\0\0\0\0\0\0\14test.example"), STATUS_INTEGRITY},
        {"a row cut short", "store/table/leaf", VALUE("\1\0\1\0\0\0\0\0\0\0\1\0\0\0\14test.exampl"), STATUS_INTEGRITY},
        {"a row too long", "store/table/leaf", VALUE("\1\0\1\0\0\0\0\0\0\0\1\0\0\0\14test.example."), STATUS_INTEGRITY},
        {"a table that an older store lacks", "store/table/leaf", VALUE(""), STATUS_OK},
        {"the row as it is", "store/table/leaf", VALUE("\1\0\1\0\0\0\0\0\0\0\1\0\0\0\14test.example"), STATUS_OK},
#undef VALUE
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scratch_path(&fixture->scratch, rows[i].name, fixture->path);
        OK(open_it(fixture));
        struct raw raw = {.key = rows[i].key, .value = BYTES(rows[i].value, rows[i].len)};
        OK(store_write(fixture->store, write_raw, &raw));
        close_it(fixture);
        enum status found = open_it(fixture);
        if (found != rows[i].expected) fail_msg("%s: %s", rows[i].name, status_name(found));
        close_it(fixture);
    }
}

static void test_wrong_openings(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    struct store *first = fixture->store;
    assert_int_equal(open_it(fixture), STATUS_CONFLICT);
    store_close(first);
    fixture->store = NULL;
    assert_int_equal(open_as(fixture, "other.example", MAP_BYTES), STATUS_FEDERATION);
    assert_int_equal(open_as(fixture, "", MAP_BYTES), STATUS_INVALID);
    OK(open_it(fixture));
    close_it(fixture);
    assert_int_equal(chmod(fixture->path, 0755), 0);
    assert_int_equal(open_it(fixture), STATUS_PERMISSION);
    scratch_path(&fixture->scratch, "absent/main", fixture->path);
    assert_int_equal(open_it(fixture), STATUS_NOT_FOUND);
    assert_null(fixture->store);
}

static void test_a_file_that_is_no_store(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    close_it(fixture);
    char data[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "main/data.mdb", data);
    uint8_t *junk CLEANUP(cleanup_free) = malloc((size_t)2 * PAGE);
    memset(junk, 'x', (size_t)2 * PAGE);
    OK(file_replace(data, BYTES(junk, (size_t)2 * PAGE), 0600));
    assert_int_equal(open_it(fixture), STATUS_INTEGRITY);
    assert_null(fixture->store);
}

static enum status begin_epoch(struct store_txn *txn, void *arg) {
    (void)arg;
    return store_begin_epoch(txn, 2);
}

static void test_epoch_lasts(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    OK(store_write(fixture->store, begin_epoch, NULL));
    close_it(fixture);
    OK(open_it(fixture));
    assert_int_equal(store_epoch(fixture->store), 2);
}

/* Readers beyond the bound. */

struct nest {
    struct store *store;
    unsigned depth;
    enum status refused;
};

static enum status nest_deeper(struct store_txn *txn, void *arg) {
    (void)txn;
    struct nest *nest = arg;
    nest->depth++;
    enum status status = store_read(nest->store, nest_deeper, nest);
    if (status != STATUS_OK) nest->refused = status;
    return STATUS_OK;
}

static void test_too_many_readers(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    for (int round = 0; round < 2; round++) {
        struct nest nest = {.store = fixture->store};
        OK(store_read(fixture->store, nest_deeper, &nest));
        assert_int_equal(nest.depth, STORE_LMDB_READERS);
        assert_int_equal(nest.refused, STATUS_LIMIT);
    }
}

/* Batches of rows that all carry the batch's number. */

enum { ROWS = 12, VALUE_BYTES = 900 };

static const enum store_table batch_tables[] = {STORE_LEAF, STORE_FRAGMENT, STORE_EVENT};

static struct bytes batch_key(uint64_t batch, unsigned row, uint8_t memory[static 9]) {
    struct writer writer = writer_init(memory, 9);
    writer_u64(&writer, batch);
    writer_u8(&writer, (uint8_t)row);
    return BYTES(memory, writer.len);
}

static void batch_value(uint64_t batch, unsigned row, uint8_t out_value[static VALUE_BYTES]) {
    for (size_t i = 0; i < VALUE_BYTES; i++)
        out_value[i] = (uint8_t)(batch * 31 + row * 7 + i);
}

static enum status put_batch(struct store_txn *txn, void *arg) {
    uint64_t batch = *(const uint64_t *)arg;
    for (unsigned row = 0; row < ROWS; row++) {
        uint8_t key[9];
        uint8_t value[VALUE_BYTES];
        batch_value(batch, row, value);
        TRY(store_put(txn, batch_tables[row % 3], batch_key(batch, row, key), BYTES_ARRAY(value)));
    }
    return STATUS_OK;
}

struct found_batch {
    struct arena *arena;
    uint64_t batch;
    unsigned rows; /* found, with the right content */
};

static enum status find_batch(struct store_txn *txn, void *arg) {
    struct found_batch *found = arg;
    arena_reset(found->arena);
    for (unsigned row = 0; row < ROWS; row++) {
        uint8_t key[9];
        uint8_t expected[VALUE_BYTES];
        struct bytes value;
        enum status status =
            store_get(txn, batch_tables[row % 3], batch_key(found->batch, row, key), found->arena, &value);
        if (status == STATUS_NOT_FOUND) continue;
        TRY(status);
        batch_value(found->batch, row, expected);
        ENSURE(bytes_equal(value, BYTES_ARRAY(expected)), STATUS_INTEGRITY);
        found->rows++;
    }
    return STATUS_OK;
}

static unsigned rows_of(struct fixture *fixture, uint64_t batch) {
    struct found_batch found = {.arena = fixture->arena, .batch = batch};
    OK(store_read(fixture->store, find_batch, &found));
    return found.rows;
}

/* Writes batches from *first on until one fails; *first is then the one that failed. */
static enum status fill(struct fixture *fixture, uint64_t *first) {
    for (;; (*first)++) {
        enum status status = store_write(fixture->store, put_batch, first);
        if (status != STATUS_OK) return status;
    }
}

static void assert_whole_up_to(struct fixture *fixture, uint64_t end) {
    for (uint64_t batch = 1; batch < end; batch++)
        assert_int_equal(rows_of(fixture, batch), ROWS);
    assert_int_equal(rows_of(fixture, end), 0);
}

/* P10: durability. */

static void test_p10_data_before_meta_before_answer(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    for (uint64_t batch = 1; batch <= 20; batch++) {
        unsigned metas = disk.metas;
        OK(store_write(fixture->store, put_batch, &batch));
        assert_int_equal(disk.metas, metas + 1);
    }
    assert_int_equal(disk.metas_too_early, 0);
}

static void test_p10_failing_data_changes_nothing(void **state) {
    static const struct {
        enum fault fault;
        enum status expected;
    } rows[] = {{FAULT_SYNC, STATUS_IO}, {FAULT_DATA, STATUS_DISK_FULL}};
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    uint64_t batch = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OK(store_write(fixture->store, put_batch, &batch));
        batch++;
        disk.fault = rows[i].fault;
        assert_int_equal(store_write(fixture->store, put_batch, &batch), rows[i].expected);
        disk.fault = FAULT_NONE;
        assert_whole_up_to(fixture, batch);
    }
    OK(store_write(fixture->store, put_batch, &batch));
    close_it(fixture);
    OK(open_it(fixture));
    assert_whole_up_to(fixture, batch + 1);
}

/* A meta page that could not be written leaves the outcome open: nothing more until the store is opened again. */
static void test_p10_failing_meta_is_unknown(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    uint64_t batch = 1;
    uint64_t last = 0;
    OK(store_write(fixture->store, put_batch, &batch));
    OK(store_last_batch(fixture->store, &last));
    disk.fault = FAULT_META;
    batch = 2;
    assert_int_equal(store_write(fixture->store, put_batch, &batch), STATUS_UNKNOWN);
    disk.fault = FAULT_NONE;
    assert_int_equal(store_write(fixture->store, put_batch, &batch), STATUS_IO);
    uint64_t unread = 99;
    assert_int_equal(store_last_batch(fixture->store, &unread), STATUS_IO);
    assert_int_equal(store_copy(fixture->store, 1), STATUS_IO);
    assert_int_equal(unread, 99);
    close_it(fixture);
    OK(open_it(fixture));
    OK(store_last_batch(fixture->store, &unread));
    assert_int_equal(rows_of(fixture, 1), ROWS);
    assert_int_equal(rows_of(fixture, 2), unread > last ? ROWS : 0);
    OK(store_write(fixture->store, put_batch, &batch));
}

static void test_p10_full_map_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    OK(open_as(fixture, "test.example", (uint64_t)1 << 21));
    uint64_t batch = 1;
    assert_int_equal(fill(fixture, &batch), STATUS_DISK_FULL);
    assert_in_range(batch, 20, 1000);
    assert_whole_up_to(fixture, batch);
    close_it(fixture);
    OK(open_it(fixture));
    assert_whole_up_to(fixture, batch);
    OK(store_write(fixture->store, put_batch, &batch));
}

static void test_p10_full_disk_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    scratch_clear(&fixture->scratch);
    if (!scratch_init_small(&fixture->scratch, (uint64_t)6 << 20)) {
        print_message("no right to mount: a full disk is not tried\n");
        skip();
    }
    scratch_path(&fixture->scratch, "main", fixture->path);
    char ballast[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "ballast", ballast);
    uint8_t *zeros CLEANUP(cleanup_free) = calloc(1, (size_t)3 << 20);
    OK(file_create(ballast, BYTES(zeros, (size_t)3 << 20), 0600));
    OK(open_it(fixture));
    uint64_t batch = 1;
    assert_int_equal(fill(fixture, &batch), STATUS_DISK_FULL);
    assert_in_range(batch, 20, 1000);
    assert_whole_up_to(fixture, batch);
    struct store_space space;
    OK(store_space(fixture->store, &space));
    assert_true(space.disk_free_bytes < (uint64_t)1 << 20);
    assert_int_equal(unlink(ballast), 0);
    OK(store_write(fixture->store, put_batch, &batch));
    close_it(fixture);
    OK(open_it(fixture));
    assert_whole_up_to(fixture, batch + 1);
}

/* The child writes batches and tells each that was acknowledged; it is killed in the middle. */
static void child_writes(struct fixture *fixture, uint64_t first, int to) {
    if (open_it(fixture) != STATUS_OK) _exit(1);
    for (uint64_t batch = first;; batch++) {
        if (store_write(fixture->store, put_batch, &batch) != STATUS_OK) _exit(2);
        if (write(to, &batch, sizeof batch) != sizeof batch) _exit(3);
    }
}

/* Lets a child write from *first on, kills it after some batches, and gives the last one that it told of. */
static void kill_round(struct fixture *fixture, uint64_t first, unsigned until, uint64_t *out_last) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) child_writes(fixture, first, ends[1]);
    (void)close(ends[1]);
    uint64_t last = first - 1;
    for (unsigned i = 0; i < until; i++)
        assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &last, sizeof last) == sizeof last) {
    }
    (void)close(ends[0]);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    *out_last = last;
}

static void test_p10_killed_in_the_middle(void **state) {
    struct fixture *fixture = *state;
    uint64_t next = 1;
    for (unsigned round = 0; round < 12; round++) {
        uint64_t last = 0;
        kill_round(fixture, next, 3 + round * 5, &last);
        OK(open_it(fixture));
        for (uint64_t batch = 1; batch <= last; batch++)
            assert_int_equal(rows_of(fixture, batch), ROWS);
        /* The one being written stands whole or not at all; none comes after it. */
        unsigned begun = rows_of(fixture, last + 1);
        assert_true(begun == 0 || begun == ROWS);
        assert_int_equal(rows_of(fixture, last + 2), 0);
        next = last + (begun ? 2 : 1);
        close_it(fixture);
    }
}

/* Copies. */

static void test_copy_is_a_store(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    uint64_t last = 0;
    uint64_t copied = 0;
    for (uint64_t batch = 1; batch <= 30; batch++)
        OK(store_write(fixture->store, put_batch, &batch));
    OK(store_last_batch(fixture->store, &last));
    char path[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "copy", path);
    OK(file_make_dir(path, 0700));
    scratch_path(&fixture->scratch, "copy/data.mdb", path);
    int fd CLEANUP(cleanup_fd) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    OK(store_copy(fixture->store, fd));
    close_it(fixture);
    scratch_path(&fixture->scratch, "copy", fixture->path);
    OK(open_it(fixture));
    OK(store_last_batch(fixture->store, &copied));
    assert_int_equal(copied, last);
    assert_whole_up_to(fixture, 31);
}

static void test_copy_to_nowhere(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    int fd CLEANUP(cleanup_fd) = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(store_copy(fixture->store, fd), STATUS_DISK_FULL);
    uint64_t batch = 1;
    OK(store_write(fixture->store, put_batch, &batch));
}

/* Space that deleting sets free counts as free again. */
static enum status drop_batch(struct store_txn *txn, void *arg) {
    uint64_t batch = *(const uint64_t *)arg;
    for (unsigned row = 0; row < ROWS; row++) {
        uint8_t key[9];
        TRY(store_delete(txn, batch_tables[row % 3], batch_key(batch, row, key)));
    }
    return STATUS_OK;
}

static void test_space_comes_back(void **state) {
    struct fixture *fixture = *state;
    OK(open_it(fixture));
    struct store_space full;
    struct store_space emptied;
    for (uint64_t batch = 1; batch <= 100; batch++)
        OK(store_write(fixture->store, put_batch, &batch));
    OK(store_space(fixture->store, &full));
    for (uint64_t batch = 1; batch <= 100; batch++)
        OK(store_write(fixture->store, drop_batch, &batch));
    OK(store_space(fixture->store, &emptied));
    assert_true(full.used_bytes > (uint64_t)100 * ROWS * VALUE_BYTES);
    assert_true(emptied.used_bytes < full.used_bytes / 4);
    assert_int_equal(full.map_bytes, MAP_BYTES);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_what_stands_in_meta),
        CASE(test_wrong_openings),
        CASE(test_a_file_that_is_no_store),
        CASE(test_epoch_lasts),
        CASE(test_too_many_readers),
        CASE(test_p10_data_before_meta_before_answer),
        CASE(test_p10_failing_data_changes_nothing),
        CASE(test_p10_failing_meta_is_unknown),
        CASE(test_p10_full_map_changes_nothing),
        CASE(test_p10_full_disk_changes_nothing),
        CASE(test_p10_killed_in_the_middle),
        CASE(test_copy_is_a_store),
        CASE(test_copy_to_nowhere),
        CASE(test_space_comes_back),
    };
    return cmocka_run_group_tests_name("store_lmdb", tests, NULL, NULL);
}
