/*
 * The portal in front of a core that is played: what each route asks, what is refused before core is asked (P11), that
 * what ends sharing has places of its own (P5, P12), and what happens when core is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "broker/portal/portal.h"
#include "support/broker/fake_core.h"
#include "support/scratch.h"

#define OK(call)   assert_int_equal((call), STATUS_OK)
#define URL        "https://plan.example"
#define CODE       "AAECAwQFBgcICQoLDA0ODw"
#define KID        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define ANSWER_MAX (1 << 20)
#define WAIT_S     20

static struct scratch scratch;
static char socket_path[SCRATCH_PATH_MAX];
static struct portal_settings settings;
static struct portal *portal;
static pthread_t loop;
static char answer[ANSWER_MAX];

static const struct portal_reply good = {
    .status = 200, .content_type = "application/json", .body = {(const uint8_t *)"{}", 2}};

static void *run(void *arg) {
    (void)arg;
    IGNORE(http_server_run(portal_server(portal)));
    return NULL;
}

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void start_portal(const char *core_socket) {
    settings = (struct portal_settings){.address = "127.0.0.1",
                                        .port = free_port(),
                                        .public_url = URL,
                                        .plain_http = true,
                                        .core_socket = core_socket,
                                        .connections = 256};
    OK(portal_new(&settings, NULL, &portal));
    assert_int_equal(pthread_create(&loop, NULL, run, NULL), 0);
}

static void stop_portal(void) {
    http_server_stop(portal_server(portal));
    assert_int_equal(pthread_join(loop, NULL), 0);
    portal_free(portal);
    portal = NULL;
}

static int setup(void **state) {
    (void)state;
    OK(secret_setup());
    scratch_init(&scratch);
    scratch_path(&scratch, "core.socket", socket_path);
    fake_core_start(socket_path);
    start_portal(socket_path);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    stop_portal();
    scratch_clear(&scratch);
    return 0;
}

/* ---- a client ---- */

static int send_request(const char *head, const char *body, size_t body_len) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = WAIT_S};
    char text[8192];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int len = snprintf(text, sizeof text, "%sHost: plan.example\r\nConnection: close\r\n", head);
    if (body) len += snprintf(text + len, sizeof text - (size_t)len, "Content-Length: %zu\r\n", body_len);
    len += snprintf(text + len, sizeof text - (size_t)len, "\r\n");
    assert_true(len < (int)sizeof text);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    /* What is too large may be refused before all of it has gone. */
    if (body_len) (void)send(fd, body, body_len, MSG_NOSIGNAL);
    return fd;
}

/* Reads up to the end; the status. The whole answer stays in `answer`. */
static int read_answer(int fd) {
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len + 1 < sizeof answer; len += got > 0 ? (size_t)got : 0) {
        got = recv(fd, answer + len, sizeof answer - 1 - len, 0);
    }
    answer[len] = '\0';
    (void)close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static int ask(const char *head, const char *body) {
    return read_answer(send_request(head, body, body ? strlen(body) : 0));
}

/* ---- routes ---- */

struct route_case {
    const char *head;
    const char *body;
    enum portal_op op;
    const char *method;
    const char *url;
    const char *id;
    uint64_t a;
    uint64_t b;
    uint32_t width;
};

