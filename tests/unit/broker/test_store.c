/* One table of cases, run against every engine of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/store.h"
#include "support/alloc_fail.h"
#include "support/scratch.h"

/* A case with an engine. */
struct planned {
    char name[128];
    size_t engine;
    size_t at;
};

struct fixture {
    const struct planned *planned;
    struct scratch scratch;
    struct store *store;
    struct arena *arena;
};

static struct bytes text(const char *from) { return bytes_text(from); }

/* Fails the running test here, not in the caller of the caller. */
#define OK(call) assert_int_equal((call), STATUS_OK)

struct pair {
    enum store_table table;
    const char *key;
    const char *value; /* NULL: delete */
};

static enum status apply_pairs(struct store_txn *txn, void *arg) {
    for (const struct pair *pair = arg; pair->key; pair++) {
        if (pair->value) {
            TRY(store_put(txn, pair->table, text(pair->key), text(pair->value)));
        } else {
            TRY(store_delete(txn, pair->table, text(pair->key)));
        }
    }
    return STATUS_OK;
}

#define WRITE(store, ...) OK(store_write((store), apply_pairs, (struct pair[]){__VA_ARGS__, {.key = NULL}}))

/* One read in a transaction of its own. */
struct lookup {
    enum store_table table;
    struct bytes key;
    struct arena *arena;
    struct bytes value;
};

static enum status lookup_body(struct store_txn *txn, void *arg) {
    struct lookup *lookup = arg;
    return store_get(txn, lookup->table, lookup->key, lookup->arena, &lookup->value);
}

static void assert_value(struct fixture *fixture, enum store_table table, const char *key, const char *expected) {
    struct lookup lookup = {.table = table, .key = text(key), .arena = fixture->arena};
    enum status status = store_read(fixture->store, lookup_body, &lookup);
    if (!expected) {
        assert_int_equal(status, STATUS_NOT_FOUND);
        return;
    }
    OK(status);
    assert_true(bytes_equal_text(lookup.value, expected));
}

/* A failing write in each of several ways, each of which must leave nothing behind. */

static enum status fail_late(struct store_txn *txn, void *arg) {
    (void)arg;
    TRY(store_put(txn, STORE_DEVICE, text("a"), text("changed")));
    TRY(store_put(txn, STORE_DEVICE, text("b"), text("new")));
    TRY(store_delete(txn, STORE_DEVICE, text("c")));
    return STATUS_CONFLICT;
}

static void case_failed_body_changes_nothing(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_DEVICE, "a", "1"}, {STORE_DEVICE, "c", "3"});
    assert_int_equal(store_write(fixture->store, fail_late, NULL), STATUS_CONFLICT);
    assert_value(fixture, STORE_DEVICE, "a", "1");
    assert_value(fixture, STORE_DEVICE, "b", NULL);
    assert_value(fixture, STORE_DEVICE, "c", "3");
}

/* Ignores the failure of one call, which the transaction remembers. */
static enum status fail_and_go_on(struct store_txn *txn, void *arg) {
    struct bytes value = *(const struct bytes *)arg;
    TRY(store_put(txn, STORE_DEVICE, text("before"), text("1")));
    IGNORE(store_put(txn, STORE_DEVICE, text("wrong"), value));
    bool present = true;
    assert_int_equal(store_put(txn, STORE_DEVICE, text("after"), text("1")), STATUS_INVALID);
    assert_int_equal(store_has(txn, STORE_DEVICE, text("before"), &present), STATUS_INVALID);
    return STATUS_OK;
}

static void case_first_failure_sticks(struct fixture *fixture) {
    struct bytes empty = BYTES_EMPTY;
    assert_int_equal(store_write(fixture->store, fail_and_go_on, &empty), STATUS_INVALID);
    uint8_t *large = calloc(1, STORE_VALUE_MAX + 1);
    assert_non_null(large);
    struct bytes too_large = BYTES(large, STORE_VALUE_MAX + 1);
    assert_int_equal(store_write(fixture->store, fail_and_go_on, &too_large), STATUS_INVALID);
    free(large);
    assert_value(fixture, STORE_DEVICE, "before", NULL);
    assert_value(fixture, STORE_DEVICE, "after", NULL);
}

