#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/core_settings.h"

#define KEY "sluss-sign:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PATHS                                                                                                          \
    "store_dir = \"s\"\nshred_file = \"f\"\ncredential = \"c\"\nkeyd_socket = \"k\"\ngate_socket = \"g\"\n"            \
    "portal_socket = \"p\"\noperator_socket = \"o\"\n"
#define WHOLE PATHS "federation = \"test.example\"\nauthority = {\"" KEY "\"}\n"

static enum status read_settings(const char *text, struct arena *arena, struct core_settings *out, char error[256]) {
    *out = (struct core_settings){.federation = NULL};
    TRY(settings_parse(bytes_text(text), "/etc/core.conf", core_settings_table, arena, out, error, 256));
    return core_settings_check(out, "/etc/core.conf", error, 256);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *named; /* in the sentence */
    } cases[] = {
        {"nothing", "", "/etc/core.conf"},
        {"an unknown key", WHOLE "stor_dir = \"x\"\n", "stor_dir"},
        {"a number out of bounds", WHOLE "gate_contexts = 9000\n", "gate_contexts"},
        {"no federation's name", PATHS "federation = \"Not One\"\nauthority = {\"" KEY "\"}\n", "federation"},
        {"a key that is none", PATHS "federation = \"test.example\"\nauthority = {\"sluss-sign:x\"}\n", "authority"},
        {"fewer keys than must sign", WHOLE "authority_threshold = 2\n", "authority_threshold"},
        {"a level that is none", WHOLE "log_level = \"loud\"\n", "log_level"},
    };
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct core_settings settings;
        char error[256] = "";
        assert_int_equal(read_settings(cases[i].text, arena, &settings, error), STATUS_SETTINGS);
        if (!strstr(error, cases[i].named)) fail_msg("%s: %s", cases[i].name, error);
    }
}

static void test_accepted(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 16);
    struct core_settings settings;
    struct sign_public keys[CORE_AUTHORITY_MAX];
    size_t count = 0;
    char error[256] = "";
    assert_int_equal(read_settings(WHOLE, arena, &settings, error), STATUS_OK);
    assert_string_equal(settings.store_dir, "/etc/s");
    assert_int_equal(settings.keyd_deadline_ms, 2000);
    assert_int_equal(settings.clock_step_ms, 10000);
    assert_int_equal(core_settings_authority(&settings, keys, &count), STATUS_OK);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
