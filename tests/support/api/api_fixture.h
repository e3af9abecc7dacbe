/*
 * The local API in a thread of its own, on a Unix socket and a loopback port, with the fake agent behind it; and calls
 * to it. Client 0 has the uid of the test, two units and every right; client 1 has a token, one unit, and may read.
 */
#ifndef TESTS_SUPPORT_API_API_FIXTURE_H
#define TESTS_SUPPORT_API_API_FIXTURE_H

#include <jansson.h>
#include <pthread.h>

#include "agent/api/api.h"
#include "agent/cli/cli_http.h"
#include "support/api/fake_agent.h"
#include "support/scratch.h"

#define API_FIXTURE_TOKEN "0123456789abcdef0123456789abcdef"

struct api_fixture {
    struct scratch scratch;
    char socket[SCRATCH_PATH_MAX];
    int port;
    struct api_clients clients;
    struct api_client items[2];
    struct api *api;
    pthread_t thread;
    struct cli_http *http;
    struct arena *arena;
};

/* cmocka's set-up and tear-down; *state is the fixture. */
int api_fixture_set_up(void **state);
int api_fixture_tear_down(void **state);

struct exchange {
    const char *method;
    const char *path;
    const char *body; /* NULL: none */
    const char *unit;
    const char *official;
    const char *key;
    const char *accept;
    const char *content_type; /* NULL: application/json where there is a body */
};

/* The code; *out_json is NULL when the answer is no JSON, and the caller's. Fails the test when there is no answer. */
int api_fixture_send(struct api_fixture *fixture, const struct exchange *exchange, json_t **out_json);
int api_fixture_send_over(struct cli_http *http, struct arena *arena, const struct exchange *exchange,
                          json_t **out_json);

/* Fails the test unless the call ends in this problem, as RFC 9457 has it. */
void api_fixture_expect_problem(struct api_fixture *fixture, const struct exchange *exchange, int code,
                                const char *type);

/* A member that is text; "" when there is none. */
const char *api_fixture_text(const json_t *object, const char *name);

#endif
