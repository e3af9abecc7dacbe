#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "support/alloc_fail.h"

static void test_cap(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(100);
    assert_null(arena_alloc(arena, 101));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 7));
    assert_int_equal(arena_used_bytes(arena), 0);
    assert_non_null(arena_alloc(arena, 100));
    assert_int_equal(arena_used_bytes(arena), 100);
    assert_null(arena_alloc(arena, 1));
    assert_null(arena_alloc(arena, 0));
    arena_reset(arena);
    assert_int_equal(arena_used_bytes(arena), 0);
    assert_non_null(arena_alloc(arena, 100));
}

static void test_cap_bounds_many_small_ones(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(64000);
    size_t count = 0;
    while (arena_alloc(arena, 0)) {
        count++;
    }
    assert_int_equal(count, 64000 / 16);
    struct arena *none CLEANUP(arena_free_cleanup) = arena_new(0);
    assert_null(arena_alloc(none, 0));
}

static void test_array_overflow(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(SIZE_MAX);
    assert_null(arena_alloc_array(arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc_array(arena, (size_t)1 << 32, (size_t)1 << 32));
    uint64_t *numbers = ARENA_ARRAY(arena, uint64_t, 3);
    assert_non_null(numbers);
    assert_true(numbers[0] == 0 && numbers[2] == 0);
}

/* Sizes around the block size, each filled to its end, aligned, zeroed and apart from the others. */
static void test_blocks(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 100, 4095, 4096, 4097, 16383, 16384, 16385, 100000, 3};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(10 << 20);
    for (int round = 0; round < 5; round++) {
        uint8_t *memory[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            memory[i] = arena_alloc(arena, sizes[i]);
            assert_non_null(memory[i]);
            assert_int_equal((uintptr_t)memory[i] % _Alignof(max_align_t), 0);
            for (size_t j = 0; j < sizes[i]; j++) {
                if (memory[i][j] != 0) fail_msg("not zeroed");
            }
            memset(memory[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(memory[i][0], i + 1);
            assert_int_equal(memory[i][sizes[i] - 1], i + 1);
        }
        arena_reset(arena);
    }
}

static void test_copies(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1000);
    struct bytes copy = BYTES_EMPTY;
    const char *text = NULL;
    assert_int_equal(arena_text(arena, BYTES("a\0b", 3), &text), STATUS_MALFORMED);
    assert_null(text);
    assert_int_equal(arena_text(arena, bytes_text("abc"), &text), STATUS_OK);
    assert_string_equal(text, "abc");
    assert_int_equal(arena_text(arena, BYTES_EMPTY, &text), STATUS_OK);
    assert_string_equal(text, "");
    assert_int_equal(arena_copy(arena, BYTES_EMPTY, &copy), STATUS_OK);
    assert_non_null(copy.data);
    assert_int_equal(copy.len, 0);
    assert_int_equal(arena_copy(arena, bytes_text("xyz"), &copy), STATUS_OK);
    assert_true(bytes_equal_text(copy, "xyz"));
    assert_string_equal(arena_string(arena, "s"), "s");
    assert_string_equal(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
}

static void test_copies_into_a_full_arena(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(3);
    struct bytes copy = bytes_text("untouched");
    const char *text = "untouched";
    assert_int_equal(arena_copy(arena, bytes_text("four"), &copy), STATUS_MEMORY);
    assert_int_equal(arena_text(arena, bytes_text("abc"), &text), STATUS_MEMORY);
    assert_null(arena_string(arena, "abc"));
    assert_null(arena_printf(arena, "%d", 123));
    assert_true(bytes_equal_text(copy, "untouched"));
    assert_string_equal(text, "untouched");
    assert_string_equal(arena_printf(arena, "%d", 12), "12");
}

static void test_memory_is_out(void **state) {
    (void)state;
    alloc_fail_at(1);
    assert_null(arena_new(1000));
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    alloc_fail_at(1);
    assert_null(arena_alloc(arena, 20000));
    assert_true(alloc_fail_happened());
    assert_non_null(arena_alloc(arena, 16384));
    alloc_fail_at(1);
    assert_null(arena_alloc(arena, 1));
    assert_int_equal(arena_used_bytes(arena), 16384);
    assert_non_null(arena_alloc(arena, 1));
    arena_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_cap_bounds_many_small_ones),
        cmocka_unit_test(test_array_overflow),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_copies_into_a_full_arena),
        cmocka_unit_test(test_memory_is_out),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
