/*
 * GET /v1/requests: what the person has been asked and has not decided.
 */
#include "broker/core/portal/p_handlers.h"

#include "broker/core/portal/p_call.h"
#include "broker/core/request_rows.h"

/* Everything that a source is known by to the person who is to sign. */
static json_t *source_json(const struct directory *directory, const struct msg_source_salt *source) {
    const struct member_record *member = NULL;
    const struct unit *unit = directory_unit(directory, source->unit, &member);
    json_t *object = json_pack("{s:s, s:o, s:o}", "unit", source->unit, "names",
                               unit ? p_call_texts(unit->names, unit->n_names) : json_object(), "member_names",
                               unit ? p_call_texts(member->names, member->n_names) : json_object());
    if (object && json_set_bytes(object, "salt", hash_bytes(&source->salt)) != STATUS_OK) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *sources_json(const struct directory *directory, const struct msg_request_consent *message) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < message->n_sources; i++) {
        if (json_array_append_new(list, source_json(directory, &message->sources[i])) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

static enum status set_ids(json_t *object, const struct request_row *row, const struct consent_request *request) {
    TRY(json_set_bytes(object, "id", ids_bytes(&row->id)));
    TRY(json_set_bytes(object, "request", hash_bytes(&row->request_hash)));
    TRY(json_set_bytes(object, "subject", hash_bytes(&request->subject)));
    return request->group.len > 0 ? json_set_bytes(object, "group", request->group) : STATUS_OK;
}

/* Names come from the directory of now; a recipient that was removed has none. */
static enum status set_names(json_t *object, const struct directory *directory, const struct consent_request *request) {
    const struct member_record *member = NULL;
    const struct unit *unit = directory_unit(directory, request->recipient, &member);
    const struct purpose *purpose = directory_purpose(directory, request->purpose);
    int failed =
        json_object_set_new(object, "recipient_names", unit ? p_call_texts(unit->names, unit->n_names) : json_object());
    failed |= json_object_set_new(object, "member_names",
                                  unit ? p_call_texts(member->names, member->n_names) : json_object());
    failed |= json_object_set_new(object, "purpose_texts",
                                  purpose ? p_call_texts(purpose->texts, purpose->n_texts) : json_object());
    return failed ? STATUS_MEMORY : STATUS_OK;
}

static enum status add_request(struct call *call, const struct request_row *row, json_t *list) {
    struct request_parts parts;
    TRY(request_rows_parts(call->core, row, call->arena, &parts));
    const struct consent_request *request = &parts.request;
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:I, s:s, s:s, s:I, s:I, s:s}", "recipient", request->recipient, "purpose",
                  request->purpose, "sources", sources_json(call->directory, &parts.message), "kinds",
                  p_call_kinds(request->kinds, request->n_kinds), "duration_s", (json_int_t)request->duration_s,
                  "access", consent_request_access_name(request->access), "basis",
                  consent_request_basis_name(request->basis), "created", (json_int_t)(request->created_ms / 1000),
                  "expires", (json_int_t)(request->expires_ms / 1000), "state", "pending");
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    TRY(set_ids(object, row, request));
    return set_names(object, call->directory, request);
}

enum status p_requests_get_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    struct request_list requests;
    TRY(p_call_person(call, txn, P_READS, &person));
    TRY(request_rows_pending(call->core, txn, person.slot, clock_now_ms(call->core->clock), call->arena, &requests));
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[]}", "requests");
    ENSURE(root, STATUS_MEMORY);
    for (size_t i = 0; i < requests.count; i++) {
        TRY(add_request(call, &requests.items[i], json_object_get(root, "requests")));
    }
    return p_call_answer(call, MOVE(root));
}
