/*
 * The splicer over socket pairs: each bound refuses on time, then bytes pass unchanged. The test plays both peers and
 * turns the loop itself. Guards P11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/splice.h"

enum { FRAME_MS = 150, DEADLINE_MS = 5000, MAX_FRAME = 1 << 20 };

struct bench {
    struct event_base *base;
    struct splice_budget *budget;
    struct splice *pair;
    struct splice_totals totals;
    int a; /* the test's ends */
    int b;
    unsigned ended_count;
    enum splice_end end;
};

static void on_ended(void *arg, enum splice_end end) {
    struct bench *bench = arg;
    bench->ended_count++;
    bench->end = end;
    bench->pair = NULL;
}

static struct bufferevent *connect_pair(struct event_base *base, int *out_peer) {
    int fds[2];
    int small = 16 << 10;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    *out_peer = fds[1];
    struct bufferevent *connection = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(connection);
    return connection;
}

static struct splice_limits test_limits(void) {
    struct splice_limits limits = SPLICE_LIMITS_DEFAULT;
    limits.frame_ms = FRAME_MS;
    limits.flush_ms = FRAME_MS;
    limits.stall_ms = FRAME_MS;
    limits.high_water_bytes = 64 << 10;
    return limits;
}

static void bench_open(struct bench *bench, struct splice_limits limits, size_t budget_bytes) {
    *bench = (struct bench){.base = event_base_new()};
    assert_non_null(bench->base);
    bench->budget = splice_budget_new(bench->base, budget_bytes);
    assert_non_null(bench->budget);
    struct splice_config config = {
        .base = bench->base,
        .a = {.connection = connect_pair(bench->base, &bench->a),
              .scan = sp_scan_init(SP_PROTOCOL_REQ, MAX_FRAME),
              .sp = SPLICE_SP_PASS,
              .budget = bench->budget},
        .b = {.connection = connect_pair(bench->base, &bench->b), .scan = sp_scan_init_frames(MAX_FRAME)},
        .limits = limits,
        .totals = &bench->totals,
        .ended = on_ended,
        .arg = bench,
    };
    assert_int_equal(splice_new(&config, &bench->pair), STATUS_OK);
}

static void bench_close(struct bench *bench) {
    splice_free(bench->pair);
    (void)event_base_loop(bench->base, EVLOOP_NONBLOCK);
    assert_int_equal(splice_budget_used(bench->budget), 0);
    splice_budget_free(bench->budget);
    event_base_free(bench->base);
    if (bench->a >= 0) (void)close(bench->a);
    if (bench->b >= 0) (void)close(bench->b);
}

static void turn(struct bench *bench) {
    struct timeval shortly = {.tv_usec = 2000};
    (void)event_base_loopexit(bench->base, &shortly);
    (void)event_base_loop(bench->base, EVLOOP_ONCE);
}

/* Writes all, turning the loop while the socket is full; false when the other end is gone or does not read. */
static bool put(struct bench *bench, int fd, const void *data, size_t len) {
    const uint8_t *from = data;
    uint64_t until = clock_boot_ms(clock_system()) + DEADLINE_MS;
    while (len > 0 && clock_boot_ms(clock_system()) < until) {
        ssize_t count = send(fd, from, len, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) return false;
        if (count < 0) turn(bench);
        if (count > 0) {
            from += count;
            len -= (size_t)count;
        }
    }
    return len == 0;
}

/* Reads exactly len bytes; false at an end or after the deadline. */
static bool get(struct bench *bench, int fd, void *data, size_t len) {
    uint8_t *to = data;
    uint64_t until = clock_boot_ms(clock_system()) + DEADLINE_MS;
    while (len > 0 && clock_boot_ms(clock_system()) < until) {
        ssize_t count = recv(fd, to, len, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) return false;
        if (count < 0) turn(bench);
        if (count > 0) {
            to += count;
            len -= (size_t)count;
        }
    }
    return len == 0;
}

