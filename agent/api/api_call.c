/*
 * A call's life and the small things that run functions share. What a caller sent never goes into a log line or a
 * detail.
 */
#include "agent/api/api_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/api_route.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

/* A plan of many fragments with their receipts; the body of a publication, its JSON and what is made from it. */
#define CALL_ARENA_BYTES ((size_t)64 << 20)

struct api_call *api_call_new(void) {
    struct api_call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    call->arena = arena_new(CALL_ARENA_BYTES);
    if (call->arena) return call;
    free(call);
    return NULL;
}

void api_call_free(struct api_call *call) {
    if (!call) return;
    json_decref(call->body);
    free(call->answer.body);
    arena_free(call->arena);
    free(call);
}

enum status api_call_answer(struct api_call *call, int code, json_t *value) {
    json_t *owned CLEANUP(json_cleanup) = value;
    char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;
    ENSURE(text, STATUS_MEMORY);
    free(call->answer.body);
    call->answer = (struct api_answer){
        .code = code, .content_type = "application/json", .body = text, .location = call->answer.location};
    return STATUS_OK;
}

enum status api_call_answer_receipt(struct api_call *call, const char *state, struct bytes receipt) {
    if (receipt.len == 0) return api_call_answer(call, 202, json_pack("{s:s}", "state", "queued"));
    const char *text = api_call_bytes_text(call, receipt);
    return api_call_answer(call, 200, json_pack("{s:s, s:s}", "state", state, "receipt", text));
}

enum status api_call_answer_text(struct api_call *call, const char *content_type, const char *text) {
    char *copy = text ? strdup(text) : NULL;
    ENSURE(copy, STATUS_MEMORY);
    free(call->answer.body);
    call->answer = (struct api_answer){.code = 200, .content_type = content_type, .body = copy};
    return STATUS_OK;
}

enum status api_call_fail(struct api_call *call, enum api_problem problem, const char *detail) {
    free(call->answer.body);
    call->answer = (struct api_answer){.problem = problem, .detail = detail};
    return STATUS_REFUSED;
}

void api_call_settle(struct api_call *call, enum status status) {
    if (status == STATUS_OK || call->answer.problem != API_PROBLEM_NONE) return;
    enum api_problem problem = api_problem_of(status);
    IGNORE(api_call_fail(call, problem, NULL));
    bool is_ours = problem == API_PROBLEM_LOCAL || problem == API_PROBLEM_DISK_FULL ||
                   problem == API_PROBLEM_INTEGRITY || problem == API_PROBLEM_BROKER_FAULT;
    if (!is_ours) return;
    log_limited(LOG_LEVEL_ERROR, "api_fault", "route=%s status=%s request=%s", call->route->pattern,
                status_name(status), http_request_view(call->request)->id);
}

struct api_input api_call_input(struct api_call *call) {
    return (struct api_input){.object = call->body, .arena = call->arena, .faults = &call->faults};
}

enum status api_call_id(const struct api_call *call, struct id16 *out_id) {
    const char *text = http_request_capture(call->request, "id");
    ENSURE(text && ids_from_text(bytes_text(text), out_id) == STATUS_OK, STATUS_NOT_FOUND);
    return STATUS_OK;
}

static enum status wrong_query(struct api_call *call, const char *name, const char *text) {
    return api_call_fail(call, API_PROBLEM_QUERY, arena_printf(call->arena, "parameter '%s' %s", name, text));
}

enum status api_call_query_text(struct api_call *call, const char *name, const char **out_text) {
    const char *text = http_request_query(call->request, name);
    if (!text || *text == '\0') return wrong_query(call, name, "is required");
    *out_text = text;
    return STATUS_OK;
}

enum status api_call_query_subject(struct api_call *call, struct hash *out_subject) {
    const char *text = NULL;
    TRY(api_call_query_text(call, "subject", &text));
    if (text_fixed_base64url(bytes_text(text), out_subject->b, sizeof out_subject->b) == STATUS_OK) return STATUS_OK;
    return wrong_query(call, "subject", "must be a handle: 43 characters of base64url");
}

enum status api_call_query_number(struct api_call *call, const char *name, uint64_t absent, uint64_t least,
                                  uint64_t most, uint64_t *out_value) {
    const char *text = http_request_query(call->request, name);
    uint64_t value = absent;
    bool is_number = !text || text_to_u64(bytes_text(text), &value) == STATUS_OK;
    if (!is_number || value < least || value > most) {
        return wrong_query(call, name,
                           arena_printf(call->arena, "must be a number from %llu to %llu", (unsigned long long)least,
                                        (unsigned long long)most));
    }
    *out_value = value;
    return STATUS_OK;
}

enum status api_call_person(struct api_call *call, const struct api_person *person, struct hash *out_subject) {
    if (person->has_subject) {
        *out_subject = person->subject;
        return STATUS_OK;
    }
    const char *reason = NULL;
    enum status status = agent_subject(call->agent, call->arena, person->national_id, out_subject, &reason);
    if (status != STATUS_INVALID) return status;
    struct api_input input = api_call_input(call);
    api_input_fault(&input, "/national_id", reason ? reason : "is no valid identity number");
    return STATUS_INVALID;
}

const char *api_call_bytes_text(struct api_call *call, struct bytes bytes) {
    return text_base64url(call->arena, bytes);
}
