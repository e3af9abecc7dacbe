/* settings: what a file may say, and how a refusal names file, line and key (P11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings.h"

struct client {
    const char *name;
    int64_t uid;
    struct setting_list may;
};

struct program {
    const char *origin;
    const char *store;
    int64_t limit;
    bool strict;
    struct setting_list peers;
    struct setting_sections clients;
};

static const struct setting client_table[] = {
    {.key = "uid",
     .type = SETTING_INTEGER,
     .flags = SETTING_REQUIRED,
     .offset = offsetof(struct client, uid),
     .min = 0,
     .max = 65535,
     .help = "user id"},
    {.key = "may", .type = SETTING_LIST, .offset = offsetof(struct client, may), .default_text = "{\"read\"}"},
    {0},
};

static const struct setting table[] = {
    {.key = "origin",
     .type = SETTING_TEXT,
     .flags = SETTING_RELOADABLE,
     .offset = offsetof(struct program, origin),
     .min = 2,
     .max = 10,
     .help = "name of the log"},
    {.key = "store",
     .type = SETTING_PATH,
     .offset = offsetof(struct program, store),
     .default_text = "\"store\"",
     .help = "directory of the store"},
    {.key = "limit",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct program, limit),
     .default_text = "-5",
     .min = -10,
     .max = 100,
     .help = "a limit"},
    {.key = "strict", .type = SETTING_BOOL, .offset = offsetof(struct program, strict), .default_text = "true"},
    {.key = "peers", .type = SETTING_LIST, .offset = offsetof(struct program, peers), .default_text = "{\"a\", \"b\"}"},
    {.key = "client",
     .type = SETTING_SECTION,
     .offset = offsetof(struct program, clients),
     .help = "a local client",
     .section = client_table,
     .section_size = sizeof(struct client)},
    {0},
};

static const struct setting needy_table[] = {
    {.key = "origin", .type = SETTING_TEXT, .flags = SETTING_REQUIRED, .offset = offsetof(struct program, origin)},
    {0},
};

struct fixture {
    struct arena *arena;
    struct program program;
    char error[200];
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->arena = arena_new(1 << 20);
    *state = fixture;
    return fixture->arena ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static enum status parse(struct fixture *fixture, const struct setting *keys, const char *text) {
    fixture->program = (struct program){0};
    fixture->error[0] = '\0';
    return settings_parse(bytes_text(text), "/etc/sluss/x.conf", keys, fixture->arena, &fixture->program,
                          fixture->error, sizeof fixture->error);
}

static void refusals(void **state) {
    static const struct {
        const char *name;
        const char *text;
        const char *error;
    } cases[] = {
        {"unknown key", "limit = 1\nlimmit = 2\n", "/etc/sluss/x.conf:2: key 'limmit': is not known"},
        {"unknown key in section", "client \"a\" {\n uid = 1\n shoe = 2\n}\n",
         "/etc/sluss/x.conf:3: key 'shoe': is not known"},
        {"above range", "\nlimit = 101\n", "/etc/sluss/x.conf:2: key 'limit': is out of range, accepted is -10 to 100"},
        {"below range", "limit = -11", "/etc/sluss/x.conf:1: key 'limit': is out of range, accepted is -10 to 100"},
        {"beyond 64 bits", "limit = 99999999999999999999", "/etc/sluss/x.conf:1: key 'limit': is out of range"},
        {"not a number", "limit = 1x", "/etc/sluss/x.conf:1: key 'limit': is not a whole number"},
        {"empty number", "limit = \"\"", "/etc/sluss/x.conf:1: key 'limit': is not a whole number"},
        {"only a sign", "limit = -", "/etc/sluss/x.conf:1: key 'limit': is not a whole number"},
        {"not a truth value", "strict = maybe", "/etc/sluss/x.conf:1: key 'strict': is neither true nor false"},
        {"too short", "origin = a", "/etc/sluss/x.conf:1: key 'origin': is too short"},
        {"too long", "origin = aaaaaaaaaaa", "/etc/sluss/x.conf:1: key 'origin': is too long"},
        {"control character", "origin = \"a\\nb\"",
         "/etc/sluss/x.conf:1: key 'origin': holds control characters or is not UTF-8"},
        {"empty path", "store = \"\"", "/etc/sluss/x.conf:1: key 'store': is an empty path"},
        {"twice", "limit = 1\nlimit = 2", "/etc/sluss/x.conf:2: key 'limit': stands there twice"},
        {"section twice", "client \"a\" { uid = 1 }\nclient \"a\" { uid = 2 }",
         "/etc/sluss/x.conf:2: found duplicate title 'a'"},
        {"section lacks key", "client \"a\" {\n}\n", "/etc/sluss/x.conf:2: key 'uid': is missing"},
        {"section key out of range", "client \"a\" {\n uid = 65536\n}\n",
         "/etc/sluss/x.conf:2: key 'uid': is out of range, accepted is 0 to 65535"},
        {"no value", "limit\n", "/etc/sluss/x.conf:2: premature end of file"},
        {"open string", "origin = \"abc", "/etc/sluss/x.conf:1: a string is not closed"},
        {"open string of two lines", "limit = 1\norigin = x\\\"//\nstrict = no",
         "/etc/sluss/x.conf:2: a string is not closed"},
        {"open comment", "limit = 1\n/* origin = x", "/etc/sluss/x.conf:2: a comment is not closed"},
        {"variable", "origin = ${HOME}", "/etc/sluss/x.conf:1: variables are not replaced here"},
        {"variable in a string", "origin = \"${HOME}\"", "/etc/sluss/x.conf:1: variables are not replaced here"},
        {"lines are counted over comments", "# one\n// two ${\n/* three \"\n four */ limit = 1 # five\nlimit = 6\n",
         "/etc/sluss/x.conf:5: key 'limit': stands there twice"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(parse(fixture, table, cases[i].text), STATUS_SETTINGS);
        assert_string_equal(fixture->error, cases[i].error);
        /* The parser keeps no trace of what it refused. */
        assert_int_equal(parse(fixture, table, "limit = 7"), STATUS_OK);
        assert_int_equal(fixture->program.limit, 7);
    }
}

