/* RFC 3339 timestamps: what is refused first, then that text and number agree. Guards P11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timestamp.h"

static const char *const bad_cases[] = {
    "",
    "2026-11-22",
    "2026-11-22 02:43:15Z",
    "2026-11-22t02:43:15Z",
    "2026-11-22T02:43Z",
    "2026-11-22T02:43:15",
    "2026-11-22T02:43:15z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T23:60:00Z",
    "2026-12-31T23:59:60Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-11-22T02:43:15.Z",
    "2026-11-22T02:43:15.1234567890Z",
    "2026-11-22T02:43:15+0100",
    "2026-11-22T02:43:15+24:00",
    "2026-11-22T02:43:15Z ",
    "+026-11-22T02:43:15Z",
};

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        uint64_t time_ms = 7;
        enum status status = timestamp_parse(bytes_text(bad_cases[i]), &time_ms);
        if (status != STATUS_MALFORMED || time_ms != 7) fail_msg("case '%s'", bad_cases[i]);
    }
}

static const struct good_case {
    const char *text;
    uint64_t time_ms;
    const char *same;
} good_cases[] = {
    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
    {"2000-02-29T12:00:00Z", 951825600000, "2000-02-29T12:00:00Z"},
    {"2026-11-22T03:43:15+01:00", 1795315395000, "2026-11-22T02:43:15Z"},
    {"2026-11-21T21:13:15.5-05:30", 1795315395500, "2026-11-22T02:43:15.500Z"},
    {"2026-11-22T02:43:15.123999Z", 1795315395123, "2026-11-22T02:43:15.123Z"},
    {"2100-03-01T00:00:00Z", 4107542400000, "2100-03-01T00:00:00Z"},
    {"9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void test_agrees(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        uint64_t time_ms = 7;
        if (timestamp_parse(bytes_text(good_cases[i].text), &time_ms) != STATUS_OK) fail_msg("%s", good_cases[i].text);
        assert_int_equal(time_ms, good_cases[i].time_ms);
        assert_string_equal(timestamp_text(arena, time_ms), good_cases[i].same);
    }
    assert_null(timestamp_text(arena, UINT64_C(253402300800000)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
