/*
 * Both ends of the link together: nng REQ, tunnel, TLS, gate, nng REP. Refusals and losses first, then that calls of
 * every size pass. Guards P10 (a lost connection is noticed and replaced) and P11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>

#include "agent/link_tunnel.h"
#include "support/link/gate_bench.h"
#include "support/link/rep_core.h"

enum { CONTEXTS = 16, CALL_MS = 10000 };

struct seen {
    atomic_uint counts[4]; /* of each enum link_tunnel_state */
    atomic_uint verdict;
    atomic_uint retry_ms;
};

struct link {
    struct gate_bench bench;
    struct rep_core *core;
    struct link_tunnel *tunnel;
    struct seen seen;
    nng_socket socket;
};

static void on_report(void *arg, const struct link_tunnel_report *report) {
    struct seen *seen = arg;
    if (report->state == LINK_TUNNEL_REFUSED) atomic_store(&seen->verdict, report->verdict);
    atomic_store(&seen->retry_ms, report->retry_ms);
    atomic_fetch_add(&seen->counts[report->state], 1);
}

static bool wait_report(struct seen *seen, enum link_tunnel_state state, unsigned at_least) {
    uint64_t until = gate_bench_now_ms() + CALL_MS;
    while (atomic_load(&seen->counts[state]) < at_least && gate_bench_now_ms() < until) {
        (void)poll(NULL, 0, 2);
    }
    return atomic_load(&seen->counts[state]) >= at_least;
}

static const struct preface_hello hello = {
    .lowest_version = 1, .highest_version = 1, .instance = {1, 2, 3}, .epoch = 42};

static void tunnel_start(struct link *link, SSL_CTX *context, const char *gate_name) {
    char port[8];
    assert_true(snprintf(port, sizeof port, "%u", link->bench.port) < (int)sizeof port);
    const struct link_tunnel_config config = {
        .ipc_path = link->bench.ipc_path,
        .gate_host = "127.0.0.1",
        .gate_port = port,
        .gate_name = gate_name,
        .context = context,
        .hello = hello,
        .report = on_report,
        .arg = &link->seen,
    };
    assert_int_equal(link_tunnel_start(&config, &link->tunnel), STATUS_OK);
}

static void dial(struct link *link) {
    char url[300];
    assert_true(snprintf(url, sizeof url, "ipc://%s", link->bench.ipc_path) < (int)sizeof url);
    assert_int_equal(nng_req0_open(&link->socket), 0);
    assert_int_equal(nng_socket_set_ms(link->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, 20), 0);
    assert_int_equal(nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, 100), 0);
    assert_int_equal(nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, 2 << 20), 0);
    assert_int_equal(nng_dial(link->socket, url, NULL, NNG_FLAG_NONBLOCK), 0);
}

static void link_open(struct link *link) {
    memset(link, 0, sizeof *link);
    gate_bench_init(&link->bench);
    link->core = rep_core_start(link->bench.core_path, 2 * CONTEXTS);
    gate_bench_start(&link->bench);
}

static void link_close(struct link *link) {
    (void)nng_close(link->socket);
    link_tunnel_stop(link->tunnel);
    if (link->core) rep_core_stop(link->core);
    gate_bench_clear(&link->bench);
}

