/*
 * http: a real server in a thread of its own, spoken to over real sockets. Refusals first (P11), then time, then what
 * a well-behaved client gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/http_reply.h"
#include "base/secret.h"

enum { WAIT_MS = 10000, DEADLINE_MS = 400, MAX_BODY = 200000, MAX_HEAD = 4096, MAX_CONNECTIONS = 8 };

struct fixture {
    struct http_server *server;
    pthread_t thread;
    SSL_CTX *tls;
    struct sockaddr_storage address;
    socklen_t address_len;
};

static atomic_int handled;
static atomic_int gone;
static atomic_bool parked;
static atomic_int workers;

static void wait_for(const atomic_int *value, int expected) {
    uint64_t end = clock_boot_ms(clock_system()) + WAIT_MS;
    while (atomic_load(value) != expected) {
        assert_true(clock_boot_ms(clock_system()) < end);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- handlers ---- */

static void handle_hello(struct http_request *request, void *arg) {
    (void)arg;
    atomic_fetch_add(&handled, 1);
    assert_int_equal(http_reply_header(request, "X-Bad", "a\r\nb"), STATUS_MALFORMED);
    assert_int_equal(http_reply_header(request, "X Bad", "a"), STATUS_MALFORMED);
    assert_int_equal(http_reply_header(request, "X-Good", "yes"), STATUS_OK);
    http_reply(request, 200, "text/plain", bytes_text("hello"));
}

static void handle_echo(struct http_request *request, void *arg) {
    (void)arg;
    atomic_fetch_add(&handled, 1);
    http_reply(request, 200, "application/octet-stream", http_request_view(request)->body);
}

static void handle_item(struct http_request *request, void *arg) {
    (void)arg;
    const struct http_view *view = http_request_view(request);
    json_t *value =
        json_pack("{s:s, s:s*, s:s, s:b, s:b}", "id", http_request_capture(request, "id"), "q",
                  http_request_query(request, "q"), "peer", view->peer_address, "local", view->peer_is_local ? 1 : 0,
                  "mine", view->peer_is_local && view->peer_uid == getuid() && view->peer_pid == getpid());
    http_reply_json(request, 200, value);
    json_decref(value);
}

static void handle_fault(struct http_request *request, void *arg) {
    (void)arg;
    const struct http_fault faults[] = {{"/a/0", "is too long"}, {"/b", "is missing"}};
    http_reply_problem(request, &(struct http_problem){.code = 422,
                                                       .type = "/errors#content",
                                                       .title = "Content",
                                                       .detail = "two faults",
                                                       .faults = faults,
                                                       .faults_count = 2});
}

static void handle_stream(struct http_request *request, void *arg) {
    (void)arg;
    http_reply_start(request, 200, "text/event-stream");
    assert_int_equal(http_reply_piece(request, bytes_text("data: 1\n\n")), STATUS_OK);
    assert_int_equal(http_reply_piece(request, BYTES_EMPTY), STATUS_OK);
    assert_int_equal(http_reply_piece(request, bytes_text("data: 2\n\n")), STATUS_OK);
    http_reply_end(request);
}

static void finish_later(void *arg) { http_reply(arg, 200, "text/plain", bytes_text("later")); }

struct work {
    struct http_server *server;
    struct http_request *request;
};

static void *worker(void *arg) {
    struct work work = *(struct work *)arg;
    free(arg);
    if (http_loop_post(work.server, finish_later, work.request) != STATUS_OK) abort();
    atomic_fetch_sub(&workers, 1);
    return NULL;
}

static void handle_later(struct http_request *request, void *arg) {
    struct fixture *fixture = arg;
    struct work *work = malloc(sizeof *work);
    *work = (struct work){fixture->server, request};
    pthread_t thread;
    atomic_fetch_add(&workers, 1);
    if (pthread_create(&thread, NULL, worker, work) != 0 || pthread_detach(thread) != 0) abort();
}

static struct http_request *waiting;

static void count_gone(struct http_request *request, void *arg) {
    (void)arg;
    assert_true(http_request_is_gone(request));
    atomic_fetch_add(&gone, 1);
}

static void handle_park(struct http_request *request, void *arg) {
    (void)arg;
    waiting = request;
    http_request_on_gone(request, count_gone, NULL);
    if (http_request_query(request, "long")) http_request_extend(request, WAIT_MS);
    atomic_store(&parked, true);
}

static void handle_wake(struct http_request *request, void *arg) {
    (void)arg;
    http_reply(waiting, 200, "text/plain", bytes_text("awake"));
    waiting = NULL;
    http_reply(request, 204, NULL, BYTES_EMPTY);
}

