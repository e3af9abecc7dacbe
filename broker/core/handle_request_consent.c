/*
 * REQUEST_CONSENT: a unit asks a person for a consent. Everything that can be refused here follows from the message and
 * the directory, never from what is known of the person: the answer is the same for everybody.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/entry.h"
#include "broker/core/request_rows.h"
#include "broker/core/subject.h"
#include "proto/derive.h"

struct request_work {
    const struct msg_request_consent *message;
    struct consent_request request;
    struct hash hash;
};

static enum status open_request(struct call *call, struct request_work *work) {
    struct signed_object object;
    struct sign_public key;
    TRY(signed_parse(call->arena, work->message->request, &object));
    TRY(handle_member_key(call, &object.key_id, &key));
    TRY(signed_verify(SIGNED_REQUEST, call->core->federation, &object, &key));
    TRY(consent_request_parse(call->arena, call->core->federation, object.body, &work->request));
    work->hash = signed_hash(&object);
    return STATUS_OK;
}

static enum status check_sources(const struct call *call, const struct request_work *work) {
    const struct msg_request_consent *message = work->message;
    ENSURE(message->n_sources == work->request.n_sources, STATUS_INVALID);
    for (size_t i = 0; i < message->n_sources; i++) {
        struct hash commitment =
            derive_source_commitment(call->core->federation, message->sources[i].unit, &message->sources[i].salt);
        ENSURE(hash_equal(&commitment, &work->request.sources[i]), STATUS_INVALID);
        ENSURE(strcmp(message->sources[i].unit, work->request.recipient) != 0, STATUS_INVALID);
        for (size_t k = 0; k < i; k++) {
            ENSURE(strcmp(message->sources[i].unit, message->sources[k].unit) != 0, STATUS_INVALID);
        }
    }
    return STATUS_OK;
}

/* An agreement must cover what is asked of each source: a person is not asked for what could not be given. */
static enum status check_agreements(struct call *call, const struct request_work *work, uint64_t now_ms) {
    const struct consent_request *request = &work->request;
    for (size_t i = 0; i < work->message->n_sources; i++) {
        const struct directory_ask ask = {
            .to = request->recipient,
            .from = work->message->sources[i].unit,
            .purpose = request->purpose,
            .kinds = request->kinds,
            .n_kinds = request->n_kinds,
            .duration_s = request->duration_s,
            .at_ms = now_ms,
        };
        bool listed = directory_unit(call->directory, ask.from, NULL);
        if (!listed || !directory_covering(call->directory, &ask)) return handle_refuse(call, RULE_AGREEMENT);
    }
    return STATUS_OK;
}

static enum status check_terms(struct call *call, const struct request_work *work, uint64_t now_ms) {
    const struct consent_request *request = &work->request;
    const struct rules *rules = directory_rules(call->directory);
    ENSURE(strcmp(request->recipient, call->envelope.sender) == 0, STATUS_DENIED);
    ENSURE(request->expires_ms > now_ms, STATUS_EXPIRED);
    bool caps = rules && directory_purpose(call->directory, request->purpose) &&
                request->duration_s <= rules->longest_consent_s && request->n_sources <= rules->most_sources;
    if (!caps) return handle_refuse(call, RULE_CAPS);
    TRY(check_sources(call, work));
    return check_agreements(call, work, now_ms);
}

enum status handle_request_consent_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct request_work *work = ARENA_NEW(call->arena, struct request_work);
    ENSURE(work, STATUS_MEMORY);
    work->message = call->body;
    TRY(open_request(call, work));
    TRY(check_terms(call, work, clock_now_ms(call->core->clock)));
    call->work = work;
    return STATUS_OK;
}

/* Undecided requests of this member for this person: what others ask must not show in the answer. */
static enum status check_pending(struct call *call, struct store_txn *txn, uint32_t slot) {
    struct request_list list;
    const struct rules *rules = directory_rules(call->directory);
    ENSURE(rules, STATUS_DENIED);
    TRY(request_rows_pending(call->core, txn, slot, ledger_now_ms(call->core->ledger), call->arena, &list));
    uint32_t own = 0;
    for (size_t i = 0; i < list.count; i++) {
        struct request_parts parts;
        TRY(request_rows_parts(call->core, &list.items[i], call->arena, &parts));
        if (ids_unit_belongs(parts.request.recipient, call->member)) own++;
    }
    ENSURE(own < rules->most_pending, STATUS_LIMIT);
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, const struct request_work *work,
                               uint32_t slot) {
    const struct consent_request *request = &work->request;
    struct entry entry = {0};
    entry_init(&entry, LEAF_CONSENT_REQUESTED, slot, &request->subject, call->envelope.sender, call->directory);
    entry_cause(&entry, call->envelope_bytes);
    entry_evidence(&entry, work->message->request);
    entry.opening.recipient = request->recipient;
    entry.opening.request = ids_bytes(&request->request);
    entry.opening.purpose = request->purpose;
    entry.opening.kinds = request->kinds;
    entry.opening.n_kinds = request->n_kinds;
    return call_append(call, txn, &entry.ledger);
}

/* The same request once more gets its leaf; another one under its id is a conflict. */
static enum status find_standing(struct call *call, struct store_txn *txn, const struct request_work *work,
                                 bool *out_stands) {
    uint32_t slot;
    struct request_row row;
    *out_stands = false;
    enum status found = request_rows_find(call->core, txn, &work->request.request, call->arena, &slot, &row);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    ENSURE(hash_equal(&row.request_hash, &work->hash), STATUS_CONFLICT);
    call->leaves[0] = row.leaf;
    call->n_leaves = 1;
    *out_stands = true;
    return STATUS_OK;
}

enum status handle_request_consent_apply(struct call *call, struct store_txn *txn) {
    const struct request_work *work = call->work;
    bool stands = false;
    uint32_t slot = 0;
    TRY(handle_sender(call));
    TRY(find_standing(call, txn, work, &stands));
    if (stands) return STATUS_OK;
    struct request_row row = {
        .id = work->request.request,
        .state = REQUEST_PENDING,
        .expires_ms = work->request.expires_ms,
        .request_hash = work->hash,
    };
    TRY(msg_request_consent_encode(call->arena, work->message, &row.message));
    enum status known = subject_find(call->core, txn, INDEX_HANDLE, hash_bytes(&work->request.subject), &slot);
    if (known == STATUS_OK) TRY(check_pending(call, txn, slot));
    if (known != STATUS_OK && known != STATUS_NOT_FOUND) return known;
    TRY(subject_require(call->core, txn, &work->request.subject, &slot));
    TRY(append_leaf(call, txn, work, slot));
    row.leaf = call->leaves[0];
    return request_rows_put(call->core, txn, slot, &row, call->arena);
}
