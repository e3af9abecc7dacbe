/*
 * Devices and what they say: enrolment, removal, requests to read one's own plan, and the chain of statements.
 */
#include <string.h>

#include "base/text.h"
#include "broker/audit/reducer_state.h"
#include "keys/jws.h"

/* ---- statements ---- */

/* A device's statements name the one before. What the log does not show (a countersignature) may stand between. */
static bool chain_holds(struct fold_device *device, const struct statement *statement, const struct hash *hash) {
    if (device->has_statement && hash_equal(&device->last_statement, hash)) return true;
    struct bytes expected = device->has_statement ? hash_bytes(&device->last_statement) : BYTES_EMPTY;
    if (bytes_equal(statement->prev, expected)) return true;
    if (device->unseen == 0) return false;
    device->unseen--;
    return true;
}

struct fold_device *fold_device_statement(struct reducer *r, const struct audit_leaf *leaf) {
    const struct statement *statement = leaf->material.statement;
    if (!statement) return NULL; /* the material has its finding */
    struct fold_device *device = table_find(&r->devices, statement->device.b);
    if (!reducer_expect(r, leaf, device != NULL, FINDING_DEVICE_STATE, "signed by a device that was never enrolled")) {
        return NULL;
    }
    (void)reducer_expect(r, leaf, leaf->material.statement_verdict == VERDICT_GOOD, FINDING_SIGNATURE,
                         "the statement is not signed by its device");
    bool subject = bytes_equal(hash_bytes(&statement->subject), leaf->opening.subject) &&
                   device->person == reducer_person(r, leaf);
    (void)reducer_expect(r, leaf, subject, FINDING_SUBJECT, "the statement is another person's");
    (void)reducer_expect(r, leaf, statement_fresh(statement, leaf->leaf.time_ms) == STATUS_OK, FINDING_STATEMENT,
                         "the statement is from another time than the leaf");
    (void)reducer_expect(r, leaf, device->state == FOLD_DEVICE_ACTIVE, FINDING_DEVICE_STATE,
                         "the device was removed or suspended before");
    (void)reducer_expect(r, leaf, chain_holds(device, statement, &leaf->material.cause_hash), FINDING_STATEMENT_CHAIN,
                         "the statement does not follow the device's last one");
    const char *sender = text_base64url(leaf->arena, hash_bytes(&statement->device));
    (void)reducer_expect(r, leaf, sender && reducer_event(r, leaf, sender, &statement->jti), FINDING_EVENT,
                         "the event is not that of the statement");
    device->last_statement = leaf->material.cause_hash;
    device->has_statement = true;
    return device;
}

/* ---- enrolment ---- */

static void judge_attestation(const struct reducer *r, const struct audit_leaf *leaf) {
    const struct attestation *attestation = leaf->material.attestation;
    const struct member_record *member = directory_member(leaf->directory, attestation->member);
    bool by_member = reducer_signed_by(leaf->material.attestation_signed, attestation->member) &&
                     ids_unit_belongs(leaf->opening.actor, attestation->member);
    (void)reducer_expect(r, leaf, by_member, FINDING_ATTESTATION, "not signed by the member that attests");
    (void)reducer_expect(r, leaf, member && member->identifies_people, FINDING_ATTESTATION,
                         "the member does not identify people");
    struct hash thumbprint = jws_thumbprint(&attestation->sign_key);
    bool same = bytes_equal(hash_bytes(&attestation->subject), leaf->opening.subject) &&
                bytes_equal(hash_bytes(&thumbprint), leaf->opening.device);
    (void)reducer_expect(r, leaf, same, FINDING_ATTESTATION, "the attestation is for another person or device");
}

static void judge_registration(const struct reducer *r, const struct audit_leaf *leaf) {
    const struct attestation *attestation = leaf->material.attestation;
    const struct registration *registration = leaf->material.registration;
    if (!registration) return;
    struct hash hash = hash_sha256(registration->compact);
    bool same = hash_equal(&hash, &attestation->registration_hash) &&
                ids_equal(&registration->enrolment, &attestation->enrolment) &&
                bytes_equal(BYTES_ARRAY(registration->sign_key.b), BYTES_ARRAY(attestation->sign_key.b)) &&
                bytes_equal(BYTES_ARRAY(registration->read_key.b), BYTES_ARRAY(attestation->read_key.b));
    (void)reducer_expect(r, leaf, same, FINDING_REGISTRATION, "the member attested to another registration");
}

