/*
 * Bodies of the local API's POST calls. The first byte chooses the route. Whatever comes: no fault points outside the
 * body, and what the agent is asked has the form that agent/agent.h promises it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/api/api_call.h"
#include "agent/api/api_route.h"
#include "base/json.h"
#include "support/api/fake_agent.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static api_route_run *const runs[] = {api_subjects_post, api_fragments_post, api_requests_post, api_enrolments_post,
                                      api_erasures_post};
static const char *const units[] = {NORTH, SOUTH};
static const struct api_client client = {.name = "fuzz", .units = units, .n_units = 2, .may = API_ANY_RIGHT};
static const struct api_route route = {.method = HTTP_POST, .pattern = "/"};

static void check_faults(const struct api_call *call) {
    for (size_t i = 0; i < call->faults.count; i++) {
        const struct http_fault *fault = &call->faults.items[i];
        if (*fault->pointer != '\0' && *fault->pointer != '/') abort();
        if (!bytes_is_text(bytes_text(fault->pointer)) || *fault->text == '\0') abort();
    }
}

static void check_asked(void) {
    const struct agent_request *request = &fake_agent.request;
    if (!request->purpose) return;
    if (request->n_kinds == 0 || request->n_sources == 0 || request->duration_s == 0) abort();
    if (!ids_is_code(bytes_text(fake_agent.purpose))) abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    struct api_call *call CLEANUP(api_call_free_cleanup) = api_call_new();
    if (!call || size < 1) return 0;
    call->route = &route;
    call->client = &client;
    call->caller = (struct agent_caller){.unit = NORTH, .official = ""};
    call->portal_url = "https://portal.example";
    call->clock = clock_system();
    if (json_read(BYTES(data + 1, size - 1), 1 << 16, &call->body) != STATUS_OK) return 0;
    if (!json_is_object(call->body)) return 0;
    fake_agent_reset();
    enum status status = runs[data[0] % (sizeof runs / sizeof *runs)](call);
    if (status == STATUS_OK && !call->answer.body) abort();
    check_faults(call);
    check_asked();
    return 0;
}
