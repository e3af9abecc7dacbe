/*
 * /v1/consent-requests. A request goes out as the caller's unit; `with` names further units of the client, for talks
 * with several parties: one request each, which the person sees as one by their common group. Another member joins the
 * group with a request of its own that names it.
 */
#include <string.h>

#include "agent/api/api_call.h"
#include "agent/api/api_route.h"
#include "base/json.h"
#include "base/timestamp.h"

enum { ANSWER_DEFAULT_S = 14 * 86400, ANSWER_MAX_S = 90 * 86400 };

struct request_ask {
    struct api_person person;
    struct agent_request request;
    struct api_kinds kinds;
    struct api_units sources;
    struct api_units with;
    struct id16 group;
};

/* In the order of enum access and enum basis. */
static const char *const access_names[] = {"once", "repeated", NULL};
static const char *const basis_names[] = {"secrecy_waiver", "gdpr_consent", "both", NULL};

static uint64_t read_answer_within(struct api_input *input) {
    uint64_t seconds = api_input_duration(input, "answer_within", API_OPTIONAL);
    if (seconds > ANSWER_MAX_S) api_input_fault(input, "/answer_within", "must be at most P90D");
    return seconds > 0 ? seconds : ANSWER_DEFAULT_S;
}

static enum status read_members(struct api_call *call, struct request_ask *ask) {
    static const char *const members[] = {"subject",       "national_id", "purpose", "kinds", "sources", "duration",
                                          "answer_within", "access",      "basis",   "with",  "group",   NULL};
    struct api_input input = api_call_input(call);
    api_input_only(&input, members);
    api_input_person(&input, &ask->person);
    const char *purpose = api_input_text(&input, "purpose", API_REQUIRED, LIMIT_CODE_BYTES);
    if (purpose && !ids_is_code(bytes_text(purpose))) api_input_fault(&input, "/purpose", "must be a code");
    api_input_kinds(&input, "kinds", &ask->kinds);
    api_input_units(&input, "sources", API_REQUIRED, &ask->sources);
    api_input_units(&input, "with", API_OPTIONAL, &ask->with);
    struct agent_request *request = &ask->request;
    request->purpose = purpose;
    request->duration_s = api_input_duration(&input, "duration", API_REQUIRED);
    request->access = api_input_choice(&input, "access", API_REQUIRED, access_names);
    request->basis = api_input_choice(&input, "basis", API_REQUIRED, basis_names);
    request->expires_ms = clock_now_ms(call->clock) / 1000 * 1000 + read_answer_within(&input) * 1000;
    if (api_input_id(&input, "group", API_OPTIONAL, &ask->group)) request->group = ids_bytes(&ask->group);
    return api_input_end(&input);
}

/* Every unit it goes out as must be one that the client may act as, and only once. */
static enum status check_with(struct api_call *call, const struct request_ask *ask) {
    for (size_t i = 0; i < ask->with.count; i++) {
        const char *unit = ask->with.items[i];
        if (!api_auth_has_unit(call->client, unit)) return api_call_fail(call, API_PROBLEM_UNIT, NULL);
        if (strcmp(unit, call->caller.unit) != 0) continue;
        struct api_input input = api_call_input(call);
        api_input_fault(&input, "/with", "must not name the unit that asks");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status read_ask(struct api_call *call, struct request_ask *ask) {
    TRY(read_members(call, ask));
    TRY(check_with(call, ask));
    struct agent_request *request = &ask->request;
    request->kinds = ask->kinds.items;
    request->n_kinds = ask->kinds.count;
    request->sources = ask->sources.items;
    request->n_sources = ask->sources.count;
    if (ask->with.count > 0 && request->group.len == 0) {
        ask->group = ids_random();
        request->group = ids_bytes(&ask->group);
    }
    return STATUS_OK;
}

/* One request, as one unit: {"unit","id","receipt"} at the end of the list. */
static enum status ask_as(struct api_call *call, const struct request_ask *ask, const char *unit, json_t *list) {
    const struct agent_caller caller = {.unit = unit, .official = call->caller.official};
    struct id16 id;
    struct bytes receipt;
    const char *reason = NULL;
    enum status status =
        agent_request_consent(call->agent, call->arena, &caller, &ask->request, &id, &receipt, &reason);
    if (status == STATUS_INVALID && reason) return api_call_fail(call, API_PROBLEM_CONTENT, reason);
    TRY(status);
    json_t *item = json_pack("{s:s, s:s, s:s}", "unit", unit, "id", ids_text(call->arena, &id), "receipt",
                             api_call_bytes_text(call, receipt));
    ENSURE(item && json_array_append_new(list, item) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

/* The first request stands already: that a further one failed is said beside it, {"unit","problem"}. */
static enum status ask_further(struct api_call *call, const struct request_ask *ask, const char *unit, json_t *list) {
    enum status status = ask_as(call, ask, unit, list);
    if (status == STATUS_OK) return STATUS_OK;
    api_call_settle(call, status);
    json_t *item = json_pack("{s:s, s:s}", "unit", unit, "problem", api_problem_type(call->answer.problem));
    call->answer = (struct api_answer){.problem = API_PROBLEM_NONE};
    ENSURE(item && json_array_append_new(list, item) == 0, STATUS_MEMORY);
    return STATUS_OK;
}

/* The person's address for it; the id stands behind '#', so that no server on the way sees it. */
static const char *link_of(struct api_call *call, const char *id) {
    return arena_printf(call->arena, "%s/#request=%s", call->portal_url, id);
}

static enum status answer_asked(struct api_call *call, const struct request_ask *ask, json_t *list) {
    const char *id = json_string_value(json_object_get(json_array_get(list, 0), "id"));
    const char *group = ask->request.group.len > 0 ? ids_text(call->arena, &ask->group) : NULL;
    const char *expires = timestamp_text(call->arena, ask->request.expires_ms);
    ENSURE(id && expires, STATUS_MEMORY);
    call->answer.location = arena_printf(call->arena, "/v1/consent-requests/%s", id);
    return api_call_answer(call, 201,
                           json_pack("{s:s, s:s, s:s, s:s*, s:O}", "id", id, "link", link_of(call, id), "expires",
                                     expires, "group", group, "requests", list));
}

enum status api_requests_post(struct api_call *call) {
    struct request_ask ask = {.request = {.purpose = NULL}};
    TRY(read_ask(call, &ask));
    TRY(api_call_person(call, &ask.person, &ask.request.subject));
    json_t *list CLEANUP(json_cleanup) = json_array();
    TRY(ask_as(call, &ask, call->caller.unit, list));
    for (size_t i = 0; i < ask.with.count; i++) {
        TRY(ask_further(call, &ask, ask.with.items[i], list));
    }
    return answer_asked(call, &ask, list);
}

enum status api_requests_get(struct api_call *call) {
    struct id16 id;
    json_t *state = NULL;
    TRY(api_call_id(call, &id));
    TRY(agent_request_state(call->agent, call->arena, &call->caller, &id, &state));
    return api_call_answer(call, 200, state);
}
