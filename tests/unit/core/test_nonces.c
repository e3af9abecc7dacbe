/*
 * Nonces of the portal, used proofs and the bound on codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "broker/core/portal/nonces.h"
#include "support/alloc_fail.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define NOW_MS   ((uint64_t)1700000000000)

struct fixture {
    struct nonces *nonces;
    struct arena *arena;
};

static int setup(void **state) {
    static struct fixture fixture;
    OK(secret_setup());
    fixture = (struct fixture){nonces_new("test.example"), arena_new(1 << 16)};
    *state = &fixture;
    return fixture.nonces && fixture.arena ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    nonces_free(fixture->nonces);
    arena_free(fixture->arena);
    return 0;
}

static void test_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not base64url at all, and longer"};
    uint64_t step = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(nonces_check(fixture->nonces, NOW_MS, bytes_text(wrong[i]), &step), STATUS_EXPIRED);
    }
    /* One bit of a good one, anywhere. */
    const char *good = nonces_issue(fixture->nonces, NOW_MS, fixture->arena);
    for (size_t i = 0; i < strlen(good); i++) {
        char *bad = arena_string(fixture->arena, good);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_int_equal(nonces_check(fixture->nonces, NOW_MS, bytes_text(bad), &step), STATUS_EXPIRED);
    }
}

static void test_life_of_a_nonce(void **state) {
    struct fixture *fixture = *state;
    const char *nonce = nonces_issue(fixture->nonces, NOW_MS, fixture->arena);
    uint64_t first = NOW_MS / NONCES_STEP_MS;
    uint64_t step = 0;
    OK(nonces_check(fixture->nonces, NOW_MS, bytes_text(nonce), &step));
    assert_int_equal(step, first);
    OK(nonces_check(fixture->nonces, (first + 2) * NONCES_STEP_MS - 1, bytes_text(nonce), &step));
    uint64_t late = (first + 2) * NONCES_STEP_MS;
    assert_int_equal(nonces_check(fixture->nonces, late, bytes_text(nonce), &step), STATUS_EXPIRED);
    /* Of the future, and of another process. */
    uint64_t early = first * NONCES_STEP_MS - 1;
    assert_int_equal(nonces_check(fixture->nonces, early, bytes_text(nonce), &step), STATUS_EXPIRED);
    struct nonces *other CLEANUP(nonces_free_cleanup) = nonces_new("test.example");
    assert_int_equal(nonces_check(other, NOW_MS, bytes_text(nonce), &step), STATUS_EXPIRED);
}

static struct hash use_number(uint64_t number) { return hash_sha256(BYTES(&number, sizeof number)); }

static void test_used_once(void **state) {
    struct fixture *fixture = *state;
    struct hash use = use_number(1);
    struct hash other = use_number(2);
    OK(nonces_use(fixture->nonces, 10, &use));
    assert_int_equal(nonces_use(fixture->nonces, 10, &use), STATUS_CONFLICT);
    OK(nonces_use(fixture->nonces, 10, &other));
    /* The step after it has its own table; the one before is kept beside. */
    OK(nonces_use(fixture->nonces, 11, &other));
    assert_int_equal(nonces_use(fixture->nonces, 10, &use), STATUS_CONFLICT);
    OK(nonces_use(fixture->nonces, 12, &other));
    assert_int_equal(nonces_use(fixture->nonces, 10, &use), STATUS_EXPIRED);
}

static void test_uses_are_bounded(void **state) {
    struct fixture *fixture = *state;
    for (uint64_t i = 0; i < NONCES_USES_MAX; i++) {
        struct hash use = use_number(i);
        OK(nonces_use(fixture->nonces, 10, &use));
    }
    struct hash more = use_number(NONCES_USES_MAX);
    struct hash before = use_number(7);
    assert_int_equal(nonces_use(fixture->nonces, 10, &more), STATUS_LIMIT);
    assert_int_equal(nonces_use(fixture->nonces, 10, &before), STATUS_CONFLICT);
    OK(nonces_use(fixture->nonces, 11, &more));
}

static void test_codes_are_bounded(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < NONCES_CODES_BURST; i++) {
        OK(nonces_try_code(fixture->nonces, 5000));
    }
    assert_int_equal(nonces_try_code(fixture->nonces, 5000), STATUS_LIMIT);
    for (unsigned i = 0; i < NONCES_CODES_PER_S; i++) {
        OK(nonces_try_code(fixture->nonces, 6000));
    }
    assert_int_equal(nonces_try_code(fixture->nonces, 6000), STATUS_LIMIT);
    /* However long nobody came: no more than the burst. */
    for (unsigned i = 0; i < NONCES_CODES_BURST; i++) {
        OK(nonces_try_code(fixture->nonces, UINT64_MAX));
    }
    assert_int_equal(nonces_try_code(fixture->nonces, UINT64_MAX), STATUS_LIMIT);
}

static void test_memory_runs_out(void **state) {
    (void)state;
    struct nonces *made = NULL;
    for (unsigned nth = 1; !made && nth < 20; nth++) {
        alloc_fail_at(nth);
        made = nonces_new("test.example");
        alloc_fail_at(0);
    }
    assert_non_null(made);
    nonces_free(made);
    nonces_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_life_of_a_nonce, setup, teardown),
        cmocka_unit_test_setup_teardown(test_used_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uses_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_codes_are_bounded, setup, teardown),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
