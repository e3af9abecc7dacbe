/* The local API over real sockets: who may call (P6), and what bad input gets and costs (P11). */
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

#include "agent/api/api_route.h"
#include "base/json.h"
#include "support/api/api_fixture.h"

/* Calls are written as far as they matter. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ---- who may call ---- */

static void test_unknown_uid(void **state) {
    struct api_fixture *fixture = *state;
    fixture->items[0].uid = getuid() + 1;
    for (size_t i = 0; i < api_route_count; i++) {
        static const char *const methods[] = {[HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
        api_fixture_expect_problem(fixture,
                                   &(struct exchange){.method = methods[api_routes[i].method],
                                                      .path = api_routes[i].pattern,
                                                      .body = api_routes[i].method == HTTP_POST ? "{}" : NULL},
                                   403, "unknown-client");
    }
    assert_int_equal(atomic_load(&fake_agent.calls), 0);
}

/* Every route with every single right: it is served when the right is among the route's, otherwise 403. */
static void test_missing_right(void **state) {
    struct api_fixture *fixture = *state;
    static const char *const methods[] = {[HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        for (unsigned right = 1; right <= AGENT_MAY_ERASE; right *= 2) {
            json_t *answer CLEANUP(json_cleanup) = NULL;
            fixture->items[0].may = right;
            int code = api_fixture_send(fixture,
                                        &(struct exchange){.method = methods[route->method],
                                                           .path = route->pattern,
                                                           .unit = NORTH,
                                                           .body = route->method == HTTP_POST ? "{}" : NULL},
                                        &answer);
            bool refused = code == 403 && strcmp(api_fixture_text(answer, "type"), "urn:sluss:problem:right") == 0;
            if (refused != ((route->rights & right) == 0))
                fail_msg("%s with right %u: %d", route->pattern, right, code);
        }
    }
}

static void test_wrong_unit(void **state) {
    struct api_fixture *fixture = *state;
    static const struct case_ {
        struct exchange exchange;
        int code;
        const char *type;
    } cases[] = {
        {{"GET", "/v1/fragments/" ID, NULL, FOREIGN}, 403, "unit"},
        {{"GET", "/v1/fragments/" ID, NULL, MEMBER "/nort"}, 403, "unit"},
        {{"GET", "/v1/events", NULL, FOREIGN}, 403, "unit"},
        {{"GET", "/v1/fragments/" ID}, 400, "unit-needed"},
        {{"DELETE", "/v1/fragments/" ID}, 400, "unit-needed"},
        {{"POST", "/v1/erasures", "{}"}, 400, "unit-needed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_fixture_expect_problem(fixture, &cases[i].exchange, cases[i].code, cases[i].type);
    }
    assert_int_equal(atomic_load(&fake_agent.calls), 0);
}

/* One unit need not be named. */
static void test_single_unit(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    fixture->items[0].n_units = 1;
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){.method = "GET", .path = "/v1/fragments/" ID}, &answer), 200);
    assert_string_equal(fake_agent.unit, NORTH);
}

/* Plain HTTP over TCP: our client speaks only HTTPS there. */
static int tcp_code(struct api_fixture *fixture, const char *authorization) {
    char text[1024];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)fixture->port)};
    int fd CLEANUP(cleanup_fd) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int len =
        snprintf(text, sizeof text,
                 "GET /v1/fragments/" ID " HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n", authorization);
    assert_int_equal(write(fd, text, (size_t)len), len);
    ssize_t got = read(fd, text, sizeof text - 1);
    assert_true(got > 12);
    return atoi(text + 9);
}

static void test_tokens(void **state) {
    struct api_fixture *fixture = *state;
    assert_int_equal(tcp_code(fixture, ""), 401);
    assert_int_equal(tcp_code(fixture, "Authorization: Basic " API_FIXTURE_TOKEN "\r\n"), 401);
    assert_int_equal(tcp_code(fixture, "Authorization: Bearer \r\n"), 401);
    assert_int_equal(tcp_code(fixture, "Authorization: Bearer " API_FIXTURE_TOKEN "0\r\n"), 401);
    assert_int_equal(tcp_code(fixture, "Authorization: Bearer " API_FIXTURE_TOKEN "\r\n"), 200);
    assert_string_equal(fake_agent.unit, NORTH);
}

/* ---- bad input ---- */

