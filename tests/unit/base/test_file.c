#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/alloc_fail.h"

struct fixture {
    char dir[64];
    char path[96];
    struct arena *arena;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    (void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/sluss-file-XXXXXX");
    if (!mkdtemp(fixture->dir)) return -1;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/it", fixture->dir);
    fixture->arena = arena_new(1 << 20);
    *state = fixture;
    return fixture->arena ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", fixture->path);
    (void)unlink(temporary);
    (void)remove(fixture->path);
    int failed = rmdir(fixture->dir);
    arena_free(fixture->arena);
    free(fixture);
    return failed;
}

static void assert_content(struct fixture *fixture, const char *expected) {
    struct bytes content = BYTES_EMPTY;
    assert_int_equal(file_read(fixture->path, 1000, fixture->arena, &content), STATUS_OK);
    assert_true(bytes_equal_text(content, expected));
}

static void assert_no_temporary(struct fixture *fixture) {
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", fixture->path);
    assert_int_equal(access(temporary, F_OK), -1);
}

static void test_status_of_errno(void **state) {
    (void)state;
    static const struct {
        int error;
        enum status status;
    } cases[] = {
        {ENOENT, STATUS_NOT_FOUND},
        {EACCES, STATUS_PERMISSION},
        {EPERM, STATUS_PERMISSION},
        {ENOSPC, STATUS_DISK_FULL},
        {EDQUOT, STATUS_DISK_FULL},
        {EFBIG, STATUS_TOO_LARGE},
        {EEXIST, STATUS_CONFLICT},
        {ENOMEM, STATUS_MEMORY},
        {EIO, STATUS_IO},
        {EINVAL, STATUS_IO},
        {0, STATUS_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(file_status(cases[i].error), cases[i].status);
    }
}

static void test_read_refuses(void **state) {
    struct fixture *fixture = *state;
    struct bytes content = BYTES_EMPTY;
    assert_int_equal(file_read(fixture->path, 10, fixture->arena, &content), STATUS_NOT_FOUND);
    assert_int_equal(file_read(fixture->dir, 1 << 20, fixture->arena, &content), STATUS_IO);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(file_read(fixture->path, 10, fixture->arena, &content), STATUS_IO);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(file_replace(fixture->path, bytes_text("0123456789"), 0600), STATUS_OK);
    assert_int_equal(file_read(fixture->path, 9, fixture->arena, &content), STATUS_TOO_LARGE);
    struct arena *small = arena_new(9);
    assert_int_equal(file_read(fixture->path, 10, small, &content), STATUS_MEMORY);
    arena_free(small);
    assert_null(content.data);
    assert_int_equal(file_read(fixture->path, 10, fixture->arena, &content), STATUS_OK);
    assert_int_equal(content.len, 10);
}

static void test_read_empty(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(file_replace(fixture->path, BYTES_EMPTY, 0600), STATUS_OK);
    assert_content(fixture, "");
}

static void assert_mode(const char *path, mode_t mode) {
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, mode);
}

static void test_replace_and_create(void **state) {
    struct fixture *fixture = *state;
    mode_t mask = umask(0077);
    assert_int_equal(file_create(fixture->path, bytes_text("one"), 0644), STATUS_OK);
    assert_mode(fixture->path, 0644);
    assert_int_equal(file_create(fixture->path, bytes_text("two"), 0600), STATUS_CONFLICT);
    assert_content(fixture, "one");
    assert_no_temporary(fixture);
    assert_int_equal(file_replace(fixture->path, bytes_text("three"), 0640), STATUS_OK);
    assert_mode(fixture->path, 0640);
    assert_content(fixture, "three");
    assert_no_temporary(fixture);
    (void)umask(mask);
}

static void test_replace_passes_over_what_a_crash_left(void **state) {
    struct fixture *fixture = *state;
    char temporary[128];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", fixture->path);
    /* A link in the temporary's place must not be written through. */
    assert_int_equal(symlink("/dev/null", temporary), 0);
    assert_int_equal(file_replace(fixture->path, bytes_text("new"), 0600), STATUS_OK);
    assert_content(fixture, "new");
    struct stat found;
    assert_int_equal(lstat(fixture->path, &found), 0);
    assert_true(S_ISREG(found.st_mode));
}

/* P10: a write that does not fit leaves the old content. RLIMIT_FSIZE gives EFBIG, as a full disk gives ENOSPC. */
static void test_replace_that_fails_keeps_the_old(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(file_replace(fixture->path, bytes_text("old"), 0600), STATUS_OK);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit tight = {.rlim_cur = 2, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum status replaced = file_replace(fixture->path, bytes_text("longer"), 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(replaced, STATUS_TOO_LARGE);
    assert_content(fixture, "old");
    assert_no_temporary(fixture);
}

static void test_full_device(void **state) {
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_pwrite_all(fd, bytes_text("x"), 0), STATUS_DISK_FULL);
    assert_int_equal(close(fd), 0);
}

static void test_secret_must_be_private(void **state) {
    struct fixture *fixture = *state;
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0660, 0644};
    assert_int_equal(file_replace(fixture->path, bytes_text("key"), 0600), STATUS_OK);
    struct secret *content = NULL;
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(chmod(fixture->path, open_modes[i]), 0);
        assert_int_equal(file_read_secret(fixture->path, 10, &content), STATUS_PERMISSION);
    }
    assert_int_equal(chmod(fixture->path, 0600), 0);
    assert_int_equal(file_read_secret(fixture->path, 2, &content), STATUS_TOO_LARGE);
    assert_int_equal(file_read_secret(fixture->dir, 10, &content), STATUS_PERMISSION);
    assert_null(content);
    assert_int_equal(file_read_secret(fixture->path, 3, &content), STATUS_OK);
    assert_true(bytes_equal_text(secret_bytes(content), "key"));
    secret_free(content);
}

