/*
 * What was acknowledged goes out, once, whatever happens in between: lost messages, lost answers, refusals, kill -9 at
 * each step. Guards P10.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/outbox.h"
#include "agent/publish.h"
#include "proto/msg_publish.h"
#include "support/agency/small_agency.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct bench {
    struct small_core *core;
    struct small_agency *source;
    struct hash subject;
};

static int setup_kind(void **state, enum small_store kind) {
    static struct bench bench;
    bench = (struct bench){.core = small_core_new()};
    bench.source = small_agency_new(bench.core, MEMBER_COUNTY, kind);
    secret_random_public(bench.subject.b, sizeof bench.subject.b);
    *state = &bench;
    return 0;
}

static int setup(void **state) { return setup_kind(state, SMALL_STORE_MEMORY); }
static int setup_disk(void **state) { return setup_kind(state, SMALL_STORE_LMDB); }

static int teardown(void **state) {
    struct bench *bench = *state;
    small_agency_free(bench->source);
    small_core_free(bench->core);
    return 0;
}

static json_t *fragment_of(struct bench *bench, const struct id16 *id) {
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    json_t *fragment = NULL;
    OK(agent_fragment(bench->source->agent, bench->source->arena, &caller, id, &fragment));
    return fragment;
}

static void assert_state(struct bench *bench, const struct id16 *id, const char *expected) {
    json_t *fragment = fragment_of(bench, id);
    assert_string_equal(json_string_value(json_object_get(fragment, "state")), expected);
    json_decref(fragment);
}

static void test_queued_while_away(void **state) {
    struct bench *bench = *state;
    atomic_store(&bench->source->agent->tally.link_up, false);
    struct agent_published first =
        small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_QUEUED);
    struct agent_published second =
        small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_QUEUED);
    assert_int_equal(first.receipt.len, 0);
    assert_int_equal(outbox_depth(bench->source->agent), 2);
    assert_state(bench, &first.fragment, "queued");
    atomic_store(&bench->source->agent->tally.link_up, true);
    OK(outbox_drain(bench->source->agent));
    assert_int_equal(outbox_depth(bench->source->agent), 0);
    assert_int_equal(bench->core->n_fragments, 2);
    assert_true(ids_equal(&bench->core->fragments[0].id, &first.fragment)); /* in order */
    assert_state(bench, &second.fragment, "stored");
}

/* The message arrived, the answer did not: the same bytes again, one publication. */
static size_t n_seen;

static void remember(struct small_core *core, enum message_type type, struct reply *reply) {
    (void)reply;
    (void)core;
    if (type == MESSAGE_PUBLISH) n_seen++;
}

static void test_lost_on_the_way(void **state) {
    static const struct {
        unsigned before;
        unsigned after;
    } rows[] = {{1, 0}, {0, 1}};
    struct bench *bench = *state;
    for (size_t i = 0; i < 2; i++) {
        size_t stood = bench->core->n_fragments;
        bench->core->lose_before = rows[i].before;
        bench->core->lose_after = rows[i].after;
        struct agent_published published =
            small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_QUEUED);
        OK(outbox_drain(bench->source->agent));
        assert_int_equal(bench->core->n_fragments, stood + 1);
        assert_state(bench, &published.fragment, "stored");
    }
}

/* Long after: the envelope is too old, a new message carries the same header, and core knows the fragment. */
static void test_much_later(void **state) {
    struct bench *bench = *state;
    bench->core->lose_after = 1;
    bench->core->tweak = remember;
    n_seen = 0;
    struct agent_published published =
        small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_QUEUED);
    bench->core->clock.manual_now_ms += 3600000;
    OK(outbox_drain(bench->source->agent));
    assert_int_equal(n_seen, 2);
    assert_int_equal(bench->core->n_fragments, 1);
    assert_state(bench, &published.fragment, "stored");
}

static void test_try_later_stays(void **state) {
    static const enum reply_code codes[] = {REPLY_TRY_LATER, REPLY_LIMIT, REPLY_UNAVAILABLE,
                                            REPLY_DISK_FULL, REPLY_TIME,  REPLY_TIMEOUT};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        bench->core->refuse = codes[i];
        struct agent_published published =
            small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_QUEUED);
        assert_int_equal(outbox_depth(bench->source->agent), 1);
        OK(outbox_drain(bench->source->agent));
        assert_state(bench, &published.fragment, "stored");
    }
}