#define FRAGMENT_START "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\",\"content\":{}"
#define REQUEST_START                                                                                                  \
    "{\"subject\":\"" HANDLE "\",\"purpose\":\"plan\",\"kinds\":[\"goal\"],\"sources\":[\"" FOREIGN                    \
    "\"],\"access\":\"once\",\"basis\":\"both\""

static const struct bad_body {
    const char *path;
    const char *body;
    const char *pointer; /* of one of the errors */
} bad_bodies[] = {
    {"/v1/subjects", "{}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":1}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":\"\"}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":\"1\\n2\"}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":\"123456789012345678901234567890123\"}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":\"191212121213\"}", "/national_id"},
    {"/v1/subjects", "{\"national_id\":\"" NUMBER "\",\"more\":1}", "/more"},
    {"/v1/subjects", "{\"national_id\":\"" NUMBER "\",\"191212121212\":1}", ""},
    {"/v1/fragments", "{\"kind\":\"goal\",\"content\":{}}", ""},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"national_id\":\"" NUMBER "\",\"kind\":\"goal\",\"content\":{}}",
     ""},
    {"/v1/fragments", "{\"subject\":\"x\",\"kind\":\"goal\",\"content\":{}}", "/subject"},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"kind\":\"gaol\",\"content\":{}}", "/kind"},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"content\":{}}", "/kind"},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\"}", "/content"},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\",\"content\":[]}", "/content"},
    {"/v1/fragments", FRAGMENT_START ",\"expires\":\"tomorrow\"}", "/expires"},
    {"/v1/fragments", FRAGMENT_START ",\"expires\":\"2001-01-01T00:00:00Z\"}", "/expires"},
    {"/v1/fragments", FRAGMENT_START ",\"replaces\":\"AgICAgICAgICAgICAgICAh\"}", "/replaces"},
    {"/v1/fragments", "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\",\"content\":{\"bad\":1}}", "/content/bad"},
    {"/v1/consent-requests", REQUEST_START "}", "/duration"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"P1M\"}", "/duration"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"PT0S\"}", "/duration"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"P1D\",\"answer_within\":\"P91D\"}", "/answer_within"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"P1D\",\"group\":\"x\"}", "/group"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"P1D\",\"with\":[]}", "/with"},
    {"/v1/consent-requests", REQUEST_START ",\"duration\":\"P1D\",\"with\":[\"" NORTH "\"]}", "/with"},
    {"/v1/consent-requests", "{\"purpose\":\"Plan!\"}", "/purpose"},
    {"/v1/consent-requests", "{\"kinds\":[]}", "/kinds"},
    {"/v1/consent-requests", "{\"kinds\":[\"goal\",7]}", "/kinds/1"},
    {"/v1/consent-requests", "{\"kinds\":[\"goal\",\"activity\",\"goal\"]}", "/kinds"},
    {"/v1/consent-requests", "{\"sources\":[\"nowhere\"]}", "/sources/0"},
    {"/v1/consent-requests", "{\"sources\":[\"" FOREIGN "\",\"" FOREIGN "\"]}", "/sources"},
    {"/v1/consent-requests", "{\"access\":\"always\"}", "/access"},
    {"/v1/consent-requests", "{\"basis\":true}", "/basis"},
    {"/v1/consents/" ID "/revoke", "{}", "/reason"},
    {"/v1/consents/" ID "/revoke", "{\"reason\":\"said so\",\"official\":\"other\"}", "/official"},
    {"/v1/enrolments", "{\"national_id\":\"" NUMBER "\",\"how\":\"in person\"}", "/assurance"},
    {"/v1/enrolments", "{\"assurance\":\"utmost\"}", "/assurance"},
    {"/v1/enrolments", "{\"others_lost\":\"yes\"}", "/others_lost"},
    {"/v1/erasures", "{\"subject\":\"" HANDLE "\"}", "/reason"},
};

static bool has_pointer(const json_t *answer, const char *pointer) {
    size_t i;
    json_t *error;
    json_array_foreach(json_object_get(answer, "errors"), i, error) {
        if (strcmp(api_fixture_text(error, "pointer"), pointer) == 0) return true;
    }
    return false;
}

static void test_bad_bodies(void **state) {
    struct api_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof bad_bodies / sizeof *bad_bodies; i++) {
        const struct bad_body *bad = &bad_bodies[i];
        json_t *answer CLEANUP(json_cleanup) = NULL;
        int code = api_fixture_send(
            fixture, &(struct exchange){"POST", bad->path, bad->body, NORTH, .official = "g-17"}, &answer);
        if (code != 422 || strcmp(api_fixture_text(answer, "type"), "urn:sluss:problem:content") != 0 ||
            !has_pointer(answer, bad->pointer)) {
            fail_msg("%s %s: %d", bad->path, bad->body, code);
        }
        const char *text = json_compact(fixture->arena, answer);
        if (strstr(text, NUMBER)) fail_msg("%s repeats a number: %s", bad->path, text);
    }
    assert_null(fake_agent.publish.content);
    assert_null(fake_agent.request.purpose);
}

