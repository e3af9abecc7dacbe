#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/ledger.h"
#include "broker/core/mailbox.h"
#include "broker/core/mailroom.h"
#include "broker/core/subject.h"
#include "broker/core/witnesses.h"
#include "broker/role.h"
#include "proto/checkpoint.h"
#include "proto/msg_directory.h"
#include "proto/msg_events.h"
#include "proto/note.h"
#include "proto/record.h"
#include "proto/shred.h"
#include "support/core/core_harness.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct bench {
    struct core_harness harness;
    struct arena *arena;
};

static void begin(struct bench *bench) {
    core_harness_begin(&bench->harness, HARNESS_MEMORY);
    bench->arena = arena_new((size_t)64 << 20);
    assert_non_null(bench->arena);
}

static void end(struct bench *bench) {
    arena_free(bench->arena);
    core_harness_end(&bench->harness);
}

/* ---- mail of the test's own making ---- */

struct mail {
    const char *unit;
    uint32_t revision;
    uint32_t slot;
};

static enum status mail_apply(struct call *call, struct store_txn *txn) {
    const struct mail *mail = call->body;
    struct opening opening = {.actor = "broker", .number = mail->revision};
    struct ledger_entry entry = {.type = LEAF_AUDITED, .event = ids_random(), .slot = mail->slot, .opening = &opening};
    TRY(call_append(call, txn, &entry));
    struct msg_mail_event event = {.type = EVENT_WITHDRAWN, .unit = mail->unit, .revision = mail->revision};
    return mailbox_put(call->core, txn, mail->slot, &event, call->leaves, 1, call->arena);
}

static enum status mail_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    call->answer_body = BYTES_EMPTY;
    return STATUS_OK;
}

static const struct handler mail_row = {.name = "mail",
                                        .faces = FACE_OPERATOR,
                                        .flags = HANDLER_LEAFLESS | HANDLER_EARLY,
                                        .apply = mail_apply,
                                        .answer = mail_answer};

static enum status slot_apply(struct call *call, struct store_txn *txn) {
    return subject_new_slot(call->core, txn, call->body);
}

static const struct handler slot_row = {
    .name = "slot", .faces = FACE_OPERATOR, .flags = HANDLER_LEAFLESS, .apply = slot_apply, .answer = mail_answer};

static void put_mail(struct bench *bench, const char *unit, uint32_t revision, uint32_t slot) {
    struct mail mail = {.unit = unit, .revision = revision, .slot = slot};
    struct harness_call *call = core_harness_run(&bench->harness, &mail_row, &mail);
    assert_int_equal(core_harness_result(call, bench->arena).code, REPLY_DONE);
}

/* ---- polls ---- */

static struct harness_call *poll_with(struct bench *bench, enum federation_unit unit, const struct msg_events *ask) {
    struct bytes body;
    OK(msg_events_encode(bench->arena, ask, &body));
    struct bytes envelope = core_harness_envelope(&bench->harness, unit, MESSAGE_EVENTS, body, bench->arena);
    return core_harness_send(&bench->harness, bench->harness.federation->units[unit].member, envelope);
}

static struct msg_events_answer answer_of(struct bench *bench, struct harness_call *call) {
    struct reply reply;
    struct msg_events_answer answer;
    assert_true(core_harness_wait(call, bench->arena, &reply));
    assert_int_equal(reply.code, REPLY_DONE);
    OK(msg_events_answer_parse(bench->arena, reply.body, &answer));
    return answer;
}

static struct msg_events_answer poll_now(struct bench *bench, enum federation_unit unit, uint64_t after,
                                         uint32_t most) {
    struct msg_events ask = {.after = after, .most = most};
    return answer_of(bench, poll_with(bench, unit, &ask));
}

static bool one_is_parked(void *arg) {
    struct bench *bench = arg;
    return mailroom_parked(bench->harness.core.mailroom) == 1;
}

static void test_mail_comes_in_order_with_receipts(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    for (uint32_t i = 1; i <= 5; i++)
        put_mail(&bench, i % 2 ? FEDERATION_EDUCATION : FEDERATION_LABOUR, i, LEDGER_NO_SLOT);
    put_mail(&bench, FEDERATION_CAREER, 9, LEDGER_NO_SLOT);
    struct msg_events_answer answer = poll_now(&bench, UNIT_EDUCATION, 0, 3);
    assert_int_equal(answer.n_events, 3);
    assert_int_equal(answer.directory_sequence, bench.harness.federation->n_entries);
    uint64_t after = answer.events[2].sequence;
    struct msg_events_answer rest = poll_now(&bench, UNIT_LABOUR, after, 64);
    assert_int_equal(rest.n_events, 2);
    for (uint32_t i = 0; i < 5; i++) {
        const struct msg_mail_event *event = i < 3 ? &answer.events[i] : &rest.events[i - 3];
        assert_int_equal(event->revision, i + 1);
        assert_int_equal(event->n_receipts, 1);
        assert_int_equal(core_harness_receipt(&bench.harness, event->receipts[0], bench.arena).opening.number, i + 1);
    }
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 1);
    end(&bench);
}

