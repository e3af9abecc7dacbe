#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* Standard error goes into a pipe while a test runs. */
struct capture {
    int saved_stderr;
    int read_end;
    char text[65536];
};

static struct capture capture;

static int setup(void **state) {
    (void)state;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
    capture.saved_stderr = dup(STDERR_FILENO);
    capture.read_end = ends[0];
    if (dup2(ends[1], STDERR_FILENO) < 0) return -1;
    log_setup("core", LOG_LEVEL_INFO);
    return close(ends[1]);
}

static int teardown(void **state) {
    (void)state;
    (void)dup2(capture.saved_stderr, STDERR_FILENO);
    (void)close(capture.saved_stderr);
    return close(capture.read_end);
}

/* What was written since the last call. */
static const char *captured(void) {
    ssize_t len = read(capture.read_end, capture.text, sizeof capture.text - 1);
    capture.text[len > 0 ? len : 0] = '\0';
    return capture.text;
}

static void test_names_of_levels(void **state) {
    (void)state;
    assert_int_equal(log_level_parse("Info"), -1);
    assert_int_equal(log_level_parse(""), -1);
    assert_int_equal(log_level_parse("error"), LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("debug"), LOG_LEVEL_DEBUG);
}

static void test_form_of_a_line(void **state) {
    (void)state;
    log_line(LOG_LEVEL_DEBUG, "hidden", "");
    assert_string_equal(captured(), "");
    errno = EDOM;
    log_line(LOG_LEVEL_INFO, "link_up", "member=%s size=%d", "nord", 7);
    assert_int_equal(errno, EDOM);
    assert_string_equal(captured(), "<6>core event=link_up member=nord size=7\n");
    log_line(LOG_LEVEL_ERROR, "stop", "%s", "");
    assert_string_equal(captured(), "<3>core event=stop \n");
    log_set_level(LOG_LEVEL_DEBUG);
    log_line(LOG_LEVEL_DEBUG, "shown", "");
    assert_string_equal(captured(), "<7>core event=shown\n");
}

static void test_controls_cannot_make_a_line(void **state) {
    (void)state;
    log_line(LOG_LEVEL_WARN, "odd", "v=%s", "a\nb\x1b[0m\x7f\xc2\x9b\xc3\xa5");
    assert_string_equal(captured(), "<4>core event=odd v=a?b?[0m???\xc3\xa5\n");
}

static void test_long_line_is_cut(void **state) {
    (void)state;
    char value[5000];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_line(LOG_LEVEL_INFO, "long", "v=%s", value);
    const char *text = captured();
    assert_in_range(strlen(text), 1000, 1024);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

static void test_limited(void **state) {
    (void)state;
    struct log_site site = {0};
    struct log_site other = {0};
    for (int i = 0; i < 25; i++) {
        log_limited_at(&site, LOG_LEVEL_WARN, "flood", "n=%d", i);
    }
    assert_int_equal(count_lines(captured()), 10);
    log_limited_at(&other, LOG_LEVEL_WARN, "other", "%s", "x");
    assert_string_equal(captured(), "<4>core event=other x\n");
    /* A minute later. */
    site.window_start_ms -= 60000;
    log_limited_at(&site, LOG_LEVEL_WARN, "flood", "n=%d", 25);
    assert_string_equal(captured(), "<4>core event=flood left_out=15 n=25\n");
    log_limited_at(&site, LOG_LEVEL_WARN, "flood", "n=%d", 26);
    assert_string_equal(captured(), "<4>core event=flood n=26\n");
}

static void test_limited_by_call_site(void **state) {
    (void)state;
    for (int i = 0; i < 12; i++) {
        log_limited(LOG_LEVEL_INFO, "one", "n=%d", i);
        log_limited(LOG_LEVEL_INFO, "two", "n=%d", i);
    }
    assert_int_equal(count_lines(captured()), 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_levels),
        cmocka_unit_test_setup_teardown(test_form_of_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_controls_cannot_make_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_line_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limited_by_call_site, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
