/* POST /v1/subjects: the handle of a person. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"

enum status api_subjects_post(struct api_call *call) {
    static const char *const members[] = {"national_id", NULL};
    struct api_input input = api_call_input(call);
    api_input_only(&input, members);
    struct api_person person = {.national_id = api_input_national_id(&input)};
    TRY(api_input_end(&input));
    struct hash subject;
    TRY(api_call_person(call, &person, &subject));
    const char *text = api_call_bytes_text(call, hash_bytes(&subject));
    return api_call_answer(call, 200, json_pack("{s:s}", "subject", text));
}
