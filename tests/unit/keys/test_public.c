#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/public.h"

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

#define KEY43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void test_other_text_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "sluss-sign:",
        "sluss-sign",
        KEY43,
        "sluss-seal:" KEY43,
        "Sluss-sign:" KEY43,
        " sluss-sign:" KEY43,
        "sluss-sign:" KEY43 "\n",
        "sluss-sign:" KEY43 "A",
        "sluss-sign:" KEY43 "=",
        "sluss-sign:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sluss-sign:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
        "sluss-sign:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A",
    };
    struct sign_public key = {{7}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (public_sign_parse(bytes_text(cases[i]), &key) != STATUS_MALFORMED) fail_msg("accepted: %s", cases[i]);
        assert_int_equal(key.b[0], 7);
    }
}

static void test_round_trip(void **state) {
    struct sign_public sign = {{1, 2, 3}};
    struct seal_public seal = {{4, 5, 6}};
    struct voprf_public voprf = {{7, 8, 9}};
    struct sign_public sign_again = {0};
    struct seal_public seal_again = {0};
    struct voprf_public voprf_again = {0};
    assert_string_equal(public_sign_text(*state, &sign), "sluss-sign:AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(public_sign_parse(bytes_text(public_sign_text(*state, &sign)), &sign_again), STATUS_OK);
    assert_int_equal(public_seal_parse(bytes_text(public_seal_text(*state, &seal)), &seal_again), STATUS_OK);
    assert_int_equal(public_voprf_parse(bytes_text(public_voprf_text(*state, &voprf)), &voprf_again), STATUS_OK);
    assert_memory_equal(&sign, &sign_again, sizeof sign);
    assert_memory_equal(&seal, &seal_again, sizeof seal);
    assert_memory_equal(&voprf, &voprf_again, sizeof voprf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_text_is_refused),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
