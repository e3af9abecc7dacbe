/* What the engine for tests alone can do: fail on request. The common cases are in test_store.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/store_memory.h"
#include "broker/core/store.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static enum status count_runs(struct store_txn *txn, void *arg) {
    unsigned *runs = arg;
    (*runs)++;
    bool present = true;
    TRY(store_has(txn, STORE_DEVICE, bytes_text("key"), &present));
    assert_false(present);
    return store_put(txn, STORE_DEVICE, bytes_text("key"), bytes_text("value"));
}

static enum status is_present(struct store_txn *txn, void *arg) {
    return store_has(txn, STORE_DEVICE, bytes_text("key"), arg);
}

static void test_failing_commits(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum status status;
        unsigned failures;
        enum status expected;
        unsigned runs;
    } rows[] = {
        {"too many retries", STATUS_RETRY, 3, STATUS_RETRY, 3}, {"fenced", STATUS_FENCED, 1, STATUS_FENCED, 1},
        {"unknown", STATUS_UNKNOWN, 1, STATUS_UNKNOWN, 1},      {"disk full", STATUS_DISK_FULL, 1, STATUS_DISK_FULL, 1},
        {"two retries", STATUS_RETRY, 2, STATUS_OK, 3},         {"none", STATUS_RETRY, 0, STATUS_OK, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct store *store CLEANUP(store_close_cleanup) = NULL;
        OK(store_open_memory("test.example", &store));
        store_memory_fail_commits(store, rows[i].status, rows[i].failures);
        unsigned runs = 0;
        enum status found = store_write(store, count_runs, &runs);
        if (found != rows[i].expected) fail_msg("%s: %s", rows[i].name, status_name(found));
        assert_int_equal(runs, rows[i].runs);
        bool present = false;
        OK(store_read(store, is_present, &present));
        assert_int_equal(present, rows[i].expected == STATUS_OK);
    }
}

static void test_no_copy(void **state) {
    (void)state;
    struct store *store CLEANUP(store_close_cleanup) = NULL;
    OK(store_open_memory("test.example", &store));
    assert_int_equal(store_copy(store, 1), STATUS_UNSUPPORTED);
}

static void test_federation_bounds(void **state) {
    (void)state;
    struct store *store = NULL;
    assert_int_equal(store_open_memory("", &store), STATUS_INVALID);
    assert_null(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_federation_bounds),
        cmocka_unit_test(test_failing_commits),
        cmocka_unit_test(test_no_copy),
    };
    return cmocka_run_group_tests_name("store_memory", tests, NULL, NULL);
}
