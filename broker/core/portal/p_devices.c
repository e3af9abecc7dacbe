/*
 * A person's devices: a new one registers, with nothing but the id of a one-time enrolment; the person's own are
 * listed; one of them removes another, or itself.
 */
#include "broker/core/portal/p_handlers.h"

#include <string.h>

#include "base/text.h"
#include "broker/core/consent_change.h"
#include "broker/core/enrolment_rows.h"
#include "broker/core/entry.h"
#include "broker/core/grant_rows.h"
#include "broker/core/mailbox.h"
#include "broker/core/portal/p_call.h"
#include "proto/limits.h"

static const char *state_name(const struct device_row *row, uint64_t now_ms) {
    switch (row->state) {
    case DEVICE_ACTIVE:
        return device_rows_settled(row, now_ms) ? "active" : "waiting";
    case DEVICE_SUSPENDED:
        return row->since_ms + DEVICE_ROWS_WAIT_MS <= now_ms ? "removed" : "suspended";
    case DEVICE_NONE:
    case DEVICE_REMOVED:
        break;
    }
    return "removed";
}

/* ---- register ---- */

struct register_work {
    struct registration registration;
    const char *kid;
    const char *state; /* of a device that is enrolled already; NULL: pending */
};

static enum status check_fresh(const struct registration *registration, uint64_t now_ms) {
    uint64_t now_s = now_ms / 1000;
    bool fresh = registration->iat_s <= now_s + LIMIT_IAT_SKEW_S && now_s <= registration->iat_s + LIMIT_IAT_SKEW_S;
    return fresh ? STATUS_OK : STATUS_TIME;
}

static enum status check_enrolment(struct call *call, struct store_txn *txn, const struct register_work *work,
                                   uint64_t now_ms, struct enrolment_row *row) {
    TRY(enrolment_rows_get(call->core, txn, &work->registration.enrolment, call->arena, row));
    ENSURE(now_ms < row->expires_ms, STATUS_EXPIRED);
    ENSURE(!row->used, STATUS_CONFLICT);
    return STATUS_OK;
}

/* The device as it is, when an attestation has come already. */
static enum status find_enrolled(struct call *call, struct store_txn *txn, struct register_work *work,
                                 uint64_t now_ms) {
    uint32_t slot;
    struct device_row row;
    enum status found = device_rows_find(call->core, txn, &work->registration.device, call->arena, &slot, &row);
    work->state = NULL;
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    work->state = state_name(&row, now_ms);
    return STATUS_OK;
}

enum status p_devices_post_check(struct call *call, struct store_txn *txn) {
    static const char *const members[] = {"registration", NULL};
    const uint64_t now_ms = clock_now_ms(call->core->clock);
    json_t *body CLEANUP(json_cleanup) = NULL;
    struct register_work *work = ARENA_NEW(call->arena, struct register_work);
    const char *compact = NULL;
    struct dpop proof;
    struct enrolment_row enrolment;
    ENSURE(work, STATUS_MEMORY);
    TRY(p_call_proof(call, &proof));
    TRY(p_call_body(call, members, &body));
    TRY(json_get_text(body, "registration", &compact));
    TRY(registration_parse(call->arena, call->core->federation, bytes_text(compact), &work->registration));
    ENSURE(hash_equal(&work->registration.device, &proof.device), STATUS_DENIED);
    work->kid = text_base64url(call->arena, hash_bytes(&proof.device));
    ENSURE(work->kid, STATUS_MEMORY);
    call->work = work;
    TRY(find_enrolled(call, txn, work, now_ms));
    if (work->state) return STATUS_OK;
    TRY(check_fresh(&work->registration, now_ms));
    return check_enrolment(call, txn, work, now_ms, &enrolment);
}

static bool is_registered(const struct enrolment_row *row, struct bytes compact) {
    for (size_t i = 0; i < row->n_registrations; i++) {
        if (bytes_equal(row->registrations[i], compact)) return true;
    }
    return false;
}

enum status p_devices_post_apply(struct call *call, struct store_txn *txn) {
    struct register_work *work = call->work;
    struct enrolment_row row;
    const uint64_t now_ms = ledger_now_ms(call->core->ledger);
    TRY(find_enrolled(call, txn, work, now_ms));
    if (work->state) return STATUS_OK;
    TRY(check_enrolment(call, txn, work, now_ms, &row));
    if (is_registered(&row, work->registration.compact)) return STATUS_OK;
    ENSURE(row.n_registrations < ENROLMENT_ROWS_REGISTRATIONS, STATUS_LIMIT);
    row.registrations[row.n_registrations++] = work->registration.compact;
    TRY(enrolment_rows_put(call->core, txn, &row, call->arena));
    const struct msg_mail_event event = {
        .type = EVENT_REGISTRATION,
        .unit = row.unit,
        .statement = work->registration.compact,
    };
    return mailbox_put(call->core, txn, LEDGER_NO_SLOT, &event, NULL, 0, call->arena);
}

enum status p_devices_post_answer(struct call *call, struct store_txn *txn) {
    (void)txn;
    const struct register_work *work = call->work;
    call->http_status = work->state ? 200 : 202;
    return p_call_answer(call,
                         json_pack("{s:s, s:s}", "kid", work->kid, "state", work->state ? work->state : "pending"));
}

/* ---- list ---- */