static const struct route_case route_cases[] = {
    {"GET /v1/time HTTP/1.1\r\n", NULL, PORTAL_TIME, "GET", URL "/v1/time", "", 0, 50, 0},
    {"POST /v1/devices HTTP/1.1\r\n", "{\"x\":1}", PORTAL_DEVICES_POST, "POST", URL "/v1/devices", "", 0, 50, 0},
    {"GET /v1/devices HTTP/1.1\r\n", NULL, PORTAL_DEVICES_GET, "GET", URL "/v1/devices", "", 0, 50, 0},
    {"DELETE /v1/devices/" KID " HTTP/1.1\r\n", "{}", PORTAL_DEVICES_DELETE, "DELETE", URL "/v1/devices/" KID, KID, 0,
     50, 0},
    {"GET /v1/requests HTTP/1.1\r\n", NULL, PORTAL_REQUESTS_GET, "GET", URL "/v1/requests", "", 0, 50, 0},
    {"POST /v1/requests/" CODE "/decision HTTP/1.1\r\n", "{\"tokens\":[]}", PORTAL_DECISION, "POST",
     URL "/v1/requests/" CODE "/decision", CODE, 0, 50, 0},
    {"POST /v1/read-requests HTTP/1.1\r\n", "{}", PORTAL_READ_REQUEST, "POST", URL "/v1/read-requests", "", 0, 50, 0},
    {"GET /v1/consents HTTP/1.1\r\n", NULL, PORTAL_CONSENTS_GET, "GET", URL "/v1/consents", "", 0, 50, 0},
    {"POST /v1/consents/" CODE "/revoke HTTP/1.1\r\n", "{}", PORTAL_CONSENT_REVOKE, "POST",
     URL "/v1/consents/" CODE "/revoke", CODE, 0, 50, 0},
    {"POST /v1/consents/" CODE "/suspend HTTP/1.1\r\n", "{}", PORTAL_CONSENT_SUSPEND, "POST",
     URL "/v1/consents/" CODE "/suspend", CODE, 0, 50, 0},
    {"POST /v1/consents/" CODE "/resume HTTP/1.1\r\n", "{}", PORTAL_CONSENT_RESUME, "POST",
     URL "/v1/consents/" CODE "/resume", CODE, 0, 50, 0},
    {"GET /v1/accesses?cursor=12&limit=3 HTTP/1.1\r\n", NULL, PORTAL_ACCESSES_GET, "GET", URL "/v1/accesses", "", 12, 3,
     0},
    {"GET /v1/accesses?limit=18446744073709551615 HTTP/1.1\r\n", NULL, PORTAL_ACCESSES_GET, "GET", URL "/v1/accesses",
     "", 0, UINT64_MAX, 0},
    {"GET /v1/plan HTTP/1.1\r\n", NULL, PORTAL_PLAN_GET, "GET", URL "/v1/plan", "", 0, 50, 0},
    {"GET /log/checkpoint HTTP/1.1\r\n", NULL, PORTAL_CHECKPOINT, "GET", URL "/log/checkpoint", "", 0, 50, 0},
    {"GET /log/tile/0/000 HTTP/1.1\r\n", NULL, PORTAL_TILE, "GET", "", "", 0, 0, 0},
    {"GET /log/tile/2/x001/x234/067 HTTP/1.1\r\n", NULL, PORTAL_TILE, "GET", "", "", 2, 1234067, 0},
    {"GET /log/tile/1/005.p/17 HTTP/1.1\r\n", NULL, PORTAL_TILE, "GET", "", "", 1, 5, 17},
    {"GET /log/tile/entries/x012/345 HTTP/1.1\r\n", NULL, PORTAL_ENTRIES, "GET", "", "", 0, 12345, 0},
    {"GET /log/tile/entries/000.p/255 HTTP/1.1\r\n", NULL, PORTAL_ENTRIES, "GET", "", "", 0, 0, 255},
    {"POST /revoke HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n", "code=" CODE, PORTAL_CODE, "POST",
     "", CODE, 0, 0, 0},
};

static void test_routes(void **state) {
    (void)state;
    fake_core_answer(&good);
    for (size_t i = 0; i < sizeof route_cases / sizeof route_cases[0]; i++) {
        const struct route_case *one = &route_cases[i];
        size_t before = fake_core_count();
        if (ask(one->head, one->body) != 200) fail_msg("%s: %s", one->head, answer);
        struct portal_ask last = fake_core_last();
        assert_int_equal(fake_core_count(), before + 1);
        if (last.op != one->op) fail_msg("%s asks %u", one->head, last.op);
        assert_string_equal(last.method, one->method);
        assert_string_equal(last.url, one->url);
        assert_true(bytes_equal_text(last.id, one->id));
        bool is_form = one->op == PORTAL_CODE;
        assert_true(bytes_equal_text(last.body, one->body && !is_form ? one->body : ""));
        assert_true(last.a == one->a && last.b == one->b && last.width == one->width);
        assert_int_equal(last.proof.len, 0);
    }
}