static void wait_end(struct bench *bench, enum splice_end expected) {
    uint64_t until = clock_boot_ms(clock_system()) + DEADLINE_MS;
    while (bench->ended_count == 0 && clock_boot_ms(clock_system()) < until) {
        turn(bench);
    }
    assert_int_equal(bench->ended_count, 1);
    assert_string_equal(splice_end_name(bench->end), splice_end_name(expected));
    assert_int_equal(bench->totals.ends[expected], 1);
}

static void turn_for(struct bench *bench, uint32_t ms) {
    uint64_t until = clock_boot_ms(clock_system()) + ms;
    while (clock_boot_ms(clock_system()) < until) {
        turn(bench);
    }
}

static void put_header(struct bench *bench) {
    uint8_t header[SP_HEADER_BYTES];
    uint8_t seen[SP_HEADER_BYTES];
    sp_header_encode(SP_PROTOCOL_REQ, header);
    assert_true(put(bench, bench->a, header, sizeof header));
    assert_true(get(bench, bench->b, seen, sizeof seen));
    assert_memory_equal(seen, header, sizeof seen);
}

static void put_frame(struct bench *bench, int fd, size_t payload, uint8_t fill) {
    uint8_t head[SP_HEAD_BYTES];
    sp_head_encode(payload, head);
    uint8_t *body = malloc(payload + 1);
    assert_non_null(body);
    memset(body, fill, payload);
    assert_true(put(bench, fd, head, sizeof head));
    assert_true(put(bench, fd, body, payload));
    free(body);
}

static void get_frame(struct bench *bench, int fd, size_t payload, uint8_t fill) {
    uint8_t head[SP_HEAD_BYTES];
    size_t announced = 0;
    assert_true(get(bench, fd, head, sizeof head));
    assert_int_equal(sp_head_parse(BYTES_ARRAY(head), MAX_FRAME, &announced), STATUS_OK);
    assert_int_equal(announced, payload);
    uint8_t *body = malloc(payload + 1);
    assert_non_null(body);
    assert_true(get(bench, fd, body, payload));
    for (size_t i = 0; i < payload; i++) {
        if (body[i] != fill) fail_msg("byte %zu of %zu", i, payload);
    }
    free(body);
}

struct bytes_case {
    const char *name;
    uint8_t bytes[24];
    size_t len;
    enum splice_end expected;
};

#define REQ_HEADER 0, 'S', 'P', 0, 0, 0x30, 0, 0

static const struct bytes_case bad_streams[] = {
    {"not SP", {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}, 8, SPLICE_END_MALFORMED},
    {"wrong protocol", {0, 'S', 'P', 0, 0, 0x31, 0, 0}, 8, SPLICE_END_MALFORMED},
    {"wrong message type", {REQ_HEADER, 2, 0, 0, 0, 0, 0, 0, 0, 1}, 17, SPLICE_END_MALFORMED},
    {"one byte above the limit", {REQ_HEADER, 1, 0, 0, 0, 0, 0, 16, 0, 1}, 17, SPLICE_END_TOO_LARGE},
    {"length 2^64 - 1", {REQ_HEADER, 1, 255, 255, 255, 255, 255, 255, 255, 255}, 17, SPLICE_END_TOO_LARGE},
    {"nothing", {0}, 0, SPLICE_END_SLOW},
    {"half a header", {0, 'S', 'P'}, 3, SPLICE_END_SLOW},
    {"half a head", {REQ_HEADER, 1, 0}, 10, SPLICE_END_SLOW},
    {"half a frame", {REQ_HEADER, 1, 0, 0, 0, 0, 0, 0, 0, 9, 'x'}, 18, SPLICE_END_SLOW},
};

