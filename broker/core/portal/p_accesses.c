/*
 * GET /v1/accesses: everything that stands in the log about the person, newest page by page from a leaf on, each with
 * its receipt and, where an official acted, that pseudonym.
 */
#include "broker/core/portal/p_handlers.h"

#include "base/text.h"
#include "broker/core/ledger.h"
#include "broker/core/portal/p_call.h"
#include "proto/codec.h"
#include "proto/signed.h"

#define ACCESSES_MOST 64

static enum status add_item(json_t *list, const struct opening_item *item) {
    json_t *object =
        json_pack("{s:I, s:I}", "revision", (json_int_t)item->revision, "clause", (json_int_t)item->clause);
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    return json_set_bytes(object, "fragment", ids_bytes(&item->fragment));
}

/* The official's pseudonym stands in the envelope that caused the leaf. Not every cause is one. */
static const char *official_of(struct call *call, struct store_txn *txn, uint64_t index) {
    struct bytes cause;
    struct signed_object object;
    struct envelope envelope;
    if (ledger_cause(call->core->ledger, txn, index, call->arena, &cause) != STATUS_OK) return "";
    if (signed_parse(call->arena, cause, &object) != STATUS_OK) return "";
    if (codec_parse(&envelope_codec, call->arena, call->core->federation, object.body, &envelope) != STATUS_OK)
        return "";
    return envelope.official;
}

static enum status set_fields(struct call *call, struct store_txn *txn, uint64_t index, const struct opening *opening,
                              json_t *object) {
    struct bytes receipt;
    TRY(ledger_receipt(call->core->ledger, txn, index, call->arena, &receipt));
    TRY(json_set_bytes(object, "receipt", receipt));
    const char *official = official_of(call, txn, index);
    ENSURE(json_object_set_new(object, "official", json_string(official)) == 0, STATUS_MEMORY);
    if (opening->consent.len > 0) TRY(json_set_bytes(object, "consent", opening->consent));
    json_t *items = json_object_get(object, "items");
    for (size_t i = 0; i < opening->n_items; i++) {
        TRY(add_item(items, &opening->items[i]));
    }
    return STATUS_OK;
}

static enum status add_access(struct call *call, struct store_txn *txn, uint64_t index, json_t *list) {
    struct ledger_leaf leaf;
    struct opening opening;
    TRY(ledger_read(call->core->ledger, txn, index, call->arena, &leaf));
    TRY(leaf_opening_parse(call->arena, leaf.opening, &opening));
    const char *type = leaf_type_name(opening.type);
    json_t *object = json_pack("{s:I, s:s, s:I, s:s, s:s, s:I, s:[]}", "leaf", (json_int_t)index, "type",
                               type ? type : "", "time", (json_int_t)(opening.now_ms / 1000), "actor", opening.actor,
                               "purpose", opening.purpose, "clause", (json_int_t)opening.clause, "items");
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    return set_fields(call, txn, index, &opening, object);
}

enum status p_accesses_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    uint64_t indexes[ACCESSES_MOST];
    size_t count = call->portal->b > 0 && call->portal->b < ACCESSES_MOST ? (size_t)call->portal->b : ACCESSES_MOST;
    const size_t most = count;
    TRY(p_call_person(call, txn, P_READS, &person));
    ENSURE(device_rows_settled(&person.device, clock_now_ms(call->core->clock)), STATUS_DENIED);
    TRY(ledger_of_subject(call->core->ledger, txn, person.slot, call->portal->a, call->arena, indexes, &count));
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[]}", "accesses");
    ENSURE(root, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(add_access(call, txn, indexes[i], json_object_get(root, "accesses")));
    }
    json_t *cursor = count == most ? json_integer((json_int_t)indexes[count - 1] + 1) : json_null();
    ENSURE(json_object_set_new(root, "cursor", cursor) == 0, STATUS_MEMORY);
    return p_call_answer(call, MOVE(root));
}
