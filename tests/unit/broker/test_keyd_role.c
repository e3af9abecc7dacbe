/*
 * keyd as a process: who may connect, packets over the socket, the last note over kill -9 (P7, P10), integrity stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/service.h"
#include "broker/keyd/keyd_role.h"
#include "broker/role.h"
#include "support/broker/keyd_bench.h"
#include "support/broker/role_process.h"
#include "support/log_tree.h"

#define NOBODY 65534

struct fixture {
    struct keyd_bench bench;
    struct role_process process;
};

/* The files are made; keyd itself runs only as a process. */
static int setup(void **state) {
    static struct fixture fixture;
    keyd_bench_init(&fixture.bench);
    keyd_close(fixture.bench.keyd);
    fixture.bench.keyd = NULL;
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    keyd_bench_clear(&fixture->bench);
    return 0;
}

static void start(struct fixture *f, const char *more) {
    role_process_start(&f->process, keyd_run, keyd_bench_settings_file(&f->bench, more));
    if (!role_process_ready(&f->process)) {
        (void)role_process_says(&f->process, "never said");
        fail_msg("not ready: %s", f->process.error);
    }
}

static int connect_to(struct fixture *f) {
    int fd = -1;
    assert_int_equal(service_connect(f->bench.settings.socket, SOCK_SEQPACKET, &fd), STATUS_OK);
    const struct timeval limit = {.tv_sec = 10};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

/* Sends a packet; the reply's code, or -1 when the connection was ended. */
static int ask(int fd, const void *packet, size_t len, struct bytes *out_body) {
    static uint8_t reply[KEYD_PACKET_MAX];
    if (send(fd, packet, len, MSG_NOSIGNAL) != (ssize_t)len) return -1;
    ssize_t got = recv(fd, reply, sizeof reply, 0);
    if (got < 3) return -1;
    if (out_body) *out_body = BYTES(reply + 3, (size_t)got - 3);
    return reply[2];
}

static void test_p11_start_refused(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *more, *keys, *says;
        int threshold;
    } cases[] = {
        {"log_level = \"loud\"", NULL, "start_failed", 2},
        {"peers = {\"no such user\"}", NULL, "start_failed status=settings", 2},
        {"unknown = 1", NULL, "unknown", 2},
        {"", NULL, "authority_threshold", 0},
        {"", NULL, "start_failed status=settings", 4}, /* more than there are keys */
        {"", "/nowhere", "start_failed status=not_found", 2},
    };
    const struct keyd_settings good = f->bench.settings;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->bench.settings = good;
        f->bench.settings.authority_threshold = cases[i].threshold;
        if (cases[i].keys) f->bench.settings.keys = cases[i].keys;
        role_process_start(&f->process, keyd_run, keyd_bench_settings_file(&f->bench, cases[i].more));
        assert_false(role_process_ready(&f->process));
        if (!role_process_says(&f->process, cases[i].says)) fail_msg("case %zu: %s", i, f->process.error);
        assert_int_equal(role_process_end(&f->process, 0), ROLE_FAILED);
    }
}