/* One call that is echoed; the status of nng. */
static int call(struct link *link, size_t len) {
    nng_ctx ctx;
    nng_msg *msg = NULL;
    nng_aio *aio = NULL;
    assert_int_equal(nng_ctx_open(&ctx, link->socket), 0);
    assert_int_equal(nng_msg_alloc(&msg, len), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    memset(nng_msg_body(msg), 'm', len);
    nng_aio_set_timeout(aio, CALL_MS);
    nng_aio_set_msg(aio, msg);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    int result = nng_aio_result(aio);
    if (result != 0) nng_msg_free(msg);
    if (result == 0) {
        nng_ctx_recv(ctx, aio);
        nng_aio_wait(aio);
        result = nng_aio_result(aio);
    }
    if (result == 0) {
        msg = nng_aio_get_msg(aio);
        const uint8_t *body = nng_msg_body(msg);
        assert_int_equal(nng_msg_len(msg), len);
        for (size_t i = 0; i < len; i += 997) {
            assert_int_equal(body[i], 'm');
        }
        nng_msg_free(msg);
    }
    nng_aio_free(aio);
    (void)nng_ctx_close(ctx);
    return result;
}

/* What the agent's caller does: repeats until the connection stands again. */
static void call_until_done(struct link *link, size_t len) {
    uint64_t until = gate_bench_now_ms() + CALL_MS;
    int result = NNG_ETIMEDOUT;
    while (result != 0 && gate_bench_now_ms() < until) {
        result = call(link, len);
        if (result != 0) (void)poll(NULL, 0, 5);
    }
    assert_int_equal(result, 0);
}

static void test_verdicts_are_reported(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    rep_core_set_answer(link.core, (struct preface_answer){.verdict = PREFACE_REMOVED, .retry_after_ms = 700});
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    assert_true(wait_report(&link.seen, LINK_TUNNEL_REFUSED, 1));
    assert_int_equal(atomic_load(&link.seen.verdict), PREFACE_REMOVED);
    assert_in_range(atomic_load(&link.seen.retry_ms), 700, 1000);
    /* Refused is not for ever: the next attempt comes by itself. */
    rep_core_set_answer(link.core, (struct preface_answer){.verdict = PREFACE_ADMITTED});
    assert_true(wait_report(&link.seen, LINK_TUNNEL_UP, 1));
    assert_int_equal(call(&link, 100), 0);
    struct preface preface = rep_core_preface(link.core);
    assert_memory_equal(&preface.hello, &hello, sizeof hello);
    assert_string_equal(preface.address, "127.0.0.1");
    link_close(&link);
}

static void test_wrong_gate_is_refused(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    tunnel_start(&link, link.bench.member, "gate.example");
    dial(&link);
    assert_true(wait_report(&link.seen, LINK_TUNNEL_DOWN, 1));
    assert_int_equal(atomic_load(&link.seen.counts[LINK_TUNNEL_UP]), 0);
    assert_int_equal(rep_core_preface_count(link.core), 0);
    link_close(&link);
}

static void test_backs_off(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    rep_core_stop(link.core);
    link.core = NULL;
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    uint64_t began = gate_bench_now_ms();
    assert_true(wait_report(&link.seen, LINK_TUNNEL_REFUSED, 3));
    assert_int_equal(atomic_load(&link.seen.verdict), PREFACE_NOT_NOW);
    assert_true(gate_bench_now_ms() - began >= 500 + 300);
    assert_in_range(atomic_load(&link.seen.counts[LINK_TUNNEL_CONNECTING]), 3, 4);
    link_close(&link);
}

static void test_comes_back_after_core(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    for (unsigned round = 1; round <= 3; round++) {
        call_until_done(&link, 1000);
        rep_core_stop(link.core);
        assert_true(wait_report(&link.seen, LINK_TUNNEL_DOWN, round));
        link.core = rep_core_start(link.bench.core_path, 2 * CONTEXTS);
    }
    call_until_done(&link, 1000);
    assert_int_equal(rep_core_preface_count(link.core), 1);
    link_close(&link);
}

/* A lost connection fails the outstanding call at once, so that the caller decides. */
static void test_outstanding_call_fails(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    call_until_done(&link, 10);
    rep_core_hold(link.core, true);
    nng_msg *msg = NULL;
    nng_aio *aio = NULL;
    nng_ctx ctx;
    assert_int_equal(nng_ctx_open(&ctx, link.socket), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    assert_int_equal(nng_msg_alloc(&msg, 10), 0);
    nng_aio_set_msg(aio, msg);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    assert_int_equal(nng_aio_result(aio), 0);
    nng_aio_set_timeout(aio, CALL_MS);
    nng_ctx_recv(ctx, aio);
    uint64_t until = gate_bench_now_ms() + CALL_MS;
    while (rep_core_request_count(link.core) < 2 && gate_bench_now_ms() < until) {
        (void)poll(NULL, 0, 2);
    }
    rep_core_stop(link.core);
    link.core = NULL;
    nng_aio_wait(aio);
    assert_int_equal(nng_aio_result(aio), NNG_ECONNRESET);
    nng_aio_free(aio);
    (void)nng_ctx_close(ctx);
    link_close(&link);
}

static void test_two_thousand_calls(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    call_until_done(&link, 10);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(call(&link, i), 0);
    }
    assert_int_equal(rep_core_preface_count(link.core), 1);
    assert_int_equal(gate_bench_metrics(&link.bench).passed.requests, 2001);
    link_close(&link);
}

static void test_large_messages(void **state) {
    (void)state;
    struct link link;
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    call_until_done(&link, 10);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(call(&link, 1 << 20), 0);
    }
    assert_int_equal(call(&link, (2 << 20) - 4), 0);
    link_close(&link);
}

