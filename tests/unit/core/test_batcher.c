#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/store_memory.h"
#include "broker/core/batcher.h"
#include "broker/core/ledger.h"
#include "broker/core/mailbox.h"
#include "broker/core/metrics.h"
#include "broker/core/pacer.h"
#include "broker/role.h"
#include "proto/msg_publish.h"
#include "support/core/core_harness.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

/* What a call of these tests does, and what it says afterwards. */
struct work {
    struct id16 message;
    bool changes;      /* the directory */
    uint8_t content;   /* other content under the same message is another request */
    enum status early; /* apply() ends with it before its first write */
    enum status late;  /* ... after it */
    sem_t *hold;       /* settle() waits for it: the writer stands still */
    sem_t *holding;
};

static enum status work_check(struct call *call, struct store_txn *txn) {
    const struct work *work = call->body;
    struct hash hash = hash_sha256(BYTES(&work->content, 1));
    return call_identify(call, txn, "tester", &work->message, &hash);
}

static enum status work_apply(struct call *call, struct store_txn *txn) {
    const struct work *work = call->body;
    TRY(work->early);
    struct opening opening = {.actor = "operator", .number = work->content};
    struct ledger_entry entry = {.type = LEAF_AUDITED, .slot = LEDGER_NO_SLOT, .opening = &opening};
    TRY(call_append(call, txn, &entry));
    return work->late;
}

static void work_settle(struct call *call) {
    struct work *work = call->body;
    if (work->holding) (void)sem_post(work->holding);
    if (work->hold) (void)sem_wait(work->hold);
}

static enum status work_answer(struct call *call, struct store_txn *txn) {
    return ledger_receipt(call->core->ledger, txn, call->leaves[0], call->arena, &call->answer_body);
}

static const struct handler work_row = {.name = "work",
                                        .faces = FACE_OPERATOR,
                                        .flags = HANDLER_EARLY,
                                        .check = work_check,
                                        .apply = work_apply,
                                        .settle = work_settle,
                                        .answer = work_answer};

/* A change of the directory, as far as the writer sees it: to the version that there is. */
static enum status change_check(struct call *call, struct store_txn *txn) {
    TRY(work_check(call, txn));
    directory_unref(call->directory_next);
    call->directory_next = directory_ref(call->directory);
    return STATUS_OK;
}

static void change_settle(struct call *call) { core_set_directory(call->core, MOVE(call->directory_next)); }

static const struct handler change_row = {.name = "change",
                                          .faces = FACE_OPERATOR,
                                          .flags = HANDLER_EARLY,
                                          .check = change_check,
                                          .apply = work_apply,
                                          .settle = change_settle,
                                          .answer = work_answer};

static const struct handler reserved_row = {.name = "reserved",
                                            .faces = FACE_OPERATOR,
                                            .flags = HANDLER_EARLY | HANDLER_RESERVED,
                                            .check = work_check,
                                            .apply = work_apply,
                                            .answer = work_answer};

static const struct handler paced_row = {.name = "paced",
                                         .faces = FACE_OPERATOR,
                                         .pace = PACE_BOUNDARY,
                                         .flags = HANDLER_EARLY,
                                         .check = work_check,
                                         .apply = work_apply,
                                         .answer = work_answer};

struct bench {
    struct core_harness harness;
    struct arena *arena;
    sem_t hold;
    sem_t holding;
};

static void begin_with(struct bench *bench, enum harness_engine engine) {
    core_harness_begin(&bench->harness, engine);
    bench->arena = arena_new((size_t)64 << 20);
    assert_non_null(bench->arena);
    assert_int_equal(sem_init(&bench->hold, 0, 0), 0);
    assert_int_equal(sem_init(&bench->holding, 0, 0), 0);
}

static void begin(struct bench *bench) { begin_with(bench, HARNESS_MEMORY); }

static void end(struct bench *bench) {
    (void)sem_destroy(&bench->hold);
    (void)sem_destroy(&bench->holding);
    arena_free(bench->arena);
    core_harness_end(&bench->harness);
}

