#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_memory_is_freed_at_the_end_of_scope(void **state) {
    (void)state;
    /* The leak checker is the judge. */
    char *text CLEANUP(cleanup_free) = malloc(10);
    char *nothing CLEANUP(cleanup_free) = NULL;
    assert_non_null(text);
    assert_null(nothing);
}

static int open_null(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

static void test_descriptor_is_closed_and_errno_kept(void **state) {
    (void)state;
    int number = -1;
    {
        int fd CLEANUP(cleanup_fd) = open_null();
        int none CLEANUP(cleanup_fd) = -1;
        assert_true(fd >= 0 && none == -1);
        number = fd;
        errno = EDOM;
    }
    assert_int_equal(errno, EDOM);
    assert_int_equal(fcntl(number, F_GETFD), -1);
}

static char *make_and_move(void) {
    char *text CLEANUP(cleanup_free) = malloc(1);
    return MOVE(text);
}

static void test_move_disarms(void **state) {
    (void)state;
    char *text = make_and_move();
    assert_non_null(text);
    text[0] = 'x';
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_freed_at_the_end_of_scope),
        cmocka_unit_test(test_descriptor_is_closed_and_errno_kept),
        cmocka_unit_test(test_move_disarms),
    };
    return cmocka_run_group_tests_name("base/cleanup", tests, NULL, NULL);
}
