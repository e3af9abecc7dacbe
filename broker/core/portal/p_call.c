/*
 * The person's side of a request. A proof only says who asks; every right is decided from the rows of the device and of
 * what it asks for.
 */
#include "broker/core/portal/p_call.h"

#include <string.h>

#include "base/text.h"
#include "broker/core/ledger.h"
#include "proto/kind.h"
#include "proto/limits.h"

/* ---- proof ---- */

/* RFC 9449 sections 7.1 and 9: 401, the error by its name; the nonce to use goes with every answer. */
static enum status refuse_proof(struct call *call, const char *error) {
    call->http_status = 401;
    call->content_type = "application/json";
    call->answer_body = bytes_text(error);
    return STATUS_DENIED;
}

static enum status ask_for_nonce(struct call *call) { return refuse_proof(call, "{\"error\":\"use_dpop_nonce\"}"); }

static bool is_peers_fault(enum status status) { return status_class(status) == CLASS_PEER; }

static enum status check_proof(struct call *call, struct dpop *out_proof, uint64_t *out_step) {
    const uint64_t now_ms = clock_now_ms(call->core->clock);
    struct dpop proof;
    call->nonce = nonces_issue(call->core->nonces, now_ms, call->arena);
    ENSURE(call->nonce, STATUS_MEMORY);
    if (call->portal->proof.len == 0) return ask_for_nonce(call);
    enum status checked = dpop_parse(call->arena, call->portal->proof, &proof);
    if (checked == STATUS_OK) {
        checked = dpop_check(&proof, call->portal->method, call->portal->url, call->core->nonces, now_ms, out_step);
    }
    if (checked == STATUS_EXPIRED) return ask_for_nonce(call);
    if (is_peers_fault(checked)) return refuse_proof(call, "{\"error\":\"invalid_dpop_proof\"}");
    TRY(checked);
    *out_proof = proof;
    return STATUS_OK;
}

enum status p_call_proof(struct call *call, struct dpop *out_proof) {
    uint64_t step = 0;
    return check_proof(call, out_proof, &step);
}

/* When there is no room for more uses, what may use the reserve goes on: its statement or tokens are good once by
 * themselves. */
static enum status use_proof(struct call *call, const struct dpop *proof, uint64_t step) {
    if (call->counted) return STATUS_OK;
    enum status used = dpop_use(proof, call->core->federation, call->core->nonces, step);
    ENSURE(used != STATUS_CONFLICT, STATUS_DENIED);
    if (used != STATUS_LIMIT || !(call->handler->flags & HANDLER_RESERVED)) TRY(used);
    call->counted = true;
    return STATUS_OK;
}

enum status p_call_person(struct call *call, struct store_txn *txn, enum p_use use, struct p_person *out_person) {
    struct dpop proof;
    struct p_person person;
    uint64_t step = 0;
    TRY(check_proof(call, &proof, &step));
    enum status found = device_rows_find(call->core, txn, &proof.device, call->arena, &person.slot, &person.device);
    ENSURE(found != STATUS_NOT_FOUND, STATUS_DENIED);
    TRY(found);
    ENSURE(person.device.state == DEVICE_ACTIVE, STATUS_DENIED);
    /* Only devices that are enrolled take room among the uses: keys that nobody knows cost nothing to make. */
    if (use == P_WRITES) TRY(use_proof(call, &proof, step));
    person.kid = text_base64url(call->arena, hash_bytes(&person.device.device));
    ENSURE(person.kid, STATUS_MEMORY);
    *out_person = person;
    return STATUS_OK;
}

enum status p_call_again(struct call *call, struct store_txn *txn, struct p_person *person) {
    struct hash device = person->device.device;
    enum status found = device_rows_get(call->core, txn, person->slot, &device, call->arena, &person->device);
    ENSURE(found != STATUS_NOT_FOUND, STATUS_DENIED);
    TRY(found);
    ENSURE(person->device.state == DEVICE_ACTIVE, STATUS_DENIED);
    return STATUS_OK;
}

/* ---- JSON ---- */

enum status p_call_body(const struct call *call, const char *const *members, json_t **out_body) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    TRY(json_read(call->portal->body, LIMIT_PORTAL_BODY_BYTES, &body));
    ENSURE(json_is_object(body), STATUS_MALFORMED);
    TRY(json_only(body, members));
    *out_body = MOVE(body);
    return STATUS_OK;
}

enum status p_call_answer(struct call *call, json_t *value) {
    json_t *owned CLEANUP(json_cleanup) = value;
    ENSURE(owned, STATUS_MEMORY);
    const char *text = json_compact(call->arena, owned);
    ENSURE(text, STATUS_MEMORY);
    call->answer_body = bytes_text(text);
    return STATUS_OK;
}

enum status p_call_id16(const struct call *call, struct id16 *out_id) {
    enum status parsed = ids_from_text(call->portal->id, out_id);
    return parsed == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status p_call_hash(const struct call *call, struct hash *out_hash) {
    enum status parsed = text_fixed_base64url(call->portal->id, out_hash->b, sizeof out_hash->b);
    return parsed == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

json_t *p_call_texts(const struct text *texts, size_t n_texts) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < n_texts; i++) {
        if (json_object_set_new(object, texts[i].lang, json_string(texts[i].text)) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *p_call_kinds(const uint32_t *kinds, size_t n_kinds) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < n_kinds; i++) {
        const char *name = kind_name((enum kind)kinds[i]);
        if (json_array_append_new(list, json_string(name ? name : "")) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

/* ---- statements ---- */

enum status p_call_statement(struct call *call, struct store_txn *txn, const struct p_person *person,
                             const json_t *body, unsigned types, struct statement *out_statement) {
    const char *compact = NULL;
    struct statement statement;
    TRY(json_get_text(body, "statement", &compact));
    TRY(statement_parse(call->arena, call->core->federation, bytes_text(compact), &statement));
    ENSURE(types & (1U << statement.type), STATUS_UNSUPPORTED);
    ENSURE(hash_equal(&statement.device, &person->device.device), STATUS_DENIED);
    TRY(statement_verify(&statement, &person->device.sign_key));
    ENSURE(hash_equal(&statement.subject, &person->device.subject), STATUS_DENIED);
    struct hash hash = hash_sha256(statement.compact);
    TRY(call_identify(call, txn, person->kid, &statement.jti, &hash));
    if (!call->repeated) TRY(statement_fresh(&statement, clock_now_ms(call->core->clock)));
    *out_statement = statement;
    return STATUS_OK;
}

enum status p_call_statement_again(struct call *call, struct store_txn *txn, struct p_person *person,
                                   const struct statement *statement) {
    TRY(p_call_again(call, txn, person));
    TRY(statement_fresh(statement, ledger_now_ms(call->core->ledger)));
    const struct hash *last = &person->device.last_statement;
    struct bytes expected = hash_is_zero(last) ? BYTES_EMPTY : hash_bytes(last);
    ENSURE(bytes_equal(statement->prev, expected), STATUS_CONFLICT);
    return STATUS_OK;
}

enum status p_call_statement_done(struct call *call, struct store_txn *txn, struct p_person *person,
                                  const struct statement *statement) {
    person->device.last_statement = hash_sha256(statement->compact);
    return device_rows_put(call->core, txn, person->slot, &person->device, call->arena);
}