static enum status misses_are_not_kept(struct store_txn *txn, void *arg) {
    struct fixture *fixture = arg;
    struct bytes value = text("untouched");
    assert_int_equal(store_get(txn, STORE_DEVICE, text("none"), fixture->arena, &value), STATUS_NOT_FOUND);
    assert_true(bytes_equal_text(value, "untouched"));
    bool present = true;
    OK(store_has(txn, STORE_DEVICE, text("none"), &present));
    assert_false(present);
    OK(store_delete(txn, STORE_DEVICE, text("none")));
    struct arena *small CLEANUP(arena_free_cleanup) = arena_new(1);
    TRY(store_put(txn, STORE_DEVICE, text("long"), text("longer than the arena")));
    assert_int_equal(store_get(txn, STORE_DEVICE, text("long"), small, &value), STATUS_MEMORY);
    struct store_rows rows;
    struct store_range range = {.table = STORE_DEVICE, .limit = 10};
    assert_int_equal(store_scan(txn, &range, small, &rows), STATUS_MEMORY);
    return store_put(txn, STORE_DEVICE, text("after"), text("stands"));
}

static void case_not_found_and_full_arena_are_not_kept(struct fixture *fixture) {
    OK(store_write(fixture->store, misses_are_not_kept, fixture));
    assert_value(fixture, STORE_DEVICE, "after", "stands");
}

static enum status write_in_read(struct store_txn *txn, void *arg) {
    (void)arg;
    assert_int_equal(store_txn_batch(txn), 0);
    return store_put(txn, STORE_DEVICE, text("a"), text("1"));
}

static enum status delete_in_read(struct store_txn *txn, void *arg) {
    (void)arg;
    return store_delete(txn, STORE_DEVICE, text("a"));
}

static void case_read_cannot_write(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_DEVICE, "a", "0"});
    assert_int_equal(store_read(fixture->store, write_in_read, NULL), STATUS_INVALID);
    assert_int_equal(store_read(fixture->store, delete_in_read, NULL), STATUS_INVALID);
    assert_value(fixture, STORE_DEVICE, "a", "0");
}

static enum status key_of_length(struct store_txn *txn, void *arg) {
    static const uint8_t zeros[STORE_KEY_MAX + 1];
    return store_put(txn, STORE_INDEX, BYTES(zeros, *(size_t *)arg), text("v"));
}

static void case_key_bounds(struct fixture *fixture) {
    static const struct {
        size_t len;
        enum status expected;
    } rows[] = {{0, STATUS_INVALID}, {STORE_KEY_MAX + 1, STATUS_INVALID}, {1, STATUS_OK}, {STORE_KEY_MAX, STATUS_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = rows[i].len;
        assert_int_equal(store_write(fixture->store, key_of_length, &len), rows[i].expected);
    }
}

static enum status unknown_table(struct store_txn *txn, void *arg) {
    (void)arg;
    return store_put(txn, STORE_TABLE_COUNT, text("k"), text("v"));
}

static void case_table_bounds(struct fixture *fixture) {
    assert_int_equal(store_write(fixture->store, unknown_table, NULL), STATUS_INVALID);
}

static void case_put_replaces_and_delete_removes(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_CONSENT, "a", "1"}, {STORE_CONSENT, "b", "2"});
    WRITE(fixture->store, {STORE_CONSENT, "a", "a longer one"}, {STORE_CONSENT, "b", NULL});
    assert_value(fixture, STORE_CONSENT, "a", "a longer one");
    assert_value(fixture, STORE_CONSENT, "b", NULL);
}

static void case_tables_are_apart(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_TOKEN, "k", "token"}, {STORE_LEAF, "k", "leaf"});
    assert_value(fixture, STORE_TOKEN, "k", "token");
    assert_value(fixture, STORE_LEAF, "k", "leaf");
    assert_value(fixture, STORE_GRANT, "k", NULL);
}