static void handle_flood(struct http_request *request, void *arg) {
    (void)arg;
    static char piece[65536];
    http_reply_start(request, 200, "application/octet-stream");
    int sent = 0;
    while (http_reply_piece(request, BYTES_ARRAY(piece)) == STATUS_OK) {
        sent++;
    }
    atomic_store(&handled, sent);
    http_reply_end(request);
}

/* ---- server ---- */

static struct fixture here;

static const struct http_route routes[] = {
    {HTTP_GET, "/hello", handle_hello, NULL},     {HTTP_POST, "/echo", handle_echo, NULL},
    {HTTP_GET, "/items/{id}", handle_item, NULL}, {HTTP_GET, "/fault", handle_fault, NULL},
    {HTTP_GET, "/stream", handle_stream, NULL},   {HTTP_GET, "/later", handle_later, &here},
    {HTTP_GET, "/park", handle_park, NULL},       {HTTP_POST, "/wake", handle_wake, NULL},
    {HTTP_GET, "/flood", handle_flood, NULL},     {0},
};

static const struct http_field fixed[] = {{"X-Content-Type-Options", "nosniff"}, {0}};

static void *serve(void *arg) {
    struct fixture *fixture = arg;
    if (http_server_run(fixture->server) != STATUS_OK) abort();
    return NULL;
}

static int start(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX}; /* bound without a name it gets an abstract one */
    const struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&tcp : (struct sockaddr *)&local;
    if (bind(fd, address, family == AF_INET ? sizeof tcp : sizeof local.sun_family) != 0) return -1;
    here.address_len = sizeof here.address;
    if (listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&here.address, &here.address_len) != 0) return -1;
    struct http_options options = {
        .listen_fd = fd,
        .tls = here.tls,
        .max_head_bytes = MAX_HEAD,
        .max_body_bytes = MAX_BODY,
        .deadline_ms = DEADLINE_MS,
        .max_connections = MAX_CONNECTIONS,
        .routes = routes,
        .headers = fixed,
    };
    atomic_store(&handled, 0);
    atomic_store(&gone, 0);
    atomic_store(&parked, false);
    if (http_server_new(&options, &here.server) != STATUS_OK) return -1;
    return pthread_create(&here.thread, NULL, serve, &here);
}

static int start_local(void **state) {
    (void)state;
    return start(AF_UNIX);
}

static int start_tcp(void **state) {
    (void)state;
    return start(AF_INET);
}