static void test_serves_and_ends(void **state) {
    struct fixture *f = *state;
    start(f, "");
    struct stat info;
    assert_int_equal(stat(f->bench.settings.socket, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0660);
    int first CLEANUP(cleanup_fd) = connect_to(f);
    int second CLEANUP(cleanup_fd) = connect_to(f);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(ask(i % 2 ? first : second, "\1\1", 2, NULL), REPLY_DONE);
        assert_int_equal(ask(i % 2 ? second : first, "\1\11", 2, NULL), REPLY_UNSUPPORTED);
    }
    /* A packet too large for one ends its connection; the others go on. */
    static uint8_t large[KEYD_PACKET_MAX + 1] = {1, 7};
    assert_int_equal(ask(first, large, KEYD_PACKET_MAX, NULL), REPLY_MALFORMED);
    assert_int_equal(ask(first, large, sizeof large, NULL), -1);
    assert_int_equal(ask(second, "\1\1", 2, NULL), REPLY_DONE);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* Every place is taken: one more is refused, and a place that is left can be taken again. */
static void test_places(void **state) {
    struct fixture *f = *state;
    start(f, "");
    int fds[16];
    for (size_t i = 0; i < 16; i++) {
        fds[i] = connect_to(f);
        assert_int_equal(ask(fds[i], "\1\1", 2, NULL), REPLY_DONE);
    }
    int more = connect_to(f);
    assert_int_equal(ask(more, "\1\1", 2, NULL), -1);
    cleanup_fd(&more);
    assert_true(role_process_says(&f->process, "peer_refused"));
    cleanup_fd(&fds[3]);
    assert_int_equal(ask(fds[0], "\1\1", 2, NULL), REPLY_DONE); /* keyd has seen the end */
    more = connect_to(f);
    assert_int_equal(ask(more, "\1\1", 2, NULL), REPLY_DONE);
    cleanup_fd(&more);
    for (size_t i = 0; i < 16; i++) {
        cleanup_fd(&fds[i]);
    }
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* What another user gets who can reach the socket: 0 an answer, 1 none. */
static int ask_as(struct fixture *f, uid_t uid) {
    pid_t pid = fork();
    if (pid == 0) {
        int fd = -1;
        if (setuid(uid) != 0 || service_connect(f->bench.settings.socket, SOCK_SEQPACKET, &fd) != STATUS_OK) _exit(2);
        _exit(ask(fd, "\1\1", 2, NULL) == REPLY_DONE ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_peer_user(void **state) {
    struct fixture *f = *state;
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(f->bench.scratch.path, 0755), 0);
    start(f, "socket_mode = 511");
    assert_int_equal(ask_as(f, NOBODY), 1);
    assert_int_equal(ask_as(f, 0), 0);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
    start(f, "socket_mode = 511\npeers = {\"65534\"}");
    assert_int_equal(ask_as(f, NOBODY), 0);
    assert_int_equal(ask_as(f, 1), 1);
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

/* A signature request over the socket. */
static int sign(struct fixture *f, int fd, struct tree_store *tree, uint64_t old_size, uint64_t size) {
    uint8_t packet[4096] = {1, KEYD_SIGN_CHECKPOINT};
    struct bytes body = keyd_bench_sign_body(&f->bench, tree, old_size, size);
    memcpy(packet + 2, body.data, body.len);
    return ask(fd, packet, body.len + 2, NULL);
}

static void test_p7_last_note_over_kill(void **state) {
    struct fixture *f = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(64);
    for (uint64_t size = 1; size <= 8; size++) {
        start(f, "");
        int fd CLEANUP(cleanup_fd) = connect_to(f);
        if (size > 1) assert_int_equal(sign(f, fd, tree, 0, size - 2), REPLY_CONFLICT);
        assert_int_equal(sign(f, fd, tree, size - 1, size), REPLY_DONE);
        assert_int_equal(role_process_end(&f->process, SIGKILL), 128 + SIGKILL);
    }
}

static void test_p7_integrity_stop(void **state) {
    struct fixture *f = *state;
    static const uint8_t damaged[8192] = {1};
    assert_int_equal(file_replace(keyd_bench_file(&f->bench, "note"), BYTES_ARRAY(damaged), 0600), STATUS_OK);
    role_process_start(&f->process, keyd_run, keyd_bench_settings_file(&f->bench, ""));
    assert_false(role_process_ready(&f->process));
    assert_true(role_process_says(&f->process, "start_failed"));
    assert_int_equal(role_process_end(&f->process, 0), ROLE_INTEGRITY);
}

/* While it runs: it answers, and ends by itself. */
static void test_p7_integrity_stop_while_running(void **state) {
    struct fixture *f = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(4);
    start(f, "");
    int fd CLEANUP(cleanup_fd) = connect_to(f);
    assert_int_equal(sign(f, fd, tree, 0, 4), REPLY_DONE);
    assert_int_equal(truncate(keyd_bench_file(&f->bench, "note"), 0), 0);
    assert_int_equal(ask(fd, "\1\3", 2, NULL), REPLY_INTEGRITY);
    assert_true(role_process_says(&f->process, "integrity_stop"));
    assert_int_equal(role_process_end(&f->process, 0), ROLE_INTEGRITY);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_p11_start_refused),
        CASE(test_serves_and_ends),
        CASE(test_places),
        CASE(test_peer_user),
        CASE(test_p7_last_note_over_kill),
        CASE(test_p7_integrity_stop),
        CASE(test_p7_integrity_stop_while_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