static void test_bad_streams(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_streams / sizeof *bad_streams; i++) {
        struct bench bench;
        print_message("case '%s'\n", bad_streams[i].name);
        bench_open(&bench, test_limits(), 4 << 20);
        assert_true(put(&bench, bench.a, bad_streams[i].bytes, bad_streams[i].len));
        wait_end(&bench, bad_streams[i].expected);
        uint8_t byte;
        assert_int_equal(recv(bench.a, &byte, 1, 0), 0);
        bench_close(&bench);
    }
}

/* A byte now and then does not keep a frame open. */
static void test_trickle(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    uint8_t head[SP_HEAD_BYTES];
    sp_head_encode(1000, head);
    assert_true(put(&bench, bench.a, head, sizeof head));
    uint64_t began = clock_boot_ms(clock_system());
    unsigned sent = 0;
    while (bench.ended_count == 0 && clock_boot_ms(clock_system()) < began + DEADLINE_MS) {
        if (send(bench.a, "x", 1, MSG_NOSIGNAL) == 1) sent++;
        turn_for(&bench, 10);
    }
    wait_end(&bench, SPLICE_END_SLOW);
    assert_in_range(sent, 2, 100);
    bench_close(&bench);
}

/* Nothing of an oversized frame reaches the other side, and what came before it does. */
static void test_refused_frame_is_not_passed(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    put_frame(&bench, bench.a, 100, 'a');
    uint8_t head[SP_HEAD_BYTES];
    sp_head_encode(MAX_FRAME + 1, head);
    assert_true(put(&bench, bench.a, head, sizeof head));
    wait_end(&bench, SPLICE_END_TOO_LARGE);
    get_frame(&bench, bench.b, 100, 'a');
    assert_int_equal(recv(bench.b, head, 1, 0), 0);
    bench_close(&bench);
}