/* Many contexts on one pipe, large and small at once, answers out of order. */
static void test_contexts_at_once(void **state) {
    (void)state;
    struct link link;
    nng_ctx ctx[CONTEXTS];
    nng_aio *aio[CONTEXTS];
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    call_until_done(&link, 10);
    for (unsigned i = 0; i < CONTEXTS; i++) {
        assert_int_equal(nng_ctx_open(&ctx[i], link.socket), 0);
        assert_int_equal(nng_aio_alloc(&aio[i], NULL, NULL), 0);
    }
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < CONTEXTS; i++) {
            nng_msg *msg = NULL;
            assert_int_equal(nng_msg_alloc(&msg, i % 4 == 0 ? 500000 + i : 100 + i), 0);
            nng_aio_set_timeout(aio[i], CALL_MS);
            nng_aio_set_msg(aio[i], msg);
            nng_ctx_send(ctx[i], aio[i]);
        }
        for (unsigned i = 0; i < CONTEXTS; i++) {
            nng_aio_wait(aio[i]);
            assert_int_equal(nng_aio_result(aio[i]), 0);
            nng_ctx_recv(ctx[i], aio[i]);
        }
        for (unsigned i = 0; i < CONTEXTS; i++) {
            nng_aio_wait(aio[i]);
            assert_int_equal(nng_aio_result(aio[i]), 0);
            nng_msg *msg = nng_aio_get_msg(aio[i]);
            assert_int_equal(nng_msg_len(msg), i % 4 == 0 ? 500000 + i : 100 + i);
            nng_msg_free(msg);
        }
    }
    for (unsigned i = 0; i < CONTEXTS; i++) {
        nng_aio_free(aio[i]);
        (void)nng_ctx_close(ctx[i]);
    }
    assert_int_equal(rep_core_preface_count(link.core), 1);
    link_close(&link);
}

static void reload(struct gate_bench *bench, void *arg) { *(enum status *)arg = gate_reload(bench->gate); }

static void test_reload_keeps_connections(void **state) {
    (void)state;
    struct link link;
    enum status status = STATUS_IO;
    link_open(&link);
    tunnel_start(&link, link.bench.member, NULL);
    dial(&link);
    call_until_done(&link, 10);
    gate_bench_call(&link.bench, reload, &status);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(call(&link, 10), 0);
    assert_int_equal(rep_core_preface_count(link.core), 1);
    link_close(&link);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_are_reported),
        cmocka_unit_test(test_wrong_gate_is_refused),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_comes_back_after_core),
        cmocka_unit_test(test_outstanding_call_fails),
        cmocka_unit_test(test_two_thousand_calls),
        cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_contexts_at_once),
        cmocka_unit_test(test_reload_keeps_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
