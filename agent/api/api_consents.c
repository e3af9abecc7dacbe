/* /v1/consents: what stands about a person, and revocation on the person's spoken word. */
#include <string.h>

#include "agent/api/api_call.h"
#include "agent/api/api_page.h"
#include "agent/api/api_route.h"
#include "base/json.h"

enum status api_consents_list(struct api_call *call) {
    struct hash subject;
    uint64_t limit = 0;
    json_t *consents CLEANUP(json_cleanup) = NULL;
    json_t *page = NULL;
    TRY(api_call_query_subject(call, &subject));
    TRY(api_call_query_number(call, "limit", API_PAGE_DEFAULT, 1, API_PAGE_MAX, &limit));
    TRY(agent_consents(call->agent, call->arena, &call->caller, &subject, &consents));
    enum status status = api_page_make(call->arena, "consents", consents, "consent", "token", limit,
                                       http_request_query(call->request, "cursor"), &page);
    if (status == STATUS_INVALID) return api_call_fail(call, API_PROBLEM_QUERY, "the cursor is none of this list");
    TRY(status);
    return api_call_answer(call, 200, page);
}

/* The official may stand in the body or in the header; two different ones are a mistake. */
static void read_official(struct api_call *call, struct api_input *input) {
    const char *official = api_input_text(input, "official", API_OPTIONAL, LIMIT_OFFICIAL_BYTES);
    const char *header = call->caller.official;
    if (official && *header != '\0' && strcmp(official, header) != 0) {
        api_input_fault(input, "/official", "must be the same as Sluss-Official");
    }
    if (official) call->caller.official = official;
}

enum status api_consents_revoke(struct api_call *call) {
    static const char *const members[] = {"reason", "official", NULL};
    struct api_input input = api_call_input(call);
    struct id16 consent;
    struct bytes receipt;
    TRY(api_call_id(call, &consent));
    api_input_only(&input, members);
    const char *reason = api_input_text(&input, "reason", API_REQUIRED, LIMIT_REASON_BYTES);
    read_official(call, &input);
    TRY(api_input_end(&input));
    TRY(agent_revoke(call->agent, call->arena, &call->caller, &consent, reason, &receipt));
    return api_call_answer_receipt(call, "revoked", receipt);
}
