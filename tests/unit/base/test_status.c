#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/status.h"
#include "support/child.h"

static void use_value_outside(void *arg) {
    (void)arg;
    (void)status_text((enum status)STATUS_COUNT);
}

static void test_value_outside_the_table_aborts(void **state) {
    (void)state;
    int result = child_run(use_value_outside, NULL);
    assert_true(WIFSIGNALED(result) || WEXITSTATUS(result) != 0);
}

static void test_names_are_those_of_the_table(void **state) {
    (void)state;
    static const char *const upper[] = {
#define X(name, class, text) #name,
        STATUS_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        const char *name = status_name((enum status)i);
        assert_int_equal(strlen(name), strlen(upper[i]));
        assert_int_equal(strcasecmp(name, upper[i]), 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_true(strlen(status_text((enum status)i)) > 0);
    }
    assert_string_equal(status_name(STATUS_TOO_LARGE), "too_large");
    assert_string_equal(status_name(STATUS_OK), "ok");
}

static void test_classes(void **state) {
    (void)state;
    assert_int_equal(status_class(STATUS_OK), CLASS_FINE);
    assert_int_equal(status_class(STATUS_MALFORMED), CLASS_PEER);
    assert_int_equal(status_class(STATUS_DENIED), CLASS_REFUSED);
    assert_int_equal(status_class(STATUS_RETRY), CLASS_LIMIT);
    assert_int_equal(status_class(STATUS_DISK_FULL), CLASS_LOCAL);
    assert_int_equal(status_class(STATUS_FORK), CLASS_INTEGRITY);
}

static enum status give_back(enum status given, int *out_went_on) {
    TRY(given);
    *out_went_on = 1;
    ENSURE(given != STATUS_OK, STATUS_EXPIRED);
    return STATUS_OK;
}

static void test_try_and_ensure(void **state) {
    (void)state;
    int went_on = 0;
    assert_int_equal(give_back(STATUS_PROOF, &went_on), STATUS_PROOF);
    assert_int_equal(went_on, 0);
    assert_int_equal(give_back(STATUS_OK, &went_on), STATUS_EXPIRED);
    assert_int_equal(went_on, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_outside_the_table_aborts),
        cmocka_unit_test(test_names_are_those_of_the_table),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_try_and_ensure),
    };
    return cmocka_run_group_tests_name("base/status", tests, NULL, NULL);
}
