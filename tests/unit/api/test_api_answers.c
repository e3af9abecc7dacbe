/* The local API over real sockets: what each route answers, idempotency, full queues and long polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/json.h"
#include "support/api/api_fixture.h"

/* Calls are written as far as they matter. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define REQUEST_START                                                                                                  \
    "{\"subject\":\"" HANDLE "\",\"purpose\":\"plan\",\"kinds\":[\"goal\"],\"sources\":[\"" FOREIGN                    \
    "\"],\"access\":\"once\",\"basis\":\"both\""

enum { WAIT_MS = 10000, MANY_CALLS = 100 };

/* ---- what is answered ---- */

static void test_publish(void **state) {
    struct api_fixture *fixture = *state;
    json_t *stored CLEANUP(json_cleanup) = NULL;
    json_t *queued CLEANUP(json_cleanup) = NULL;
    const char *body = "{\"national_id\":\"" NUMBER "\",\"kind\":\"study_plan\",\"content\":{\"title\":\"x\"},"
                       "\"expires\":\"2100-01-01T00:00:00Z\",\"replaces\":\"" ID "\"}";
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){"POST", "/v1/fragments", body, SOUTH, "g-17"}, &stored), 201);
    assert_string_equal(api_fixture_text(stored, "id"), ID);
    assert_string_equal(api_fixture_text(stored, "state"), "stored");
    assert_string_equal(api_fixture_text(stored, "receipt"), "cmVjZWlwdA");
    assert_string_equal(fake_agent.unit, SOUTH);
    assert_string_equal(fake_agent.official, "g-17");
    assert_int_equal(fake_agent.publish.kind, KIND_STUDY_PLAN);
    assert_int_equal(fake_agent.publish.expires_ms, 4102444800000);
    assert_int_equal(fake_agent.publish.subject.b[31], 1);
    body = "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\",\"content\":{\"queued\":1}}";
    assert_int_equal(api_fixture_send(fixture, &(struct exchange){"POST", "/v1/fragments", body, SOUTH}, &queued), 202);
    assert_string_equal(api_fixture_text(queued, "state"), "queued");
    assert_null(json_object_get(queued, "receipt"));
}

static void test_request(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    const char *body = REQUEST_START ",\"duration\":\"P30D\"}";
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){"POST", "/v1/consent-requests", body, NORTH}, &answer), 201);
    assert_string_equal(api_fixture_text(answer, "link"), "https://portal.example/#request=" ID);
    assert_int_equal(fake_agent.request.duration_s, 30 * 86400);
    assert_int_equal(fake_agent.request.access, ACCESS_ONCE);
    assert_int_equal(fake_agent.request.basis, BASIS_BOTH);
    assert_int_equal(fake_agent.request.group.len, 0);
    assert_int_equal(json_array_size(json_object_get(answer, "requests")), 1);
    api_fixture_expect_problem(
        fixture,
        &(struct exchange){"POST", "/v1/consent-requests",
                           "{\"subject\":\"" HANDLE "\",\"purpose\":\"not_agreed\",\"kinds\":[\"goal\"],"
                           "\"sources\":[\"" FOREIGN "\"],\"access\":\"once\",\"basis\":\"both\","
                           "\"duration\":\"PT2H\"}",
                           NORTH},
        422, "content");
}

static void test_request_of_several(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    json_t *partly CLEANUP(json_cleanup) = NULL;
    const char *body = REQUEST_START ",\"duration\":\"P30D\",\"with\":[\"" SOUTH "\"]}";
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){"POST", "/v1/consent-requests", body, NORTH}, &answer), 201);
    assert_int_equal(json_array_size(json_object_get(answer, "requests")), 2);
    assert_string_equal(api_fixture_text(answer, "group"), ids_text(fixture->arena, &fake_agent.group));
    assert_string_equal(fake_agent.unit, SOUTH);
    body = "{\"subject\":\"" HANDLE "\",\"purpose\":\"not_south\",\"kinds\":[\"goal\"],\"sources\":[\"" FOREIGN
           "\"],\"access\":\"once\",\"basis\":\"both\",\"duration\":\"PT2H\",\"with\":[\"" SOUTH "\"]}";
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){"POST", "/v1/consent-requests", body, NORTH}, &partly), 201);
    const json_t *second = json_array_get(json_object_get(partly, "requests"), 1);
    assert_string_equal(api_fixture_text(second, "problem"), "urn:sluss:problem:broker-away");
    body = REQUEST_START ",\"duration\":\"P30D\",\"with\":[\"" FOREIGN "\"]}";
    api_fixture_expect_problem(fixture, &(struct exchange){"POST", "/v1/consent-requests", body, NORTH}, 403, "unit");
}

