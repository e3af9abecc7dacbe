/*
 * The agency's verbs of `sluss` against a running API with the fake agent: wrong command lines first (exit code 2),
 * then refusals (1) and what cannot be reached (3), then what arrives at the agent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "agent/cli/cli_local.h"
#include "base/file.h"
#include "support/api/api_fixture.h"

#define ARGS_MAX 32

static const struct cli_verb *const tables[] = {cli_people_verbs, cli_consent_verbs, cli_agent_verbs};
static char printed[65536];

static const struct cli_verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            if (strcmp(verb->name, name) == 0) return verb;
        }
    }
    fail_msg("no verb '%s'", name);
    return NULL;
}

/* Standard output of what runs goes into a file, then into `printed`. */
static int run_words(const struct cli_verb *verb, int count, char **words) {
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stdout);
    int before = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    int code = verb->run(verb, count, words);
    (void)fflush(stdout);
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    (void)close(before);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
    (void)fclose(file);
    return code;
}

/* Words are separated by single spaces; a tilde stands for a space inside one. */
static int run(const char *line) {
    char copy[2000];
    char *words[ARGS_MAX];
    int count = 0;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        for (char *at = word; (at = strchr(at, '~')); at++) {
            *at = ' ';
        }
        words[count++] = word;
    }
    return run_words(find_verb(words[0]), count - 1, words + 1);
}

static int set_up(void **state) {
    (void)api_fixture_set_up(state);
    struct api_fixture *fixture = *state;
    return setenv("SLUSS_SOCKET", fixture->socket, 1);
}

/* ---- command lines ---- */

static const char *const wrong_lines[] = {
    "subject",
    "subject --id-file",
    "subject --id-file /nowhere",
    "subject --id-file /nowhere --more",
    "publish",
    "publish /dev/null --subject " HANDLE " --id-file x --kind",
    "publish a b --subject " HANDLE " --replaces " ID,
    "fragment",
    "fragment a b",
    "withdraw",
    "plan --subject " HANDLE,
    "plan --purpose joint_plan",
    "enrol --id-file x --how y",
    "erase --subject " HANDLE,
    "erase --reason x",
    "request --subject " HANDLE,
    "request --purpose p --duration P1D --kind goal --source x",
    "request-state",
    "consents",
    "consents a --subject " HANDLE,
    "revoke " ID,
    "revoke --reason x",
    "events --after x",
    "events more",
    "agreements more",
    "members --unknown",
    "health --json more",
};

static void test_wrong_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_lines / sizeof *wrong_lines; i++) {
        int code = run(wrong_lines[i]);
        if (code != CLI_USAGE) fail_msg("'%s': %d", wrong_lines[i], code);
    }
    assert_int_equal(atomic_load(&fake_agent.calls), 0);
}

/* Every verb explains itself with a usage and one example. */
static void test_help(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            char *words[] = {strdup("--help")};
            assert_int_equal(run_words(verb, 1, words), CLI_DONE);
            free(words[0]);
            if (!strstr(printed, "usage: sluss ") || !strstr(printed, "\nexample: sluss ")) fail_msg("%s", verb->name);
            size_t len = strlen(verb->name);
            if (strncmp(verb->example, verb->name, len) != 0) fail_msg("example of %s", verb->name);
        }
    }
}

/* ---- refusals ---- */

static void test_refused(void **state) {
    (void)state;
    fake_agent.answer = STATUS_NOT_FOUND;
    assert_int_equal(run("fragment " ID " --unit " NORTH), CLI_REFUSED);
    assert_int_equal(run("fragment " ID " --unit " FOREIGN), CLI_REFUSED);
    fake_agent.answer = STATUS_UNREACHABLE;
    assert_int_equal(run("fragment " ID " --unit " NORTH), CLI_NOT_REACHABLE);
}

static void test_no_agent(void **state) {
    (void)state;
    assert_int_equal(run("health --socket /nowhere/api"), CLI_NOT_REACHABLE);
}

/* ---- what arrives ---- */

static const char *write_file(struct api_fixture *fixture, const char *name, const char *text) {
    char path[SCRATCH_PATH_MAX];
    scratch_path(&fixture->scratch, name, path);
    assert_int_equal(file_create(path, bytes_text(text), 0600), STATUS_OK);
    return arena_string(fixture->arena, path);
}

