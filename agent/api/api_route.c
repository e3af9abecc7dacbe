/* The table of routes. */
#include "agent/api/api_route.h"

#include <string.h>

#include "agent/api/api_client.h"

#define PARAMETERS(...)                                                                                                \
    (const char *const[]) { __VA_ARGS__, NULL }

const struct api_route api_routes[] = {
    {HTTP_POST, "/v1/subjects", API_ANY_RIGHT, API_UNIT_FREE, API_ON_WORKER, api_subjects_post, NULL},
    {HTTP_POST, "/v1/fragments", AGENT_MAY_PUBLISH, API_UNIT_NEEDED, API_ON_WORKER, api_fragments_post, NULL},
    {HTTP_GET, "/v1/fragments/{id}", AGENT_MAY_READ, API_UNIT_NEEDED, API_ON_WORKER, api_fragments_get, NULL},
    {HTTP_DELETE, "/v1/fragments/{id}", AGENT_MAY_PUBLISH, API_UNIT_NEEDED, API_ON_WORKER, api_fragments_delete, NULL},
    {HTTP_POST, "/v1/consent-requests", AGENT_MAY_REQUEST, API_UNIT_NEEDED, API_ON_WORKER, api_requests_post, NULL},
    {HTTP_GET, "/v1/consent-requests/{id}", AGENT_MAY_REQUEST, API_UNIT_NEEDED, API_ON_WORKER, api_requests_get, NULL},
    {HTTP_GET, "/v1/consents", AGENT_MAY_READ | AGENT_MAY_REQUEST | AGENT_MAY_REVOKE, API_UNIT_NEEDED, API_ON_WORKER,
     api_consents_list, PARAMETERS("subject", "limit", "cursor")},
    {HTTP_POST, "/v1/consents/{id}/revoke", AGENT_MAY_REVOKE, API_UNIT_NEEDED, API_ON_WORKER, api_consents_revoke,
     NULL},
    {HTTP_GET, "/v1/plans", AGENT_MAY_READ, API_UNIT_NEEDED, API_ON_WORKER, api_plans_get,
     PARAMETERS("subject", "purpose")},
    {HTTP_POST, "/v1/enrolments", AGENT_MAY_ENROL, API_UNIT_NEEDED, API_ON_WORKER, api_enrolments_post, NULL},
    {HTTP_POST, "/v1/erasures", AGENT_MAY_ERASE, API_UNIT_NEEDED, API_ON_WORKER, api_erasures_post, NULL},
    {HTTP_GET, "/v1/events", API_ANY_RIGHT, API_UNIT_FREE, API_ON_WORKER, api_events_get,
     PARAMETERS("after", "wait", "limit")},
    {HTTP_GET, "/v1/agreements", API_ANY_RIGHT, API_UNIT_FREE, API_ON_WORKER, api_directory_agreements,
     PARAMETERS("limit", "cursor")},
    {HTTP_GET, "/v1/members", API_ANY_RIGHT, API_UNIT_FREE, API_ON_WORKER, api_directory_members,
     PARAMETERS("limit", "cursor")},
    {HTTP_GET, "/healthz", API_ANY_RIGHT, API_UNIT_FREE, API_ON_LOOP, api_health_get, NULL},
    {HTTP_GET, "/metrics", API_ANY_RIGHT, API_UNIT_FREE, API_ON_LOOP, api_health_metrics, NULL},
    {HTTP_GET, "/openapi.json", API_ANY_RIGHT, API_UNIT_FREE, API_ON_LOOP, api_openapi_get, NULL},
};

const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

bool api_route_takes(const struct api_route *route, const char *parameter) {
    for (const char *const *name = route->query; name && *name; name++) {
        if (strcmp(*name, parameter) == 0) return true;
    }
    return false;
}