static enum status sees_own_writes(struct store_txn *txn, void *arg) {
    struct fixture *fixture = arg;
    struct bytes value;
    TRY(store_put(txn, STORE_REQUEST, text("k"), text("1")));
    TRY(store_get(txn, STORE_REQUEST, text("k"), fixture->arena, &value));
    TRY(store_put(txn, STORE_REQUEST, text("k"), text("2")));
    assert_true(bytes_equal_text(value, "1"));
    TRY(store_get(txn, STORE_REQUEST, text("k"), fixture->arena, &value));
    assert_true(bytes_equal_text(value, "2"));
    TRY(store_delete(txn, STORE_REQUEST, text("k")));
    assert_int_equal(store_get(txn, STORE_REQUEST, text("k"), fixture->arena, &value), STATUS_NOT_FOUND);
    return STATUS_OK;
}

static void case_write_sees_its_own_changes(struct fixture *fixture) {
    OK(store_write(fixture->store, sees_own_writes, fixture));
}

struct large {
    struct fixture *fixture;
    struct bytes value;
    size_t pieces;
};

static enum status put_large(struct store_txn *txn, void *arg) {
    const struct large *large = arg;
    TRY(store_put(txn, STORE_EVIDENCE, text("large"), large->value));
    for (uint32_t i = 0; i < large->pieces; i++)
        TRY(store_put(txn, STORE_CIPHERTEXT, BYTES(&i, sizeof i), BYTES(large->value.data + i, 4000)));
    return STATUS_OK;
}

static enum status check_large(struct store_txn *txn, void *arg) {
    const struct large *large = arg;
    struct bytes value;
    TRY(store_get(txn, STORE_EVIDENCE, text("large"), large->fixture->arena, &value));
    assert_true(bytes_equal(value, large->value));
    for (uint32_t i = 0; i < large->pieces; i++) {
        TRY(store_get(txn, STORE_CIPHERTEXT, BYTES(&i, sizeof i), large->fixture->arena, &value));
        assert_true(bytes_equal(value, BYTES(large->value.data + i, 4000)));
    }
    return STATUS_OK;
}

static void case_large_values(struct fixture *fixture) {
    uint8_t *content = malloc(STORE_VALUE_MAX);
    assert_non_null(content);
    for (size_t i = 0; i < STORE_VALUE_MAX; i++)
        content[i] = (uint8_t)(i * 7 + (i >> 8));
    struct large large = {.fixture = fixture, .value = BYTES(content, STORE_VALUE_MAX), .pieces = 262};
    OK(store_write(fixture->store, put_large, &large));
    OK(store_read(fixture->store, check_large, &large));
    free(content);
}

static enum status get_many_body(struct store_txn *txn, void *arg) {
    struct fixture *fixture = arg;
    struct bytes keys[] = {text("c"), text("none"), text("a"), text("c")};
    const struct bytes *values = NULL;
    TRY(store_get_many(txn, STORE_FRAGMENT, keys, 4, fixture->arena, &values));
    assert_true(bytes_equal_text(values[0], "3"));
    assert_null(values[1].data);
    assert_int_equal(values[1].len, 0);
    assert_true(bytes_equal_text(values[2], "1"));
    assert_true(bytes_equal_text(values[3], "3"));
    return store_get_many(txn, STORE_FRAGMENT, keys, 0, fixture->arena, &values);
}

static void case_get_many(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_FRAGMENT, "a", "1"}, {STORE_FRAGMENT, "b", "2"}, {STORE_FRAGMENT, "c", "3"});
    OK(store_read(fixture->store, get_many_body, fixture));
}

/* Scans over the keys a, b, ba, bb, c, d, each with its own name as value. */

struct scan_case {
    const char *name;
    const char *prefix;
    const char *from;
    const char *to;
    size_t limit;
    enum store_direction direction;
    const char *expected; /* keys, each ended by a space */
};

