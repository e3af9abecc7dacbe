/* ISO 8601 durations: what is refused first, then what they mean. Guards P11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"

static const struct bad_case {
    const char *text;
    enum status expected;
} bad_cases[] = {
    {"", STATUS_MALFORMED},
    {"P", STATUS_MALFORMED},
    {"PT", STATUS_MALFORMED},
    {"P1DT", STATUS_MALFORMED},
    {"30D", STATUS_MALFORMED},
    {"p30d", STATUS_MALFORMED},
    {"P30", STATUS_MALFORMED},
    {"P-1D", STATUS_MALFORMED},
    {"-P1D", STATUS_MALFORMED},
    {"P1.5D", STATUS_MALFORMED},
    {"P1Y", STATUS_MALFORMED},
    {"P1M", STATUS_MALFORMED},
    {"P2H", STATUS_MALFORMED},
    {"PT2D", STATUS_MALFORMED},
    {"PT1S1H", STATUS_MALFORMED},
    {"PT1H1H", STATUS_MALFORMED},
    {"P1W1D", STATUS_MALFORMED},
    {"P1WT1W", STATUS_MALFORMED},
    {"PTT1H", STATUS_MALFORMED},
    {"P1D ", STATUS_MALFORMED},
    {"P36526D", STATUS_TOO_LARGE},
    {"PT3155760001S", STATUS_TOO_LARGE},
    {"P9999999999W", STATUS_TOO_LARGE},
    {"P99999999999D", STATUS_TOO_LARGE},
    {"P36525DT1S", STATUS_TOO_LARGE},
};

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        uint64_t seconds = 7;
        enum status status = duration_parse(bytes_text(bad_cases[i].text), &seconds);
        if (status != bad_cases[i].expected || seconds != 7) fail_msg("case '%s'", bad_cases[i].text);
    }
}

static const struct good_case {
    const char *text;
    uint64_t seconds;
    const char *shortest;
} good_cases[] = {
    {"PT2H", 7200, "PT2H"},
    {"P30D", 2592000, "P30D"},
    {"P2W", 1209600, "P14D"},
    {"P1DT12H", 129600, "P1DT12H"},
    {"PT90M", 5400, "PT1H30M"},
    {"PT1H1M1S", 3661, "PT1H1M1S"},
    {"PT0S", 0, "PT0S"},
    {"P036DT0S", 3110400, "P36D"},
    {"P36525D", 3155760000, "P36525D"},
};

static void test_means(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        uint64_t seconds = 7;
        assert_int_equal(duration_parse(bytes_text(good_cases[i].text), &seconds), STATUS_OK);
        assert_int_equal(seconds, good_cases[i].seconds);
        assert_string_equal(duration_text(arena, seconds), good_cases[i].shortest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
