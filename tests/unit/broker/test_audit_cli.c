/*
 * sluss-audit as a program: what it prints, and its exit status. The program stands beside the directory of the tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "keys/public.h"
#include "support/log_plot.h"
#include "support/scratch.h"

#define ARGUMENTS_MAX 10

struct run {
    int exit_status;
    char out[65536];
    char error[4096];
};

static void program_path(char path[4096]) {
    ssize_t len = readlink("/proc/self/exe", path, 4000);
    assert_true(len > 0);
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    strcpy(strrchr(path, '/') + 1, "sluss-audit");
}

static void read_all(FILE *file, char *out, size_t size) {
    rewind(file);
    size_t len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    (void)fclose(file);
}

/* arguments ends with NULL. */
static void run_audit(const char *const *arguments, struct run *run) {
    char path[4096];
    char *argv[ARGUMENTS_MAX + 2] = {path};
    program_path(path);
    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i < ARGUMENTS_MAX);
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    FILE *out = tmpfile();
    FILE *error = tmpfile();
    assert_true(out && error);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(fileno(out), STDOUT_FILENO);
        (void)dup2(fileno(error), STDERR_FILENO);
        (void)execv(path, argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    run->exit_status = WEXITSTATUS(status);
    read_all(out, run->out, sizeof run->out);
    read_all(error, run->error, sizeof run->error);
}

#define RUN(run, ...) run_audit((const char *const[]){__VA_ARGS__, NULL}, (run))

static void test_usage(void **state) {
    (void)state;
    struct run run;
    run_audit((const char *const[]){NULL}, &run);
    assert_int_equal(run.exit_status, 2);
    assert_non_null(strstr(run.error, "usage: sluss-audit"));
    RUN(&run, "destroy", "here");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "verify");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "verify", "a", "b");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "verify", "a", "--authority");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "verify", "a", "--authority", "sluss-sign:short");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "verify", "a", "--threshold", "0");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "replay", "a", "--fast");
    assert_int_equal(run.exit_status, 2);
    RUN(&run, "--help");
    assert_int_equal(run.exit_status, 0);
}

static void test_every_verb_has_an_example(void **state) {
    (void)state;
    static const char *const verbs[] = {"verify", "replay", "consistency"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct run run;
        char example[64];
        (void)snprintf(example, sizeof example, "example:\n  sluss-audit %s ", verbs[i]);
        RUN(&run, verbs[i], "--help");
        assert_int_equal(run.exit_status, 0);
        assert_non_null(strstr(run.out, example));
    }
}

static void test_not_reachable(void **state) {
    (void)state;
    struct run run;
    RUN(&run, "replay", "/nonexistent");
    assert_int_equal(run.exit_status, 3);
    assert_non_null(strstr(run.error, "/nonexistent: not found"));
    RUN(&run, "consistency", "/nonexistent", "/nonexistent");
    assert_int_equal(run.exit_status, 3);
}

static void write_plot(struct scratch *scratch, bool misdeed) {
    struct log_plot plot;
    scratch_init(scratch);
    log_plot_begin(&plot);
    log_plot_live(&plot);
    if (misdeed) (void)log_plot_release(&plot, RULE_PASS);
    log_world_write(plot.world, scratch->path);
    log_plot_end(&plot);
}

static void test_an_honest_log(void **state) {
    (void)state;
    struct scratch scratch;
    struct run run;
    write_plot(&scratch, false);
    RUN(&run, "verify", scratch.path);
    assert_int_equal(run.exit_status, 0);
    assert_non_null(strstr(run.out, "note: authority keys"));
    RUN(&run, "replay", scratch.path);
    assert_int_equal(run.exit_status, 0);
    assert_non_null(strstr(run.out, " 0 divergences"));
    assert_string_equal(run.error, "");
    RUN(&run, "consistency", scratch.path, scratch.path);
    assert_int_equal(run.exit_status, 0);
    scratch_clear(&scratch);
}

static void test_a_log_found_wanting(void **state) {
    (void)state;
    struct scratch scratch;
    struct run run;
    write_plot(&scratch, true);
    RUN(&run, "replay", scratch.path);
    assert_int_equal(run.exit_status, 1);
    assert_non_null(strstr(run.out, ": consent_active: "));
    RUN(&run, "replay", scratch.path, "--json");
    assert_int_equal(run.exit_status, 1);
    json_t *report = json_loads(run.out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(report);
    const json_t *findings = json_object_get(report, "findings");
    assert_int_equal(json_array_size(findings), 1);
    const json_t *name = json_object_get(json_array_get(findings, 0), "name");
    assert_string_equal(json_string_value(name), "consent_active");
    assert_int_equal(json_integer_value(json_object_get(report, "divergences")), 1);
    assert_true(json_number_value(json_object_get(report, "signatures_per_s")) > 0);
    json_decref(report);
    scratch_clear(&scratch);
}

/* The mirror's own authority keys prove nothing to who has pinned others. */
static void test_pinned_authority(void **state) {
    (void)state;
    struct scratch scratch;
    struct run run;
    struct sign_private *other CLEANUP(sign_free_cleanup) = NULL;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
    write_plot(&scratch, false);
    assert_int_equal(sign_generate(&other), STATUS_OK);
    struct sign_public key = sign_public_of(other);
    RUN(&run, "verify", scratch.path, "--authority", public_sign_text(arena, &key), "--threshold", "1");
    assert_int_equal(run.exit_status, 1);
    assert_non_null(strstr(run.out, "leaf 0: directory: "));
    assert_null(strstr(run.out, "note: authority keys"));
    scratch_clear(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_every_verb_has_an_example),
        cmocka_unit_test(test_not_reachable),
        cmocka_unit_test(test_an_honest_log),
        cmocka_unit_test(test_a_log_found_wanting),
        cmocka_unit_test(test_pinned_authority),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