static void refuses_nul(void **state) {
    struct fixture *fixture = *state;
    enum status status = settings_parse(BYTES("limit = 1\0", 10), "x", table, fixture->arena, &fixture->program,
                                        fixture->error, sizeof fixture->error);
    assert_int_equal(status, STATUS_SETTINGS);
}

static void required_key(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, needy_table, "# nothing\n"), STATUS_SETTINGS);
    assert_string_equal(fixture->error, "/etc/sluss/x.conf:2: key 'origin': is missing");
    assert_int_equal(parse(fixture, needy_table, "origin = x"), STATUS_OK);
    assert_string_equal(fixture->program.origin, "x");
}

static void missing_file(void **state) {
    struct fixture *fixture = *state;
    enum status status = settings_read("/nonexistent/x.conf", table, fixture->arena, &fixture->program, fixture->error,
                                       sizeof fixture->error);
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_string_equal(fixture->error, "/nonexistent/x.conf: not found");
}

static void full_arena(void **state) {
    struct fixture *fixture = *state;
    struct arena *small = arena_new(16);
    enum status status = settings_parse(bytes_text("limit = 1"), "x", table, small, &fixture->program, fixture->error,
                                        sizeof fixture->error);
    arena_free(small);
    assert_int_equal(status, STATUS_MEMORY);
    assert_string_equal(fixture->error, "x: out of memory");
}

static void defaults_hold(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(parse(fixture, table, ""), STATUS_OK);
    const struct program *program = &fixture->program;
    assert_null(program->origin);
    assert_string_equal(program->store, "/etc/sluss/store");
    assert_int_equal(program->limit, -5);
    assert_true(program->strict);
    assert_int_equal(program->peers.count, 2);
    assert_string_equal(program->peers.items[1], "b");
    assert_int_equal(program->clients.count, 0);
}

static void values_are_read(void **state) {
    struct fixture *fixture = *state;
    static const char text[] =
        "origin = \"lo#g//x\"\nstore = /var//x\nlimit = 100\nstrict = off\n/* // */ peers = {one}#\n"
        "client \"case\" { uid = 1000\n may = {\"read\", \"publish\"} }\n"
        "client \"study\" { uid = 0 }\n";
    assert_int_equal(parse(fixture, table, text), STATUS_OK);
    const struct program *program = &fixture->program;
    assert_string_equal(program->origin, "lo#g//x");
    assert_string_equal(program->store, "/var//x");
    assert_int_equal(program->limit, 100);
    assert_false(program->strict);
    assert_int_equal(program->peers.count, 1);
    assert_int_equal(program->clients.count, 2);
    const struct client *clients = program->clients.items;
    assert_string_equal(clients[0].name, "case");
    assert_int_equal(clients[0].uid, 1000);
    assert_int_equal(clients[0].may.count, 2);
    assert_string_equal(clients[0].may.items[1], "publish");
    assert_string_equal(clients[1].name, "study");
    assert_string_equal(clients[1].may.items[0], "read");
}

static void printed_defaults_parse_again(void **state) {
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    settings_print_defaults(file, table);
    (void)fclose(file);
    assert_non_null(strstr(text, "# a limit (whole number, -10 to 100)\nlimit = -5\n"));
    assert_non_null(strstr(text, "# name of the log (text, read again on SIGHUP)\n# origin = ...\n"));
    assert_non_null(strstr(text, "# client \"NAME\" {\n#     # user id (whole number, 0 to 65535, required)\n"));
    enum status status = parse(fixture, table, text);
    free(text);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(fixture->program.limit, -5);
    assert_int_equal(fixture->program.peers.count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_nul, set_up, tear_down),
        cmocka_unit_test_setup_teardown(required_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_arena, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(printed_defaults_parse_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
