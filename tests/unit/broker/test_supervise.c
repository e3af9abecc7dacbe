/*
 * The supervisor with roles that are played by a script: their order, crashes, hangs and integrity stops (P10).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "broker/role.h"
#include "broker/supervise.h"
#include "support/broker/role_process.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define WAIT_MS  20000

/* What a role does is shell text in its settings file. $dir: the scratch directory. */
#define READY          "printf 1 >&\"$ready\"\nexec sleep infinity\n"
#define TIMES(n, what) "echo x >> \"$dir/$role.count\"\n[ \"$(wc -l < \"$dir/$role.count\")\" -gt " n " ] || " what "\n"

static const char program_text[] = "#!/bin/bash\n"
                                   "role=$1 ready=$5 dir=$(dirname \"$3\")\n"
                                   "echo \"$role $$\" >> \"$dir/log\"\n"
                                   ". \"$3\"\n";

struct fixture {
    struct scratch scratch;
    struct role_process process;
    struct arena *arena;
};

static char program[SCRATCH_PATH_MAX];
static const struct supervise_times times = {.ready_ms = 1500, .stop_ms = 500};

static const char *settings_of(const char *dir, const char *role) {
    static char paths[4][SCRATCH_PATH_MAX + 16];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s.conf", dir, role);
    return access(path, R_OK) == 0 ? path : NULL;
}

/* In the child: a role whose file is missing has no settings. */
static int run(const char *dir, int ready_fd) {
    const struct run_settings settings = {.restart_most_ms = 10000,
                                          .keyd = settings_of(dir, "keyd"),
                                          .core = settings_of(dir, "core"),
                                          .gate = settings_of(dir, "gate"),
                                          .portal = settings_of(dir, "portal")};
    return supervise_run_within(program, &settings, &times, ready_fd);
}

static int setup(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.arena = arena_new(1 << 22)};
    scratch_init(&fixture.scratch);
    scratch_path(&fixture.scratch, "program", program);
    OK(file_replace(program, bytes_text(program_text), 0700));
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    scratch_clear(&fixture->scratch);
    arena_free(fixture->arena);
    return 0;
}

static void role_does(struct fixture *f, const char *role, const char *text) {
    char name[32];
    char path[SCRATCH_PATH_MAX];
    (void)snprintf(name, sizeof name, "%s.conf", role);
    scratch_path(&f->scratch, name, path);
    OK(file_replace(path, bytes_text(text), 0600));
}

/* What was started so far: lines of "role pid". */
static const char *read_log(struct fixture *f) {
    char path[SCRATCH_PATH_MAX];
    struct bytes content = BYTES_EMPTY;
    const char *text = "";
    scratch_path(&f->scratch, "log", path);
    if (file_read(path, 1 << 16, f->arena, &content) == STATUS_OK) OK(arena_text(f->arena, content, &text));
    return text;
}

static size_t starts_of(struct fixture *f, const char *role) {
    size_t count = 0;
    for (const char *at = strstr(read_log(f), role); at; at = strstr(at + 1, role)) {
        count++;
    }
    return count;
}

static pid_t last_pid(struct fixture *f, const char *role) {
    pid_t pid = 0;
    for (const char *at = strstr(read_log(f), role); at; at = strstr(at + 1, role)) {
        pid = atoi(at + strlen(role) + 1);
    }
    return pid;
}

static void wait_starts(struct fixture *f, const char *role, size_t count) {
    uint64_t until_ms = clock_boot_ms(clock_system()) + WAIT_MS;
    while (starts_of(f, role) < count) {
        if (clock_boot_ms(clock_system()) > until_ms) fail_msg("%s was not started: %s", role, read_log(f));
        (void)poll(NULL, 0, 10);
    }
}

static void wait_gone(pid_t pid) {
    uint64_t until_ms = clock_boot_ms(clock_system()) + WAIT_MS;
    while (kill(pid, 0) == 0) {
        if (clock_boot_ms(clock_system()) > until_ms) fail_msg("%d lives on", (int)pid);
        (void)poll(NULL, 0, 10);
    }
}

static void start(struct fixture *f) { role_process_start(&f->process, run, f->scratch.path); }

