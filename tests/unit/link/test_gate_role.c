/*
 * The gate as a process of its own: settings that are wrong end in one sentence; then certificates are replaced and the
 * process ended while a connection stands. Guards P11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/gate/gate_role.h"
#include "broker/role.h"
#include "keys/tls.h"
#include "support/link/gate_bench.h"
#include "support/link/rep_core.h"
#include "support/link/tls_peer.h"

struct process {
    pid_t pid;
    int ready_fd;
    int error_fd;
    char error[4096];
    size_t error_len;
};

static void process_start(struct process *process, const char *settings) {
    int ready[2];
    int error[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(error, O_CLOEXEC), 0);
    *process = (struct process){.ready_fd = ready[0], .error_fd = error[0]};
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        (void)dup2(error[1], STDERR_FILENO);
        _exit(gate_run(settings, ready[1]));
    }
    (void)close(ready[1]);
    (void)close(error[1]);
}

/* Reads what the process says until it holds the text, or ends, or takes too long. */
static bool process_says(struct process *process, const char *text) {
    struct pollfd error = {.fd = process->error_fd, .events = POLLIN};
    while (!strstr(process->error, text) && process->error_len + 1 < sizeof process->error) {
        if (poll(&error, 1, GATE_BENCH_WAIT_MS) != 1) return false;
        ssize_t count = read(process->error_fd, process->error + process->error_len,
                             sizeof process->error - 1 - process->error_len);
        if (count <= 0) return false;
        process->error_len += (size_t)count;
    }
    return strstr(process->error, text) != NULL;
}

static int process_end(struct process *process) {
    int status = -1;
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    (void)close(process->ready_fd);
    (void)close(process->error_fd);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct settings_case {
    const char *name;
    const char *listen;
    const char *port;
    const char *certificate;
    const char *more;
    const char *said; /* in the sentence that ends the process */
};

static const struct settings_case good_settings = {"good", "127.0.0.1", "0", "gate.pem", "", ""};

static const struct settings_case bad_settings[] = {
    {"unknown key", "127.0.0.1", "0", "gate.pem", "prot = 1", "prot"},
    {"port too large", "127.0.0.1", "65536", "gate.pem", "", "key 'port'"},
    {"port twice", "127.0.0.1", "0", "gate.pem", "port = 1", "key 'port'"},
    {"no connection at all", "127.0.0.1", "0", "gate.pem", "connections_total = 0", "key 'connections_total'"},
    {"not a level", "127.0.0.1", "0", "gate.pem", "log_level = \"loud\"", "key 'log_level'"},
    {"a name to listen on", "gate.example", "0", "gate.pem", "", "status=settings"},
    {"no such certificate", "127.0.0.1", "0", "none.pem", "", "status=not_found"},
};

static void write_settings(const struct gate_bench *bench, const struct settings_case *from,
                           char path[static SCRATCH_PATH_MAX]) {
    char text[1024];
    scratch_path(&bench->scratch, "gate.conf", path);
    int len = snprintf(text, sizeof text,
                       "listen = {\"%s\"}\nport = %s\ncertificate = \"%s\"\nprivate_key = \"gate.key\"\n"
                       "core_socket = \"core.sock\"\n%s\n",
                       from->listen, from->port, from->certificate, from->more);
    assert_in_range(len, 1, sizeof text - 1);
    assert_int_equal(file_replace(path, BYTES(text, (size_t)len), 0644), STATUS_OK);
}

static void test_wrong_settings_end_in_a_sentence(void **state) {
    (void)state;
    struct gate_bench bench;
    char path[SCRATCH_PATH_MAX];
    gate_bench_init(&bench);
    for (size_t i = 0; i < sizeof bad_settings / sizeof *bad_settings; i++) {
        struct process process;
        write_settings(&bench, &bad_settings[i], path);
        process_start(&process, path);
        if (!process_says(&process, bad_settings[i].said)) fail_msg("'%s': %s", bad_settings[i].name, process.error);
        assert_int_equal(process_end(&process), ROLE_FAILED);
    }
    gate_bench_clear(&bench);
}

static void test_open_key_is_refused(void **state) {
    (void)state;
    struct gate_bench bench;
    struct process process;
    char path[SCRATCH_PATH_MAX];
    gate_bench_init(&bench);
    assert_int_equal(chmod(bench.key, 0644), 0);
    write_settings(&bench, &good_settings, path);
    process_start(&process, path);
    assert_true(process_says(&process, "permission"));
    assert_int_equal(process_end(&process), ROLE_FAILED);
    gate_bench_clear(&bench);
}

static uint16_t ready_port(struct process *process) {
    char byte = 0;
    struct pollfd ready = {.fd = process->ready_fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, GATE_BENCH_WAIT_MS), 1);
    if (read(process->ready_fd, &byte, 1) != 1) fail_msg("not ready: %s", process->error);
    assert_true(process_says(process, "gate_ready"));
    const char *port = strstr(process->error, "port=");
    assert_non_null(port);
    return (uint16_t)strtoul(port + 5, NULL, 10);
}

static void test_serves_reloads_and_stops(void **state) {
    (void)state;
    struct gate_bench bench;
    struct process process;
    char path[SCRATCH_PATH_MAX];
    struct hash before;
    struct hash after;
    gate_bench_init(&bench);
    write_settings(&bench, &good_settings, path);
    process_start(&process, path);
    struct rep_core *core = rep_core_start(bench.core_path, 8);
    uint16_t port = ready_port(&process);
    struct tls_peer old = tls_peer_admitted(port, bench.member);
    assert_int_equal(tls_peer_fingerprint(old.ssl, &before), STATUS_OK);

    gate_bench_renew(&bench);
    assert_int_equal(kill(process.pid, SIGHUP), 0);
    assert_true(process_says(&process, "gate_reloaded"));
    struct tls_peer fresh = tls_peer_admitted(port, bench.other);
    assert_int_equal(tls_peer_fingerprint(fresh.ssl, &after), STATUS_OK);
    assert_false(hash_equal(&before, &after));
    assert_true(tls_peer_request(&old, 1, 100000));
    assert_true(tls_peer_reply(&old, 100000));

    assert_int_equal(kill(process.pid, SIGTERM), 0);
    assert_true(tls_peer_sees_end(&old));
    assert_true(tls_peer_sees_end(&fresh));
    assert_int_equal(process_end(&process), ROLE_DONE);
    tls_peer_close(&old);
    tls_peer_close(&fresh);
    rep_core_stop(core);
    gate_bench_clear(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_settings_end_in_a_sentence),
        cmocka_unit_test(test_open_key_is_refused),
        cmocka_unit_test(test_serves_reloads_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
