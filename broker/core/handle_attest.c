/*
 * ATTEST: the member that identified a person binds a device to the person's handle. The registration must be one that
 * came in under the member's own one-time enrolment, which is used up with it.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/device_rows.h"
#include "broker/core/enrolment_rows.h"
#include "broker/core/entry.h"
#include "broker/core/mailbox.h"
#include "broker/core/subject.h"
#include "keys/jws.h"
#include "proto/attestation.h"
#include "proto/limits.h"
#include "proto/msg_enrol.h"
#include "proto/statement.h"

struct attest_work {
    struct bytes signed_attestation;
    struct attestation attestation;
    struct hash device;
};

static enum status check_member(const struct call *call, const struct attestation *attestation) {
    const struct member_record *member = NULL;
    ENSURE(directory_unit(call->directory, call->envelope.sender, &member), STATUS_DENIED);
    ENSURE(member->identifies_people, STATUS_DENIED);
    ENSURE(strcmp(attestation->member, member->member) == 0, STATUS_DENIED);
    return STATUS_OK;
}

enum status handle_attest_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    const struct msg_attest *message = call->body;
    struct attest_work *work = ARENA_NEW(call->arena, struct attest_work);
    struct signed_object object;
    struct sign_public key;
    ENSURE(work, STATUS_MEMORY);
    TRY(signed_parse(call->arena, message->attestation, &object));
    TRY(handle_member_key(call, &object.key_id, &key));
    TRY(signed_verify(SIGNED_ATTESTATION, call->core->federation, &object, &key));
    TRY(attestation_parse(call->arena, call->core->federation, object.body, &work->attestation));
    TRY(check_member(call, &work->attestation));
    work->signed_attestation = message->attestation;
    work->device = jws_thumbprint(&work->attestation.sign_key);
    call->work = work;
    return STATUS_OK;
}

/* The registration that the attestation names, with the very keys that it attests. */
static enum status find_registration(struct call *call, const struct enrolment_row *row,
                                     const struct attestation *attestation, struct bytes *out_registration) {
    for (size_t i = 0; i < row->n_registrations; i++) {
        struct hash hash = hash_sha256(row->registrations[i]);
        if (!hash_equal(&hash, &attestation->registration_hash)) continue;
        struct registration registration;
        TRY(registration_parse(call->arena, call->core->federation, row->registrations[i], &registration));
        bool same = bytes_equal(BYTES_ARRAY(registration.sign_key.b), BYTES_ARRAY(attestation->sign_key.b)) &&
                    bytes_equal(BYTES_ARRAY(registration.read_key.b), BYTES_ARRAY(attestation->read_key.b));
        ENSURE(same, STATUS_INVALID);
        *out_registration = row->registrations[i];
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

static enum status check_enrolment(struct call *call, struct store_txn *txn, const struct attestation *attestation,
                                   struct enrolment_row *row, struct bytes *out_registration) {
    const uint64_t now_ms = ledger_now_ms(call->core->ledger);
    TRY(enrolment_rows_get(call->core, txn, &attestation->enrolment, call->arena, row));
    ENSURE(ids_unit_belongs(row->unit, attestation->member), STATUS_NOT_FOUND);
    ENSURE(!row->used, STATUS_CONFLICT);
    ENSURE(now_ms < row->expires_ms, STATUS_EXPIRED);
    const uint64_t skew_ms = (uint64_t)LIMIT_IAT_SKEW_S * 1000;
    ENSURE(attestation->time_ms + skew_ms >= now_ms && attestation->time_ms <= now_ms + skew_ms, STATUS_TIME);
    return find_registration(call, row, attestation, out_registration);
}

static size_t count_active(const struct device_list *devices) {
    size_t count = 0;
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->items[i].state == DEVICE_ACTIVE) count++;
    }
    return count;
}