static struct work fresh(void) { return (struct work){.message = ids_random(), .content = 7}; }

/* Runs calls so that they are in one batch: the writer is held while they are sent. */
static void run_together(struct bench *bench, struct work *works, size_t count, struct operator_reply *out_replies) {
    struct work holder = fresh();
    struct harness_call *calls[16];
    holder.hold = &bench->hold;
    holder.holding = &bench->holding;
    struct harness_call *held = core_harness_run(&bench->harness, &work_row, &holder);
    assert_int_equal(sem_wait(&bench->holding), 0);
    /* One at a time into the writer's queue: two workers would change their order. */
    for (size_t i = 0; i < count; i++) {
        calls[i] = core_harness_run(&bench->harness, works[i].changes ? &change_row : &work_row, &works[i]);
        while (batcher_depth(bench->harness.core.batcher) < i + 1)
            continue;
    }
    (void)sem_post(&bench->hold);
    assert_int_equal(core_harness_result(held, bench->arena).code, REPLY_DONE);
    for (size_t i = 0; i < count; i++)
        out_replies[i] = core_harness_result(calls[i], bench->arena);
}

static uint64_t check_done(struct bench *bench, const struct operator_reply *reply) {
    assert_int_equal(reply->code, REPLY_DONE);
    return core_harness_receipt(&bench->harness, reply->body, bench->arena).index;
}

static struct operator_reply run_one(struct bench *bench, struct work *work) {
    return core_harness_result(core_harness_run(&bench->harness, &work_row, work), bench->arena);
}

static void test_failing_calls_fail_alone(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work works[] = {fresh(), fresh(), fresh(), fresh(), fresh()};
    struct operator_reply replies[5];
    works[1].early = STATUS_DENIED;
    works[2].late = STATUS_EXPIRED;
    works[3].late = STATUS_NOT_FOUND;
    uint64_t before = ledger_signed_size(bench.harness.core.ledger);
    run_together(&bench, works, 5, replies);
    uint64_t first = check_done(&bench, &replies[0]);
    assert_int_equal(replies[1].code, REPLY_DENIED);
    assert_int_equal(replies[2].code, REPLY_EXPIRED);
    assert_int_equal(replies[3].code, REPLY_NOT_FOUND);
    assert_int_equal(check_done(&bench, &replies[4]), first + 1);
    /* The holder's leaf, and those of the two that succeeded. */
    assert_int_equal(ledger_signed_size(bench.harness.core.ledger), before + 3);
    assert_int_equal(atomic_load(&bench.harness.core.metrics->batch_reruns), 2);
    end(&bench);
}

/* P8: a leaf that was judged by the directory of before stands before the leaf that changes it. */
static void test_directory_changes_come_last(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work works[] = {fresh(), fresh(), fresh()};
    struct operator_reply replies[3];
    works[0].changes = true;
    run_together(&bench, works, 3, replies);
    uint64_t change = check_done(&bench, &replies[0]);
    assert_true(check_done(&bench, &replies[1]) < change);
    assert_true(check_done(&bench, &replies[2]) < change);
    end(&bench);
}

/* P10: a message that is repeated, at once or later, is the same leaf. */
static void test_repeated_messages_are_one_leaf(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work works[] = {fresh(), fresh(), fresh()};
    struct operator_reply replies[3];
    works[1] = works[0];
    works[2].message = works[0].message;
    works[2].content = 8;
    run_together(&bench, works, 3, replies);
    uint64_t leaf = check_done(&bench, &replies[0]);
    assert_int_equal(check_done(&bench, &replies[1]), leaf);
    assert_int_equal(replies[2].code, REPLY_CONFLICT);
    struct operator_reply later = run_one(&bench, &works[0]);
    assert_int_equal(check_done(&bench, &later), leaf);
    OK(core_harness_restart(&bench.harness));
    later = run_one(&bench, &works[0]);
    assert_int_equal(check_done(&bench, &later), leaf);
    end(&bench);
}

static bool all_signed(void *arg) {
    struct core_harness *harness = arg;
    return ledger_signed_size(harness->core.ledger) == ledger_size(harness->core.ledger);
}

