#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/gate_pipes.h"

enum { PER_PIPE = 2, PER_MEMBER = 3, PIPES = 2 };

struct fixture {
    struct gate_pipes *pipes;
    bool displaced;
};

static struct fixture begin(void) {
    struct fixture fixture = {.pipes = gate_pipes_new(PER_PIPE, PER_MEMBER, PIPES)};
    assert_non_null(fixture.pipes);
    return fixture;
}

static struct preface_hello hello(uint8_t instance, uint64_t epoch) {
    struct preface_hello made = {.lowest_version = 1, .highest_version = 1, .epoch = epoch};
    memset(made.instance, instance, sizeof made.instance);
    return made;
}

/* First request and preface of a connection. */
static enum preface_verdict greet(struct fixture *fixture, uint32_t pipe, const char *member, uint8_t instance,
                                  uint64_t epoch) {
    struct preface_hello made = hello(instance, epoch);
    gate_pipes_opened(fixture->pipes, pipe);
    assert_int_equal(gate_pipes_enter(fixture->pipes, pipe), GATE_PREFACE);
    return gate_pipes_bind(fixture->pipes, pipe, member, &made, &fixture->displaced);
}

static void test_only_bound_connections_ask(void **state) {
    (void)state;
    struct fixture fixture = begin();
    struct preface_hello made = hello(1, 1);
    gate_pipes_opened(fixture.pipes, 1);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_PREFACE);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_UNBOUND);
    assert_int_equal(gate_pipes_bind(fixture.pipes, 1, "a", &made, &fixture.displaced), PREFACE_ADMITTED);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_CALL);
    /* A second preface changes nothing. */
    assert_int_not_equal(gate_pipes_bind(fixture.pipes, 1, "b", &made, &fixture.displaced), PREFACE_ADMITTED);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    const char *member = NULL;
    assert_int_equal(gate_pipes_member(fixture.pipes, 1, arena, &member), STATUS_OK);
    assert_string_equal(member, "a");
    assert_int_equal(gate_pipes_member(fixture.pipes, 2, arena, &member), STATUS_DENIED);
    gate_pipes_closed(fixture.pipes, 1);
    assert_int_equal(gate_pipes_member(fixture.pipes, 1, arena, &member), STATUS_DENIED);
    gate_pipes_free(fixture.pipes);
}

/* nng may bring a request of a connection after its end: it is not the first of anything, and a preface in it binds
 * nothing. */
static void test_ended_connections_ask_nothing(void **state) {
    (void)state;
    struct fixture fixture = begin();
    struct preface_hello made = hello(9, UINT64_MAX);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 7), GATE_UNBOUND);
    assert_int_equal(greet(&fixture, 1, "a", 1, 1), PREFACE_ADMITTED);
    assert_int_equal(greet(&fixture, 2, "b", 2, 1), PREFACE_ADMITTED);
    gate_pipes_closed(fixture.pipes, 1);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_UNBOUND);
    assert_int_equal(gate_pipes_bind(fixture.pipes, 1, "b", &made, &fixture.displaced), PREFACE_NOT_NOW);
    assert_false(fixture.displaced);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_CALL);
    gate_pipes_free(fixture.pipes);
}

static void test_requests_are_bounded(void **state) {
    (void)state;
    struct fixture fixture = begin();
    assert_int_equal(greet(&fixture, 1, "a", 1, 1), PREFACE_ADMITTED);
    assert_int_equal(greet(&fixture, 2, "a", 1, 1), PREFACE_ADMITTED);
    assert_int_equal(greet(&fixture, 3, "a", 1, 1), PREFACE_TOO_MANY);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_CALL);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_CALL);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_LIMIT);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_CALL);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_LIMIT);
    gate_pipes_leave(fixture.pipes, 1);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_CALL);
    /* Another member is not affected. */
    assert_int_equal(greet(&fixture, 4, "b", 1, 1), PREFACE_ADMITTED);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 4), GATE_CALL);
    gate_pipes_free(fixture.pipes);
}

static void test_calls_outlive_their_connection(void **state) {
    (void)state;
    struct fixture fixture = begin();
    assert_int_equal(greet(&fixture, 1, "a", 1, 1), PREFACE_ADMITTED);
    for (int i = 0; i < PER_PIPE; i++)
        assert_int_equal(gate_pipes_enter(fixture.pipes, 1), GATE_CALL);
    gate_pipes_closed(fixture.pipes, 1);
    assert_int_equal(gate_pipes_bound(fixture.pipes), 0);
    assert_int_equal(greet(&fixture, 2, "a", 1, 1), PREFACE_ADMITTED);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_CALL);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_LIMIT);
    gate_pipes_leave(fixture.pipes, 1);
    assert_int_equal(gate_pipes_enter(fixture.pipes, 2), GATE_CALL);
    gate_pipes_leave(fixture.pipes, 1);
    gate_pipes_leave(fixture.pipes, 1);
    gate_pipes_free(fixture.pipes);
}

static void test_newest_instance_wins(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint8_t instance;
        uint64_t epoch;
        enum preface_verdict verdict;
        bool displaces;
    } cases[] = {
        {"an older key store", 2, 4, PREFACE_OLDER_INSTANCE, false},
        {"the same instance again", 1, 5, PREFACE_ADMITTED, false},
        {"a newer instance of the same epoch", 2, 5, PREFACE_ADMITTED, true},
        {"a newer key store", 2, 6, PREFACE_ADMITTED, true},
        {"the same instance with a newer key store", 1, 6, PREFACE_ADMITTED, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture = begin();
        assert_int_equal(greet(&fixture, 1, "a", 1, 5), PREFACE_ADMITTED);
        assert_int_equal(greet(&fixture, 2, "a", cases[i].instance, cases[i].epoch), cases[i].verdict);
        assert_int_equal(fixture.displaced, cases[i].displaces);
        enum gate_entry old = gate_pipes_enter(fixture.pipes, 1);
        assert_int_equal(old, cases[i].displaces ? GATE_UNBOUND : GATE_CALL);
        gate_pipes_free(fixture.pipes);
    }
}

/* Two instances of one epoch do not throw each other out for ever. */
static void test_displaced_instance_stays_out(void **state) {
    (void)state;
    struct fixture fixture = begin();
    assert_int_equal(greet(&fixture, 1, "a", 1, 5), PREFACE_ADMITTED);
    assert_int_equal(greet(&fixture, 2, "a", 2, 5), PREFACE_ADMITTED);
    gate_pipes_closed(fixture.pipes, 1);
    assert_int_equal(greet(&fixture, 3, "a", 1, 5), PREFACE_OLDER_INSTANCE);
    gate_pipes_closed(fixture.pipes, 3);
    gate_pipes_closed(fixture.pipes, 2);
    assert_int_equal(greet(&fixture, 4, "a", 1, 5), PREFACE_ADMITTED);
    gate_pipes_free(fixture.pipes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_bound_connections_ask),     cmocka_unit_test(test_requests_are_bounded),
        cmocka_unit_test(test_calls_outlive_their_connection), cmocka_unit_test(test_newest_instance_wins),
        cmocka_unit_test(test_displaced_instance_stays_out),   cmocka_unit_test(test_ended_connections_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