static void test_proof_goes_with_it(void **state) {
    (void)state;
    fake_core_answer(&good);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\nDPoP: abc.def.ghi\r\n", NULL), 200);
    assert_true(bytes_equal_text(fake_core_last().proof, "abc.def.ghi"));
    size_t before = fake_core_count();
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\nDPoP: a\r\nDPoP: b\r\n", NULL), 400);
    assert_int_equal(fake_core_count(), before);
}

struct refused_case {
    const char *head;
    const char *body;
    int expected;
};

static const struct refused_case refused_cases[] = {
    {"GET /nowhere HTTP/1.1\r\n", NULL, 404},
    {"GET /v1/consents/" CODE "/revoke HTTP/1.1\r\n", NULL, 405},
    {"PUT /v1/devices HTTP/1.1\r\n", "{}", 405},
    {"GET /v1/accesses?cursor=-1 HTTP/1.1\r\n", NULL, 400},
    {"GET /v1/accesses?cursor=1x HTTP/1.1\r\n", NULL, 400},
    {"GET /v1/accesses?limit= HTTP/1.1\r\n", NULL, 400},
    {"GET /v1/accesses?limit=18446744073709551616 HTTP/1.1\r\n", NULL, 400},
    {"GET /v1/accesses?limit=1&limit=2 HTTP/1.1\r\n", NULL, 400},
    {"POST /v1/consents/" KID KID "/revoke HTTP/1.1\r\n", "{}", 400},
    {"GET /log/tile/ HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/0 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/1000 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/00/000 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/64/000 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/x000/001 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/000.p/0 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/000.p/256 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/000.p/01 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/data/000 HTTP/1.1\r\n", NULL, 404},
    {"GET /log/tile/0/../0/000 HTTP/1.1\r\n", NULL, 400},
    {"GET /log/tile/0/%2e%2e/000 HTTP/1.1\r\n", NULL, 400},
    {"POST /revoke HTTP/1.1\r\n", "", 400},
    {"POST /revoke HTTP/1.1\r\n", "code=", 400},
    {"POST /revoke HTTP/1.1\r\n", "code=AAECAwQFBgcICQoLDA0OD", 400},
    {"POST /revoke HTTP/1.1\r\n", "code=" CODE "A", 400},
    {"POST /revoke HTTP/1.1\r\n", "code=AAECAwQFBgcICQoLDA0OD*", 400},
    {"POST /revoke HTTP/1.1\r\n", "kode=" CODE, 400},
    {"POST /revoke HTTP/1.1\r\n", "code=" CODE "&more=1", 400},
};

static void test_p11_refused_without_asking(void **state) {
    (void)state;
    fake_core_answer(&good);
    size_t before = fake_core_count();
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        const struct refused_case *one = &refused_cases[i];
        int status = ask(one->head, one->body);
        if (status != one->expected) fail_msg("%s%s: %d", one->head, one->body ? one->body : "", status);
        assert_non_null(strstr(answer, "application/problem+json"));
    }
    assert_int_equal(fake_core_count(), before);
}

static void test_p11_sizes(void **state) {
    (void)state;
    fake_core_answer(&good);
    static char body[PORTAL_BODY_BYTES + 2];
    memset(body, 'x', sizeof body);
    assert_int_equal(read_answer(send_request("POST /v1/read-requests HTTP/1.1\r\n", body, PORTAL_BODY_BYTES)), 200);
    assert_int_equal(fake_core_last().body.len, PORTAL_BODY_BYTES);
    size_t before = fake_core_count();
    assert_int_equal(read_answer(send_request("POST /v1/read-requests HTTP/1.1\r\n", body, PORTAL_BODY_BYTES + 1)),
                     413);
    char head[5000];
    (void)snprintf(head, sizeof head, "GET /v1/plan HTTP/1.1\r\nDPoP: %.4097s\r\n", body);
    assert_int_equal(ask(head, NULL), 400);
    assert_int_equal(fake_core_count(), before);
}

