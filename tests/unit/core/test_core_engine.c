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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory_is_admitted_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