/* One frame through, written and read by turns, so that it may be larger than all buffers on its way. */
static void pass_frame(struct bench *bench, int from, int to, size_t payload) {
    size_t len = payload + SP_HEAD_BYTES;
    uint8_t *frame = malloc(len);
    uint8_t *seen = malloc(len);
    assert_non_null(frame);
    assert_non_null(seen);
    for (size_t i = 0; i < len; i++) {
        frame[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    sp_head_encode(payload, frame);
    size_t sent = 0;
    size_t got = 0;
    uint64_t until = clock_boot_ms(clock_system()) + DEADLINE_MS;
    while (got < len && clock_boot_ms(clock_system()) < until) {
        ssize_t out = sent < len ? send(from, frame + sent, len - sent, MSG_NOSIGNAL) : 0;
        ssize_t in = recv(to, seen + got, len - got, 0);
        if (out > 0) sent += (size_t)out;
        if (in > 0) got += (size_t)in;
        if (out <= 0 && in <= 0) turn(bench);
    }
    assert_int_equal(got, len);
    assert_memory_equal(seen, frame, len);
    free(seen);
    free(frame);
}

static void test_passes_unchanged(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, 400, 5000, 65536, 70000, MAX_FRAME};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    for (size_t i = 0; i < SIZES; i++) {
        pass_frame(&bench, bench.a, bench.b, sizes[i]);
        pass_frame(&bench, bench.b, bench.a, sizes[i]);
    }
    turn_for(&bench, FRAME_MS + 50);
    assert_int_equal(bench.ended_count, 0);
    assert_int_equal(bench.totals.requests, SIZES);
    assert_int_equal(bench.totals.answers, SIZES);
    bench_close(&bench);
}

/* A reader that takes nothing stops the writer: what the splicer holds stays near the mark. */
static void test_backpressure(void **state) {
    (void)state;
    struct bench bench;
    struct splice_limits limits = test_limits();
    limits.stall_ms = DEADLINE_MS;
    bench_open(&bench, limits, 4 << 20);
    put_header(&bench);
    uint8_t *frame = calloc(1, MAX_FRAME);
    assert_non_null(frame);
    sp_head_encode(MAX_FRAME - SP_HEAD_BYTES, frame);
    size_t sent = 0;
    uint64_t until = clock_boot_ms(clock_system()) + 2 * FRAME_MS;
    while (sent < MAX_FRAME && clock_boot_ms(clock_system()) < until) {
        ssize_t count = send(bench.a, frame + sent, MAX_FRAME - sent, MSG_NOSIGNAL);
        if (count > 0) sent += (size_t)count;
        turn(&bench);
    }
    /* Two socket buffers and the mark. Longer than frame_ms held: not the writer's fault. */
    assert_in_range(sent, limits.high_water_bytes, MAX_FRAME - 1);
    assert_true(bench.totals.bytes[0] < limits.high_water_bytes + (64 << 10));
    assert_int_equal(bench.ended_count, 0);
    /* Then all of it arrives. */
    uint8_t *seen = malloc(MAX_FRAME);
    assert_non_null(seen);
    size_t got = 0;
    while (got < MAX_FRAME) {
        if (sent < MAX_FRAME) {
            ssize_t count = send(bench.a, frame + sent, MAX_FRAME - sent, MSG_NOSIGNAL);
            if (count > 0) sent += (size_t)count;
        }
        assert_true(get(&bench, bench.b, seen + got, 1024));
        got += 1024;
    }
    assert_memory_equal(seen, frame, MAX_FRAME);
    assert_true(bench.totals.holds > 0);
    free(seen);
    free(frame);
    bench_close(&bench);
}

static void test_stalled_reader(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    uint8_t *frame = calloc(1, MAX_FRAME);
    assert_non_null(frame);
    sp_head_encode(MAX_FRAME - SP_HEAD_BYTES, frame);
    size_t sent = 0;
    uint64_t until = clock_boot_ms(clock_system()) + DEADLINE_MS;
    while (bench.ended_count == 0 && sent < MAX_FRAME && clock_boot_ms(clock_system()) < until) {
        ssize_t count = send(bench.b, frame + sent, MAX_FRAME - sent, MSG_NOSIGNAL);
        if (count > 0) sent += (size_t)count;
        turn(&bench);
    }
    wait_end(&bench, SPLICE_END_STALLED);
    free(frame);
    bench_close(&bench);
}

static void test_unanswered(void **state) {
    (void)state;
    struct bench bench;
    struct splice_limits limits = test_limits();
    limits.max_unanswered = 3;
    bench_open(&bench, limits, 4 << 20);
    put_header(&bench);
    for (uint8_t i = 0; i < 5; i++) {
        put_frame(&bench, bench.a, 10, i);
    }
    for (uint8_t i = 0; i < 3; i++) {
        get_frame(&bench, bench.b, 10, i);
    }
    turn_for(&bench, FRAME_MS * 2);
    uint8_t byte;
    assert_int_equal(recv(bench.b, &byte, 1, 0), -1);
    assert_int_equal(bench.ended_count, 0);
    put_frame(&bench, bench.b, 7, 'r');
    get_frame(&bench, bench.a, 7, 'r');
    get_frame(&bench, bench.b, 10, 3);
    turn_for(&bench, 20);
    assert_int_equal(recv(bench.b, &byte, 1, 0), -1);
    put_frame(&bench, bench.b, 7, 'r');
    get_frame(&bench, bench.b, 10, 4);
    bench_close(&bench);
}

/* A side that leaves while it is held for answers does not stand until they come. */
static void test_end_while_held(void **state) {
    (void)state;
    struct bench bench;
    struct splice_limits limits = test_limits();
    limits.max_unanswered = 1;
    bench_open(&bench, limits, 4 << 20);
    put_header(&bench);
    put_frame(&bench, bench.a, 10, 1);
    put_frame(&bench, bench.a, 10, 2);
    get_frame(&bench, bench.b, 10, 1);
    turn_for(&bench, 20);
    assert_int_equal(bench.totals.holds, 1);
    (void)close(bench.a);
    bench.a = -1;
    wait_end(&bench, SPLICE_END_CLOSED);
    uint8_t byte;
    assert_int_equal(recv(bench.b, &byte, 1, 0), 0);
    bench_close(&bench);
}

/* What one side sent before it closed still reaches the other, then both are closed. */
static void test_flush_at_end(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    put_frame(&bench, bench.b, 50000, 'z');
    (void)close(bench.b);
    bench.b = -1;
    get_frame(&bench, bench.a, 50000, 'z');
    wait_end(&bench, SPLICE_END_CLOSED);
    uint8_t byte;
    assert_int_equal(recv(bench.a, &byte, 1, 0), 0);
    bench_close(&bench);
}

/* A side that does not take what is flushed does not keep the pair. */
static void test_flush_has_a_deadline(void **state) {
    (void)state;
    struct bench bench;
    struct splice_limits limits = test_limits();
    limits.stall_ms = 2 * DEADLINE_MS;
    bench_open(&bench, limits, 4 << 20);
    put_header(&bench);
    put_frame(&bench, bench.b, 60000, 'z');
    turn_for(&bench, 20);
    (void)close(bench.b);
    bench.b = -1;
    wait_end(&bench, SPLICE_END_CLOSED);
    bench_close(&bench);
}

static void test_stop(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, test_limits(), 4 << 20);
    put_header(&bench);
    splice_stop(bench.pair);
    wait_end(&bench, SPLICE_END_STOPPED);
    bench_close(&bench);
}

