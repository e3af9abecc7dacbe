/* A new broker's keys: keyd opens with them, and nothing that is there is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/keygen.h"
#include "support/broker/keyd_bench.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static const char *const names[] = {"keyd.credential", "core.credential", "keyd.keys"};

static void path_in(const struct scratch *scratch, const char *name, char out_path[static SCRATCH_PATH_MAX]) {
    char below[64];
    (void)snprintf(below, sizeof below, "new/%s", name);
    scratch_path(scratch, below, out_path);
}

static void test_keyd_opens_with_them(void **state) {
    (void)state;
    struct keyd_bench bench;
    keyd_bench_init(&bench);
    char dir[SCRATCH_PATH_MAX];
    scratch_path(&bench.scratch, "new", dir);
    OK(keygen_make(dir));
    char paths[3][SCRATCH_PATH_MAX];
    for (size_t i = 0; i < 3; i++) {
        struct stat info;
        path_in(&bench.scratch, names[i], paths[i]);
        assert_int_equal(stat(paths[i], &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
    }
    char fresh_state[SCRATCH_PATH_MAX];
    scratch_path(&bench.scratch, "new-state", fresh_state);
    bench.settings.credential = paths[0];
    bench.settings.keys = paths[2];
    bench.settings.state_dir = fresh_state;
    OK(keyd_bench_restart(&bench));
    assert_int_equal(keyd_bench_ask(&bench, KEYD_IDENTITY, BYTES_EMPTY, NULL), REPLY_DONE);
    /* core's credential opens nothing of keyd's. */
    bench.settings.credential = paths[1];
    assert_int_not_equal(keyd_bench_restart(&bench), STATUS_OK);
    keyd_bench_clear(&bench);
}

/* Whichever of the three is there: refused, and nothing else is made. */
static void test_refuses_to_overwrite(void **state) {
    (void)state;
    OK(secret_setup());
    for (size_t there = 0; there < 3; there++) {
        struct scratch scratch;
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 16);
        char dir[SCRATCH_PATH_MAX];
        char path[SCRATCH_PATH_MAX];
        struct bytes content;
        scratch_init(&scratch);
        scratch_path(&scratch, "new", dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        path_in(&scratch, names[there], path);
        OK(file_create(path, bytes_text("mine"), 0600));
        assert_int_equal(keygen_make(dir), STATUS_CONFLICT);
        OK(file_read(path, 64, arena, &content));
        assert_true(bytes_equal_text(content, "mine"));
        for (size_t i = 0; i < 3; i++) {
            path_in(&scratch, names[i], path);
            assert_int_equal(access(path, F_OK), i == there ? 0 : -1);
        }
        scratch_clear(&scratch);
    }
}

static void test_refuses_a_loose_directory(void **state) {
    (void)state;
    struct scratch scratch;
    char dir[SCRATCH_PATH_MAX];
    scratch_init(&scratch);
    scratch_path(&scratch, "new", dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(keygen_make(dir), STATUS_PERMISSION);
    scratch_path(&scratch, "nowhere/new", dir);
    assert_int_equal(keygen_make(dir), STATUS_NOT_FOUND);
    scratch_clear(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyd_opens_with_them),
        cmocka_unit_test(test_refuses_to_overwrite),
        cmocka_unit_test(test_refuses_a_loose_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
