#include "support/link/gate_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <event2/event.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "keys/tls.h"

static void make(const struct gate_bench *bench, const char *name, enum tls_certificate_kind kind,
                 const struct tls_identity *from, char certificate[static SCRATCH_PATH_MAX],
                 char key[static SCRATCH_PATH_MAX]) {
    const char *const names[] = {"localhost", "127.0.0.1"};
    char file[64];
    struct tls_certificate_request request = {.kind = kind,
                                              .subject = name,
                                              .names = names,
                                              .name_count = 2,
                                              .now_s = (uint64_t)time(NULL),
                                              .days = 2,
                                              .from = from};
    assert_true(snprintf(file, sizeof file, "%s.pem", name) < (int)sizeof file);
    scratch_path(&bench->scratch, file, certificate);
    assert_true(snprintf(file, sizeof file, "%s.key", name) < (int)sizeof file);
    scratch_path(&bench->scratch, file, key);
    assert_int_equal(tls_make_certificate(&request, certificate, key), STATUS_OK);
}

static SSL_CTX *make_client(const struct gate_bench *bench, const char *name) {
    char certificate[SCRATCH_PATH_MAX];
    char key[SCRATCH_PATH_MAX];
    SSL_CTX *context = NULL;
    struct tls_identity identity = {.certificate_path = certificate, .key_path = key};
    if (name) make(bench, name, TLS_CERTIFICATE_LEAF, NULL, certificate, key);
    assert_int_equal(tls_client(name ? &identity : NULL, bench->ca, &context), STATUS_OK);
    return context;
}

void gate_bench_renew(struct gate_bench *bench) {
    const struct tls_identity ca = {.certificate_path = bench->ca, .key_path = bench->ca_key};
    (void)unlink(bench->certificate);
    (void)unlink(bench->key);
    make(bench, "gate", TLS_CERTIFICATE_LEAF, &ca, bench->certificate, bench->key);
}

void gate_bench_init(struct gate_bench *bench) {
    *bench = (struct gate_bench){.wake_fd = -1, .done_fd = -1};
    assert_int_equal(secret_setup(), STATUS_OK);
    log_set_level(LOG_LEVEL_ERROR);
    scratch_init(&bench->scratch);
    scratch_path(&bench->scratch, "core.sock", bench->core_path);
    scratch_path(&bench->scratch, "link/link.sock", bench->ipc_path);
    make(bench, "ca", TLS_CERTIFICATE_CA, NULL, bench->ca, bench->ca_key);
    gate_bench_renew(bench);
    bench->member = make_client(bench, "member");
    bench->other = make_client(bench, "other");
    bench->anonymous = make_client(bench, NULL);
    bench->listen[0] = "127.0.0.1";
    bench->settings = (struct gate_settings){.listen = {.items = bench->listen, .count = 1},
                                             .certificate = bench->certificate,
                                             .private_key = bench->key,
                                             .core_socket = bench->core_path,
                                             .connections_per_member = 8,
                                             .connections_total = 2000,
                                             .max_unanswered = 64,
                                             .handshake_ms = 5000,
                                             .frame_ms = 15000,
                                             .log_level = "error"};
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct gate_bench *bench = arg;
    uint64_t count = 0;
    assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    bench->call(bench, bench->call_arg);
    count = 1;
    assert_int_equal(write(bench->done_fd, &count, sizeof count), sizeof count);
}

static void *run(void *arg) {
    struct gate_bench *bench = arg;
    (void)event_base_dispatch(bench->base);
    return NULL;
}

void gate_bench_start(struct gate_bench *bench) {
    bench->base = event_base_new();
    assert_non_null(bench->base);
    bench->wake_fd = eventfd(0, EFD_CLOEXEC);
    bench->done_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(bench->wake_fd >= 0 && bench->done_fd >= 0);
    bench->wake = event_new(bench->base, bench->wake_fd, EV_READ | EV_PERSIST, on_wake, bench);
    assert_non_null(bench->wake);
    assert_int_equal(event_add(bench->wake, NULL), 0);
    assert_int_equal(gate_new(bench->base, &bench->settings, &bench->gate), STATUS_OK);
    assert_int_equal(gate_listen(bench->gate), STATUS_OK);
    bench->port = gate_port(bench->gate, 0);
    assert_int_not_equal(bench->port, 0);
    assert_int_equal(pthread_create(&bench->thread, NULL, run, bench), 0);
}

void gate_bench_call(struct gate_bench *bench, void (*call)(struct gate_bench *bench, void *arg), void *arg) {
    uint64_t count = 1;
    bench->call = call;
    bench->call_arg = arg;
    assert_int_equal(write(bench->wake_fd, &count, sizeof count), sizeof count);
    struct pollfd done = {.fd = bench->done_fd, .events = POLLIN};
    assert_int_equal(poll(&done, 1, GATE_BENCH_WAIT_MS), 1);
    assert_int_equal(read(bench->done_fd, &count, sizeof count), sizeof count);
}

static void end_loop(struct gate_bench *bench, void *arg) {
    (void)arg;
    (void)event_base_loopbreak(bench->base);
}

void gate_bench_clear(struct gate_bench *bench) {
    if (bench->gate) {
        gate_bench_call(bench, end_loop, NULL);
        (void)pthread_join(bench->thread, NULL);
        gate_free(bench->gate);
        event_free(bench->wake);
        (void)event_base_loop(bench->base, EVLOOP_NONBLOCK);
        event_base_free(bench->base);
        (void)close(bench->wake_fd);
        (void)close(bench->done_fd);
    }
    SSL_CTX_free(bench->member);
    SSL_CTX_free(bench->other);
    SSL_CTX_free(bench->anonymous);
    scratch_clear(&bench->scratch);
    *bench = (struct gate_bench){.wake_fd = -1, .done_fd = -1};
}

static void copy_metrics(struct gate_bench *bench, void *arg) {
    struct gate_metrics *out = arg;
    *out = *gate_metrics(bench->gate);
}

struct gate_metrics gate_bench_metrics(struct gate_bench *bench) {
    struct gate_metrics metrics;
    gate_bench_call(bench, copy_metrics, &metrics);
    return metrics;
}

uint64_t gate_bench_now_ms(void) { return clock_boot_ms(clock_system()); }

bool gate_bench_admitted_is(const struct gate_metrics *metrics, size_t value) { return metrics->admitted == value; }

bool gate_bench_pending_is(const struct gate_metrics *metrics, size_t value) { return metrics->pending == value; }

bool gate_bench_wait(struct gate_bench *bench, bool (*holds)(const struct gate_metrics *metrics, size_t value),
                     size_t value) {
    uint64_t until = gate_bench_now_ms() + GATE_BENCH_WAIT_MS;
    while (gate_bench_now_ms() < until) {
        struct gate_metrics metrics = gate_bench_metrics(bench);
        if (holds(&metrics, value)) return true;
        (void)poll(NULL, 0, 2);
    }
    return false;
}
