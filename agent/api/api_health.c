/* /healthz and /metrics. They say nothing about any person and do not wait for anything. */
#include <inttypes.h>
#include <stddef.h>

#include "agent/api/api_call.h"
#include "agent/api/api_route.h"

/* X(name, kind, field, help) */
#define METRICS(X)                                                                                                     \
    X("sluss_agent_link_up", "gauge", link_up, "1 while the link to the broker stands")                                \
    X("sluss_agent_outbox_depth", "gauge", outbox_depth, "Publications that wait for the broker")                      \
    X("sluss_agent_log_size", "gauge", log_size, "Leaves under the newest checkpoint seen")                            \
    X("sluss_agent_witnessed_size", "gauge", witnessed_size, "Leaves under the newest checkpoint cosigned here")       \
    X("sluss_agent_cosigned_size", "gauge", cosigned_size, "Leaves under the newest checkpoint with K cosignatures")   \
    X("sluss_agent_directory_sequence", "gauge", directory_sequence, "Newest verified entry of the directory")         \
    X("sluss_agent_refused_events_total", "counter", refused_events, "Events of the broker that did not verify")       \
    X("sluss_agent_refused_releases_total", "counter", refused_releases, "Releases that were not opened")              \
    X("sluss_agent_grants_total", "counter", grants_made, "Key grants made")

static uint64_t behind(uint64_t size, uint64_t seen) { return size > seen ? size - seen : 0; }

static json_t *age_json(uint64_t age_ms) {
    return age_ms == UINT64_MAX ? json_null() : json_integer((json_int_t)(age_ms / 1000));
}

enum status api_health_get(struct api_call *call) {
    struct agent_health health;
    agent_health(call->agent, &health);
    json_t *link =
        json_pack("{s:b, s:s}", "up", health.link_up, "verdict", health.link_verdict ? health.link_verdict : "");
    return api_call_answer(call, 200,
                           json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "status",
                                     health.link_up ? "ok" : "degraded", "link", link, "outbox_depth",
                                     (json_int_t)health.outbox_depth, "log_size", (json_int_t)health.log_size,
                                     "witness_lag", (json_int_t)behind(health.log_size, health.witnessed_size),
                                     "cosignature_lag", (json_int_t)behind(health.log_size, health.cosigned_size),
                                     "directory_sequence", (json_int_t)health.directory_sequence, "refused_events",
                                     (json_int_t)health.refused_events, "refused_releases",
                                     (json_int_t)health.refused_releases, "grants_made", (json_int_t)health.grants_made,
                                     "directory_age_s", age_json(health.head_age_ms)));
}

enum status api_health_metrics(struct api_call *call) {
    struct agent_health health;
    agent_health(call->agent, &health);
    const char *text = "";
#define X(name, kind, field, help)                                                                                     \
    if (text) {                                                                                                        \
        text = arena_printf(call->arena, "%s# HELP %s %s.\n# TYPE %s %s\n%s %" PRIu64 "\n", text, name, help, name,    \
                            kind, name, (uint64_t)health.field);                                                       \
    }
    METRICS(X)
#undef X
    return api_call_answer_text(call, "text/plain; version=0.0.4", text);
}