/* Every role that was ever started has ended. */
static void all_are_gone(struct fixture *f) {
    static const char *const roles[] = {"keyd", "core", "gate", "portal"};
    for (size_t i = 0; i < 4; i++) {
        if (last_pid(f, roles[i]) > 0) assert_int_equal(kill(last_pid(f, roles[i]), 0), -1);
    }
}

static void test_order_and_end(void **state) {
    struct fixture *f = *state;
    role_does(f, "portal", READY);
    role_does(f, "gate", READY);
    role_does(f, "core", READY);
    role_does(f, "keyd", READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    int keyd = 0;
    int core = 0;
    int gate = 0;
    int portal = 0;
    assert_int_equal(sscanf(read_log(f), "keyd %d core %d gate %d portal %d", &keyd, &core, &gate, &portal), 4);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
    all_are_gone(f);
}

static void test_only_roles_with_settings(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "portal", READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    assert_int_equal(starts_of(f, "core") + starts_of(f, "gate"), 0);
    assert_int_equal(role_process_end(&f->process, SIGINT), ROLE_DONE);
    all_are_gone(f);
}

/* Crashes three times: 0.2, 0.4 and 0.8 s between, and who comes after waits. */
static void test_p10_crashes_before_ready(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "core", TIMES("3", "exit 1") READY);
    role_does(f, "gate", READY);
    uint64_t start_ms = clock_boot_ms(clock_system());
    start(f);
    wait_starts(f, "core", 3);
    assert_int_equal(starts_of(f, "gate"), 0);
    assert_true(role_process_ready(&f->process));
    assert_true(clock_boot_ms(clock_system()) - start_ms >= 1400);
    assert_int_equal(starts_of(f, "core"), 4);
    assert_int_equal(starts_of(f, "keyd"), 1);
    assert_int_equal(starts_of(f, "gate"), 1);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* Killed while all run: it alone is started again. */
static void test_p10_killed_after_ready(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "core", READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    for (size_t round = 2; round <= 3; round++) {
        assert_int_equal(kill(last_pid(f, "core"), SIGKILL), 0);
        assert_true(role_process_says(&f->process, "role=core code=137"));
        wait_starts(f, "core", round);
    }
    assert_int_equal(starts_of(f, "keyd"), 1);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
    all_are_gone(f);
}

static void test_p7_integrity_stops_all(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "core", "exit 70\n");
    role_does(f, "gate", READY);
    start(f);
    assert_int_equal(role_process_end(&f->process, 0), ROLE_INTEGRITY);
    assert_int_equal(starts_of(f, "core"), 1);
    assert_int_equal(starts_of(f, "gate"), 0);
    all_are_gone(f);
}

/* Never ready: killed after its time, started again. */
static void test_hangs_before_ready(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", TIMES("1", "exec sleep infinity") READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    assert_true(role_process_says(&f->process, "role=keyd code=137"));
    assert_int_equal(starts_of(f, "keyd"), 2);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* Does not end when told: killed after its time; the others ended by themselves. */
static void test_hangs_at_the_end(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "core", "trap '' TERM\n" READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
    all_are_gone(f);
}

static void test_program_is_missing(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    assert_int_equal(unlink(program), 0);
    start(f);
    assert_true(role_process_says(&f->process, "role=keyd code=127"));
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* No role outlives a supervisor that was killed. */
static void test_supervisor_is_killed(void **state) {
    struct fixture *f = *state;
    role_does(f, "keyd", READY);
    role_does(f, "core", READY);
    start(f);
    assert_true(role_process_ready(&f->process));
    assert_int_equal(role_process_end(&f->process, SIGKILL), 128 + SIGKILL);
    wait_gone(last_pid(f, "keyd"));
    wait_gone(last_pid(f, "core"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_order_and_end),          CASE(test_only_roles_with_settings), CASE(test_p10_crashes_before_ready),
        CASE(test_p10_killed_after_ready), CASE(test_p7_integrity_stops_all),   CASE(test_hangs_before_ready),
        CASE(test_hangs_at_the_end),       CASE(test_program_is_missing),       CASE(test_supervisor_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
