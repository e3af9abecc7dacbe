#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core/ledger.h"
#include "proto/msg_directory.h"
#include "proto/msg_events.h"
#include "support/core/core_harness.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static struct arena *new_arena(void) {
    struct arena *arena = arena_new((size_t)32 << 20);
    assert_non_null(arena);
    return arena;
}

static void test_directory_is_admitted_and_listed(void **state) {
    (void)state;
    for (enum harness_engine engine = HARNESS_MEMORY; engine <= HARNESS_LMDB; engine++) {
        struct core_harness harness;
        struct arena *arena CLEANUP(arena_free_cleanup) = new_arena();
        core_harness_begin(&harness, engine);
        OK(core_harness_restart(&harness));
        struct bytes body;
        struct msg_directory_ask ask = {.after = 0, .most = 64};
        OK(msg_directory_ask_encode(arena, &ask, &body));
        struct reply reply = core_harness_ask(&harness, UNIT_CAREER, MESSAGE_DIRECTORY, body, arena);
        assert_int_equal(reply.code, REPLY_DONE);
        struct msg_directory_answer answer;
        OK(msg_directory_answer_parse(arena, reply.body, &answer));
        assert_int_equal(answer.n_entries, harness.federation->n_entries);
        for (size_t i = 0; i < answer.n_entries; i++) {
            assert_true(bytes_equal(answer.entries[i], harness.federation->entries[i]));
            struct harness_receipt receipt = core_harness_receipt(&harness, answer.receipts[i], arena);
            assert_int_equal(receipt.opening.number, i + 1);
            struct hash cause = hash_sha256(answer.entries[i]);
            assert_true(bytes_equal(receipt.opening.cause, hash_bytes(&cause)));
        }
        core_harness_end(&harness);
    }
}

static bool has_leaves(void *arg) {
    struct core_harness *harness = arg;
    return ledger_signed_size(harness->core.ledger) == harness->federation->n_entries + 2;
}

static bool day_is_closed(void *arg) {
    struct core_harness *harness = arg;
    return atomic_load(&harness->core.daily_done) == clock_now_ms(&harness->clock) / 86400000 - 1;
}

/* The day in which a store begins makes no leaf; each day after it makes one, also those in which core did not run. */
static void test_evaluations_of_each_day(void **state) {
    (void)state;
    struct core_harness harness;
    struct arena *arena CLEANUP(arena_free_cleanup) = new_arena();
    core_harness_begin(&harness, HARNESS_MEMORY);
    core_harness_until(&harness, day_is_closed, &harness);
    assert_int_equal(ledger_signed_size(harness.core.ledger), harness.federation->n_entries);
    core_harness_down(&harness);
    clock_advance(&harness.clock, (uint64_t)2 * 86400000);
    assert_int_equal(core_harness_up(&harness), STATUS_OK);
    (void)core_harness_operator(&harness, OPERATOR_GO_ON, BYTES_EMPTY, 0, 0, arena);
    (void)core_harness_operator(&harness, OPERATOR_CONFIRM_CLOCK, BYTES_EMPTY, 0, 0, arena);
    while (!has_leaves(&harness))
        core_harness_advance(&harness, 1000);
    core_harness_until(&harness, day_is_closed, &harness);
    assert_true(has_leaves(&harness));
    core_harness_end(&harness);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory_is_admitted_and_listed),
        cmocka_unit_test(test_evaluations_of_each_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