static enum status count_rows(struct store_txn *txn, void *arg) {
    struct bench *bench = arg;
    struct store_range range = {.table = STORE_MAILBOX, .limit = 100};
    struct store_rows rows;
    OK(store_scan(txn, &range, bench->arena, &rows));
    return rows.count == 2 ? STATUS_OK : STATUS_INVALID;
}

/* What was handled goes with a later batch, and stays gone over a restart; sequences go on rising. */
static void test_handled_mail_is_removed(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    for (uint32_t i = 1; i <= 3; i++)
        put_mail(&bench, FEDERATION_CAREER, i, LEDGER_NO_SLOT);
    struct msg_events_answer answer = poll_now(&bench, UNIT_CAREER, 0, 64);
    uint64_t second = answer.events[1].sequence, third = answer.events[2].sequence;
    (void)poll_now(&bench, UNIT_CAREER, second, 64);
    put_mail(&bench, FEDERATION_CAREER, 4, LEDGER_NO_SLOT);
    OK(store_read(bench.harness.core.store, count_rows, &bench));
    OK(core_harness_restart(&bench.harness));
    answer = poll_now(&bench, UNIT_CAREER, 0, 64);
    assert_int_equal(answer.n_events, 2);
    assert_int_equal(answer.events[0].sequence, third);
    assert_true(answer.events[1].sequence > third);
    end(&bench);
}

/* A sequence that no event can have is refused, and the writer goes on. */
static void test_handled_beyond_all_mail(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.after = UINT64_MAX, .most = 64};
    struct reply reply;
    assert_true(core_harness_wait(poll_with(&bench, UNIT_CAREER, &ask), bench.arena, &reply));
    assert_int_equal(reply.code, REPLY_INVALID);
    put_mail(&bench, FEDERATION_CAREER, 1, LEDGER_NO_SLOT);
    put_mail(&bench, FEDERATION_CAREER, 2, LEDGER_NO_SLOT);
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 2);
    end(&bench);
}

/* A poll that waits while its member is removed gets no mail. */
static void test_poll_of_a_removed_member(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.most = 64, .wait_ms = 30000};
    struct harness_call *waiting = poll_with(&bench, UNIT_CAREER, &ask);
    core_harness_until(&bench.harness, one_is_parked, &bench);
    const struct member_removal removal = {
        .version = 1, .federation = bench.harness.core.federation, .member = FEDERATION_COUNTY, .reason = "closed"};
    struct bytes object;
    OK(record_removal_encode(bench.arena, &removal, &object));
    core_harness_admit(&bench.harness, DIRECTORY_MEMBER_REMOVED, object);
    put_mail(&bench, FEDERATION_CAREER, 1, LEDGER_NO_SLOT);
    struct reply reply;
    assert_true(core_harness_wait(waiting, bench.arena, &reply));
    assert_int_equal(reply.code, REPLY_DENIED);
    end(&bench);
}

static void test_poll_waits_for_mail(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.most = 64, .wait_ms = 30000};
    struct harness_call *waiting = poll_with(&bench, UNIT_CAREER, &ask);
    core_harness_until(&bench.harness, one_is_parked, &bench);
    put_mail(&bench, FEDERATION_GUIDANCE, 1, LEDGER_NO_SLOT);
    assert_false(core_harness_answered(waiting));
    put_mail(&bench, FEDERATION_CAREER, 2, LEDGER_NO_SLOT);
    struct msg_events_answer answer = answer_of(&bench, waiting);
    assert_int_equal(answer.n_events, 1);
    assert_int_equal(answer.events[0].revision, 2);
    end(&bench);
}

static void test_poll_ends_with_its_time(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.most = 64, .wait_ms = 30000};
    struct harness_call *waiting = poll_with(&bench, UNIT_CAREER, &ask);
    core_harness_until(&bench.harness, one_is_parked, &bench);
    core_harness_advance(&bench.harness, 29000);
    assert_false(core_harness_answered(waiting));
    core_harness_advance(&bench.harness, 1001);
    assert_int_equal(answer_of(&bench, waiting).n_events, 0);
    assert_int_equal(mailroom_parked(bench.harness.core.mailroom), 0);
    end(&bench);
}

