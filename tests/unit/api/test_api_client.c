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
#include "support/api/fake_agent.h"
#include "support/scratch.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct scratch scratch;
static const char *unit_names[] = {"north"};
static const char *unit_ids[] = {NORTH};

static void write_token(const char *name, const char *text, mode_t mode) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&scratch, name, path);
    assert_int_equal(file_create(path, bytes_text(text), mode), STATUS_OK);
}

static int set_up(void **state) {
    (void)state;
    scratch_init(&scratch);
    write_token("token", TOKEN "\n", 0600);
    write_token("same", TOKEN, 0600);
    write_token("open", TOKEN "\n", 0644);
    write_token("short", "0123456789abcdef\n", 0600);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_clear(&scratch);
    return 0;
}

struct row {
    int64_t uid;
    const char *token;
    unsigned rights;
};

static const struct bad_case {
    const char *name;
    struct row rows[2];
} bad_cases[] = {
    {"no rights", {{1, NULL, AGENT_MAY_READ}, {2, NULL, 0}}},
    {"one uid twice", {{1, NULL, AGENT_MAY_READ}, {1, NULL, AGENT_MAY_READ}}},
    {"one token twice", {{-1, "token", AGENT_MAY_READ}, {-1, "same", AGENT_MAY_READ}}},
    {"no token file", {{-1, "none", AGENT_MAY_READ}, {1, NULL, AGENT_MAY_READ}}},
    {"token file that others can read", {{-1, "open", AGENT_MAY_READ}, {1, NULL, AGENT_MAY_READ}}},
    {"short token", {{-1, "short", AGENT_MAY_READ}, {1, NULL, AGENT_MAY_READ}}},
};

static enum status list_rows(const struct row rows[2], struct arena *arena, struct api_clients *out_clients,
                             char *error, size_t cap) {
    struct agent_settings_client *items = ARENA_ARRAY(arena, struct agent_settings_client, 2);
    struct agent_settings *settings = ARENA_NEW(arena, struct agent_settings);
    for (size_t i = 0; i < 2; i++) {
        char path[SCRATCH_PATH_MAX] = "";
        if (rows[i].token) scratch_path(&scratch, rows[i].token, path);
        items[i] = (struct agent_settings_client){.name = i ? "b" : "a",
                                                  .uid = rows[i].uid,
                                                  .token_file = rows[i].token ? arena_string(arena, path) : NULL,
                                                  .units = {.items = unit_names, .count = 1},
                                                  .unit_ids = unit_ids,
                                                  .rights = rows[i].rights};
    }
    settings->clients = (struct setting_sections){.items = items, .count = 2};
    return api_client_list(settings, arena, out_clients, error, cap);
}

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
        struct api_clients clients = {.count = 99};
        char error[300] = "";
        enum status status = list_rows(bad_cases[i].rows, arena, &clients, error, sizeof error);
        if (status != STATUS_SETTINGS || clients.count != 99) fail_msg("case '%s'", bad_cases[i].name);
        assert_non_null(strstr(error, "client '"));
        assert_null(strstr(error, "0123456789abcdef"));
    }
}

static void test_finds(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    struct api_clients clients;
    const struct api_client *found = NULL;
    char error[300] = "";
    const struct row rows[] = {{7, NULL, AGENT_MAY_READ}, {-1, "token", AGENT_MAY_PUBLISH | AGENT_MAY_ERASE}};
    assert_int_equal(list_rows(rows, arena, &clients, error, sizeof error), STATUS_OK);
    struct api_asking asking = {.is_local = true, .uid = 7, .authorization = "Bearer " TOKEN};
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_NONE);
    assert_string_equal(found->name, "a");
    asking.uid = 0;
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_UNKNOWN_CLIENT);
    asking.is_local = false;
    assert_int_equal(api_auth_client(&clients, &asking, &found), API_PROBLEM_NONE);
    assert_string_equal(found->name, "b");
    assert_int_equal(api_auth_right(found, AGENT_MAY_READ), API_PROBLEM_RIGHT);
    assert_int_equal(api_auth_right(found, AGENT_MAY_READ | AGENT_MAY_ERASE), API_PROBLEM_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_finds),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