static void test_bad_forms(void **state) {
    struct api_fixture *fixture = *state;
    static const struct case_ {
        struct exchange exchange;
        int code;
        const char *type;
    } cases[] = {
        {{"POST", "/v1/subjects", "", NORTH}, 400, "json"},
        {{"POST", "/v1/subjects", "{", NORTH}, 400, "json"},
        {{"POST", "/v1/subjects", "[]", NORTH}, 400, "json"},
        {{"POST", "/v1/subjects", "{\"national_id\":\"1\",\"national_id\":\"2\"}", NORTH}, 400, "json"},
        {{"POST", "/v1/subjects", "{}", NORTH, .content_type = "text/plain"}, 415, "media-type"},
        {{"POST", "/v1/subjects", "{}", NORTH, .content_type = "application/jsonx"}, 415, "media-type"},
        {{"GET", "/v1/plans?subject=" HANDLE "&purpose=plan", NULL, NORTH, .accept = "text/calendar"}, 406, "accept"},
        {{"GET", "/v1/plans?purpose=plan", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/plans?subject=" HANDLE, NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/plans?subject=" NUMBER "&purpose=plan", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/plans?subject=" HANDLE "&purpose=a%20b", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/plans?subject=" HANDLE "&purpose=plan&more=1", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/fragments/" ID "?as=pdf", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/fragments/x", NULL, NORTH}, 404, "not-found"},
        {{"GET", "/v1/consents?subject=" HANDLE "&limit=0", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/consents?subject=" HANDLE "&limit=201", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/consents?subject=" HANDLE "&limit=-1", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/events?wait=56", NULL, NORTH}, 400, "query"},
        {{"GET", "/v1/events?after=x", NULL, NORTH}, 400, "query"},
        {{"POST", "/v1/subjects", "{}", NORTH, .key = "a b"}, 400, "idempotency-key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        api_fixture_expect_problem(fixture, &cases[i].exchange, cases[i].code, cases[i].type);
    }
    char *official = arena_alloc(fixture->arena, 102);
    memset(official, 'x', 101);
    api_fixture_expect_problem(fixture, &(struct exchange){"GET", "/v1/fragments/" ID, NULL, NORTH, official}, 400,
                               "official");
    assert_int_equal(atomic_load(&fake_agent.calls), 0);
}

static void test_statuses(void **state) {
    struct api_fixture *fixture = *state;
    static const struct case_ {
        enum status status;
        int code;
        const char *type;
    } cases[] = {
        {STATUS_NOT_FOUND, 404, "not-found"}, {STATUS_CONFLICT, 409, "conflict"},
        {STATUS_DENIED, 403, "denied"},       {STATUS_EXPIRED, 410, "expired"},
        {STATUS_REFUSED, 403, "refused"},     {STATUS_LIMIT, 429, "limit"},
        {STATUS_RETRY, 503, "try-later"},     {STATUS_UNREACHABLE, 503, "broker-away"},
        {STATUS_TIMEOUT, 504, "timeout"},     {STATUS_DISK_FULL, 507, "disk-full"},
        {STATUS_PROOF, 502, "broker-fault"},  {STATUS_SIGNATURE, 502, "broker-fault"},
        {STATUS_MEMORY, 500, "local"},        {STATUS_IO, 500, "local"},
        {STATUS_INTEGRITY, 500, "integrity"}, {STATUS_FORK, 500, "integrity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake_agent.answer = cases[i].status;
        api_fixture_expect_problem(fixture, &(struct exchange){"GET", "/v1/fragments/" ID, NULL, NORTH}, cases[i].code,
                                   cases[i].type);
    }
}

#define WITH_API(test) cmocka_unit_test_setup_teardown(test, api_fixture_set_up, api_fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_API(test_unknown_uid), WITH_API(test_missing_right), WITH_API(test_wrong_unit), WITH_API(test_single_unit),
        WITH_API(test_tokens),      WITH_API(test_bad_bodies),    WITH_API(test_bad_forms),  WITH_API(test_statuses),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