static void judge_enrolment(const struct reducer *r, const struct audit_leaf *leaf) {
    judge_attestation(r, leaf);
    judge_registration(r, leaf);
    if (!reducer_envelope(r, leaf, MESSAGE_ATTEST, false)) return;
    struct hash hash = hash_sha256(leaf->material.message->attest.attestation);
    (void)reducer_expect(r, leaf, hash_equal(&hash, &leaf->material.attestation_signed->hash), FINDING_CAUSE,
                         "the message carries another attestation");
}

/* The person's other devices may countersign without a leaf; those said to be lost are suspended. */
static void tell_others(struct fold_person *person, const struct fold_device *device, bool others_lost) {
    for (struct fold_device *other = person->devices; other; other = other->next) {
        if (other == device) continue;
        other->unseen++;
        if (others_lost && other->state == FOLD_DEVICE_ACTIVE) other->state = FOLD_DEVICE_SUSPENDED;
    }
}

enum status fold_device_enrolled(struct reducer *r, const struct audit_leaf *leaf) {
    const struct attestation *attestation = leaf->material.attestation;
    if (!attestation || leaf->opening.device.len != HASH_BYTES) return STATUS_OK;
    judge_enrolment(r, leaf);
    struct fold_person *person = reducer_person(r, leaf);
    struct fold_device *device = table_require(&r->devices, leaf->opening.device.data);
    ENSURE(device && person, STATUS_MEMORY);
    if (!reducer_expect(r, leaf, !device->person, FINDING_DEVICE_STATE, "the device was enrolled before")) {
        return STATUS_OK;
    }
    device->person = person;
    device->next = person->devices;
    person->devices = device;
    device->attestation = leaf->material.attestation_signed->hash;
    device->attester = reducer_name(r, attestation->member);
    ENSURE(device->attester, STATUS_MEMORY);
    tell_others(person, device, attestation->others_lost);
    return STATUS_OK;
}

/* ---- removal and reading ---- */

enum status fold_device_removed(struct reducer *r, const struct audit_leaf *leaf) {
    const struct fold_device *signer = fold_device_statement(r, leaf);
    const struct statement *statement = leaf->material.statement;
    struct fold_device *device = reducer_device(r, leaf->opening.device);
    if (!signer) return STATUS_OK;
    bool asked = statement->type == STATEMENT_REMOVE_DEVICE &&
                 bytes_equal(hash_bytes(&statement->other_device), leaf->opening.device);
    (void)reducer_expect(r, leaf, asked, FINDING_STATEMENT, "the statement does not ask for this removal");
    bool own = device && device->person == signer->person;
    if (!reducer_expect(r, leaf, own, FINDING_DEVICE_STATE, "the person has no such device")) return STATUS_OK;
    device->state = FOLD_DEVICE_REMOVED;
    return STATUS_OK;
}

enum status fold_device_read(struct reducer *r, const struct audit_leaf *leaf) {
    struct fold_device *device = fold_device_statement(r, leaf);
    const struct statement *statement = leaf->material.statement;
    if (!device) return STATUS_OK;
    bool asked = statement->type == STATEMENT_READ && strcmp(statement->source, leaf->opening.source) == 0 &&
                 bytes_equal(hash_bytes(&device->device), leaf->opening.device);
    (void)reducer_expect(r, leaf, asked, FINDING_STATEMENT, "the statement does not ask to read from this source");
    struct fold_read *read = ARENA_NEW(r->small, struct fold_read);
    const char *source = reducer_name(r, leaf->opening.source);
    ENSURE(read && source, STATUS_MEMORY);
    *read = (struct fold_read){source, device->reads};
    device->reads = read;
    return STATUS_OK;
}