/* P9: mail about a destroyed slot is passed over, also when it fills more than a page. */
static void test_mail_of_destroyed_slots(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    uint32_t slot = 0;
    (void)core_harness_result(core_harness_run(&bench.harness, &slot_row, &slot), bench.arena);
    for (uint32_t i = 0; i < 70; i++)
        put_mail(&bench, FEDERATION_CAREER, 1, slot);
    put_mail(&bench, FEDERATION_CAREER, 2, LEDGER_NO_SLOT);
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 64);
    OK(shred_destroy(bench.harness.core.shred, slot));
    struct msg_events_answer answer = poll_now(&bench, UNIT_CAREER, 0, 64);
    assert_int_equal(answer.n_events, 1);
    assert_int_equal(answer.events[0].revision, 2);
    end(&bench);
}

static bool all_signed(void *arg) {
    struct bench *bench = arg;
    return ledger_signed_size(bench->harness.core.ledger) == ledger_size(bench->harness.core.ledger);
}

/* P4: an event leaves only with a receipt: not before its leaf is signed, and then at once. */
static void test_unsigned_mail_waits(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.most = 64, .wait_ms = 30000};
    struct harness_call *waiting = poll_with(&bench, UNIT_CAREER, &ask);
    core_harness_until(&bench.harness, one_is_parked, &bench);
    keyd_thread_mood(bench.harness.keyd, KEYD_SILENT);
    struct mail mail = {.unit = FEDERATION_CAREER, .revision = 1, .slot = LEDGER_NO_SLOT};
    struct harness_call *call = core_harness_run(&bench.harness, &mail_row, &mail);
    assert_int_equal(core_harness_result(call, bench.arena).code, REPLY_TRY_LATER);
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 0);
    assert_false(core_harness_answered(waiting));
    keyd_thread_mood(bench.harness.keyd, KEYD_ANSWERS);
    core_harness_until(&bench.harness, all_signed, &bench);
    assert_int_equal(answer_of(&bench, waiting).n_events, 1);
    end(&bench);
}

/* ---- witnesses ---- */

static struct bytes cosign(struct bench *bench, enum federation_member member, struct bytes offer) {
    const struct federation_member_keys *keys = &bench->harness.federation->members[member];
    struct note note;
    struct note_key key;
    struct bytes line, cosigned;
    OK(note_parse(bench->arena, offer, &note));
    OK(note_key_parse(bytes_text(keys->witness_vkey), &key));
    uint64_t now_s = clock_now_ms(&bench->harness.clock) / 1000;
    OK(note_cosign(bench->arena, key.name, keys->witness, now_s, note.text, &line));
    OK(note_append(bench->arena, offer, &line, 1, &cosigned));
    return cosigned;
}

static enum reply_code send_cosigned(struct bench *bench, enum federation_unit unit, struct bytes note) {
    struct msg_cosign message = {.cosigned = note};
    struct bytes body;
    OK(msg_cosign_encode(bench->arena, &message, &body));
    return (enum reply_code)core_harness_ask(&bench->harness, unit, MESSAGE_COSIGN, body, bench->arena).code;
}

static struct reply ask_checkpoint(struct bench *bench, uint64_t have, bool cosigned) {
    struct msg_checkpoint_ask ask = {.have = have, .cosigned = cosigned};
    struct bytes body;
    OK(msg_checkpoint_ask_encode(bench->arena, &ask, &body));
    return core_harness_ask(&bench->harness, UNIT_CAREER, MESSAGE_CHECKPOINT, body, bench->arena);
}

/* Size of a note that the log signed, and whether the member cosigned it. */
static uint64_t open_note(struct bench *bench, struct bytes note, enum federation_member member, bool *out_cosigned) {
    struct note_key keys[2];
    struct note_result results[2];
    struct checkpoint checkpoint;
    OK(note_key_parse(bytes_text(bench->harness.federation->log_vkey), &keys[0]));
    OK(note_key_parse(bytes_text(bench->harness.federation->members[member].witness_vkey), &keys[1]));
    OK(checkpoint_open(bench->arena, note, keys, 2, &checkpoint, results));
    *out_cosigned = results[1].verified;
    return checkpoint.size;
}

static void test_checkpoint_is_offered_and_cosigned(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    bool cosigned = false;
    assert_int_equal(ask_checkpoint(&bench, 0, true).code, REPLY_TRY_LATER);
    struct msg_events ask = {.most = 64, .wait_ms = 30000, .ready_to_witness = true};
    struct msg_events_answer answer = answer_of(&bench, poll_with(&bench, UNIT_CAREER, &ask));
    uint64_t size = open_note(&bench, answer.offer, MEMBER_COUNTY, &cosigned);
    assert_int_equal(size, bench.harness.federation->n_entries);
    assert_int_equal(send_cosigned(&bench, UNIT_CAREER, cosign(&bench, MEMBER_COUNTY, answer.offer)), REPLY_DONE);
    struct msg_checkpoint_answer checkpoint;
    OK(msg_checkpoint_answer_parse(bench.arena, ask_checkpoint(&bench, 2, true).body, &checkpoint));
    assert_int_equal(open_note(&bench, checkpoint.checkpoint, MEMBER_COUNTY, &cosigned), size);
    assert_true(cosigned);
    assert_true(checkpoint.n_consistency > 0);
    /* A parked witness gets the next one after the batch, with the proof from what it cosigned. */
    ask.witnessed = size;
    struct harness_call *waiting = poll_with(&bench, UNIT_CAREER, &ask);
    core_harness_until(&bench.harness, one_is_parked, &bench);
    put_mail(&bench, FEDERATION_GUIDANCE, 1, LEDGER_NO_SLOT);
    answer = answer_of(&bench, waiting);
    assert_int_equal(open_note(&bench, answer.offer, MEMBER_COUNTY, &cosigned), size + 1);
    assert_int_equal(answer.n_events, 0);
    end(&bench);
}

