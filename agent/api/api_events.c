/* GET /v1/events: what happened to this client's units after a sequence number; a long poll. */
#include "agent/api/api_events.h"

#include "agent/api/api_page.h"
#include "agent/api/api_route.h"
#include "base/json.h"

/* The units whose events are asked for: the one named, otherwise all of the client. */
static const char *const *units_of(const struct api_call *call, size_t *out_count) {
    bool named = call->caller.unit != NULL;
    *out_count = named ? 1 : call->client->n_units;
    return named ? &call->caller.unit : call->client->units;
}

/* The greatest sequence number of the events, or `after`. */
static uint64_t next_after(const json_t *events, uint64_t after) {
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        uint64_t sequence = 0;
        if (json_get_u64(event, "sequence", &sequence) == STATUS_OK && sequence > after) after = sequence;
    }
    return after;
}

enum status api_events_answer(struct api_call *call, enum api_events_try last) {
    uint64_t after = 0;
    uint64_t limit = 0;
    size_t n_units = 0;
    json_t *events CLEANUP(json_cleanup) = NULL;
    TRY(api_call_query_number(call, "after", 0, 0, INT64_MAX, &after));
    TRY(api_call_query_number(call, "limit", API_PAGE_DEFAULT, 1, API_PAGE_MAX, &limit));
    const char *const *units = units_of(call, &n_units);
    TRY(agent_events(call->agent, call->arena, units, n_units, after, limit, 0, &events));
    if (json_array_size(events) == 0 && last == API_EVENTS_MAY_WAIT) return STATUS_NOT_FOUND;
    return api_call_answer(call, 200,
                           json_pack("{s:O, s:I}", "events", events, "next", (json_int_t)next_after(events, after)));
}

enum status api_events_get(struct api_call *call) {
    uint64_t wait_s = 0;
    TRY(api_call_query_number(call, "wait", 0, 0, LIMIT_WAIT_MS / 1000, &wait_s));
    if (wait_s == 0) return api_events_answer(call, API_EVENTS_LAST);
    enum status status = api_events_answer(call, API_EVENTS_MAY_WAIT);
    if (status != STATUS_NOT_FOUND) return status;
    call->until_ms = clock_boot_ms(call->clock) + wait_s * 1000;
    call->parked = true;
    return STATUS_OK;
}
