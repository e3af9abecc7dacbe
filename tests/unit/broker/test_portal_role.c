/*
 * The portal as a process of its own: settings that are wrong end it with a sentence (P11); it serves under its
 * sandbox, takes a new certificate, keeps the old one when the new is no good, and ends when told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "broker/portal/portal_role.h"
#include "broker/role.h"
#include "keys/tls.h"
#include "support/broker/role_process.h"
#include "support/scratch.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct fixture {
    struct scratch scratch;
    struct role_process process;
    char settings[SCRATCH_PATH_MAX];
    char certificate[SCRATCH_PATH_MAX];
    char key[SCRATCH_PATH_MAX];
    int port;
};

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void make_certificate(struct fixture *f, const char *name) {
    static const char *const names[] = {"localhost"};
    const struct tls_certificate_request request = {.kind = TLS_CERTIFICATE_LEAF,
                                                    .subject = name,
                                                    .names = names,
                                                    .name_count = 1,
                                                    .now_s = clock_now_ms(clock_system()) / 1000,
                                                    .days = 30};
    (void)unlink(f->certificate);
    (void)unlink(f->key);
    OK(tls_make_certificate(&request, f->certificate, f->key));
}

static int setup(void **state) {
    static struct fixture fixture;
    OK(secret_setup());
    fixture = (struct fixture){.port = free_port()};
    scratch_init(&fixture.scratch);
    scratch_path(&fixture.scratch, "portal.conf", fixture.settings);
    scratch_path(&fixture.scratch, "portal.pem", fixture.certificate);
    scratch_path(&fixture.scratch, "portal.key", fixture.key);
    make_certificate(&fixture, "first");
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    scratch_clear(&fixture->scratch);
    return 0;
}

/* Lines in place of the usual ones; NULL: the usual. */
struct lines {
    const char *port;
    const char *url;
    const char *certificate;
    const char *key;
    const char *more;
};

static void write_settings(struct fixture *f, const struct lines *lines) {
    char text[4096];
    char port[32];
    (void)snprintf(port, sizeof port, "port = %d", f->port);
    int len =
        snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%s\ncore_socket = \"core.socket\"\n",
                 lines->port ? lines->port : port, lines->url ? lines->url : "public_url = \"https://plan.example\"",
                 lines->certificate ? lines->certificate : "certificate = \"portal.pem\"",
                 lines->key ? lines->key : "private_key = \"portal.key\"", lines->more ? lines->more : "");
    OK(file_replace(f->settings, BYTES(text, (size_t)len), 0600));
}

static void start(struct fixture *f, const char *more) {
    write_settings(f, &(struct lines){.more = more});
    role_process_start(&f->process, portal_run, f->settings);
    if (!role_process_ready(&f->process)) {
        (void)role_process_says(&f->process, "never said");
        fail_msg("not ready: %s", f->process.error);
    }
}

/* What the portal answers to a request for its health, over TLS or plain; the common name of its certificate. */
static void get_health(struct fixture *f, bool with_tls, char answer[2048], char name[64]) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    SSL_CTX *context = with_tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    SSL *ssl = with_tls ? SSL_new(context) : NULL;
    if (ssl) {
        assert_int_equal(SSL_set_fd(ssl, fd), 1);
        assert_int_equal(SSL_connect(ssl), 1);
        X509 *certificate = SSL_get1_peer_certificate(ssl);
        assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, 64) > 0);
        X509_free(certificate);
    }
    size_t len = 0;
    int got = ssl ? SSL_write(ssl, request, sizeof request - 1) : (int)write(fd, request, sizeof request - 1);
    while (got > 0 && len < 2047) {
        got = ssl ? SSL_read(ssl, answer + len, (int)(2047 - len)) : (int)read(fd, answer + len, 2047 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    answer[len] = '\0';
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
}

static const char *name_shown(struct fixture *f) {
    static char name[64];
    char answer[2048];
    get_health(f, true, answer, name);
    assert_non_null(strstr(answer, "{\"status\":\"ok\"}"));
    return name;
}

static void test_p11_start_refused(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *name;
        struct lines lines;
        const char *says;
    } cases[] = {
        {"level", {.more = "log_level = \"loud\""}, "log_level"},
        {"port 0", {.port = "port = 0"}, "port"},
        {"unknown key", {.more = "unknown = 1"}, "unknown"},
        {"a name", {.more = "address = \"localhost\""}, "portal_failed"},
        {"plain elsewhere", {.more = "address = \"192.0.2.1\"\nplain_http = true"}, "portal_failed status=settings"},
        {"slash", {.url = "public_url = \"https://plan.example/\""}, "portal_failed status=settings"},
        {"no such file", {.certificate = "certificate = \"nowhere.pem\""}, "portal_failed"},
        {"no key", {.key = "private_key = \"portal.pem\""}, "portal_failed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_settings(f, &cases[i].lines);
        role_process_start(&f->process, portal_run, f->settings);
        assert_false(role_process_ready(&f->process));
        if (!role_process_says(&f->process, cases[i].says)) fail_msg("%s: %s", cases[i].name, f->process.error);
        assert_int_equal(role_process_end(&f->process, 0), ROLE_FAILED);
    }
}

static void test_port_taken(void **state) {
    struct fixture *f = *state;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    write_settings(f, &(struct lines){0});
    role_process_start(&f->process, portal_run, f->settings);
    assert_false(role_process_ready(&f->process));
    assert_true(role_process_says(&f->process, "conflict"));
    assert_int_equal(role_process_end(&f->process, 0), ROLE_FAILED);
}

static void test_plain_on_loopback(void **state) {
    struct fixture *f = *state;
    char answer[2048];
    char name[64];
    start(f, "plain_http = true");
    get_health(f, false, answer, name);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

static void test_certificate_is_reloaded(void **state) {
    struct fixture *f = *state;
    start(f, "");
    assert_string_equal(name_shown(f), "first");
    make_certificate(f, "second");
    assert_int_equal(kill(f->process.pid, SIGHUP), 0);
    assert_true(role_process_says(&f->process, "portal_reloaded failed=0") ||
                role_process_says(&f->process, "event=portal_reloaded"));
    assert_string_equal(name_shown(f), "second");
    /* A certificate that does not fit the key: the one before stays, whole. */
    char other[SCRATCH_PATH_MAX];
    scratch_path(&f->scratch, "other.key", other);
    assert_int_equal(rename(f->key, other), 0);
    make_certificate(f, "third");
    assert_int_equal(rename(other, f->key), 0);
    assert_int_equal(kill(f->process.pid, SIGHUP), 0);
    assert_true(role_process_says(&f->process, "portal_reload_failed"));
    assert_string_equal(name_shown(f), "second");
    assert_int_equal(role_process_end(&f->process, SIGTERM), ROLE_DONE);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_p11_start_refused),
        CASE(test_port_taken),
        CASE(test_plain_on_loopback),
        CASE(test_certificate_is_reloaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
