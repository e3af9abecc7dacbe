/*
 * Any bytes over a real socket to a real server, in one thread. A byte 0xff in the input ends a packet, so that the
 * fuzzer can choose how the stream is cut. Every connection must end, and no request may be left unanswered.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/http.h"
#include "base/http_reply.h"
#include "base/secret.h"

enum { MAX_ROUNDS = 100000 };

static struct http_request *parked;

static void handle_echo(struct http_request *request, void *arg) {
    (void)arg;
    http_reply(request, 200, "text/plain", http_request_view(request)->body);
}

static void handle_stream(struct http_request *request, void *arg) {
    (void)arg;
    http_reply_start(request, 200, "text/plain");
    IGNORE(http_reply_piece(request, http_request_view(request)->body));
    http_reply_end(request);
}

static void answer_parked(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    if (parked) http_reply(parked, 204, NULL, BYTES_EMPTY);
    parked = NULL;
}

static void handle_park(struct http_request *request, void *arg) {
    parked = request;
    struct http_server *const *server = arg;
    struct timeval soon = {0};
    if (event_base_once(http_server_base(*server), -1, EV_TIMEOUT, answer_parked, NULL, &soon) != 0) abort();
}

static struct http_server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_len = sizeof address;

static const struct http_route routes[] = {
    {HTTP_POST, "/echo", handle_echo, NULL},
    {HTTP_GET, "/echo/{rest*}", handle_echo, NULL},
    {HTTP_GET, "/stream", handle_stream, NULL},
    {HTTP_GET, "/park", handle_park, &server},
    {0},
};

static void start(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0 && listen(fd, 8) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &address_len) == 0;
    struct http_options options = {
        .listen_fd = fd,
        .max_head_bytes = 1024,
        .max_body_bytes = 4096,
        .deadline_ms = 1000,
        .max_connections = 4,
        .routes = routes,
    };
    if (!bound || secret_setup() != STATUS_OK || http_server_new(&options, &server) != STATUS_OK) abort();
}

static void turn(int fd) {
    char sink[4096];
    (void)event_base_loop(http_server_base(server), EVLOOP_NONBLOCK);
    while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
    }
}

static void send_cut(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        const uint8_t *mark = memchr(data, 0xff, size);
        size_t len = mark ? (size_t)(mark - data) : size;
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(fd);
        if (len > 0 && sent != (ssize_t)len) return;
        data += len + (mark ? 1 : 0);
        size -= len + (mark ? 1 : 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!server) start();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, address_len) != 0) abort();
    turn(fd);
    send_cut(fd, data, size);
    (void)shutdown(fd, SHUT_WR);
    int rounds = 0;
    while (http_server_counts(server).open > 0 || parked) {
        turn(fd);
        if (++rounds > MAX_ROUNDS) __builtin_trap();
    }
    (void)close(fd);
    return 0;
}
