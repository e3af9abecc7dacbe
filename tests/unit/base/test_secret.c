#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/poison.h"
#include "base/secret.h"
#include "support/alloc_fail.h"
#include "support/child.h"

static bool all_zero(struct bytes bytes) {
    uint8_t seen = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        seen |= bytes.data[i];
    }
    return seen == 0;
}

static void test_lengths(void **state) {
    (void)state;
    static const size_t good[] = {1, 31, 32, 63, 64, 65, 4096, 1 << 20};
    assert_null(secret_new(0));
    assert_null(secret_new((1 << 20) + 1));
    assert_null(secret_new(SIZE_MAX));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct secret *secret = secret_new(good[i]);
        assert_non_null(secret);
        assert_int_equal(secret_len(secret), good[i]);
        assert_true(all_zero(secret_bytes(secret)));
        memset(secret_data(secret), 0xaa, good[i]);
        secret_free(secret);
    }
    secret_free(NULL);
}

static void test_copy_and_random(void **state) {
    (void)state;
    struct secret *copy CLEANUP(secret_free_cleanup) = secret_from(bytes_text("key bytes"));
    assert_true(bytes_equal_text(secret_bytes(copy), "key bytes"));
    assert_null(secret_from(BYTES_EMPTY));
    struct secret *a CLEANUP(secret_free_cleanup) = secret_random(64);
    struct secret *b CLEANUP(secret_free_cleanup) = secret_random(64);
    assert_false(all_zero(secret_bytes(a)));
    assert_false(bytes_equal(secret_bytes(a), secret_bytes(b)));
    uint8_t memory[32] = {0};
    secret_random_public(memory, sizeof memory);
    assert_false(all_zero(BYTES_ARRAY(memory)));
    secret_wipe(memory, sizeof memory);
    assert_true(all_zero(BYTES_ARRAY(memory)));
}

/* P1: what was freed is not left for a memory dump. */
static void test_freed_slot_is_wiped(void **state) {
    (void)state;
    struct secret *secret = secret_new(64);
    assert_non_null(secret);
    uint8_t *slot = secret_data(secret);
    memset(slot, 0xaa, 64);
    secret_free(secret);
    UNPOISON(slot, 64);
    bool wiped = all_zero(BYTES(slot, 64));
    POISON(slot, 64);
    assert_true(wiped);
}

/* The line of /proc/self/smaps with the kernel's flags of the mapping that holds an address. */
static void mapping_flags(const void *address, char *out, size_t size) {
    FILE *smaps = fopen("/proc/self/smaps", "re");
    assert_non_null(smaps);
    bool inside = false;
    char line[512];
    out[0] = '\0';
    while (fgets(line, sizeof line, smaps)) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) inside = from <= (uintptr_t)address && (uintptr_t)address < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0) (void)snprintf(out, size, "%s", line);
    }
    (void)fclose(smaps);
}

/* The sanitizers make mlock do nothing, and a low limit lets it fail. */
static bool locking_works(void) {
#if defined(POISON_WORKS) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return false;
#endif
#endif
    struct rlimit limit = {0, 0};
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= 4 << 20;
}

/* P1: not in a core dump, not in swap. */
static void test_memory_is_locked_and_not_dumped(void **state) {
    (void)state;
    static const size_t sizes[] = {32, 1000};
    for (size_t i = 0; i < 2; i++) {
        char flags[512];
        struct secret *secret CLEANUP(secret_free_cleanup) = secret_new(sizes[i]);
        mapping_flags(secret_data(secret), flags, sizeof flags);
        assert_non_null(strstr(flags, " dd"));
        if (locking_works()) assert_non_null(strstr(flags, " lo"));
    }
}

static void free_twice(void *arg) {
    (void)arg;
    struct secret *secret = secret_new(32);
    secret_free(secret);
    secret_free(secret);
}

static void write_beyond(void *arg) {
    (void)arg;
    struct secret *secret = secret_new(4096);
    volatile uint8_t *data = secret_data(secret);
    data[4096] = 1;
}

static bool ended_badly(int result) { return WIFSIGNALED(result) || WEXITSTATUS(result) != 0; }

static void test_misuse_ends_the_process(void **state) {
    (void)state;
    assert_true(ended_badly(child_run(free_twice, NULL)));
    assert_true(ended_badly(child_run(write_beyond, NULL)));
}

static void use_beyond_the_lock_limit(void *arg) {
    (void)arg;
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(10);
    if (geteuid() == 0 && setuid(65534) != 0) _exit(11);
    for (int i = 0; i < 600; i++) {
        struct secret *slot = secret_random(64);
        struct secret *large = secret_random(200);
        if (!slot || !large || all_zero(secret_bytes(slot))) _exit(12);
        if (i % 2) secret_free(large);
    }
}

static void test_lock_limit_is_no_failure(void **state) {
    (void)state;
    int result = child_run(use_beyond_the_lock_limit, NULL);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void exhaust_memory(void *arg) {
    (void)arg;
    /* Fresh process state is not needed: first use up the free slots, then let each allocation fail in turn. */
    for (unsigned nth = 1; nth <= 2; nth++) {
        alloc_fail_at(nth);
        struct secret *last = NULL;
        do {
            last = secret_new(64);
        } while (last && !alloc_fail_happened());
        if (last) _exit(1);
        alloc_fail_at(nth);
        if (secret_new(65)) _exit(2);
        alloc_fail_at(0);
        if (!secret_new(64) || !secret_new(65)) _exit(3);
    }
}

static void test_memory_is_out(void **state) {
    (void)state;
    int result = child_run(exhaust_memory, NULL);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

enum { THREADS = 4, HELD = 100, ROUNDS = 200 };

/* Makes, marks, checks and frees; returns non-NULL when another thread's mark was found. */
static void *make_and_free(void *arg) {
    uint8_t mark = *(uint8_t *)arg;
    struct secret *held[HELD] = {NULL};
    void *wrong = NULL;
    for (int i = 0; i < HELD * ROUNDS; i++) {
        struct secret **place = &held[i % HELD];
        if (*place && secret_bytes(*place).data[31] != mark) wrong = arg;
        secret_free(*place);
        *place = secret_new(32);
        if (!*place || !all_zero(secret_bytes(*place))) return arg;
        memset(secret_data(*place), mark, 32);
    }
    for (int i = 0; i < HELD; i++) {
        secret_free(held[i]);
    }
    return wrong;
}

static void test_threads_never_share_a_slot(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint8_t marks[THREADS] = {1, 2, 3, 4};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_free, &marks[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

int main(void) {
    if (secret_setup() != STATUS_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_copy_and_random),
        cmocka_unit_test(test_freed_slot_is_wiped),
        cmocka_unit_test(test_memory_is_locked_and_not_dumped),
        cmocka_unit_test(test_misuse_ends_the_process),
        cmocka_unit_test(test_lock_limit_is_no_failure),
        cmocka_unit_test(test_memory_is_out),
        cmocka_unit_test(test_threads_never_share_a_slot),
    };
    return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