/* P4: nothing is acknowledged before keyd has signed, and no batch is taken meanwhile; then the repeated request gets
 * its receipt. */
static void check_late_signature(enum keyd_mood mood) {
    struct bench bench;
    begin(&bench);
    struct work first = fresh(), second = fresh();
    keyd_thread_mood(bench.harness.keyd, mood);
    assert_int_equal(run_one(&bench, &first).code, REPLY_TRY_LATER);
    uint64_t size = ledger_size(bench.harness.core.ledger);
    assert_true(ledger_signed_size(bench.harness.core.ledger) < size);
    assert_int_equal(run_one(&bench, &first).code, REPLY_TRY_LATER);
    assert_int_equal(run_one(&bench, &second).code, REPLY_TRY_LATER);
    assert_int_equal(ledger_size(bench.harness.core.ledger), size);
    keyd_thread_mood(bench.harness.keyd, KEYD_ANSWERS);
    core_harness_until(&bench.harness, all_signed, &bench.harness);
    struct operator_reply reply = run_one(&bench, &first);
    assert_int_equal(check_done(&bench, &reply), size - 1);
    reply = run_one(&bench, &second);
    assert_int_equal(check_done(&bench, &reply), size);
    end(&bench);
}

static void test_keyd_is_silent(void **state) {
    (void)state;
    check_late_signature(KEYD_SILENT);
}

static void test_keyd_signs_and_is_not_heard(void **state) {
    (void)state;
    check_late_signature(KEYD_SIGNS_UNHEARD);
}

static void test_keyd_is_gone(void **state) {
    (void)state;
    check_late_signature(KEYD_GONE);
}

/* P4, P10: core ends between commit and signature; what was committed stands and is signed at the next start. */
static void test_end_between_commit_and_signature(void **state) {
    (void)state;
    for (enum harness_engine engine = HARNESS_MEMORY; engine <= HARNESS_LMDB; engine++) {
        struct bench bench;
        begin_with(&bench, engine);
        struct work acknowledged = fresh(), waiting = fresh();
        struct operator_reply reply = run_one(&bench, &acknowledged);
        uint64_t leaf = check_done(&bench, &reply);
        keyd_thread_mood(bench.harness.keyd, KEYD_SILENT);
        assert_int_equal(run_one(&bench, &waiting).code, REPLY_TRY_LATER);
        core_harness_down(&bench.harness);
        keyd_thread_mood(bench.harness.keyd, KEYD_ANSWERS);
        OK(core_harness_up(&bench.harness));
        reply = run_one(&bench, &acknowledged);
        assert_int_equal(check_done(&bench, &reply), leaf);
        reply = run_one(&bench, &waiting);
        assert_int_equal(check_done(&bench, &reply), leaf + 1);
        end(&bench);
    }
}

