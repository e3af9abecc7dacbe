#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static const char *own_path;

static void test_manual_moves_only_when_told(void **state) {
    (void)state;
    struct clock clock = clock_manual(1000);
    assert_int_equal(clock_now_ms(&clock), 1000);
    assert_int_equal(clock_boot_ms(&clock), 0);
    clock_advance(&clock, 250);
    assert_int_equal(clock_now_ms(&clock), 1250);
    assert_int_equal(clock_boot_ms(&clock), 250);
}

static void test_system(void **state) {
    (void)state;
    uint64_t now = clock_now_ms(clock_system());
    uint64_t boot = clock_boot_ms(clock_system());
    uint64_t reference = (uint64_t)time(NULL) * 1000;
    assert_in_range(now, reference - 5000, reference + 5000);
    assert_true(clock_boot_ms(clock_system()) >= boot);
}

/* What this program prints as the time when it is started with an offset of an hour. */
static uint64_t now_with_offset(void) {
    char command[4096];
    (void)snprintf(command, sizeof command, "SLUSS_TEST_CLOCK_OFFSET_MS=3600000 '%s' now", own_path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char line[64] = "";
    assert_non_null(fgets(line, sizeof line, pipe));
    assert_int_equal(pclose(pipe), 0);
    return strtoull(line, NULL, 10);
}

static void test_offset_only_with_hooks(void **state) {
    (void)state;
#ifdef SLUSS_TEST_HOOKS
    uint64_t expected = clock_now_ms(clock_system()) + 3600000;
#else
    uint64_t expected = clock_now_ms(clock_system());
#endif
    assert_in_range(now_with_offset(), expected - 1000, expected + 60000);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "now") == 0) {
        return printf("%llu\n", (unsigned long long)clock_now_ms(clock_system())) > 0 ? 0 : 1;
    }
    own_path = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_moves_only_when_told),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_offset_only_with_hooks),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