static const struct scan_case scan_cases[] = {
    {"all", "", "", "", 100, STORE_ASCENDING, "a b ba bb c d "},
    {"all backwards", "", "", "", 100, STORE_DESCENDING, "d c bb ba b a "},
    {"limit", "", "", "", 2, STORE_ASCENDING, "a b "},
    {"limit backwards", "", "", "", 2, STORE_DESCENDING, "d c "},
    {"limit of the exact number", "", "", "", 6, STORE_ASCENDING, "a b ba bb c d "},
    {"from is included", "", "b", "", 100, STORE_ASCENDING, "b ba bb c d "},
    {"from between keys", "", "b0", "", 100, STORE_ASCENDING, "ba bb c d "},
    {"to is excluded", "", "", "c", 100, STORE_ASCENDING, "a b ba bb "},
    {"to between keys", "", "", "bz", 100, STORE_ASCENDING, "a b ba bb "},
    {"both bounds", "", "b", "c", 100, STORE_ASCENDING, "b ba bb "},
    {"both bounds backwards", "", "b", "c", 100, STORE_DESCENDING, "bb ba b "},
    {"backwards, to beyond the last", "", "", "z", 100, STORE_DESCENDING, "d c bb ba b a "},
    {"backwards, to the last", "", "", "d", 1, STORE_DESCENDING, "c "},
    {"backwards, to the first", "", "", "a", 100, STORE_DESCENDING, ""},
    {"from beyond the last", "", "e", "", 100, STORE_ASCENDING, ""},
    {"backwards, from beyond the last", "", "e", "", 100, STORE_DESCENDING, ""},
    {"empty range", "", "c", "c", 100, STORE_ASCENDING, ""},
    {"turned bounds", "", "d", "b", 100, STORE_ASCENDING, ""},
    {"turned bounds backwards", "", "d", "b", 100, STORE_DESCENDING, ""},
    {"prefix", "b", "", "", 100, STORE_ASCENDING, "b ba bb "},
    {"prefix backwards", "b", "", "", 100, STORE_DESCENDING, "bb ba b "},
    {"prefix with from", "b", "b0", "", 100, STORE_ASCENDING, "ba bb "},
    {"prefix with from before it", "b", "a", "", 100, STORE_ASCENDING, "b ba bb "},
    {"prefix with to", "b", "", "bb", 100, STORE_ASCENDING, "b ba "},
    {"prefix with to beyond it", "b", "", "d", 100, STORE_DESCENDING, "bb ba b "},
    {"prefix that no key has", "x", "", "", 100, STORE_ASCENDING, ""},
    {"prefix of the last key", "d", "", "", 100, STORE_DESCENDING, "d "},
    {"prefix without an end", "\xff\xff", "", "", 100, STORE_ASCENDING, ""},
};

struct scan_run {
    struct fixture *fixture;
    const struct scan_case *row;
};

static enum status scan_body(struct store_txn *txn, void *arg) {
    const struct scan_run *run = arg;
    const struct scan_case *row = run->row;
    struct store_range range = {.table = STORE_MAILBOX,
                                .prefix = text(row->prefix),
                                .from = text(row->from),
                                .to = text(row->to),
                                .limit = row->limit,
                                .direction = row->direction};
    struct store_rows rows;
    TRY(store_scan(txn, &range, run->fixture->arena, &rows));
    char found[64] = "";
    for (size_t i = 0; i < rows.count; i++) {
        assert_true(bytes_equal(rows.items[i].key, rows.items[i].value));
        (void)strncat(found, (const char *)rows.items[i].key.data, rows.items[i].key.len);
        (void)strcat(found, " ");
    }
    if (strcmp(found, row->expected) != 0) fail_msg("%s: '%s', not '%s'", row->name, found, row->expected);
    return STATUS_OK;
}

