/* service: notification, signals as a descriptor, Unix listeners and peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/service.h"

static char dir[] = "/tmp/sluss-service-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    return rmdir(dir);
}

static const char *in_dir(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void connect_refusals(void **state) {
    (void)state;
    char long_path[200];
    (void)snprintf(long_path, sizeof long_path, "/tmp/%0150d", 0);
    int fd = -1;
    assert_int_equal(service_connect(in_dir("none"), SOCK_STREAM, &fd), STATUS_UNREACHABLE);
    assert_int_equal(service_connect("", SOCK_STREAM, &fd), STATUS_INVALID);
    assert_int_equal(service_connect(long_path, SOCK_STREAM, &fd), STATUS_TOO_LARGE);
    assert_int_equal(service_listen(long_path, SOCK_STREAM, 0600, 1, &fd), STATUS_TOO_LARGE);
    assert_int_equal(service_listen("@abstract", SOCK_STREAM, 0600, 1, &fd), STATUS_INVALID);
    assert_int_equal(service_listen("/nonexistent/x", SOCK_STREAM, 0600, 1, &fd), STATUS_NOT_FOUND);
    assert_int_equal(fd, -1);
}

static void listen_keeps_others(void **state) {
    (void)state;
    const char *path = in_dir("file");
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    fd = -1;
    assert_int_equal(service_listen(path, SOCK_STREAM, 0600, 1, &fd), STATUS_CONFLICT);
    assert_int_equal(fd, -1);
    assert_int_equal(unlink(path), 0);
}

static void round_trip(int type) {
    const char *path = in_dir("sock");
    int listener = -1;
    int second = -1;
    int client = -1;
    assert_int_equal(service_listen(path, type, 0660, 8, &listener), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0660);
    assert_int_equal(service_connect(path, type, &client), STATUS_OK);
    int server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    uid_t uid = 99;
    pid_t pid = 0;
    assert_int_equal(service_peer(server, &uid, &pid), STATUS_OK);
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    assert_int_equal(write(client, "ping", 4), 4);
    char buffer[8];
    assert_int_equal(read(server, buffer, sizeof buffer), 4);
    assert_int_equal(service_listen(path, type, 0660, 8, &second), STATUS_CONFLICT);
    (void)close(client);
    (void)close(server);
    (void)close(listener);
    /* The stale file is taken over. */
    assert_int_equal(service_listen(path, type, 0600, 8, &listener), STATUS_OK);
    (void)close(listener);
    assert_int_equal(unlink(path), 0);
}

static void stream_sockets(void **state) {
    (void)state;
    round_trip(SOCK_STREAM);
}

static void packet_sockets(void **state) {
    (void)state;
    round_trip(SOCK_SEQPACKET);
}

static void peer_of_nothing(void **state) {
    (void)state;
    uid_t uid = 4711;
    pid_t pid = 4711;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(service_peer(fd, &uid, &pid), STATUS_DENIED);
    (void)close(fd);
    assert_int_not_equal(service_peer(-1, &uid, &pid), STATUS_OK);
    assert_int_equal(uid, 4711);
    assert_int_equal(pid, 4711);
}

/* In a child, because the socket to the manager is opened once a process. */
static void expect_notice(const char *name, const struct sockaddr_un *address, socklen_t len) {
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager, (const struct sockaddr *)address, len), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)setenv("NOTIFY_SOCKET", name, 1);
        service_notify("READY=1");
        _exit(0);
    }
    struct pollfd wait = {.fd = manager, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    char text[32] = {0};
    assert_int_equal(recv(manager, text, sizeof text - 1, 0), 7);
    assert_string_equal(text, "READY=1");
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(manager);
}

static void notify_by_path(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", in_dir("notify"));
    expect_notice(address.sun_path, &address, sizeof address);
    assert_int_equal(unlink(address.sun_path), 0);
}

static void notify_by_abstract_name(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int len = snprintf(name, sizeof name, "@sluss-test-%d", (int)getpid());
    memcpy(address.sun_path, name, (size_t)len);
    address.sun_path[0] = '\0';
    expect_notice(name, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len));
}

static void watchdog_interval(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {{"", 0}, {"-1", 0}, {"30s", 0}, {"30000000", 15000}};
    (void)unsetenv("WATCHDOG_USEC");
    assert_int_equal(service_watchdog_ms(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)setenv("WATCHDOG_USEC", cases[i].text, 1);
        assert_int_equal(service_watchdog_ms(), cases[i].ms);
    }
    (void)unsetenv("WATCHDOG_USEC");
}

static void signals_by_descriptor(void **state) {
    (void)state;
    sigset_t before;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    int fd = -1;
    assert_int_equal(service_signals(&fd), STATUS_OK);
    assert_int_equal(service_next_signal(fd), 0);
    (void)raise(SIGHUP);
    (void)raise(SIGTERM);
    (void)raise(SIGPIPE);
    int first = service_next_signal(fd);
    int second = service_next_signal(fd);
    assert_int_equal(first + second, SIGHUP + SIGTERM);
    assert_int_equal(service_next_signal(fd), 0);
    (void)close(fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void child_ends_with_its_parent(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        int go[2];
        if (pipe(go) != 0) _exit(1);
        if (fork() == 0) {
            if (service_die_with_parent() != STATUS_OK) _exit(1);
            (void)!write(go[1], "x", 1);
            for (;;) {
                (void)pause();
            }
        }
        char byte;
        (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    (void)close(ends[1]);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    /* The grandchild holds the other end of the pipe until it dies. */
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
}

static void descriptors_are_raised(void **state) {
    (void)state;
    struct rlimit limit;
    service_raise_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_refusals),        cmocka_unit_test(listen_keeps_others),
        cmocka_unit_test(peer_of_nothing),         cmocka_unit_test(stream_sockets),
        cmocka_unit_test(packet_sockets),          cmocka_unit_test(notify_by_path),
        cmocka_unit_test(notify_by_abstract_name), cmocka_unit_test(watchdog_interval),
        cmocka_unit_test(signals_by_descriptor),   cmocka_unit_test(child_ends_with_its_parent),
        cmocka_unit_test(descriptors_are_raised),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
