/* TCP listeners: numeric addresses only, the port that was asked for, and what is accepted sends at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/service.h"

static uint16_t port_of(int fd) {
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void test_addresses_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",          "localhost", "plan.example", "127.0.0.1:80",
                                      "256.0.0.1", "::g",       "127.0.0.1 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = -1;
        enum status status = service_listen_tcp(bad[i], 0, 1, &fd);
        if (status != STATUS_MALFORMED) fail_msg("'%s': %s", bad[i], status_name(status));
        assert_int_equal(fd, -1);
    }
    int fd = -1;
    assert_int_not_equal(service_listen_tcp("192.0.2.1", 0, 1, &fd), STATUS_OK); /* not ours */
    assert_int_equal(fd, -1);
}

static void test_port_taken(void **state) {
    (void)state;
    int first CLEANUP(cleanup_fd) = -1;
    int second CLEANUP(cleanup_fd) = -1;
    assert_int_equal(service_listen_tcp("127.0.0.1", 0, 8, &first), STATUS_OK);
    assert_int_equal(service_listen_tcp("127.0.0.1", port_of(first), 8, &second), STATUS_CONFLICT);
    assert_int_equal(second, -1);
    /* Free again at once when the listener is closed. */
    uint16_t port = port_of(first);
    cleanup_fd(&first);
    first = -1;
    assert_int_equal(service_listen_tcp("127.0.0.1", port, 8, &second), STATUS_OK);
    assert_int_equal(port_of(second), port);
}

static void test_accepts(void **state) {
    (void)state;
    int listener CLEANUP(cleanup_fd) = -1;
    assert_int_equal(service_listen_tcp("127.0.0.1", 0, 8, &listener), STATUS_OK);
    assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port_of(listener)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int accepted CLEANUP(cleanup_fd) = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    int no_delay = 0;
    socklen_t len = sizeof no_delay;
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
    assert_true(no_delay);
}

static void test_ipv6(void **state) {
    (void)state;
    int fd CLEANUP(cleanup_fd) = -1;
    int probe CLEANUP(cleanup_fd) = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (probe < 0 || bind(probe, (const struct sockaddr *)&address, sizeof address) != 0) skip();
    assert_int_equal(service_listen_tcp("::1", 0, 8, &fd), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_refused),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