static enum status add_device(json_t *list, const struct device_row *row, uint64_t now_ms) {
    json_t *object = json_pack("{s:s, s:s, s:I, s:I}", "state", state_name(row, now_ms), "attester", row->attester,
                               "assurance", (json_int_t)row->assurance, "since", (json_int_t)(row->since_ms / 1000));
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    TRY(json_set_bytes(object, "kid", hash_bytes(&row->device)));
    TRY(json_set_bytes(object, "read", BYTES_ARRAY(row->read_key.b)));
    return hash_is_zero(&row->last_statement)
               ? STATUS_OK
               : json_set_bytes(object, "last_statement", hash_bytes(&row->last_statement));
}

enum status p_devices_get_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    struct device_list devices;
    TRY(p_call_person(call, txn, P_READS, &person));
    TRY(device_rows_list(call->core, txn, person.slot, call->arena, &devices));
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[]}", "devices");
    ENSURE(root, STATUS_MEMORY);
    TRY(json_set_bytes(root, "subject", hash_bytes(&person.device.subject)));
    for (size_t i = 0; i < devices.count; i++) {
        TRY(add_device(json_object_get(root, "devices"), &devices.items[i], clock_now_ms(call->core->clock)));
    }
    return p_call_answer(call, MOVE(root));
}

/* ---- remove ---- */

struct remove_work {
    struct p_person person;
    struct statement statement;
};

/* A device that waits removes nobody but itself. */
static enum status check_rights(const struct remove_work *work, uint64_t now_ms) {
    bool itself = hash_equal(&work->statement.other_device, &work->person.device.device);
    return itself || device_rows_settled(&work->person.device, now_ms) ? STATUS_OK : STATUS_DENIED;
}

enum status p_devices_delete_check(struct call *call, struct store_txn *txn) {
    static const char *const members[] = {"statement", NULL};
    json_t *body CLEANUP(json_cleanup) = NULL;
    struct remove_work *work = ARENA_NEW(call->arena, struct remove_work);
    struct hash device;
    ENSURE(work, STATUS_MEMORY);
    TRY(p_call_person(call, txn, P_WRITES, &work->person));
    TRY(p_call_hash(call, &device));
    TRY(p_call_body(call, members, &body));
    TRY(p_call_statement(call, txn, &work->person, body, 1U << STATEMENT_REMOVE_DEVICE, &work->statement));
    ENSURE(hash_equal(&work->statement.other_device, &device), STATUS_INVALID);
    TRY(check_rights(work, clock_now_ms(call->core->clock)));
    call->work = work;
    return STATUS_OK;
}

static enum status append_removed(struct call *call, struct store_txn *txn, const struct remove_work *work,
                                  const struct device_row *device) {
    struct entry entry = {0};
    entry_init(&entry, LEAF_DEVICE_REMOVED, work->person.slot, &work->person.device.subject, work->person.kid,
               call->directory);
    entry_cause(&entry, work->statement.compact);
    entry.opening.device = hash_bytes(&device->device);
    entry_prior(&entry, device->leaf);
    return call_append(call, txn, &entry.ledger);
}

/* What a lost or stolen device signed since then stops, as far as one message has room for leaves: all of it is refused
 * anyhow, since its device is no more (clause 9). */
static enum status suspend_signed(struct call *call, struct store_txn *txn, const struct remove_work *work,
                                  const struct device_row *device) {
    struct consent_list consents;
    TRY(consent_rows_list(call->core, txn, work->person.slot, call->arena, &consents));
    for (size_t i = 0; i < consents.count; i++) {
        struct consent_row *row = &consents.items[i];
        bool theirs = hash_equal(&row->device, &device->device) && row->state == CONSENT_ACTIVE &&
                      row->signed_s >= work->statement.since_s;
        if (!theirs || call->n_leaves + row->n_tokens > CALL_LEAVES_MAX) continue;
        const struct consent_change change = {
            .type = LEAF_CONSENT_SUSPENDED,
            .actor = work->person.kid,
            .sender = call->sender,
            .message = &call->message,
            .first = (uint32_t)call->n_leaves,
            .cause = work->statement.compact,
            .statement = work->statement.compact,
        };
        TRY(consent_change_apply(call->core, txn, call, call->directory, work->person.slot, row, &change, call->arena));
    }
    return STATUS_OK;
}

static enum status remove_device(struct call *call, struct store_txn *txn, struct remove_work *work,
                                 struct device_row *device) {
    const struct grant_owner owner = grant_rows_of_device(call->core, &device->device, work->person.slot);
    TRY(append_removed(call, txn, work, device));
    device->state = DEVICE_REMOVED;
    device->since_ms = ledger_now_ms(call->core->ledger);
    TRY(device_rows_put(call->core, txn, work->person.slot, device, call->arena));
    TRY(grant_rows_delete_all(txn, &owner, call->arena));
    bool itself = hash_equal(&device->device, &work->person.device.device);
    return work->statement.since_s > 0 && !itself ? suspend_signed(call, txn, work, device) : STATUS_OK;
}

enum status p_devices_delete_apply(struct call *call, struct store_txn *txn) {
    struct remove_work *work = call->work;
    struct device_row device;
    TRY(p_call_statement_again(call, txn, &work->person, &work->statement));
    TRY(check_rights(work, ledger_now_ms(call->core->ledger)));
    TRY(device_rows_get(call->core, txn, work->person.slot, &work->statement.other_device, call->arena, &device));
    ENSURE(device.state != DEVICE_REMOVED, STATUS_CONFLICT);
    /* The chain first: a device that removes itself is written once more, as removed. */
    work->person.device.last_statement = hash_sha256(work->statement.compact);
    if (hash_equal(&device.device, &work->person.device.device)) {
        device.last_statement = work->person.device.last_statement;
        return remove_device(call, txn, work, &device);
    }
    TRY(remove_device(call, txn, work, &device));
    return p_call_statement_done(call, txn, &work->person, &work->statement);
}
