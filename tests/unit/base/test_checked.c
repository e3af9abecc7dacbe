#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"

static void test_overflow_leaves_the_output(void **state) {
    (void)state;
    size_t size = 7;
    uint64_t wide = 7;
    uint32_t narrow = 7;
    assert_int_equal(checked_add_size(SIZE_MAX, 1, &size), STATUS_TOO_LARGE);
    assert_int_equal(checked_add_size(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &size), STATUS_TOO_LARGE);
    assert_int_equal(checked_mul_size(SIZE_MAX, 2, &size), STATUS_TOO_LARGE);
    assert_int_equal(checked_mul_size((size_t)1 << 32, (size_t)1 << 32, &size), STATUS_TOO_LARGE);
    assert_int_equal(checked_add_u64(UINT64_MAX, 1, &wide), STATUS_TOO_LARGE);
    assert_int_equal(checked_to_u32((size_t)UINT32_MAX + 1, &narrow), STATUS_TOO_LARGE);
    assert_true(size == 7 && wide == 7 && narrow == 7);
}

static void test_edges_that_fit(void **state) {
    (void)state;
    size_t size = 0;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    assert_int_equal(checked_add_size(SIZE_MAX - 1, 1, &size), STATUS_OK);
    assert_true(size == SIZE_MAX);
    assert_int_equal(checked_mul_size(SIZE_MAX, 0, &size), STATUS_OK);
    assert_true(size == 0);
    assert_int_equal(checked_mul_size(3, 5, &size), STATUS_OK);
    assert_true(size == 15);
    assert_int_equal(checked_add_u64(UINT64_MAX, 0, &wide), STATUS_OK);
    assert_true(wide == UINT64_MAX);
    assert_int_equal(checked_to_u32(UINT32_MAX, &narrow), STATUS_OK);
    assert_true(narrow == UINT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_leaves_the_output),
        cmocka_unit_test(test_edges_that_fit),
    };
    return cmocka_run_group_tests_name("base/checked", tests, NULL, NULL);
}