static void case_scan(struct fixture *fixture) {
    for (size_t i = 0; i < sizeof scan_cases / sizeof scan_cases[0]; i++) {
        struct scan_case empty = scan_cases[i];
        empty.expected = "";
        OK(store_read(fixture->store, scan_body, &(struct scan_run){fixture, &empty}));
    }
    WRITE(fixture->store, {STORE_MAILBOX, "bb", "bb"}, {STORE_MAILBOX, "a", "a"}, {STORE_MAILBOX, "d", "d"},
          {STORE_MAILBOX, "ba", "ba"}, {STORE_MAILBOX, "c", "c"}, {STORE_MAILBOX, "b", "b"});
    for (size_t i = 0; i < sizeof scan_cases / sizeof scan_cases[0]; i++)
        OK(store_read(fixture->store, scan_body, &(struct scan_run){fixture, &scan_cases[i]}));
}

static enum status scan_bounds(struct store_txn *txn, void *arg) {
    struct store_rows rows;
    struct fixture *fixture = arg;
    static const uint8_t zeros[STORE_KEY_MAX + 1];
    struct store_range range = {.table = STORE_MAILBOX, .from = BYTES_ARRAY(zeros), .limit = 1};
    TRY(store_scan(txn, &range, fixture->arena, &rows));
    range = (struct store_range){
        .table = STORE_MAILBOX, .to = BYTES_ARRAY(zeros), .limit = 1, .direction = STORE_DESCENDING};
    TRY(store_scan(txn, &range, fixture->arena, &rows));
    range.limit = STORE_SCAN_MAX + 1;
    return store_scan(txn, &range, fixture->arena, &rows);
}

static enum status scan_no_limit(struct store_txn *txn, void *arg) {
    struct store_rows rows;
    struct fixture *fixture = arg;
    return store_scan(txn, &(struct store_range){.table = STORE_MAILBOX}, fixture->arena, &rows);
}

static void case_scan_bounds(struct fixture *fixture) {
    assert_int_equal(store_read(fixture->store, scan_bounds, fixture), STATUS_INVALID);
    assert_int_equal(store_read(fixture->store, scan_no_limit, fixture), STATUS_INVALID);
}

enum { MANY = 1000 };

static enum status put_numbered(struct store_txn *txn, void *arg) {
    (void)arg;
    for (uint32_t i = 0; i < MANY; i++) {
        /* Out of order, so that tables that grow meet smaller keys too. */
        uint32_t number = i * 7 % MANY;
        uint8_t key[8];
        struct writer writer = writer_init(key, sizeof key);
        writer_u64(&writer, number);
        TRY(store_put(txn, STORE_LEAF, BYTES_ARRAY(key), BYTES(&number, sizeof number)));
    }
    return STATUS_OK;
}

/* Goes through a table in pages, each from where the last one ended. */
static enum status scan_pages(struct store_txn *txn, void *arg) {
    struct fixture *fixture = arg;
    struct store_range range = {.table = STORE_LEAF, .limit = 64};
    uint32_t expected = 0;
    struct store_rows rows;
    uint8_t from[9] = {0};
    do {
        TRY(store_scan(txn, &range, fixture->arena, &rows));
        for (size_t i = 0; i < rows.count; i++, expected++)
            assert_memory_equal(rows.items[i].value.data, &expected, sizeof expected);
        if (rows.count) memcpy(from, rows.items[rows.count - 1].key.data, 8);
        range.from = BYTES_ARRAY(from);
    } while (rows.count > 0);
    assert_int_equal(expected, MANY);
    return STATUS_OK;
}

static void case_scan_in_pages(struct fixture *fixture) {
    OK(store_write(fixture->store, put_numbered, NULL));
    OK(store_read(fixture->store, scan_pages, fixture));
}

/* A reader that looks, lets another thread write, and looks again. */

static void *write_aside(void *arg) {
    struct fixture *fixture = arg;
    WRITE(fixture->store, {STORE_CONSENT, "k", "revoked"}, {STORE_CONSENT, "new", "1"});
    return NULL;
}