/* ---- answers ---- */

static void test_answers_pass_on(void **state) {
    (void)state;
    const struct portal_reply refused = {.status = 401,
                                         .content_type = "application/problem+json",
                                         .body = bytes_text("{\"error\":\"use_dpop_nonce\"}"),
                                         .nonce = bytes_text("a-nonce")};
    fake_core_answer(&refused);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 401);
    assert_non_null(strstr(answer, "DPoP-Nonce: a-nonce\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\n{\"error\":\"use_dpop_nonce\"}"));
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer, "Referrer-Policy: no-referrer\r\n"));
    const struct portal_reply tile = {
        .status = 200, .content_type = "application/octet-stream", .body = bytes_text("tile"), .max_age_s = 31536000};
    fake_core_answer(&tile);
    assert_int_equal(ask("GET /log/tile/0/000 HTTP/1.1\r\n", NULL), 200);
    assert_non_null(strstr(answer, "Cache-Control: public, max-age=31536000\r\n"));
    assert_non_null(strstr(answer, "Content-Type: application/octet-stream\r\n"));
    const struct portal_reply empty = {.status = 204, .content_type = ""};
    fake_core_answer(&empty);
    assert_int_equal(ask("POST /v1/read-requests HTTP/1.1\r\n", "{}"), 204);
}

static void test_answers_that_are_none(void **state) {
    (void)state;
    fake_core_answer_rubbish();
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 503);
    assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
    const struct portal_reply informal = {.status = 150, .content_type = ""};
    fake_core_answer(&informal);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 503);
}

/* P12: the form needs no JavaScript and nothing from elsewhere. */
static void test_p12_form(void **state) {
    (void)state;
    size_t before = fake_core_count();
    assert_int_equal(ask("GET /revoke HTTP/1.1\r\n", NULL), 200);
    assert_non_null(strstr(answer, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "<form method=\"post\" action=\"/revoke\">"));
    assert_non_null(strstr(answer, "<label for=\"code\">"));
    assert_null(strstr(answer, "<script"));
    assert_non_null(strstr(answer, "form-action 'self'"));
    assert_int_equal(ask("GET /healthz HTTP/1.1\r\n", NULL), 200);
    assert_int_equal(fake_core_count(), before);
}

/* ---- load ---- */

/* P5, P12: when everything else is taken, what ends sharing still gets through. */
static void test_p12_reserved_places(void **state) {
    (void)state;
    enum { PLAIN = PORTAL_CALLS - PORTAL_RESERVED };
    static const char *const ending[PORTAL_RESERVED] = {"POST /v1/consents/" CODE "/revoke HTTP/1.1\r\n",
                                                        "POST /revoke HTTP/1.1\r\n",
                                                        "POST /v1/consents/" CODE "/suspend HTTP/1.1\r\n",
                                                        "DELETE /v1/devices/" KID " HTTP/1.1\r\n",
                                                        "POST /revoke HTTP/1.1\r\n",
                                                        "POST /revoke HTTP/1.1\r\n",
                                                        "POST /revoke HTTP/1.1\r\n",
                                                        "POST /v1/consents/" CODE "/revoke HTTP/1.1\r\n"};
    int fds[PORTAL_CALLS];
    fake_core_answer(&good);
    fake_core_hold();
    for (size_t i = 0; i < PLAIN; i++) {
        fds[i] = send_request("GET /v1/plan HTTP/1.1\r\n", NULL, 0);
    }
    fake_core_wait_held(PLAIN);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 503);
    assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
    assert_int_equal(ask("POST /v1/requests/" CODE "/decision HTTP/1.1\r\n", "{}"), 503);
    assert_int_equal(ask("POST /v1/consents/" CODE "/resume HTTP/1.1\r\n", "{}"), 503);
    for (size_t i = 0; i < PORTAL_RESERVED; i++) {
        bool is_form = strncmp(ending[i], "POST /revoke", 12) == 0;
        const char *body = is_form ? "code=" CODE : "{}";
        fds[PLAIN + i] = send_request(ending[i], body, strlen(body));
        fake_core_wait_held(PLAIN + i + 1);
    }
    assert_int_equal(ask("POST /revoke HTTP/1.1\r\n", "code=" CODE), 503);
    fake_core_release();
    for (size_t i = 0; i < PORTAL_CALLS; i++) {
        assert_int_equal(read_answer(fds[i]), 200);
    }
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 200);
}

