/*
 * Reads the directory and the leaf, writes the leaf's verdicts. A request or attestation that comes again with a token
 * is not verified again: the reducer compares it with the one that stands.
 */
#include "broker/audit/signatures.h"

static enum verdict verdict_of(enum status status) { return status == STATUS_OK ? VERDICT_GOOD : VERDICT_BAD; }

/* A Signed object by whichever member's key it names. */
static enum status check_member(const char *federation, struct audit_leaf *leaf, const char *label,
                                struct audit_signed *object) {
    struct sign_public key;
    if (directory_find_key(leaf->directory, &object->object.key_id, &key, &object->member) != STATUS_OK) {
        object->verdict = VERDICT_NO_KEY;
        return STATUS_OK;
    }
    enum status status = signed_verify(label, federation, &object->object, &key);
    ENSURE(status != STATUS_MEMORY, status);
    object->verdict = verdict_of(status);
    leaf->signatures++;
    return STATUS_OK;
}

static enum status check_devices(struct audit_leaf *leaf) {
    struct audit_material *material = &leaf->material;
    enum verdict verdict = VERDICT_NO_KEY;
    if (leaf->has_device_key) {
        enum status status = material->statement ? statement_verify(material->statement, &leaf->device_key)
                                                 : token_verify(material->token, &leaf->device_key);
        ENSURE(status != STATUS_MEMORY, status);
        verdict = verdict_of(status);
        leaf->signatures++;
    }
    material->token_verdict = verdict;
    material->statement_verdict = verdict;
    return STATUS_OK;
}

/* Grants uploaded together rely on the same state statement: equal bytes are verified once. */
static enum status check_state(const char *federation, struct audit_leaf *leaf, struct audit_grant *grant,
                               const struct audit_grant *before) {
    const struct epoch *epoch = directory_epoch(leaf->directory);
    grant->state_verdict = VERDICT_NO_KEY;
    if (!epoch) return STATUS_OK;
    if (before && before->has_state && bytes_equal(before->grant.state, grant->grant.state)) {
        grant->state_verdict = before->state_verdict;
        return STATUS_OK;
    }
    enum status status = signed_verify(SIGNED_STATE, federation, &grant->state_object, &epoch->status_key);
    ENSURE(status != STATUS_MEMORY, status);
    grant->state_verdict = verdict_of(status);
    leaf->signatures++;
    return STATUS_OK;
}

static enum status check_grants(const char *federation, struct audit_leaf *leaf) {
    struct audit_grant *grants = leaf->material.grants;
    for (size_t i = 0; i < leaf->material.n_grants; i++) {
        TRY(check_member(federation, leaf, SIGNED_GRANT, &grants[i].signature));
        if (grants[i].has_state) TRY(check_state(federation, leaf, &grants[i], i > 0 ? &grants[i - 1] : NULL));
    }
    return STATUS_OK;
}

enum status signatures_check(const char *federation, struct audit_leaf *leaf) {
    struct audit_material *material = &leaf->material;
    bool again = leaf->leaf.type == LEAF_CONSENT_GRANTED;
    if (leaf->state != OPENING_OPEN) return STATUS_OK;
    if (material->envelope) TRY(check_member(federation, leaf, SIGNED_ENVELOPE, material->envelope_signed));
    if (material->header) TRY(check_member(federation, leaf, SIGNED_HEADER, material->header_signed));
    if (material->request && !again) TRY(check_member(federation, leaf, SIGNED_REQUEST, material->request_signed));
    if (material->attestation && !again) {
        TRY(check_member(federation, leaf, SIGNED_ATTESTATION, material->attestation_signed));
    }
    if (material->token || material->statement) TRY(check_devices(leaf));
    return check_grants(federation, leaf);
}