static enum status look_twice(struct store_txn *txn, void *arg) {
    struct fixture *fixture = arg;
    struct bytes value;
    TRY(store_get(txn, STORE_CONSENT, text("k"), fixture->arena, &value));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_aside, fixture), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    TRY(store_get(txn, STORE_CONSENT, text("k"), fixture->arena, &value));
    assert_true(bytes_equal_text(value, "active"));
    bool present = true;
    TRY(store_has(txn, STORE_CONSENT, text("new"), &present));
    assert_false(present);
    return STATUS_OK;
}

static void case_read_is_isolated_from_later_writes(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_CONSENT, "k", "active"});
    OK(store_read(fixture->store, look_twice, fixture));
    assert_value(fixture, STORE_CONSENT, "k", "revoked");
}

/* Readers that run beside a writer: two rows that every commit changes together must always agree. */

enum { ROUNDS = 200, READERS = 4 };

static enum status put_twins(struct store_txn *txn, void *arg) {
    struct bytes value = BYTES(arg, sizeof(uint32_t));
    TRY(store_put(txn, STORE_INDEX, text("left"), value));
    return store_put(txn, STORE_TOKEN, text("right"), value);
}

static enum status compare_twins(struct store_txn *txn, void *arg) {
    struct arena *arena = arg;
    struct bytes left;
    struct bytes right;
    TRY(store_get(txn, STORE_INDEX, text("left"), arena, &left));
    TRY(store_get(txn, STORE_TOKEN, text("right"), arena, &right));
    return bytes_equal(left, right) ? STATUS_OK : STATUS_INTEGRITY;
}

static void *read_twins(void *arg) {
    struct fixture *fixture = arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(arena);
        if (store_read(fixture->store, compare_twins, arena) != STATUS_OK) return arg;
    }
    return NULL;
}

static void case_readers_beside_a_writer(struct fixture *fixture) {
    uint32_t number = 0;
    OK(store_write(fixture->store, put_twins, &number));
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_twins, fixture), 0);
    for (number = 1; number <= ROUNDS; number++)
        OK(store_write(fixture->store, put_twins, &number));
    for (int i = 0; i < READERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static enum status note_batch(struct store_txn *txn, void *arg) {
    *(uint64_t *)arg = store_txn_batch(txn);
    return STATUS_OK;
}

static void case_batch_numbers(struct fixture *fixture) {
    uint64_t before = 0;
    uint64_t inside = 0;
    uint64_t after = 0;
    OK(store_last_batch(fixture->store, &before));
    OK(store_write(fixture->store, note_batch, &inside));
    OK(store_last_batch(fixture->store, &after));
    assert_int_equal(inside, before + 1);
    assert_int_equal(after, inside);
    assert_int_equal(store_write(fixture->store, fail_late, NULL), STATUS_CONFLICT);
    OK(store_last_batch(fixture->store, &after));
    assert_int_equal(after, inside);
}

static enum status begin_epoch(struct store_txn *txn, void *arg) { return store_begin_epoch(txn, *(uint64_t *)arg); }

static void case_epochs_rise(struct fixture *fixture) {
    assert_int_equal(store_epoch(fixture->store), 1);
    uint64_t epoch = 1;
    assert_int_equal(store_write(fixture->store, begin_epoch, &epoch), STATUS_INVALID);
    epoch = 2;
    OK(store_write(fixture->store, begin_epoch, &epoch));
}

static void case_space(struct fixture *fixture) {
    struct store_space before;
    struct store_space after;
    OK(store_space(fixture->store, &before));
    OK(store_write(fixture->store, put_numbered, NULL));
    OK(store_space(fixture->store, &after));
    assert_true(after.used_bytes > before.used_bytes);
    assert_true(after.used_bytes < after.map_bytes);
    assert_true(after.disk_free_bytes > 0);
}

/* Each allocation of a write and a read fails in turn: the write stands whole or not at all. */
static void case_allocations_fail(struct fixture *fixture) {
    WRITE(fixture->store, {STORE_DEVICE, "a", "0"}, {STORE_TOKEN, "b", "0"});
    struct pair pairs[] = {{STORE_DEVICE, "a", "1"}, {STORE_TOKEN, "b", "1"}, {STORE_TOKEN, "c", "1"}, {.key = NULL}};
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        assert_in_range(nth, 1, 100);
        alloc_fail_at(nth);
        status = store_write(fixture->store, apply_pairs, pairs);
        bool failed = alloc_fail_happened();
        alloc_fail_at(0);
        assert_int_equal(status, failed ? STATUS_MEMORY : STATUS_OK);
        assert_value(fixture, STORE_DEVICE, "a", failed ? "0" : "1");
        assert_value(fixture, STORE_TOKEN, "c", failed ? NULL : "1");
    }
    struct lookup lookup = {.table = STORE_DEVICE, .key = text("a"), .arena = arena_new(1000)};
    alloc_fail_at(1);
    enum status read = store_read(fixture->store, lookup_body, &lookup);
    assert_int_equal(read, alloc_fail_happened() ? STATUS_MEMORY : STATUS_OK);
    alloc_fail_at(0);
    OK(store_read(fixture->store, lookup_body, &lookup));
    arena_free(lookup.arena);
}