/* Core says no for good: the caller hears of it, the unit gets an event, and the next goes out. */
static void test_refused_for_good(void **state) {
    struct bench *bench = *state;
    const char *unit = FEDERATION_CAREER;
    json_t *events = NULL;
    json_t *content = small_agency_goal("A job");
    struct agent_published published;
    struct fragment_problems problems;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    const struct agent_publish ask = {.subject = bench->subject, .kind = KIND_GOAL, .content = content};
    bench->core->refuse = REPLY_DENIED;
    assert_int_equal(agent_publish(bench->source->agent, bench->source->arena, &caller, &ask, &published, &problems),
                     STATUS_DENIED);
    json_decref(content);
    assert_int_equal(outbox_depth(bench->source->agent), 0);
    OK(agent_events(bench->source->agent, bench->source->arena, &unit, 1, 0, 10, 0, &events));
    assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "type")), "fragment_refused");
    json_decref(events);
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_STORED);
}

/* A receipt that does not hold is no receipt. */
static void false_receipt(struct small_core *core, enum message_type type, struct reply *reply) {
    if (type != MESSAGE_PUBLISH) return;
    const struct msg_receipted lie = {.receipt = small_core_receipt(core, 0)};
    OK(msg_receipted_encode(core->arena, &lie, &reply->body));
}

static void receipt_of_another(struct small_core *core, enum message_type type, struct reply *reply) {
    if (type != MESSAGE_PUBLISH || core->n_fragments < 2) return;
    const struct msg_receipted lie = {.receipt = small_core_receipt(core, core->fragments[0].leaf)};
    OK(msg_receipted_encode(core->arena, &lie, &reply->body));
}

static void test_false_receipts(void **state) {
    static small_tweak *const lies[] = {false_receipt, receipt_of_another};
    struct bench *bench = *state;
    (void)small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_STORED);
    for (size_t i = 0; i < 2; i++) {
        bench->core->tweak = lies[i];
        struct agent_published published =
            small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A trade", FRAGMENT_QUEUED);
        assert_int_not_equal(outbox_drain(bench->source->agent), STATUS_OK);
        assert_state(bench, &published.fragment, "queued");
        bench->core->tweak = NULL;
        OK(outbox_drain(bench->source->agent));
        assert_state(bench, &published.fragment, "stored");
    }
}

static struct agent_published replace(struct bench *bench, const struct id16 *id, enum status expected) {
    json_t *content = small_agency_goal("A better job");
    struct agent_published published = {0};
    struct fragment_problems problems;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    const struct agent_publish ask = {.subject = bench->subject, .kind = KIND_GOAL, .content = content, .replaces = id};
    assert_int_equal(agent_publish(bench->source->agent, bench->source->arena, &caller, &ask, &published, &problems),
                     expected);
    json_decref(content);
    return published;
}

static void test_revisions_and_withdrawal(void **state) {
    struct bench *bench = *state;
    struct agent_caller stranger = small_agency_caller(UNIT_EDUCATION);
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    struct bytes receipt;
    atomic_store(&bench->source->agent->tally.link_up, false);
    struct agent_published first =
        small_agency_publish(bench->source, UNIT_CAREER, &bench->subject, "A job", FRAGMENT_QUEUED);
    struct agent_published second = replace(bench, &first.fragment, STATUS_OK); /* before the first was ever sent */
    assert_int_equal(second.revision, 2);
    assert_true(ids_equal(&first.fragment, &second.fragment));
    atomic_store(&bench->source->agent->tally.link_up, true);
    OK(outbox_drain(bench->source->agent));
    assert_int_equal(bench->core->n_fragments, 2);
    assert_int_equal(bench->core->fragments[1].revision, 2);
    assert_int_equal(agent_withdraw(bench->source->agent, bench->source->arena, &stranger, &first.fragment, &receipt),
                     STATUS_DENIED);
    OK(agent_withdraw(bench->source->agent, bench->source->arena, &caller, &first.fragment, &receipt));
    assert_true(receipt.len > 0);
    assert_state(bench, &first.fragment, "withdrawn");
    (void)replace(bench, &first.fragment, STATUS_CONFLICT);
    struct id16 unknown = ids_random();
    (void)replace(bench, &unknown, STATUS_NOT_FOUND);
}