static void test_subject(void **state) {
    struct api_fixture *fixture = *state;
    const char *number = write_file(fixture, "number", NUMBER "\n");
    const char *wrong = write_file(fixture, "wrong", "191212121213\n");
    assert_int_equal(run(arena_printf(fixture->arena, "subject --id-file %s", number)), CLI_DONE);
    assert_string_equal(printed, "subject: " HANDLE "\n");
    assert_int_equal(run(arena_printf(fixture->arena, "subject --id-file %s", wrong)), CLI_REFUSED);
    assert_string_equal(printed, "");
}

static void test_publish(void **state) {
    struct api_fixture *fixture = *state;
    const char *goal = write_file(fixture, "goal", "{\"kind\":\"goal\",\"title\":\"a\"}");
    const char *bad = write_file(fixture, "bad", "{\"kind\":\"goal\",\"bad\":1}");
    const char *line = arena_printf(fixture->arena,
                                    "publish %s %s --subject " HANDLE " --unit " SOUTH " --official g-17 --expires "
                                    "2100-01-01T00:00:00Z --json",
                                    goal, goal);
    assert_int_equal(run(line), CLI_DONE);
    assert_string_equal(fake_agent.unit, SOUTH);
    assert_string_equal(fake_agent.official, "g-17");
    assert_int_equal(fake_agent.publish.kind, KIND_GOAL);
    json_t *shown = json_loads(printed, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(shown, "fragments")), 2);
    json_decref(shown);
    line = arena_printf(fixture->arena, "publish %s %s --subject " HANDLE " --unit " SOUTH, bad, goal);
    assert_int_equal(run(line), CLI_REFUSED);
}

static void test_request(void **state) {
    (void)state;
    assert_int_equal(run("request --subject " HANDLE " --unit " NORTH
                         " --purpose plan --kind goal --kind activity --source " FOREIGN
                         " --duration P30D --with " SOUTH),
                     CLI_DONE);
    assert_int_equal(fake_agent.request.n_kinds, 2);
    assert_int_equal(fake_agent.request.duration_s, 30 * 86400);
    assert_int_equal(fake_agent.request.access, ACCESS_REPEATED);
    assert_int_equal(fake_agent.request.basis, BASIS_SECRECY_WAIVER);
    assert_non_null(strstr(printed, "link: https://portal.example/#request=" ID));
}

static const struct case_ {
    const char *line;
    const char *shows;
} cases[] = {
    {"fragment " ID " --unit " NORTH, "kind: goal\n"},
    {"withdraw " ID " --unit " NORTH, "state: withdrawn\n"},
    {"plan --subject " HANDLE " --purpose joint_plan --unit " NORTH " --json", "\"purpose\": \"joint_plan\""},
    {"erase --subject " HANDLE " --reason over --unit " NORTH, "state: erased\n"},
    {"request-state " ID " --unit " NORTH, "state: pending\n"},
    {"consents --subject " HANDLE " --unit " NORTH, "token: token-4\n"},
    {"revoke " ID " --reason said~so --unit " NORTH, "state: revoked\n"},
    {"events --after 1 --json", "{\"sequence\":2"},
    {"agreements", "agreements: \n"},
    {"members --json", "\"members\": []"},
    {"health", "link:\n  up: true\n"},
};

static void test_verbs(void **state) {
    (void)state;
    atomic_store(&fake_agent.event_number, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = run(cases[i].line);
        if (code != CLI_DONE || !strstr(printed, cases[i].shows))
            fail_msg("'%s': %d\n%s", cases[i].line, code, printed);
    }
    assert_string_equal(fake_agent.reason, "said so");
}

static void test_enrol(void **state) {
    struct api_fixture *fixture = *state;
    const char *number = write_file(fixture, "number", NUMBER);
    const char *line = arena_printf(
        fixture->arena, "enrol --id-file %s --assurance high --how desk --others-lost --unit " NORTH, number);
    assert_int_equal(run(line), CLI_DONE);
    assert_int_equal(fake_agent.assurance, 3);
    assert_true(fake_agent.others_lost);
    assert_non_null(strstr(printed, "link: https://portal.example/#code\n"));
}

#define WITH_API(test) cmocka_unit_test_setup_teardown(test, set_up, api_fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_API(test_wrong_lines), WITH_API(test_help),    WITH_API(test_refused),
        WITH_API(test_no_agent),    WITH_API(test_subject), WITH_API(test_publish),
        WITH_API(test_request),     WITH_API(test_verbs),   WITH_API(test_enrol),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
