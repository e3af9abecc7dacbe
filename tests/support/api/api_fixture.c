/* Starts and stops the API for a test, and speaks to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/service.h"
#include "support/api/api_fixture.h"

/* Calls are written as far as they matter. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const char *const one_unit[] = {NORTH};
static const char *const two_units[] = {NORTH, SOUTH};

static void *serve(void *arg) {
    struct api_fixture *fixture = arg;
    if (api_run(fixture->api) != STATUS_OK) abort();
    return NULL;
}

static int listen_loopback(int *out_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

/* Client 0 has this test's uid; client 1 a token. */
static void fixture_start(struct api_fixture *fixture) {
    fake_agent_reset();
    scratch_init(&fixture->scratch);
    scratch_path(&fixture->scratch, "api", fixture->socket);
    fixture->arena = arena_new(1 << 24);
    fixture->items[0] = (struct api_client){
        .name = "case", .has_uid = true, .uid = getuid(), .units = two_units, .n_units = 2, .may = API_ANY_RIGHT};
    fixture->items[1] = (struct api_client){.name = "token",
                                            .has_token = true,
                                            .token = hash_sha256(bytes_text(API_FIXTURE_TOKEN)),
                                            .units = one_unit,
                                            .n_units = 1,
                                            .may = AGENT_MAY_READ};
    fixture->clients = (struct api_clients){fixture->items, 2};
    struct api_options options = {
        .clients = &fixture->clients, .portal_url = "https://portal.example", .clock = clock_system(), .workers = 2};
    assert_int_equal(service_listen(fixture->socket, SOCK_STREAM | SOCK_NONBLOCK, 0600, 256, &options.unix_fd),
                     STATUS_OK);
    options.tcp_fd = listen_loopback(&fixture->port);
    assert_int_equal(api_new(&options, &fixture->api), STATUS_OK);
    assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
    const struct cli_http_target target = {.url = "http://localhost", .socket = fixture->socket};
    assert_int_equal(cli_http_new(&target, &fixture->http), STATUS_OK);
}

static void fixture_end(struct api_fixture *fixture) {
    cli_http_free(fixture->http);
    api_stop(fixture->api);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    api_free(fixture->api);
    arena_free(fixture->arena);
    scratch_clear(&fixture->scratch);
}

int api_fixture_set_up(void **state) {
    struct api_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

int api_fixture_tear_down(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

int api_fixture_send_over(struct cli_http *http, struct arena *arena, const struct exchange *exchange,
                          json_t **out_json) {
    struct cli_http_answer answer;
    struct cli_http_ask ask = {.method = exchange->method,
                               .path = exchange->path,
                               .fields = {{"Sluss-Unit", exchange->unit},
                                          {"Sluss-Official", exchange->official},
                                          {"Idempotency-Key", exchange->key},
                                          {"Accept", exchange->accept}},
                               .timeout_s = 30};
    if (exchange->body) {
        ask.body = bytes_text(exchange->body);
        ask.content_type = exchange->content_type ? exchange->content_type : "application/json";
    }
    enum status status = cli_http_send(http, arena, &ask, &answer);
    if (status != STATUS_OK) fail_msg("%s %s: %s", exchange->method, exchange->path, cli_http_reason(http));
    if (json_read(answer.body, 1 << 20, out_json) != STATUS_OK) *out_json = NULL;
    return answer.code;
}

int api_fixture_send(struct api_fixture *fixture, const struct exchange *exchange, json_t **out_json) {
    return api_fixture_send_over(fixture->http, fixture->arena, exchange, out_json);
}

const char *api_fixture_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void api_fixture_expect_problem(struct api_fixture *fixture, const struct exchange *exchange, int code,
                                const char *type) {
    json_t *answer CLEANUP(json_cleanup) = NULL;
    int got = api_fixture_send(fixture, exchange, &answer);
    const char *urn = arena_printf(fixture->arena, "urn:sluss:problem:%s", type);
    if (got != code || strcmp(api_fixture_text(answer, "type"), urn) != 0) {
        fail_msg("%s %s %s: %d %s", exchange->method, exchange->path, exchange->body ? exchange->body : "", got,
                 api_fixture_text(answer, "type"));
    }
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), code);
    assert_int_equal(strlen(api_fixture_text(answer, "request_id")), 32);
}