static void test_content_is_validated(void **state) {
    static const char *const texts[] = {
        "{}",
        "{\"schema\":\"plan-fragment/1\",\"kind\":\"goal\"}",
    };
    struct bench *bench = *state;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    struct agent_published published;
    for (size_t i = 0; i < 2; i++) {
        struct fragment_problems problems = {0};
        json_t *content = json_loads(texts[i], 0, NULL);
        const struct agent_publish ask = {.subject = bench->subject, .kind = KIND_GOAL, .content = content};
        assert_int_equal(
            agent_publish(bench->source->agent, bench->source->arena, &caller, &ask, &published, &problems),
            STATUS_INVALID);
        assert_true(problems.count > 0);
        json_decref(content);
    }
    assert_int_equal(outbox_depth(bench->source->agent), 0);
}

/* ---- kill -9 ---- */

enum { KILL_AFTER_COMMIT, KILL_BEFORE_SENDING, KILL_AFTER_SENDING, KILL_AFTER_ANSWER, KILLS };

static int kill_at;
static int sent_fd;

/* The child's transport: says what it sends, and dies where it is told to. */
static enum status dying_call(void *arg, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                              struct bytes *out_answer) {
    if (write(sent_fd, request.data, request.len) != (ssize_t)request.len) _exit(1);
    if (kill_at == KILL_BEFORE_SENDING) (void)kill(getpid(), SIGKILL);
    struct link_port real = small_core_port(arg);
    enum status status = real.call(real.arg, request, timeout_ms, arena, out_answer);
    if (kill_at == KILL_AFTER_SENDING) (void)kill(getpid(), SIGKILL);
    return status;
}

static void child_publishes(struct bench *bench) {
    struct fragment_row row;
    uint64_t order = 0;
    struct fragment_problems problems;
    struct agent_caller caller = small_agency_caller(UNIT_CAREER);
    json_t *content = small_agency_goal("A job");
    const struct agent_publish ask = {.subject = bench->subject, .kind = KIND_GOAL, .content = content};
    small_agency_open(bench->source);
    bench->source->agent->link.port.call = dying_call;
    if (publish_commit(bench->source->agent, bench->source->arena, &caller, &ask, &row, &order, &problems) !=
        STATUS_OK) {
        _exit(1);
    }
    if (kill_at == KILL_AFTER_COMMIT) (void)kill(getpid(), SIGKILL);
    if (outbox_drain(bench->source->agent) != STATUS_OK) _exit(1);
    (void)kill(getpid(), SIGKILL);
}

static struct bytes all_of(int fd, struct arena *arena) {
    uint8_t *memory = arena_alloc(arena, 1 << 20);
    size_t len = 0;
    ssize_t got = 1;
    assert_non_null(memory);
    while (got > 0) {
        got = read(fd, memory + len, ((size_t)1 << 20) - len);
        if (got > 0) len += (size_t)got;
    }
    return BYTES(memory, len);
}

static void run_child(struct bench *bench, struct bytes *out_sent) {
    int pipe_fds[2];
    int outcome = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    small_agency_close(bench->source);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sent_fd = pipe_fds[1];
        child_publishes(bench);
        _exit(1);
    }
    (void)close(pipe_fds[1]);
    *out_sent = all_of(pipe_fds[0], bench->core->arena);
    (void)close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGKILL);
    small_agency_open(bench->source);
}

/* The parent's transport: what comes first is compared with what the child sent. */
static struct bytes expected_first;

static enum status comparing_call(void *arg, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                                  struct bytes *out_answer) {
    if (expected_first.len > 0) assert_true(bytes_equal(request, expected_first));
    expected_first = BYTES_EMPTY;
    struct link_port real = small_core_port(arg);
    return real.call(real.arg, request, timeout_ms, arena, out_answer);
}

static void test_killed(void **state) {
    struct bench *bench = *state;
    for (kill_at = 0; kill_at < KILLS; kill_at++) {
        size_t stood = bench->core->n_fragments;
        struct bytes sent;
        run_child(bench, &sent);
        bool waits = kill_at != KILL_AFTER_ANSWER;
        assert_int_equal(outbox_depth(bench->source->agent), waits ? 1 : 0);
        assert_int_equal(sent.len > 0, kill_at != KILL_AFTER_COMMIT);
        expected_first = waits ? sent : BYTES_EMPTY;
        bench->source->agent->link.port.call = comparing_call;
        OK(outbox_drain(bench->source->agent));
        assert_int_equal(outbox_depth(bench->source->agent), 0);
        /* The child's core died with it; ours saw the message only when it was sent again. */
        assert_int_equal(bench->core->n_fragments, stood + (waits ? 1 : 0));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_content_is_validated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_false_receipts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_try_later_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_on_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_much_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queued_while_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revisions_and_withdrawal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup_disk, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