/* The person's other devices, and whether there may be one more: decided before anything is written. */
static enum status find_others(struct call *call, struct store_txn *txn, const struct attestation *attestation,
                               struct device_list *out_others) {
    uint32_t slot = 0;
    struct device_list others = {0};
    enum status known = subject_find(call->core, txn, INDEX_HANDLE, hash_bytes(&attestation->subject), &slot);
    if (known == STATUS_OK) TRY(device_rows_list(call->core, txn, slot, call->arena, &others));
    if (known != STATUS_OK && known != STATUS_NOT_FOUND) return known;
    ENSURE(attestation->others_lost || count_active(&others) < DEVICE_ROWS_ACTIVE_MAX, STATUS_LIMIT);
    *out_others = others;
    return STATUS_OK;
}

/* Where others are active the new device waits; where they are said to be lost they are suspended at once. */
static enum status place_beside_others(struct call *call, struct store_txn *txn, uint32_t slot,
                                       const struct device_list *others, bool others_lost, struct device_row *device) {
    for (size_t i = 0; i < others->count; i++) {
        struct device_row other = others->items[i];
        if (other.state != DEVICE_ACTIVE) continue;
        if (!others_lost) {
            device->waits_until_ms = device->since_ms + DEVICE_ROWS_WAIT_MS;
            continue;
        }
        other.state = DEVICE_SUSPENDED;
        other.since_ms = device->since_ms;
        TRY(device_rows_put(call->core, txn, slot, &other, call->arena));
    }
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, const struct attest_work *work, uint32_t slot,
                               struct bytes registration) {
    struct entry entry = {0};
    entry_init(&entry, LEAF_DEVICE_ENROLLED, slot, &work->attestation.subject, call->envelope.sender, call->directory);
    entry_cause(&entry, call->envelope_bytes);
    entry_evidence(&entry, work->signed_attestation);
    entry_evidence(&entry, registration);
    entry.opening.device = hash_bytes(&work->device);
    return call_append(call, txn, &entry.ledger);
}

static enum status tell(struct call *call, struct store_txn *txn, const struct attest_work *work, uint32_t slot) {
    const struct msg_mail_event event = {
        .type = EVENT_DEVICE_ENROLLED,
        .unit = call->envelope.sender,
        .subject = hash_bytes(&work->attestation.subject),
        .attestation = work->signed_attestation,
    };
    return mailbox_put(call->core, txn, slot, &event, &call->leaves[0], 1, call->arena);
}

/* A thumbprint is enrolled once. */
static enum status check_new(struct call *call, struct store_txn *txn, const struct hash *device) {
    uint32_t slot;
    enum status found = subject_find(call->core, txn, INDEX_DEVICE, hash_bytes(device), &slot);
    ENSURE(found != STATUS_OK, STATUS_CONFLICT);
    ENSURE(found == STATUS_NOT_FOUND, found);
    return STATUS_OK;
}

enum status handle_attest_apply(struct call *call, struct store_txn *txn) {
    const struct attest_work *work = call->work;
    struct enrolment_row enrolment;
    struct bytes registration;
    struct device_list others;
    uint32_t slot = 0;
    TRY(handle_sender(call));
    TRY(check_member(call, &work->attestation));
    TRY(check_enrolment(call, txn, &work->attestation, &enrolment, &registration));
    TRY(check_new(call, txn, &work->device));
    TRY(find_others(call, txn, &work->attestation, &others));
    struct device_row device = {
        .device = work->device,
        .subject = work->attestation.subject,
        .sign_key = work->attestation.sign_key,
        .read_key = work->attestation.read_key,
        .state = DEVICE_ACTIVE,
        .since_ms = ledger_now_ms(call->core->ledger),
        .attester = work->attestation.member,
        .assurance = work->attestation.assurance,
        .attestation = work->signed_attestation,
    };
    TRY(subject_require(call->core, txn, &work->attestation.subject, &slot));
    TRY(place_beside_others(call, txn, slot, &others, work->attestation.others_lost, &device));
    TRY(append_leaf(call, txn, work, slot, registration));
    device.leaf = call->leaves[0];
    TRY(device_rows_put(call->core, txn, slot, &device, call->arena));
    enrolment.used = true;
    enrolment.n_registrations = 0;
    TRY(enrolment_rows_put(call->core, txn, &enrolment, call->arena));
    return tell(call, txn, work, slot);
}