/* P7, P10: a store that lacks what keyd has signed is not served. */
static void test_older_store_is_refused(void **state) {
    (void)state;
    struct bench bench;
    begin_with(&bench, HARNESS_LMDB);
    struct work work = fresh();
    core_harness_down(&bench.harness);
    char command[1024];
    const char *path = bench.harness.scratch.path;
    (void)snprintf(command, sizeof command, "cp -r %s/store %s/old", path, path);
    assert_int_equal(system(command), 0);
    OK(core_harness_up(&bench.harness));
    (void)run_one(&bench, &work);
    core_harness_down(&bench.harness);
    (void)snprintf(command, sizeof command, "rm -r %s/store && mv %s/old %s/store", path, path, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(core_harness_up(&bench.harness), STATUS_FORK);
    end(&bench);
}

static void test_commits_that_fail(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work work = fresh();
    store_memory_fail_commits(bench.harness.core.store, STATUS_RETRY, 2);
    struct operator_reply reply = run_one(&bench, &work);
    (void)check_done(&bench, &reply);
    work = fresh();
    store_memory_fail_commits(bench.harness.core.store, STATUS_DISK_FULL, 1);
    assert_int_equal(run_one(&bench, &work).code, REPLY_DISK_FULL);
    reply = run_one(&bench, &work);
    (void)check_done(&bench, &reply);
    end(&bench);
}

static bool is_stopping(void *arg) { return core_is_stopping(arg); }

/* Whether the batch stands is not known: nobody is answered, and core ends to look. */
static void test_commit_of_unknown_fate(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work work = fresh();
    store_memory_fail_commits(bench.harness.core.store, STATUS_UNKNOWN, 1);
    struct harness_call *call = core_harness_run(&bench.harness, &work_row, &work);
    core_harness_until(&bench.harness, is_stopping, &bench.harness.core);
    assert_int_equal(atomic_load(&bench.harness.core.stopping), ROLE_FAILED);
    struct reply reply;
    assert_false(core_harness_wait(call, bench.arena, &reply));
    end(&bench);
}

static void test_low_disk_leaves_the_reserve(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work publish = fresh(), revoke = fresh();
    atomic_store(&bench.harness.core.disk_low, true);
    assert_int_equal(run_one(&bench, &publish).code, REPLY_LIMIT);
    struct harness_call *call = core_harness_run(&bench.harness, &reserved_row, &revoke);
    struct operator_reply reply = core_harness_result(call, bench.arena);
    (void)check_done(&bench, &reply);
    end(&bench);
}

static const struct handler timed_row = {.name = "timed",
                                         .faces = FACE_OPERATOR,
                                         .flags = HANDLER_EARLY | HANDLER_LEAFLESS | HANDLER_TIMED,
                                         .check = work_check};

/* A clock that was set back would make what has expired valid again: whoever decides by it without a leaf waits too. */
static void test_doubted_time_decides_nothing(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work work = fresh();
    struct harness_call *call = core_harness_run(&bench.harness, &timed_row, &work);
    assert_int_equal(core_harness_result(call, bench.arena).code, REPLY_DONE);
    bench.harness.clock.manual_now_ms -= 60000;
    call = core_harness_run(&bench.harness, &timed_row, &work);
    assert_int_equal(core_harness_result(call, bench.arena).code, REPLY_UNAVAILABLE);
    assert_true(dispatch_find(FACE_GATE, MESSAGE_FETCH)->flags & HANDLER_TIMED);
    assert_true(dispatch_find(FACE_GATE, MESSAGE_STATE)->flags & HANDLER_TIMED);
    end(&bench);
}

static void test_clock_that_jumps(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work work = fresh();
    bench.harness.clock.manual_now_ms += 60000;
    assert_int_equal(run_one(&bench, &work).code, REPLY_UNAVAILABLE);
    bench.harness.clock.manual_now_ms -= 60000;
    assert_int_equal(run_one(&bench, &work).code, REPLY_UNAVAILABLE);
    struct operator_reply reply =
        core_harness_operator(&bench.harness, OPERATOR_CONFIRM_CLOCK, BYTES_EMPTY, 0, 0, bench.arena);
    assert_int_equal(reply.code, REPLY_DONE);
    reply = run_one(&bench, &work);
    (void)check_done(&bench, &reply);
    end(&bench);
}

static void test_clock_far_from_log_at_start(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work work = fresh();
    core_harness_down(&bench.harness);
    clock_advance(&bench.harness.clock, 3601000);
    OK(core_harness_up(&bench.harness));
    assert_int_equal(run_one(&bench, &work).code, REPLY_UNAVAILABLE);
    (void)core_harness_operator(&bench.harness, OPERATOR_CONFIRM_CLOCK, BYTES_EMPTY, 0, 0, bench.arena);
    struct operator_reply reply = run_one(&bench, &work);
    (void)check_done(&bench, &reply);
    end(&bench);
}

/* P6: an answer that is paced leaves only after a boundary, whether the call succeeded, was repeated, was refused by
 * its handler or before it. */
static void test_paced_answers_wait_for_the_boundary(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct work works[] = {fresh(), fresh(), fresh(), fresh()};
    works[1] = works[0];
    works[2].early = STATUS_DENIED;
    works[3].message = works[0].message;
    works[3].content = 9;
    const enum reply_code codes[] = {REPLY_DONE, REPLY_DONE, REPLY_DENIED, REPLY_CONFLICT};
    for (size_t i = 0; i < 12; i++) {
        uint64_t sent_ms = clock_boot_ms(clock_system());
        struct harness_call *call = core_harness_run(&bench.harness, &paced_row, &works[i % 4]);
        assert_int_equal(core_harness_result(call, bench.arena).code, codes[i % 4]);
        uint64_t answered_ms = clock_boot_ms(clock_system());
        assert_true(answered_ms / PACER_BOUNDARY_MS > sent_ms / PACER_BOUNDARY_MS);
    }
    end(&bench);
}

/* An answer that stands still on its way out. */
static enum status slow_answer(struct call *call, struct store_txn *txn) {
    struct work *work = call->body;
    (void)sem_post(work->holding);
    (void)sem_wait(work->hold);
    return work_answer(call, txn);
}

/* A reader that stands still between looking and answering. */
static enum status slow_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct work *work = call->body;
    (void)sem_post(work->holding);
    (void)sem_wait(work->hold);
    call->answer_body = bytes_text("seen");
    return STATUS_OK;
}

