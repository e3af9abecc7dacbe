/* POST /v1/enrolments: a one-time code for a person who has been identified just now. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"
#include "base/timestamp.h"

/* In the order of enum assurance. */
static const char *const assurance_names[] = {"low", "substantial", "high", NULL};

enum status api_enrolments_post(struct api_call *call) {
    static const char *const members[] = {"national_id", "assurance", "how", "others_lost", NULL};
    struct api_input input = api_call_input(call);
    api_input_only(&input, members);
    struct api_person person = {.national_id = api_input_national_id(&input)};
    uint32_t assurance = api_input_choice(&input, "assurance", API_REQUIRED, assurance_names);
    const char *how = api_input_text(&input, "how", API_REQUIRED, LIMIT_HOW_BYTES);
    bool others_lost = api_input_bool(&input, "others_lost");
    TRY(api_input_end(&input));
    struct hash subject;
    struct agent_enrolment enrolment;
    TRY(api_call_person(call, &person, &subject));
    TRY(agent_enrol(call->agent, call->arena, &call->caller, &subject, assurance, how, others_lost, &enrolment));
    return api_call_answer(call, 201,
                           json_pack("{s:s, s:s, s:s}", "code", enrolment.code, "link", enrolment.link, "expires",
                                     timestamp_text(call->arena, enrolment.expires_ms)));
}
