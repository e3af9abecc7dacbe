/*
 * What the gate's handlers have in common.
 */
#include "broker/core/handle.h"

enum status handle_member_key(const struct call *call, const struct hash *key_id, struct sign_public *out_key) {
    const struct member_record *member = NULL;
    ENSURE(directory_unit(call->directory, call->envelope.sender, &member), STATUS_DENIED);
    enum status found = directory_sign_key(call->directory, member->member, key_id->b, out_key);
    return found == STATUS_OK ? STATUS_OK : STATUS_SIGNATURE;
}

enum status handle_sender(const struct call *call) {
    struct hash key_id;
    struct sign_public key;
    TRY(signed_key_id(call->envelope_bytes, &key_id));
    enum status found = handle_member_key(call, &key_id, &key);
    return found == STATUS_SIGNATURE ? STATUS_DENIED : found;
}

enum status handle_refuse(struct call *call, enum rule_clause clause) {
    call->code = rule_outward(clause);
    call->clause = clause;
    if (call->code == REPLY_TRY_LATER) call->retry_after_ms = HANDLE_RETRY_MS;
    return STATUS_REFUSED;
}
