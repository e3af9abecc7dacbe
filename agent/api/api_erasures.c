/* POST /v1/erasures: this member's key for a person goes, and its fragments at the broker with it. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"

enum status api_erasures_post(struct api_call *call) {
    static const char *const members[] = {"subject", "national_id", "reason", NULL};
    struct api_input input = api_call_input(call);
    struct api_person person;
    api_input_only(&input, members);
    api_input_person(&input, &person);
    const char *reason = api_input_text(&input, "reason", API_REQUIRED, LIMIT_REASON_BYTES);
    TRY(api_input_end(&input));
    struct hash subject;
    struct bytes receipt;
    TRY(api_call_person(call, &person, &subject));
    TRY(agent_erase(call->agent, call->arena, &call->caller, &subject, reason, &receipt));
    return api_call_answer_receipt(call, "erased", receipt);
}