static void test_secret_of_another_owner(void **state) {
    struct fixture *fixture = *state;
    if (geteuid() != 0) skip();
    assert_int_equal(file_replace(fixture->path, bytes_text("key"), 0600), STATUS_OK);
    assert_int_equal(chown(fixture->path, 12345, 12345), 0);
    struct secret *content = NULL;
    assert_int_equal(file_read_secret(fixture->path, 10, &content), STATUS_PERMISSION);
}

static void test_secret_empty_or_absent(void **state) {
    struct fixture *fixture = *state;
    struct secret *content = NULL;
    assert_int_equal(file_read_secret(fixture->path, 10, &content), STATUS_NOT_FOUND);
    assert_int_equal(file_replace(fixture->path, BYTES_EMPTY, 0600), STATUS_OK);
    assert_int_equal(file_read_secret(fixture->path, 10, &content), STATUS_MALFORMED);
    assert_null(content);
}

static void test_memory_is_out(void **state) {
    struct fixture *fixture = *state;
    char big[1000] = "key";
    assert_int_equal(file_replace(fixture->path, BYTES_ARRAY(big), 0600), STATUS_OK);
    struct secret *content = NULL;
    enum status read = STATUS_MEMORY;
    for (unsigned nth = 1; read == STATUS_MEMORY; nth++) {
        alloc_fail_at(nth);
        read = file_read_secret(fixture->path, sizeof big, &content);
        assert_int_equal(read == STATUS_OK, !alloc_fail_happened());
    }
    assert_int_equal(read, STATUS_OK);
    assert_memory_equal(secret_data(content), big, sizeof big);
    secret_free(content);
    alloc_fail_at(1);
    assert_int_equal(file_replace(fixture->path, bytes_text("next"), 0600), STATUS_MEMORY);
    alloc_fail_at(0);
    struct bytes old = BYTES_EMPTY;
    assert_int_equal(file_read(fixture->path, sizeof big, fixture->arena, &old), STATUS_OK);
    assert_true(bytes_equal(old, BYTES_ARRAY(big)));
}

static void test_make_dir(void **state) {
    struct fixture *fixture = *state;
    mode_t mask = umask(0077);
    assert_int_equal(file_make_dir(fixture->path, 0750), STATUS_OK);
    (void)umask(mask);
    assert_mode(fixture->path, 0750);
    assert_int_equal(file_make_dir(fixture->path, 0750), STATUS_OK);
    assert_int_equal(file_make_dir(fixture->path, 0755), STATUS_OK);
    assert_mode(fixture->path, 0750);
    assert_int_equal(file_make_dir(fixture->path, 0700), STATUS_PERMISSION);
    assert_int_equal(rmdir(fixture->path), 0);
    assert_int_equal(file_replace(fixture->path, BYTES_EMPTY, 0600), STATUS_OK);
    assert_int_equal(file_make_dir(fixture->path, 0700), STATUS_CONFLICT);
    assert_int_equal(file_make_dir("/nonexistent/below", 0700), STATUS_NOT_FOUND);
}

static void test_positioned(void **state) {
    struct fixture *fixture = *state;
    int fd = open(fixture->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    char out[4] = {0};
    assert_int_equal(file_pread_all(fd, out, 1, 0), STATUS_IO);
    assert_int_equal(file_pwrite_all(fd, bytes_text("abcd"), 4096), STATUS_OK);
    assert_int_equal(file_pread_all(fd, out, 4, 4097), STATUS_IO);
    assert_int_equal(file_pread_all(fd, out, 4, UINT64_MAX), STATUS_TOO_LARGE);
    assert_int_equal(file_pwrite_all(fd, bytes_text("x"), (uint64_t)INT64_MAX), STATUS_TOO_LARGE);
    assert_int_equal(file_pread_all(fd, out, 4, 4096), STATUS_OK);
    assert_memory_equal(out, "abcd", 4);
    assert_int_equal(file_sync_data(fd), STATUS_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(file_pread_all(-1, out, 1, 0), STATUS_IO);
    assert_int_equal(file_sync_data(-1), STATUS_IO);
}

int main(void) {
    if (secret_setup() != STATUS_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_of_errno),
        cmocka_unit_test_setup_teardown(test_read_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_and_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_passes_over_what_a_crash_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_that_fails_keeps_the_old, setup, teardown),
        cmocka_unit_test(test_full_device),
        cmocka_unit_test_setup_teardown(test_secret_must_be_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secret_of_another_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secret_empty_or_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_make_dir, setup, teardown),
        cmocka_unit_test_setup_teardown(test_positioned, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
