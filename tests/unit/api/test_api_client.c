/* The clients of the settings: every way to get them wrong first (P11), then what a right one means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/api/api_auth.h"
#include "agent/api/api_client.h"
#include "base/file.h"
#include "support/scratch.h"

#define MEMBER "0007:2021000001"
#define TOKEN  "0123456789abcdef0123456789abcdef"

static struct scratch scratch;

static int set_up(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    scratch_init(&scratch);
    scratch_path(&scratch, "token", path);
    assert_int_equal(file_create(path, bytes_text(TOKEN "\n"), 0600), STATUS_OK);
    scratch_path(&scratch, "open", path);
    assert_int_equal(file_create(path, bytes_text(TOKEN "\n"), 0644), STATUS_OK);
    scratch_path(&scratch, "short", path);
    assert_int_equal(file_create(path, bytes_text("0123456789abcdef\n"), 0600), STATUS_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_clear(&scratch);
    return 0;
}

#define UNITS "units = {\"" MEMBER "/north\"}\n"
#define START "api_socket = \"api\"\n"
#define ONE   "client a {\nuid = 7\n" UNITS "may = {read}\n}\n"

static const struct bad_case {
    const char *name;
    const char *text;
} bad_cases[] = {
    {"no socket", ONE},
    {"neither uid nor token", START "client a {\n" UNITS "may = {read}\n}\n"},
    {"no units", START "client a {\nuid = 7\nmay = {read}\n}\n"},
    {"empty units", START "client a {\nuid = 7\nunits = {}\nmay = {read}\n}\n"},
    {"no rights", START "client a {\nuid = 7\n" UNITS "}\n"},
    {"empty rights", START "client a {\nuid = 7\n" UNITS "may = {}\n}\n"},
    {"unknown right", START "client a {\nuid = 7\n" UNITS "may = {read, write}\n}\n"},
    {"foreign unit", START "client a {\nuid = 7\nunits = {\"0007:2021000002/north\"}\nmay = {read}\n}\n"},
    {"no unit form", START "client a {\nuid = 7\nunits = {\"" MEMBER "\"}\nmay = {read}\n}\n"},
    {"no token file", START "client a {\ntoken_file = \"none\"\n" UNITS "may = {read}\n}\n"},
    {"token file that others read", START "client a {\ntoken_file = \"open\"\n" UNITS "may = {read}\n}\n"},
    {"short token", START "client a {\ntoken_file = \"short\"\n" UNITS "may = {read}\n}\n"},
    {"two with one uid", START ONE "client b {\nuid = 7\n" UNITS "may = {read}\n}\n"},
    {"two with one token", START "client a {\ntoken_file = \"token\"\n" UNITS
                                 "may = {read}\n}\nclient b {\ntoken_file = \"token\"\n" UNITS "may = {read}\n}\n"},
    {"uid out of range", START "client a {\nuid = 4294967295\n" UNITS "may = {read}\n}\n"},
};

static enum status read_clients(const char *text, struct arena *arena, struct api_clients *out_clients, char *error,
                                size_t cap) {
    char path[SCRATCH_PATH_MAX];
    struct api_settings *settings = ARENA_NEW(arena, struct api_settings);
    scratch_path(&scratch, "settings", path);
    TRY(settings_parse(bytes_text(text), path, api_settings_table, arena, settings, error, cap));
    return api_client_list(settings, MEMBER, arena, out_clients, error, cap);
}

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
        struct api_clients clients = {.count = 99};
        char error[300] = "";
        enum status status = read_clients(bad_cases[i].text, arena, &clients, error, sizeof error);
        if (status != STATUS_SETTINGS || clients.count != 99 || *error == '\0')
            fail_msg("case '%s'", bad_cases[i].name);
        assert_null(strstr(error, "0123456789abcdef"));
    }
}

static void test_takes(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    struct api_clients clients;
    const struct api_client *found = NULL;
    char error[300] = "";
    const char *text = START ONE "client b {\ntoken_file = \"token\"\nunits = {\"" MEMBER "/south\", \"" MEMBER
                                 "/north\"}\nmay = {publish, erase}\n}\n";
    assert_int_equal(read_clients(text, arena, &clients, error, sizeof error), STATUS_OK);
    assert_int_equal(clients.count, 2);
    assert_int_equal(clients.items[1].may, API_PUBLISH | API_ERASE);
    struct api_asking asking = {.is_local = true, .uid = 7, .authorization = "Bearer " TOKEN};
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_NONE);
    assert_string_equal(found->name, "a");
    asking.uid = 0;
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_UNKNOWN_CLIENT);
    asking.is_local = false;
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_NONE);
    assert_string_equal(found->name, "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_takes),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
