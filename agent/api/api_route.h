/*
 * What the local API serves: one table. docs/openapi.json describes the same routes; a test holds the two together.
 */
#ifndef AGENT_API_API_ROUTE_H
#define AGENT_API_API_ROUTE_H

#include <stddef.h>

#include "agent/api/api_auth.h"
#include "base/http.h"

struct api_call;

/* Does the work of a route and leaves the answer in the call. On a worker, unless the route says otherwise; may block
 * then. Any status but STATUS_OK becomes a problem. */
typedef enum status api_route_run(struct api_call *call);

enum api_where {
    API_ON_WORKER,
    API_ON_LOOP, /* does not block: answered at once, also when all workers are busy */
};

struct api_route {
    enum http_method method;
    const char *pattern;
    unsigned rights; /* any of them is enough */
    enum api_unit_need unit;
    enum api_where where;
    api_route_run *run;
    const char *const *query; /* parameters, ended by NULL; NULL: none */
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* Whether the route takes this parameter. */
bool api_route_takes(const struct api_route *route, const char *parameter);

/* ---- the run functions, one file a resource ---- */
api_route_run api_subjects_post;
api_route_run api_fragments_post;
api_route_run api_fragments_get;
api_route_run api_fragments_delete;
api_route_run api_requests_post;
api_route_run api_requests_get;
api_route_run api_consents_list;
api_route_run api_consents_revoke;
api_route_run api_plans_get;
api_route_run api_enrolments_post;
api_route_run api_erasures_post;
api_route_run api_events_get;
api_route_run api_directory_agreements;
api_route_run api_directory_members;
api_route_run api_health_get;
api_route_run api_health_metrics;
api_route_run api_openapi_get;

#endif