static void test_bad_cosignatures_are_refused(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    struct msg_events ask = {.most = 64, .wait_ms = 0, .ready_to_witness = true};
    struct bytes offer = answer_of(&bench, poll_with(&bench, UNIT_CAREER, &ask)).offer;
    struct bytes anothers = cosign(&bench, MEMBER_CITY, offer);
    assert_int_equal(send_cosigned(&bench, UNIT_CAREER, anothers), REPLY_SIGNATURE);
    assert_int_equal(send_cosigned(&bench, UNIT_CAREER, offer), REPLY_SIGNATURE);
    struct bytes altered = cosign(&bench, MEMBER_COUNTY, offer);
    ((uint8_t *)altered.data)[altered.len - 10] ^= 1;
    assert_int_not_equal(send_cosigned(&bench, UNIT_CAREER, altered), REPLY_DONE);
    assert_int_equal(ask_checkpoint(&bench, 0, true).code, REPLY_TRY_LATER);
    end(&bench);
}

static void go_down_and_up(struct bench *bench) {
    core_harness_down(&bench->harness);
    OK(core_harness_up(&bench->harness));
}

/* At start nothing but checkpoints is answered until all witnesses have said what they saw last. */
static void test_witnesses_are_asked_at_start(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    put_mail(&bench, FEDERATION_CAREER, 1, LEDGER_NO_SLOT);
    go_down_and_up(&bench);
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 0);
    assert_int_equal(core_harness_ask(&bench.harness, UNIT_CAREER, MESSAGE_EVALUATE, BYTES_EMPTY, bench.arena).code,
                     REPLY_TRY_LATER);
    assert_int_equal(ask_checkpoint(&bench, 0, false).code, REPLY_DONE);
    struct msg_events ask = {.most = 64, .ready_to_witness = true, .witnessed = 1};
    const enum federation_unit units[] = {UNIT_GUIDANCE, UNIT_LABOUR, UNIT_CAREER};
    for (size_t i = 0; i < 3; i++) {
        assert_false(witnesses_passed(bench.harness.core.witnesses));
        (void)answer_of(&bench, poll_with(&bench, units[i], &ask));
    }
    assert_true(witnesses_passed(bench.harness.core.witnesses));
    assert_int_equal(poll_now(&bench, UNIT_CAREER, 0, 64).n_events, 1);
    end(&bench);
}

static bool is_stopping(void *arg) { return core_is_stopping(arg); }

/* P7: a witness that has seen more than there is ends core with an integrity stop. */
static void test_witness_saw_more(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench);
    go_down_and_up(&bench);
    uint64_t size = ledger_signed_size(bench.harness.core.ledger);
    struct msg_events ask = {.most = 64, .ready_to_witness = true, .witnessed = size + 1};
    struct reply reply;
    assert_true(core_harness_wait(poll_with(&bench, UNIT_CAREER, &ask), bench.arena, &reply));
    assert_int_equal(reply.code, REPLY_INTEGRITY);
    core_harness_until(&bench.harness, is_stopping, &bench.harness.core);
    assert_int_equal(atomic_load(&bench.harness.core.stopping), ROLE_INTEGRITY);
    end(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_cosignatures_are_refused),
        cmocka_unit_test(test_witness_saw_more),
        cmocka_unit_test(test_witnesses_are_asked_at_start),
        cmocka_unit_test(test_checkpoint_is_offered_and_cosigned),
        cmocka_unit_test(test_unsigned_mail_waits),
        cmocka_unit_test(test_mail_of_destroyed_slots),
        cmocka_unit_test(test_handled_beyond_all_mail),
        cmocka_unit_test(test_poll_of_a_removed_member),
        cmocka_unit_test(test_mail_comes_in_order_with_receipts),
        cmocka_unit_test(test_handled_mail_is_removed),
        cmocka_unit_test(test_poll_waits_for_mail),
        cmocka_unit_test(test_poll_ends_with_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