static const struct {
    const char *name;
    void (*run)(struct fixture *fixture);
} cases[] = {
    {"P10 a failed body changes nothing", case_failed_body_changes_nothing},
    {"P10 the first failure sticks", case_first_failure_sticks},
    {"P10 allocations fail", case_allocations_fail},
    {"not found and a full arena are not kept", case_not_found_and_full_arena_are_not_kept},
    {"a read cannot write", case_read_cannot_write},
    {"key bounds", case_key_bounds},
    {"table bounds", case_table_bounds},
    {"put replaces, delete removes", case_put_replaces_and_delete_removes},
    {"tables are apart", case_tables_are_apart},
    {"a write sees its own changes", case_write_sees_its_own_changes},
    {"large values", case_large_values},
    {"get many", case_get_many},
    {"scan", case_scan},
    {"scan bounds", case_scan_bounds},
    {"scan in pages", case_scan_in_pages},
    {"a read is isolated from later writes", case_read_is_isolated_from_later_writes},
    {"readers beside a writer", case_readers_beside_a_writer},
    {"batch numbers", case_batch_numbers},
    {"epochs rise", case_epochs_rise},
    {"space", case_space},
};

enum { CASES = sizeof cases / sizeof cases[0] };

static enum status open_lmdb(struct fixture *fixture) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, "main", path);
    return store_open(path, "test.example", 1 << 28, &fixture->store);
}

static enum status open_memory(struct fixture *fixture) { return store_open_memory("test.example", &fixture->store); }

static const struct {
    const char *name;
    enum status (*open)(struct fixture *fixture);
} engines[] = {{"lmdb", open_lmdb}, {"memory", open_memory}};

enum { ENGINES = sizeof engines / sizeof engines[0] };

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    fixture->planned = *state;
    fixture->arena = arena_new((size_t)16 << 20);
    scratch_init(&fixture->scratch);
    *state = fixture;
    return engines[fixture->planned->engine].open(fixture) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    alloc_fail_at(0);
    store_close(fixture->store);
    scratch_clear(&fixture->scratch);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static void run_planned(void **state) {
    struct fixture *fixture = *state;
    cases[fixture->planned->at].run(fixture);
}

int main(void) {
    static struct planned planned[ENGINES * CASES];
    static struct CMUnitTest tests[ENGINES * CASES];
    for (size_t i = 0; i < ENGINES * CASES; i++) {
        planned[i] = (struct planned){.engine = i / CASES, .at = i % CASES};
        (void)snprintf(planned[i].name, sizeof planned[i].name, "%s: %s", engines[i / CASES].name,
                       cases[i % CASES].name);
        tests[i] = (struct CMUnitTest){planned[i].name, run_planned, setup, teardown, &planned[i]};
    }
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
