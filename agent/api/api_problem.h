/*
 * What the local API answers when it does not do what was asked: RFC 9457 problems. docs/errors.md describes every one;
 * a test holds the two together. Pure; any thread.
 */
#ifndef AGENT_API_API_PROBLEM_H
#define AGENT_API_API_PROBLEM_H

#include <stdbool.h>

#include "base/status.h"

/* X(name, HTTP status, last part of the type's URN, title) */
#define API_PROBLEM_TABLE(X)                                                                                           \
    X(NONE, 200, "none", "")                                                                                           \
    X(UNKNOWN_CLIENT, 403, "unknown-client", "The settings list no client for this caller")                            \
    X(TOKEN, 401, "token", "A valid bearer token is needed")                                                           \
    X(RIGHT, 403, "right", "The client does not have this right")                                                      \
    X(UNIT, 403, "unit", "The client may not act as this unit")                                                        \
    X(UNIT_NEEDED, 400, "unit-needed", "The client has several units and must name one in Sluss-Unit")                 \
    X(OFFICIAL, 400, "official", "The pseudonym of the official does not have the required form")                      \
    X(QUERY, 400, "query", "A parameter is missing, unknown or wrong")                                                 \
    X(JSON, 400, "json", "The body is not one JSON object")                                                            \
    X(CONTENT, 422, "content", "The content breaks a documented rule")                                                 \
    X(MEDIA_TYPE, 415, "media-type", "The body must be application/json")                                              \
    X(ACCEPT, 406, "accept", "The answer can only be application/json")                                                \
    X(NOT_FOUND, 404, "not-found", "There is nothing here that this unit may know of")                                 \
    X(CONFLICT, 409, "conflict", "It contradicts what stands already")                                                 \
    X(DENIED, 403, "denied", "The federation's rules do not allow this unit to do that")                               \
    X(EXPIRED, 410, "expired", "Its time is over")                                                                     \
    X(REFUSED, 403, "refused", "It was refused")                                                                       \
    X(IDEMPOTENCY_KEY, 400, "idempotency-key", "The idempotency key does not have the required form")                  \
    X(IDEMPOTENCY_MISMATCH, 422, "idempotency-mismatch", "This idempotency key was used for another request")          \
    X(IDEMPOTENCY_BUSY, 409, "idempotency-busy", "The first request with this idempotency key is still being done")    \
    X(IDEMPOTENCY_UNKNOWN, 409, "idempotency-unknown", "It is not known whether the first request was done")           \
    X(BUSY, 503, "busy", "Too many calls wait already")                                                                \
    X(LIMIT, 429, "limit", "A limit of the federation is reached")                                                     \
    X(TRY_LATER, 503, "try-later", "Not now; the same call may succeed later")                                         \
    X(BROKER_AWAY, 503, "broker-away", "The broker cannot be reached")                                                 \
    X(TIMEOUT, 504, "timeout", "The broker did not answer in time")                                                    \
    X(DISK_FULL, 507, "disk-full", "The agent's disk is full")                                                         \
    X(BROKER_FAULT, 502, "broker-fault", "The broker answered with something that does not verify")                    \
    X(LOCAL, 500, "local", "A fault in the agent; its log says more")                                                  \
    X(INTEGRITY, 500, "integrity", "Stored or published data contradict each other; the agent's log says more")

enum api_problem {
#define X(name, code, type, title) API_PROBLEM_##name,
    API_PROBLEM_TABLE(X)
#undef X
        API_PROBLEM_COUNT
};

#define API_PROBLEM_URN "urn:sluss:problem:"

int api_problem_code(enum api_problem problem);
/* "urn:sluss:problem:NAME" */
const char *api_problem_type(enum api_problem problem);
const char *api_problem_title(enum api_problem problem);

/* What a status of agent/agent.h means to the caller when nothing more precise was said. */
enum api_problem api_problem_of(enum status status);

/* Whether the same call may succeed later without the caller doing anything. */
bool api_problem_passes(enum api_problem problem);

#endif
