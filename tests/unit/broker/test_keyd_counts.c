/*
 * Evaluations a day. Guards P6: a restart gives nobody a new allowance to try national identity numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/keyd/keyd_counts.h"
#include "support/scratch.h"

#define OK(call)  assert_int_equal((call), STATUS_OK)
#define CITY      "0007:2129990004"
#define COUNTY    "0192:310999008"
#define DAY       20779U
#define MOST      100U
#define ROW_BYTES 64

struct fixture {
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    struct keyd_counts *counts;
};

static int setup(void **state) {
    static struct fixture fixture;
    scratch_init(&fixture.scratch);
    scratch_path(&fixture.scratch, "counts", fixture.path);
    OK(keyd_counts_open(fixture.path, &fixture.counts));
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    keyd_counts_close(fixture->counts);
    scratch_clear(&fixture->scratch);
    return 0;
}

static void restart(struct fixture *f) {
    keyd_counts_close(f->counts);
    f->counts = NULL;
    OK(keyd_counts_open(f->path, &f->counts));
}

static void test_p6_limit_stands_over_restarts(void **state) {
    struct fixture *f = *state;
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, MOST + 1, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_total(f->counts, DAY), 0);
    OK(keyd_counts_add(f->counts, CITY, DAY, 60, MOST));
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, 41, MOST), STATUS_LIMIT);
    restart(f);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, 41, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, UINT32_MAX, MOST), STATUS_LIMIT);
    OK(keyd_counts_add(f->counts, CITY, DAY, 40, MOST));
    restart(f);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, 1, MOST), STATUS_LIMIT);
    /* Another member and another day have their own. */
    OK(keyd_counts_add(f->counts, COUNTY, DAY, MOST, MOST));
    OK(keyd_counts_add(f->counts, CITY, DAY + 1, MOST, MOST));
    restart(f);
    assert_int_equal(keyd_counts_add(f->counts, COUNTY, DAY, 1, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY + 1, 1, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_total(f->counts, DAY), 2 * MOST);
    assert_int_equal(keyd_counts_total(f->counts, DAY + 1), MOST);
}

/* The clock goes back over midnight and forth again: yesterday's allowance is not new. */
static void test_two_days_are_known(void **state) {
    struct fixture *f = *state;
    OK(keyd_counts_add(f->counts, CITY, DAY, MOST, MOST));
    OK(keyd_counts_add(f->counts, CITY, DAY + 1, MOST, MOST));
    restart(f);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, 1, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_add(f->counts, CITY, DAY + 1, 1, MOST), STATUS_LIMIT);
    OK(keyd_counts_add(f->counts, CITY, DAY + 2, 1, MOST));
    assert_int_equal(keyd_counts_total(f->counts, DAY), 0);
    assert_int_equal(keyd_counts_total(f->counts, DAY + 1), MOST);
    assert_int_equal(keyd_counts_total(f->counts, DAY + 2), 1);
}

static void test_names(void **state) {
    struct fixture *f = *state;
    static const char longest[] = "0007:00000000000000000000000000000000000";
    assert_int_equal(sizeof longest - 1, 40);
    OK(keyd_counts_add(f->counts, longest, DAY, MOST, MOST));
    assert_int_equal(keyd_counts_add(f->counts, "0007:000000000000000000000000000000000000", DAY, 1, MOST),
                     STATUS_MALFORMED);
    /* A name that begins like another is another. */
    OK(keyd_counts_add(f->counts, "0007:0", DAY, MOST, MOST));
    restart(f);
    assert_int_equal(keyd_counts_add(f->counts, longest, DAY, 1, MOST), STATUS_LIMIT);
    assert_int_equal(keyd_counts_add(f->counts, "0007:0", DAY, 1, MOST), STATUS_LIMIT);
}

/* A crash while a member's first row was written: what stood before stands, the member begins anew. */
static void test_p10_row_cut_short(void **state) {
    struct fixture *f = *state;
    OK(keyd_counts_add(f->counts, CITY, DAY, MOST, MOST));
    OK(keyd_counts_add(f->counts, COUNTY, DAY, 7, MOST));
    for (off_t len = ROW_BYTES; len < (off_t)2 * ROW_BYTES; len += 9) {
        assert_int_equal(truncate(f->path, len), 0);
        restart(f);
        assert_int_equal(keyd_counts_add(f->counts, CITY, DAY, 1, MOST), STATUS_LIMIT);
        assert_int_equal(keyd_counts_total(f->counts, DAY), MOST);
        OK(keyd_counts_add(f->counts, COUNTY, DAY, 7, MOST));
        restart(f);
        assert_int_equal(keyd_counts_total(f->counts, DAY), MOST + 7);
    }
}

static void test_files_refused(void **state) {
    struct fixture *f = *state;
    struct keyd_counts *counts = NULL;
    assert_int_equal(chmod(f->path, 0604), 0);
    assert_int_equal(keyd_counts_open(f->path, &counts), STATUS_PERMISSION);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(truncate(f->path, (off_t)(KEYD_COUNTS_MEMBERS_MAX + 1) * ROW_BYTES), 0);
    assert_int_equal(keyd_counts_open(f->path, &counts), STATUS_INTEGRITY);
    assert_null(counts);
}

static void test_members_are_bounded(void **state) {
    struct fixture *f = *state;
    assert_int_equal(truncate(f->path, (off_t)(KEYD_COUNTS_MEMBERS_MAX - 1) * ROW_BYTES), 0);
    restart(f);
    OK(keyd_counts_add(f->counts, CITY, DAY, 1, MOST));
    assert_int_equal(keyd_counts_add(f->counts, COUNTY, DAY, 1, MOST), STATUS_LIMIT);
    OK(keyd_counts_add(f->counts, CITY, DAY, 1, MOST));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_p6_limit_stands_over_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_days_are_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_p10_row_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
