/*
 * Who calls, as which unit, for which official, and whether that is allowed. Pure over what the HTTP server knows of
 * the peer; any thread.
 */
#ifndef AGENT_API_API_AUTH_H
#define AGENT_API_API_AUTH_H

#include "agent/agent.h"
#include "agent/api/api_client.h"
#include "agent/api/api_problem.h"

/* What is known about who asks. */
struct api_asking {
    bool is_local; /* a Unix socket: uid holds */
    uid_t uid;
    const char *authorization; /* header fields; NULL when absent */
    const char *unit;
    const char *official;
};

/* Whether a route needs the caller to act as one unit. */
enum api_unit_need { API_UNIT_FREE, API_UNIT_NEEDED };

/* API_PROBLEM_NONE with the client: by uid on a Unix socket, by bearer token elsewhere. API_PROBLEM_UNKNOWN_CLIENT,
 * API_PROBLEM_TOKEN. */
enum api_problem api_auth_client(const struct api_clients *clients, const struct api_asking *asking,
                                 const struct api_client **out_client);

/* API_PROBLEM_RIGHT unless the client has one of the rights. */
enum api_problem api_auth_right(const struct api_client *client, unsigned rights);

/* API_PROBLEM_NONE with the caller; its unit is NULL only where none is needed and none was named.
 * API_PROBLEM_UNIT, API_PROBLEM_UNIT_NEEDED, API_PROBLEM_OFFICIAL. Views of asking and client. */
enum api_problem api_auth_caller(const struct api_client *client, const struct api_asking *asking,
                                 enum api_unit_need need, struct agent_caller *out_caller);

/* Whether the client may act as the unit. */
bool api_auth_has_unit(const struct api_client *client, const char *unit);

/* At most LIMIT_OFFICIAL_BYTES of text without control characters. */
bool api_auth_is_official(const char *official);

#endif