static const struct handler slow_release_row = {.name = "slow_release",
                                                .faces = FACE_OPERATOR,
                                                .flags = HANDLER_EARLY,
                                                .check = work_check,
                                                .apply = work_apply,
                                                .answer = slow_answer};

static const struct handler slow_fetch_row = {
    .name = "slow_fetch", .faces = FACE_OPERATOR, .flags = HANDLER_EARLY, .check = slow_check};

/* P5: what was decided, or read, before a revocation is sent before its acknowledgement. */
static void test_acknowledgement_comes_after_earlier_answers(void **state) {
    (void)state;
    const struct handler *const rows[] = {&slow_release_row, &slow_fetch_row};
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        begin(&bench);
        struct work earlier = fresh(), revocation = fresh();
        earlier.hold = &bench.hold;
        earlier.holding = &bench.holding;
        struct harness_call *slow = core_harness_run(&bench.harness, rows[i], &earlier);
        assert_int_equal(sem_wait(&bench.holding), 0);
        uint64_t size = ledger_signed_size(bench.harness.core.ledger);
        struct harness_call *ended = core_harness_run(&bench.harness, &paced_row, &revocation);
        while (ledger_signed_size(bench.harness.core.ledger) == size)
            continue;
        /* Three boundaries later it still waits. */
        uint64_t since_ms = clock_boot_ms(clock_system());
        while (clock_boot_ms(clock_system()) < since_ms + 3 * PACER_BOUNDARY_MS)
            assert_false(core_harness_answered(ended));
        (void)sem_post(&bench.hold);
        assert_int_equal(core_harness_result(slow, bench.arena).code, REPLY_DONE);
        assert_int_equal(core_harness_result(ended, bench.arena).code, REPLY_DONE);
        end(&bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_calls_fail_alone),
        cmocka_unit_test(test_older_store_is_refused),
        cmocka_unit_test(test_commits_that_fail),
        cmocka_unit_test(test_commit_of_unknown_fate),
        cmocka_unit_test(test_keyd_is_silent),
        cmocka_unit_test(test_keyd_signs_and_is_not_heard),
        cmocka_unit_test(test_keyd_is_gone),
        cmocka_unit_test(test_end_between_commit_and_signature),
        cmocka_unit_test(test_low_disk_leaves_the_reserve),
        cmocka_unit_test(test_clock_that_jumps),
        cmocka_unit_test(test_doubted_time_decides_nothing),
        cmocka_unit_test(test_clock_far_from_log_at_start),
        cmocka_unit_test(test_directory_changes_come_last),
        cmocka_unit_test(test_repeated_messages_are_one_leaf),
        cmocka_unit_test(test_paced_answers_wait_for_the_boundary),
        cmocka_unit_test(test_acknowledgement_comes_after_earlier_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
