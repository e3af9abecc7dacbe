/* /v1/agreements and /v1/members: the directory as the agent has verified it. */
#include "agent/api/api_call.h"
#include "agent/api/api_page.h"
#include "agent/api/api_route.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/timestamp.h"

static enum status answer_page(struct api_call *call, const char *name, json_t *items, const char *key) {
    uint64_t limit = 0;
    json_t *page = NULL;
    TRY(api_call_query_number(call, "limit", API_PAGE_DEFAULT, 1, API_PAGE_MAX, &limit));
    enum status status =
        api_page_make(call->arena, name, items, key, NULL, limit, http_request_query(call->request, "cursor"), &page);
    if (status == STATUS_INVALID) return api_call_fail(call, API_PROBLEM_QUERY, "the cursor is none of this list");
    TRY(status);
    return api_call_answer(call, 200, page);
}

static json_t *texts_json(const struct text *texts, size_t count) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        (void)json_object_set_new(object, texts[i].lang, json_string(texts[i].text));
    }
    return object;
}

static json_t *strings_json(const char *const *texts, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_string(texts[i]));
    }
    return array;
}

static json_t *kinds_json(const uint32_t *kinds, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_string(kind_name((enum kind)kinds[i])));
    }
    return array;
}

static json_t *member_json(const struct member_record *member) {
    json_t *units = json_array();
    for (size_t i = 0; i < member->n_units; i++) {
        const struct unit *unit = &member->units[i];
        (void)json_array_append_new(
            units, json_pack("{s:s, s:o}", "unit", unit->id, "names", texts_json(unit->names, unit->n_names)));
    }
    return json_pack("{s:s, s:I, s:o, s:o, s:b, s:b, s:s}", "member", member->member, "revision",
                     (json_int_t)member->revision, "names", texts_json(member->names, member->n_names), "units", units,
                     "identifies_people", member->identifies_people, "witnesses",
                     member->witness && *member->witness != '\0', "contact", member->contact);
}

enum status api_directory_members(struct api_call *call) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = agent_directory(call->agent);
    ENSURE(directory, STATUS_RETRY);
    json_t *items CLEANUP(json_cleanup) = json_array();
    for (size_t i = 0; i < directory_member_count(directory); i++) {
        json_t *item = member_json(directory_member_at(directory, i));
        ENSURE(item && json_array_append_new(items, item) == 0, STATUS_MEMORY);
    }
    return answer_page(call, "members", items, "member");
}

static json_t *agreement_json(struct arena *arena, const struct agreement *agreement) {
    const char *until = agreement->valid_until_ms > 0 ? timestamp_text(arena, agreement->valid_until_ms) : NULL;
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:s, s:s, s:s*}", "id",
                     ids_text(arena, &agreement->id), "revision", (json_int_t)agreement->revision, "units",
                     strings_json(agreement->units, agreement->n_units), "kinds",
                     kinds_json(agreement->kinds, agreement->n_kinds), "purposes",
                     strings_json(agreement->purposes, agreement->n_purposes), "longest_consent",
                     duration_text(arena, agreement->longest_consent_s), "attesters",
                     strings_json(agreement->attesters, agreement->n_attesters), "self_read_attesters",
                     strings_json(agreement->self_read_attesters, agreement->n_self_read_attesters),
                     "recipient_may_attest", agreement->recipient_may_attest, "legal_note", agreement->legal_note,
                     "valid_from", timestamp_text(arena, agreement->valid_from_ms), "valid_until", until);
}

enum status api_directory_agreements(struct api_call *call) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = agent_directory(call->agent);
    ENSURE(directory, STATUS_RETRY);
    json_t *items CLEANUP(json_cleanup) = json_array();
    for (size_t i = 0; i < directory_agreement_count(directory); i++) {
        json_t *item = agreement_json(call->arena, directory_agreement_at(directory, i));
        ENSURE(item && json_array_append_new(items, item) == 0, STATUS_MEMORY);
    }
    return answer_page(call, "agreements", items, "id");
}