static void test_pages(void **state) {
    struct api_fixture *fixture = *state;
    api_fixture_expect_problem(
        fixture, &(struct exchange){"GET", "/v1/consents?subject=" HANDLE "&cursor=%21", NULL, NORTH}, 400, "query");
    const char *cursor = NULL;
    char seen[200] = "";
    for (int pages = 0; pages < 3; pages++) {
        json_t *page CLEANUP(json_cleanup) = NULL;
        const char *path = arena_printf(fixture->arena, "/v1/consents?subject=" HANDLE "&limit=2%s%s",
                                        cursor ? "&cursor=" : "", cursor ? cursor : "");
        assert_int_equal(api_fixture_send(fixture, &(struct exchange){"GET", path, NULL, NORTH}, &page), 200);
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(page, "consents"), i, item) {
            strcat(seen, api_fixture_text(item, "token"));
            strcat(seen, " ");
        }
        const char *next = api_fixture_text(page, "cursor");
        cursor = *next ? arena_string(fixture->arena, next) : NULL;
        assert_int_equal(cursor != NULL, pages < 2);
    }
    assert_string_equal(seen, "token-0 token-1 token-2 token-3 token-4 ");
}

static void test_others(void **state) {
    struct api_fixture *fixture = *state;
    static const struct case_ {
        struct exchange exchange;
        int code;
        const char *member;
    } cases[] = {
        {{"POST", "/v1/subjects", "{\"national_id\":\"" NUMBER "\"}", NULL}, 200, "subject"},
        {{"GET", "/v1/fragments/" ID, NULL, NORTH}, 200, "content"},
        {{"DELETE", "/v1/fragments/" ID, NULL, NORTH}, 200, "receipt"},
        {{"GET", "/v1/consent-requests/" ID, NULL, NORTH}, 200, "state"},
        {{"POST", "/v1/consents/" ID "/revoke", "{\"reason\":\"said so\",\"official\":\"g-9\"}", NORTH},
         200,
         "receipt"},
        {{"GET", "/v1/plans?subject=" HANDLE "&purpose=joint_plan", NULL, NORTH}, 200, "purpose"},
        {{"POST", "/v1/enrolments",
          "{\"national_id\":\"" NUMBER "\",\"assurance\":\"high\",\"how\":\"in person\",\"others_lost\":true}", NORTH},
         201,
         "link"},
        {{"POST", "/v1/erasures", "{\"subject\":\"" HANDLE "\",\"reason\":\"asked\"}", NORTH}, 200, "receipt"},
        {{"GET", "/v1/agreements", NULL, NULL}, 200, "agreements"},
        {{"GET", "/v1/members?limit=5", NULL, NULL}, 200, "members"},
        {{"GET", "/healthz", NULL, NULL}, 200, "witness_lag"},
        {{"GET", "/openapi.json", NULL, NULL}, 200, "openapi"},
        {{"GET", "/v1/events?after=3", NULL, NULL}, 200, "next"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *answer CLEANUP(json_cleanup) = NULL;
        int code = api_fixture_send(fixture, &cases[i].exchange, &answer);
        if (code != cases[i].code || !json_object_get(answer, cases[i].member)) {
            fail_msg("%s: %d", cases[i].exchange.path, code);
        }
    }
    assert_string_equal(fake_agent.reason, "said so");
    assert_int_equal(fake_agent.assurance, 3);
    assert_true(fake_agent.others_lost);
}

/* Without the broker an erasure is done here and goes out later. */
static void test_queued(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    fake_agent.away = true;
    const char *body = "{\"subject\":\"" HANDLE "\",\"reason\":\"asked\"}";
    assert_int_equal(api_fixture_send(fixture, &(struct exchange){"POST", "/v1/erasures", body, NORTH}, &answer), 202);
    assert_string_equal(api_fixture_text(answer, "state"), "queued");
    assert_null(json_object_get(answer, "receipt"));
}

static void test_metrics(void **state) {
    struct api_fixture *fixture = *state;
    struct cli_http_answer answer;
    const struct cli_http_ask ask = {.method = "GET", .path = "/metrics", .timeout_s = 10};
    assert_int_equal(cli_http_send(fixture->http, fixture->arena, &ask, &answer), STATUS_OK);
    assert_int_equal(answer.code, 200);
    assert_non_null(strstr((const char *)answer.body.data, "\nsluss_agent_outbox_depth 3\n"));
    assert_non_null(strstr((const char *)answer.body.data, "\nsluss_agent_link_up 1\n"));
}

/* ---- idempotency ---- */

static void test_same_key(void **state) {
    struct api_fixture *fixture = *state;
    const char *body = "{\"subject\":\"" HANDLE "\",\"kind\":\"goal\",\"content\":{}}";
    const char *other = "{\"subject\":\"" HANDLE "\",\"kind\":\"activity\",\"content\":{}}";
    json_t *first CLEANUP(json_cleanup) = NULL;
    json_t *again CLEANUP(json_cleanup) = NULL;
    const struct exchange exchange = {"POST", "/v1/fragments", body, NORTH, .key = "k-1"};
    assert_int_equal(api_fixture_send(fixture, &exchange, &first), 201);
    assert_int_equal(api_fixture_send(fixture, &exchange, &again), 201);
    assert_true(json_equal(first, again));
    assert_int_equal(atomic_load(&fake_agent.calls), 1);
    api_fixture_expect_problem(fixture, &(struct exchange){"POST", "/v1/fragments", other, NORTH, .key = "k-1"}, 422,
                               "idempotency-mismatch");
    api_fixture_expect_problem(fixture, &(struct exchange){"POST", "/v1/fragments", body, SOUTH, .key = "k-1"}, 422,
                               "idempotency-mismatch");
    assert_int_equal(atomic_load(&fake_agent.calls), 1);
}

static void test_failed_key_may_be_repeated(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    const struct exchange exchange = {"POST", "/v1/erasures", "{\"subject\":\"" HANDLE "\",\"reason\":\"asked\"}",
                                      NORTH, .key = "k-2"};
    fake_agent.answer = STATUS_UNREACHABLE;
    api_fixture_expect_problem(fixture, &exchange, 503, "broker-away");
    fake_agent.answer = STATUS_OK;
    assert_int_equal(api_fixture_send(fixture, &exchange, &answer), 200);
    assert_int_equal(atomic_load(&fake_agent.calls), 2);
}

/* ---- many at once ---- */

struct client {
    struct api_fixture *fixture;
    const char *path;
    const char *method;
    const char *unit;
    pthread_t thread;
    atomic_int code;
    json_t *answer;
};

static void *client_main(void *arg) {
    struct client *client = arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct cli_http *http CLEANUP(cli_http_free_cleanup) = NULL;
    const struct cli_http_target target = {.url = "http://localhost", .socket = client->fixture->socket};
    if (cli_http_new(&target, &http) != STATUS_OK) abort();
    atomic_store(&client->code, api_fixture_send_over(
                                    http, arena, &(struct exchange){client->method, client->path, NULL, client->unit},
                                    &client->answer));
    return NULL;
}

static void client_start(struct client *client) {
    assert_int_equal(pthread_create(&client->thread, NULL, client_main, client), 0);
}

static void client_join(struct client *client) { assert_int_equal(pthread_join(client->thread, NULL), 0); }

static uint64_t deadline(void) { return clock_boot_ms(clock_system()) + WAIT_MS; }

/* Two workers are held, 64 wait, the others hear 503 at once; those that wait are done. */
static void test_full_queue(void **state) {
    struct api_fixture *fixture = *state;
    static struct client clients[MANY_CALLS];
    atomic_store(&fake_agent.slow, true);
    for (size_t i = 0; i < MANY_CALLS; i++) {
        clients[i].fixture = fixture;
        clients[i].path = "/v1/fragments/" ID;
        clients[i].method = "DELETE";
        clients[i].unit = NORTH;
        client_start(&clients[i]);
        uint64_t end = deadline();
        while (i < 2 && atomic_load(&fake_agent.waiting) <= (int)i) {
            assert_true(clock_boot_ms(clock_system()) < end);
            (void)poll(NULL, 0, 1);
        }
    }
    json_t *health CLEANUP(json_cleanup) = NULL;
    assert_int_equal(api_fixture_send(fixture, &(struct exchange){"GET", "/healthz", NULL, NULL}, &health), 200);
    /* All connections of the refused have been answered once the last 34 have their answer. */
    int refused = 0;
    uint64_t end = deadline();
    while (refused < MANY_CALLS - 66) {
        refused = 0;
        for (size_t i = 0; i < MANY_CALLS; i++) {
            refused += atomic_load(&clients[i].code) == 503;
        }
        assert_true(clock_boot_ms(clock_system()) < end);
        (void)poll(NULL, 0, 1);
    }
    atomic_store(&fake_agent.slow, false);
    int done = 0;
    for (size_t i = 0; i < MANY_CALLS; i++) {
        client_join(&clients[i]);
        done += clients[i].code == 200;
        json_decref(clients[i].answer);
    }
    assert_int_equal(done, 66);
}

/* ---- events ---- */

static void test_poll_gets_its_own_event(void **state) {
    struct api_fixture *fixture = *state;
    struct client north = {.fixture = fixture, .path = "/v1/events?wait=50", .method = "GET", .unit = NORTH};
    struct client ahead = {
        .fixture = fixture, .path = "/v1/events?wait=1&after=1000000", .method = "GET", .unit = SOUTH};
    client_start(&ahead);
    client_start(&north);
    client_join(&ahead);
    assert_int_equal(ahead.code, 200);
    assert_int_equal(json_array_size(json_object_get(ahead.answer, "events")), 0);
    assert_int_equal(json_integer_value(json_object_get(ahead.answer, "next")), 1000000);
    atomic_store(&fake_agent.event_number, 1);
    client_join(&north);
    assert_int_equal(north.code, 200);
    assert_int_equal(json_array_size(json_object_get(north.answer, "events")), 1);
    assert_int_equal(json_integer_value(json_object_get(north.answer, "next")), 1);
    json_decref(ahead.answer);
    json_decref(north.answer);
}

static void test_events_of_one_unit(void **state) {
    struct api_fixture *fixture = *state;
    json_t *south CLEANUP(json_cleanup) = NULL;
    json_t *both CLEANUP(json_cleanup) = NULL;
    atomic_store(&fake_agent.event_number, 5);
    assert_int_equal(api_fixture_send(fixture, &(struct exchange){"GET", "/v1/events?wait=5", NULL, SOUTH}, &south),
                     200);
    assert_int_equal(json_array_size(json_object_get(south, "events")), 2);
    assert_int_equal(api_fixture_send(fixture, &(struct exchange){"GET", "/v1/events?limit=3", NULL, NULL}, &both),
                     200);
    assert_int_equal(json_array_size(json_object_get(both, "events")), 3);
    assert_int_equal(json_integer_value(json_object_get(both, "next")), 3);
}

/* What happens at another unit neither wakes a poll nor shows in it. */
static void test_poll_sees_its_own_unit_only(void **state) {
    struct api_fixture *fixture = *state;
    json_t *answer CLEANUP(json_cleanup) = NULL;
    struct client poller = {.fixture = fixture, .path = "/v1/events?wait=50&after=1", .method = "GET", .unit = NORTH};
    client_start(&poller);
    atomic_store(&fake_agent.event_number, 2);
    assert_int_equal(
        api_fixture_send(fixture, &(struct exchange){"GET", "/v1/events?wait=5&after=1", NULL, SOUTH}, &answer), 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 2);
    atomic_store(&fake_agent.event_number, 3);
    client_join(&poller);
    assert_int_equal(poller.code, 200);
    assert_int_equal(json_array_size(json_object_get(poller.answer, "events")), 1);
    assert_int_equal(json_integer_value(json_object_get(poller.answer, "next")), 3);
    json_decref(poller.answer);
}

#define WITH_API(test) cmocka_unit_test_setup_teardown(test, api_fixture_set_up, api_fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_API(test_publish),
        WITH_API(test_request),
        WITH_API(test_request_of_several),
        WITH_API(test_pages),
        WITH_API(test_others),
        WITH_API(test_queued),
        WITH_API(test_metrics),
        WITH_API(test_same_key),
        WITH_API(test_failed_key_may_be_repeated),
        WITH_API(test_full_queue),
        WITH_API(test_poll_gets_its_own_event),
        WITH_API(test_events_of_one_unit),
        WITH_API(test_poll_sees_its_own_unit_only),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