/* A certificate that nobody checks. */
static int start_tls(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    (void)X509_set_pubkey(certificate, key);
    (void)X509_sign(certificate, key, EVP_sha256());
    here.tls = SSL_CTX_new(TLS_server_method());
    bool ready = SSL_CTX_use_certificate(here.tls, certificate) == 1 && SSL_CTX_use_PrivateKey(here.tls, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ready ? start(AF_INET) : -1;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(here.server);
    if (pthread_join(here.thread, NULL) != 0) return -1;
    wait_for(&workers, 0);
    http_server_free(here.server);
    here.server = NULL;
    SSL_CTX_free(here.tls);
    here.tls = NULL;
    return 0;
}

/* ---- client ---- */

static int dial(void) {
    int fd = socket(here.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval wait = {.tv_sec = WAIT_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&here.address, here.address_len), 0);
    return fd;
}

static void put(int fd, struct bytes text) {
    while (text.len > 0) {
        ssize_t sent = send(fd, text.data, text.len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        text = BYTES(text.data + sent, text.len - (size_t)sent);
    }
}

static char answer[1 << 19];

/* Reads until the server closes, or until `until` has arrived. */
static const char *get(int fd, const char *until) {
    size_t len = 0;
    answer[0] = '\0';
    while (!until || !strstr(answer, until)) {
        ssize_t got = recv(fd, answer + len, sizeof answer - 1 - len, 0);
        assert_true(got >= 0);
        if (got == 0) break;
        len += (size_t)got;
        answer[len] = '\0';
    }
    return answer;
}

/* One request on a connection of its own; the server is to close. */
static const char *ask(const char *text) {
    int fd = dial();
    put(fd, bytes_text(text));
    const char *got = get(fd, NULL);
    (void)close(fd);
    return got;
}

static void expect_code(const char *got, int code) {
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", code);
    if (strncmp(got, line, strlen(line)) != 0) fail_msg("expected %d, got: %.60s", code, got);
}

static void expect_part(const char *got, const char *part) {
    if (!strstr(got, part)) fail_msg("no '%s' in: %.600s", part, got);
}

#define CLOSE "Host: a\r\nConnection: close\r\n"

/* ---- tests ---- */

static void refused_on_the_wire(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        int code;
    } cases[] = {
        {"Content-Length twice",
         "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc"
         "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         400},
        {"length and chunked",
         "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
         "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         400},
        {"chunked twice",
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         400},
        {"folding", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n 0\r\n\r\nabc", 400},
        {"LF only", "GET /hello HTTP/1.1\nHost: a\n\n", 400},
        {"space before colon", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400},
        {"chunk extension", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n",
         400},
        {"chunk too long", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef", 400},
        {"chunk size with LF only",
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n", 400},
        {"endless chunk size",
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000000000003", 400},
        {"trailer field", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
         400},
        {"chunk above the bound", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d41\r\n", 413},
        {"body above the bound", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n", 413},
        {"body beyond all bounds", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
         413},
        {"tls hello", "\x16\x03\x01\x02\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        const char *got = ask(cases[i].text);
        expect_code(got, cases[i].code);
        expect_part(got, "\r\nConnection: close\r\n");
        expect_part(got, "\r\nContent-Type: application/problem+json\r\n");
        expect_part(got, "\r\nX-Request-Id: ");
        assert_null(strstr(got + 1, "HTTP/1.1 "));
    }
    assert_int_equal(atomic_load(&handled), 0);
}

static void head_above_the_bound(void **state) {
    (void)state;
    char text[MAX_HEAD + 1];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "GET /", 5);
    expect_code(ask(text), 431);
}

static void no_route(void **state) {
    (void)state;
    const char *got = ask("GET /none HTTP/1.1\r\n" CLOSE "\r\n");
    expect_code(got, 404);
    expect_part(got, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"request_id\":\"");
    got = ask("DELETE /hello HTTP/1.1\r\n" CLOSE "\r\n");
    expect_code(got, 405);
    expect_part(got, "\r\nAllow: GET, HEAD\r\n");
}

static void faults_are_listed(void **state) {
    (void)state;
    const char *got = ask("GET /fault HTTP/1.1\r\n" CLOSE "\r\n");
    expect_code(got, 422);
    expect_part(got, "{\"type\":\"/errors#content\",\"title\":\"Content\",\"status\":422,\"detail\":\"two faults\"");
    expect_part(got, "\"errors\":[{\"pointer\":\"/a/0\",\"text\":\"is too long\"},{\"pointer\":\"/b\",");
}

/* Sends a byte now and then until the server closes; how long that took. */
static uint64_t trickle(int fd, const char *text) {
    uint64_t begin = clock_boot_ms(clock_system());
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (*text != '\0') (void)send(fd, text++, 1, MSG_NOSIGNAL);
        int ready = poll(&wait, 1, 20);
        char byte;
        if (ready == 1 && recv(fd, &byte, 1, 0) <= 0) break;
        assert_true(clock_boot_ms(clock_system()) - begin < WAIT_MS);
    }
    (void)close(fd);
    return clock_boot_ms(clock_system()) - begin;
}

static void trickling_clients(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "POST /echo HTTP/1.1\r\nHost:a\r\nContent-Length: 99\r\n\r\nabcdefghijklmnopqrstuvwxyz",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t took = trickle(dial(), texts[i]);
        assert_in_range(took, DEADLINE_MS - 50, DEADLINE_MS + 1500);
    }
    assert_int_equal(atomic_load(&handled), 0);
}

static void late_answer(void **state) {
    (void)state;
    const char *got = ask("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_code(got, 503);
    expect_part(got, "no answer in time");
    wait_for(&gone, 1);
    /* The handler answers after that: into the void. */
    expect_code(ask("POST /wake HTTP/1.1\r\n" CLOSE "\r\n"), 204);
}

static void client_leaves(void **state) {
    (void)state;
    int fd = dial();
    put(fd, bytes_text("GET /park?long=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!atomic_load(&parked)) {
        (void)poll(NULL, 0, 1);
    }
    (void)close(fd);
    wait_for(&gone, 1);
    expect_code(ask("POST /wake HTTP/1.1\r\n" CLOSE "\r\n"), 204);
}

static void extended_deadline(void **state) {
    (void)state;
    int fd = dial();
    put(fd, bytes_text("GET /park?long=1 HTTP/1.1\r\n" CLOSE "\r\n"));
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 3 * DEADLINE_MS), 0);
    expect_code(ask("POST /wake HTTP/1.1\r\n" CLOSE "\r\n"), 204);
    const char *got = get(fd, NULL);
    expect_code(got, 200);
    expect_part(got, "awake");
    (void)close(fd);
    assert_int_equal(atomic_load(&gone), 0);
}

static void stopped_while_parked(void **state) {
    int fd = dial();
    put(fd, bytes_text("GET /park?long=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!atomic_load(&parked)) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(stop(state), 0);
    assert_int_equal(atomic_load(&gone), 1);
    /* The request outlives the server, and is answered as ever. */
    http_reply(waiting, 200, "text/plain", bytes_text("nobody"));
    (void)close(fd);
    assert_int_equal(start_local(state), 0);
}

static void too_many_connections(void **state) {
    (void)state;
    int held[MAX_CONNECTIONS];
    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        held[i] = dial();
        put(held[i], bytes_text("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        expect_code(get(held[i], "hello"), 200);
    }
    int extra = dial();
    put(extra, bytes_text("GET /hello HTTP/1.1\r\n" CLOSE "\r\n"));
    struct pollfd wait = {.fd = extra, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS / 8), 0);
    (void)close(held[0]);
    expect_code(get(extra, NULL), 200);
    (void)close(extra);
    for (size_t i = 1; i < MAX_CONNECTIONS; i++) {
        (void)close(held[i]);
    }
}

static void slow_reader(void **state) {
    (void)state;
    int fd = dial();
    put(fd, bytes_text("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n"));
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    (void)close(fd);
    /* The server took about 1 MiB and then said no. */
    int sent = atomic_load(&handled);
    assert_in_range(sent, 1, 40);
    expect_code(ask("GET /hello HTTP/1.1\r\n" CLOSE "\r\n"), 200);
}

static void plain_answer(void **state) {
    (void)state;
    const char *got = ask("GET /hello HTTP/1.1\r\nX-Request-Id: 0123456789\r\n" CLOSE "\r\n");
    expect_code(got, 200);
    expect_part(got, "\r\nX-Content-Type-Options: nosniff\r\n");
    expect_part(got, "\r\nX-Good: yes\r\n");
    expect_part(got, "\r\nContent-Type: text/plain\r\n");
    expect_part(got, "\r\nContent-Length: 5\r\n");
    expect_part(got, "\r\nDate: ");
    expect_part(got, "\r\n\r\nhello");
    assert_null(strstr(got, "0123456789\r\n"));
    assert_null(strstr(got, "X-Bad"));
}

static void head_has_no_body(void **state) {
    (void)state;
    const char *got = ask("HEAD /hello HTTP/1.1\r\n" CLOSE "\r\n");
    expect_code(got, 200);
    expect_part(got, "\r\nContent-Length: 5\r\n");
    assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
    got = ask("HEAD /stream HTTP/1.1\r\n" CLOSE "\r\n");
    assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
}

static void ids_differ(void **state) {
    (void)state;
    char first[33] = "";
    char second[33] = "";
    const char *mark = "X-Request-Id: ";
    (void)snprintf(first, sizeof first, "%s", strstr(ask("GET /hello HTTP/1.1\r\n" CLOSE "\r\n"), mark) + strlen(mark));
    (void)snprintf(second, sizeof second, "%s",
                   strstr(ask("GET /hello HTTP/1.1\r\n" CLOSE "\r\n"), mark) + strlen(mark));
    assert_int_equal(strspn(first, "0123456789abcdef"), 32);
    assert_string_not_equal(first, second);
}

static void local_peer(void **state) {
    (void)state;
    const char *got = ask("GET /items/a%20b?q=1%2B1 HTTP/1.1\r\n" CLOSE "\r\n");
    expect_part(got, "{\"id\":\"a b\",\"q\":\"1+1\",\"peer\":\"unix\",\"local\":true,\"mine\":true}");
}

static void tcp_peer(void **state) {
    (void)state;
    const char *got = ask("GET /items/x HTTP/1.1\r\n" CLOSE "\r\n");
    expect_part(got, "\"peer\":\"127.0.0.1\",\"local\":false,\"mine\":false}");
}

static void bodies(void **state) {
    (void)state;
    const char *got = ask("POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc");
    expect_part(got, "\r\n\r\nabc");
    got = ask("POST /echo HTTP/1.1\r\n" CLOSE
              "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n");
    expect_part(got, "\r\n\r\nabc0123456789");
    got = ask("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    expect_part(got, "\r\nConnection: close\r\n");
    expect_part(got, "\r\n\r\nabc");
}

static void largest_body(void **state) {
    (void)state;
    char *body = malloc(MAX_BODY + 1);
    memset(body, 'x', MAX_BODY);
    body[MAX_BODY] = '\0';
    int fd = dial();
    put(fd, bytes_text("POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n"));
    assert_string_equal(get(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    put(fd, BYTES(body, MAX_BODY));
    const char *got = get(fd, NULL);
    expect_code(got, 200);
    assert_string_equal(strstr(got, "\r\n\r\n") + 4, body);
    free(body);
    (void)close(fd);
}

static void kept_alive_and_pipelined(void **state) {
    (void)state;
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        put(fd, bytes_text("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping"));
        expect_part(get(fd, "ping"), "HTTP/1.1 200 OK");
    }
    put(fd, bytes_text("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                       "GET /none HTTP/1.1\r\n" CLOSE "\r\n"));
    const char *got = get(fd, NULL);
    const char *later = strstr(got, "\r\n\r\nlater");
    const char *hello = strstr(got, "\r\n\r\nhello");
    const char *none = strstr(got, "404 Not Found");
    assert_true(later && hello && none && later < hello && hello < none);
    (void)close(fd);
}

static void answered_from_another_thread(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        expect_part(ask("GET /later HTTP/1.1\r\n" CLOSE "\r\n"), "\r\n\r\nlater");
    }
    /* Clients that do not wait for the answer. */
    for (int i = 0; i < 20; i++) {
        int fd = dial();
        put(fd, bytes_text("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
        (void)close(fd);
    }
    expect_part(ask("GET /later HTTP/1.1\r\n" CLOSE "\r\n"), "\r\n\r\nlater");
}

static void half_closed_client(void **state) {
    (void)state;
    int fd = dial();
    put(fd, bytes_text("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect_part(get(fd, NULL), "\r\n\r\nhello");
    (void)close(fd);
}

static void streams(void **state) {
    (void)state;
    const char *got = ask("GET /stream HTTP/1.1\r\n" CLOSE "\r\n");
    expect_part(got, "\r\nTransfer-Encoding: chunked\r\n");
    expect_part(got, "\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    got = ask("GET /stream HTTP/1.0\r\n\r\n");
    assert_null(strstr(got, "chunked"));
    expect_part(got, "\r\n\r\ndata: 1\n\ndata: 2\n\n");
}

static void tls_answer(void **state) {
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    int fd = dial();
    assert_int_equal(SSL_set_fd(tls, fd), 1);
    assert_int_equal(SSL_connect(tls), 1);
    for (int i = 0; i < 2; i++) {
        const char *text = "GET /items/x HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_int_equal(SSL_write(tls, text, (int)strlen(text)), (int)strlen(text));
        int len = SSL_read(tls, answer, sizeof answer - 1);
        assert_true(len > 0);
        answer[len] = '\0';
        expect_part(answer, "\"peer\":\"127.0.0.1\"");
    }
    SSL_free(tls);
    SSL_CTX_free(context);
    (void)close(fd);
}

static void tls_handshake_has_a_deadline(void **state) {
    (void)state;
    /* The beginning of a client hello that never ends. */
    static const char hello[] = "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03";
    uint64_t took = trickle(dial(), hello);
    assert_in_range(took, DEADLINE_MS - 50, DEADLINE_MS + 1500);
}

static int set_up_all(void **state) {
    (void)state;
    return secret_setup() == STATUS_OK ? 0 : -1;
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, start_local, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOCAL(refused_on_the_wire),
        LOCAL(head_above_the_bound),
        LOCAL(no_route),
        LOCAL(faults_are_listed),
        LOCAL(trickling_clients),
        LOCAL(late_answer),
        LOCAL(client_leaves),
        LOCAL(extended_deadline),
        LOCAL(stopped_while_parked),
        LOCAL(too_many_connections),
        LOCAL(slow_reader),
        LOCAL(plain_answer),
        LOCAL(head_has_no_body),
        LOCAL(ids_differ),
        LOCAL(local_peer),
        cmocka_unit_test_setup_teardown(tcp_peer, start_tcp, stop),
        LOCAL(bodies),
        LOCAL(largest_body),
        LOCAL(kept_alive_and_pipelined),
        LOCAL(answered_from_another_thread),
        LOCAL(half_closed_client),
        LOCAL(streams),
        cmocka_unit_test_setup_teardown(tls_answer, start_tls, stop),
        cmocka_unit_test_setup_teardown(tls_handshake_has_a_deadline, start_tls, stop),
    };
    return cmocka_run_group_tests(tests, set_up_all, NULL);
}
