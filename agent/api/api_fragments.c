/* /v1/fragments: publishing, reading and withdrawing one fragment. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"
#include "base/json.h"

struct fragment_ask {
    struct api_person person;
    struct agent_publish publish;
    struct id16 replaces;
};

static enum status read_ask(struct api_call *call, struct fragment_ask *out_ask) {
    static const char *const members[] = {"subject", "national_id", "kind", "content", "expires", "replaces", NULL};
    struct api_input input = api_call_input(call);
    struct fragment_ask ask = {.publish = {.kind = 0}};
    api_input_only(&input, members);
    api_input_person(&input, &ask.person);
    ask.publish.kind = api_input_kind(&input, "kind");
    ask.publish.content = api_input_object(&input, "content", API_REQUIRED);
    ask.publish.expires_ms = api_input_time(&input, "expires", API_OPTIONAL);
    bool replaces = api_input_id(&input, "replaces", API_OPTIONAL, &ask.replaces);
    if (ask.publish.expires_ms > 0 && ask.publish.expires_ms <= clock_now_ms(call->clock)) {
        api_input_fault(&input, "/expires", "must lie in the future");
    }
    TRY(api_input_end(&input));
    *out_ask = ask;
    out_ask->publish.replaces = replaces ? &out_ask->replaces : NULL;
    return STATUS_OK;
}

/* The agent's pointers are into the content. */
static enum status refuse_content(struct api_call *call, const struct fragment_problems *problems) {
    struct api_input input = api_call_input(call);
    for (size_t i = 0; i < problems->count; i++) {
        const char *pointer = arena_printf(call->arena, "/content%s", problems->items[i].pointer);
        ENSURE(pointer, STATUS_MEMORY);
        api_input_fault(&input, pointer, problems->items[i].text);
    }
    return STATUS_INVALID;
}

static enum status answer_published(struct api_call *call, const struct agent_published *published) {
    bool stored = published->place == FRAGMENT_STORED;
    const char *id = ids_text(call->arena, &published->fragment);
    const char *receipt = stored ? api_call_bytes_text(call, published->receipt) : NULL;
    ENSURE(id && (receipt || !stored), STATUS_MEMORY);
    call->answer.location = arena_printf(call->arena, "/v1/fragments/%s", id);
    return api_call_answer(call, stored ? 201 : 202,
                           json_pack("{s:s, s:I, s:s, s:s*}", "id", id, "revision", (json_int_t)published->revision,
                                     "state", stored ? "stored" : "queued", "receipt", receipt));
}

enum status api_fragments_post(struct api_call *call) {
    struct fragment_ask ask;
    struct agent_published published;
    struct fragment_problems problems = {.count = 0};
    TRY(read_ask(call, &ask));
    TRY(api_call_person(call, &ask.person, &ask.publish.subject));
    enum status status = agent_publish(call->agent, call->arena, &call->caller, &ask.publish, &published, &problems);
    if (status == STATUS_INVALID) return refuse_content(call, &problems);
    TRY(status);
    return answer_published(call, &published);
}

enum status api_fragments_get(struct api_call *call) {
    struct id16 id;
    json_t *fragment = NULL;
    TRY(api_call_id(call, &id));
    TRY(agent_fragment(call->agent, call->arena, &call->caller, &id, &fragment));
    return api_call_answer(call, 200, fragment);
}

enum status api_fragments_delete(struct api_call *call) {
    struct id16 id;
    struct bytes receipt;
    TRY(api_call_id(call, &id));
    TRY(agent_withdraw(call->agent, call->arena, &call->caller, &id, &receipt));
    return api_call_answer_receipt(call, "withdrawn", receipt);
}