/* Two pairs and room for one begun frame: the second waits, without being late, until the first is done. */
static void test_budget_is_shared(void **state) {
    (void)state;
    struct bench bench;
    struct bench second;
    bench_open(&bench, test_limits(), 100000);
    put_header(&bench);
    second = (struct bench){.base = bench.base, .budget = bench.budget};
    struct splice_config config = {
        .base = bench.base,
        .a = {.connection = connect_pair(bench.base, &second.a),
              .scan = sp_scan_init_frames(MAX_FRAME / 16),
              .budget = bench.budget},
        .b = {.connection = connect_pair(bench.base, &second.b), .scan = sp_scan_init_frames(MAX_FRAME)},
        .limits = test_limits(),
        .ended = on_ended,
        .arg = &second,
    };
    assert_int_equal(splice_new(&config, &second.pair), STATUS_OK);

    uint8_t head[SP_HEAD_BYTES];
    uint8_t body[60000] = {0};
    sp_head_encode(sizeof body, head);
    assert_true(put(&bench, bench.a, head, sizeof head));
    assert_true(put(&bench, bench.a, body, 100));
    turn_for(&bench, 20);
    assert_int_equal(splice_budget_used(bench.budget), sizeof body + SP_HEAD_BYTES);
    assert_true(put(&bench, second.a, head, sizeof head));
    assert_true(put(&bench, second.a, body, 100));
    turn_for(&bench, 20);
    assert_int_equal(recv(second.b, body, 1, 0), -1);
    assert_int_equal(splice_budget_used(bench.budget), sizeof body + SP_HEAD_BYTES);

    /* The first never completes: its time runs out, and the second gets its turn and its whole time. */
    wait_end(&bench, SPLICE_END_SLOW);
    assert_int_equal(second.ended_count, 0);
    assert_true(put(&bench, second.a, body, sizeof body - 100));
    get_frame(&second, second.b, sizeof body, 0);
    assert_int_equal(splice_budget_peak(bench.budget), sizeof body + SP_HEAD_BYTES);
    splice_free(second.pair);
    (void)close(second.a);
    (void)close(second.b);
    bench_close(&bench);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(splice_end_name(SPLICE_END_SLOW), "slow");
    assert_string_equal(splice_end_name(SPLICE_END_COUNT), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_streams),
        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_refused_frame_is_not_passed),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_stalled_reader),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_end_while_held),
        cmocka_unit_test(test_flush_has_a_deadline),
        cmocka_unit_test(test_budget_is_shared),
        cmocka_unit_test(test_passes_unchanged),
        cmocka_unit_test(test_flush_at_end),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