/* Clients that leave before core answers give their places back. */
static void test_clients_that_leave(void **state) {
    (void)state;
    fake_core_answer(&good);
    for (unsigned round = 0; round < 3; round++) {
        fake_core_hold();
        for (size_t i = 0; i < PORTAL_CALLS - PORTAL_RESERVED; i++) {
            int fd = send_request("GET /v1/plan HTTP/1.1\r\n", NULL, 0);
            fake_core_wait_held(i + 1);
            (void)close(fd);
        }
        fake_core_release();
        int status = 0;
        for (unsigned tries = 0; tries < 1000 && status != 200; tries++) {
            status = ask("GET /v1/plan HTTP/1.1\r\n", NULL);
        }
        assert_int_equal(status, 200);
    }
}

/* ---- core gone; starting and ending ---- */

/* Ends while core still owes answers: they come to nobody, and the clients are told. */
static void test_p10_ends_with_questions_open(void **state) {
    (void)state;
    int fds[4];
    fake_core_answer(&good);
    fake_core_hold();
    for (size_t i = 0; i < 4; i++) {
        fds[i] = send_request("GET /v1/plan HTTP/1.1\r\n", NULL, 0);
    }
    fake_core_wait_held(4);
    http_server_stop(portal_server(portal));
    assert_int_equal(pthread_join(loop, NULL), 0);
    fake_core_release();
    portal_free(portal);
    portal = NULL;
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(read_answer(fds[i]), 200);
    }
    start_portal(socket_path);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 200);
}

static void test_p10_core_gone(void **state) {
    (void)state;
    char nowhere[SCRATCH_PATH_MAX];
    scratch_path(&scratch, "nowhere.socket", nowhere);
    stop_portal();
    start_portal(nowhere);
    assert_int_equal(ask("GET /v1/plan HTTP/1.1\r\n", NULL), 503);
    assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
    assert_int_equal(ask("GET /healthz HTTP/1.1\r\n", NULL), 200);
    stop_portal();
    start_portal(socket_path);
}

static void test_new_refuses(void **state) {
    (void)state;
    stop_portal();
    static const char *const urls[] = {"", "plan.example", "https://plan.example/", "ftp://plan.example",
                                       "https://a\n"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        settings.public_url = urls[i];
        assert_int_equal(portal_new(&settings, NULL, &portal), STATUS_SETTINGS);
    }
    settings.public_url = URL;
    settings.address = "plan.example";
    assert_int_equal(portal_new(&settings, NULL, &portal), STATUS_MALFORMED);
    assert_null(portal);
    start_portal(socket_path);
    struct portal *second = NULL;
    assert_int_equal(portal_new(&settings, NULL, &second), STATUS_CONFLICT);
    assert_null(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_proof_goes_with_it),
        cmocka_unit_test(test_p11_refused_without_asking),
        cmocka_unit_test(test_p11_sizes),
        cmocka_unit_test(test_answers_pass_on),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_p12_form),
        cmocka_unit_test(test_p12_reserved_places),
        cmocka_unit_test(test_clients_that_leave),
        cmocka_unit_test(test_p10_ends_with_questions_open),
        cmocka_unit_test(test_p10_core_gone),
        cmocka_unit_test(test_new_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
