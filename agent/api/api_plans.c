/* GET /v1/plans: the joint plan. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"

enum status api_plans_get(struct api_call *call) {
    struct hash subject;
    const char *purpose = NULL;
    json_t *plan = NULL;
    TRY(api_call_query_subject(call, &subject));
    TRY(api_call_query_text(call, "purpose", &purpose));
    if (!ids_is_code(bytes_text(purpose))) {
        return api_call_fail(call, API_PROBLEM_QUERY, "parameter 'purpose' must be a code");
    }
    TRY(agent_plan(call->agent, call->arena, &call->caller, &subject, purpose, &plan));
    return api_call_answer(call, 200, plan);
}
