/*
 * How the state of a consent changes: suspended, resumed, revoked, expired, superseded; and the reports of agents that
 * they have acted on an end.
 */
#include <string.h>

#include "base/text.h"
#include "broker/audit/reducer_state.h"
#include "proto/derive.h"

/* ---- history ---- */

enum status fold_change_add(struct reducer *r, struct fold_consent *consent, const struct audit_leaf *leaf,
                            enum consent_state state) {
    struct fold_change *change = ARENA_NEW(r->small, struct fold_change);
    ENSURE(change, STATUS_MEMORY);
    *change = (struct fold_change){leaf->index, leaf->leaf.time_ms, state, consent->newest};
    consent->newest = change;
    consent->state = state;
    return STATUS_OK;
}

enum consent_state fold_change_state_at(const struct fold_consent *consent, uint64_t tree_size) {
    const struct fold_change *change = consent->newest;
    while (change && change->leaf >= tree_size) {
        change = change->before;
    }
    return change ? change->state : CONSENT_STATE_NONE;
}

static bool is_final(enum consent_state state) { return state >= CONSENT_STATE_REVOKED; }

static bool may_follow(enum consent_state before, enum consent_state after) {
    if (is_final(before)) return false;
    switch (after) {
    case CONSENT_STATE_SUSPENDED:
        return before == CONSENT_ACTIVE;
    case CONSENT_ACTIVE:
        return before == CONSENT_STATE_SUSPENDED;
    default:
        return is_final(after);
    }
}

static enum consent_state state_of(enum leaf_type type) {
    static const enum consent_state states[LEAF_LAST + 1] = {
        [LEAF_CONSENT_SUSPENDED] = CONSENT_STATE_SUSPENDED,   [LEAF_CONSENT_RESUMED] = CONSENT_ACTIVE,
        [LEAF_CONSENT_REVOKED] = CONSENT_STATE_REVOKED,       [LEAF_CONSENT_EXPIRED] = CONSENT_STATE_EXPIRED,
        [LEAF_CONSENT_SUPERSEDED] = CONSENT_STATE_SUPERSEDED,
    };
    return states[type];
}

/* The token that the leaf is about, with all that the opening says of it compared. NULL when it does not stand. */
static struct fold_token *changed_token(struct reducer *r, const struct audit_leaf *leaf) {
    const struct opening *opening = &leaf->opening;
    struct fold_token *token = reducer_token(r, opening->token);
    bool stands = token && token->consent;
    if (!reducer_expect(r, leaf, stands, FINDING_STATE_CHANGE, "the token does not stand")) return NULL;
    bool says = bytes_equal(ids_bytes(&token->consent->consent), opening->consent) &&
                strcmp(token->to, opening->recipient) == 0 && strcmp(token->from, opening->source) == 0;
    (void)reducer_expect(r, leaf, says, FINDING_STATE_CHANGE, "the opening says something else than the token");
    (void)reducer_expect(r, leaf, token->consent->person == reducer_person(r, leaf), FINDING_SUBJECT,
                         "the consent is another person's");
    (void)reducer_expect(r, leaf, opening->prior_leaf == token->leaf + 1, FINDING_PRIOR_LEAF,
                         "relies on another leaf than that of the grant");
    return token;
}

static enum status change(struct reducer *r, const struct audit_leaf *leaf, struct fold_token *token) {
    enum consent_state after = state_of(leaf->leaf.type);
    (void)reducer_expect(r, leaf, leaf->opening.number == (uint64_t)after, FINDING_STATE_CHANGE,
                         "the opening names another state");
    (void)reducer_expect(r, leaf, may_follow(token->state, after), FINDING_STATE_CHANGE,
                         "the consent's state does not allow this change");
    token->state = after;
    return fold_change_add(r, token->consent, leaf, after);
}

/* ---- who may change it ---- */

/* By the device's statement: about this consent, or about a device that is lost and signed it. */
static bool statement_asks(const struct statement *statement, const struct audit_leaf *leaf,
                           const struct fold_token *token) {
    switch (statement->type) {
    case STATEMENT_REVOKE:
        return leaf->leaf.type == LEAF_CONSENT_REVOKED &&
               bytes_equal(ids_bytes(&statement->consent), leaf->opening.consent);
    case STATEMENT_SUSPEND:
        return leaf->leaf.type == LEAF_CONSENT_SUSPENDED &&
               bytes_equal(ids_bytes(&statement->consent), leaf->opening.consent);
    case STATEMENT_RESUME:
        return leaf->leaf.type == LEAF_CONSENT_RESUMED &&
               bytes_equal(ids_bytes(&statement->consent), leaf->opening.consent);
    case STATEMENT_REMOVE_DEVICE:
        return leaf->leaf.type == LEAF_CONSENT_SUSPENDED && token->consent->device &&
               hash_equal(&statement->other_device, &token->consent->device->device) && statement->since_s > 0 &&
               token->iat_s >= statement->since_s;
    default:
        return false;
    }
}

static void judge_statement(struct reducer *r, const struct audit_leaf *leaf, const struct fold_token *token) {
    const struct fold_device *device = fold_device_statement(r, leaf);
    if (!device) return;
    (void)reducer_expect(r, leaf, statement_asks(leaf->material.statement, leaf, token), FINDING_STATEMENT,
                         "the statement does not ask for this");
}

static bool code_fits(const struct reducer *r, const struct id16 *code, const struct fold_token *token) {
    struct hash rev = derive_code_hash(r->federation, code);
    return hash_equal(&rev, &token->rev);
}

/* By whoever has the code: no key, no name. */
static void judge_code(const struct reducer *r, const struct audit_leaf *leaf, const struct fold_token *token) {
    bool fits = code_fits(r, leaf->material.code, token) && leaf->leaf.type == LEAF_CONSENT_REVOKED;
    (void)reducer_expect(r, leaf, fits, FINDING_DENIED, "the code is not that of the consent");
    (void)reducer_expect(r, leaf, reducer_event(r, leaf, "code", &token->consent->consent), FINDING_EVENT,
                         "the event is not that of the code");
}

static bool member_may(const struct fold_token *token, const char *sender) {
    struct bytes member = ids_member_of(sender);
    const struct fold_device *device = token->consent->device;
    return bytes_equal(member, ids_member_of(token->to)) || bytes_equal(member, ids_member_of(token->from)) ||
           (device && bytes_equal_text(member, device->attester));
}

/* By a member on the person's word, or by any to whom the person showed the code. */
static void judge_member(struct reducer *r, const struct audit_leaf *leaf, const struct fold_token *token) {
    if (!reducer_envelope(r, leaf, MESSAGE_REVOKE, false)) return;
    const struct msg_revoke *revoke = &leaf->material.message->revoke;
    struct id16 code;
    bool by_code = ids_from_bytes(revoke->code, &code) == STATUS_OK && code_fits(r, &code, token);
    (void)reducer_expect(r, leaf, by_code || member_may(token, leaf->material.envelope->sender), FINDING_DENIED,
                         "changed by a member that is neither recipient, source nor attester");
    bool same = by_code || bytes_equal(ids_bytes(&revoke->consent), leaf->opening.consent);
    (void)reducer_expect(r, leaf, same && leaf->leaf.type == LEAF_CONSENT_REVOKED, FINDING_CAUSE,
                         "the message does not ask for this");
}

enum status fold_change_ordered(struct reducer *r, const struct audit_leaf *leaf) {
    const struct audit_material *material = &leaf->material;
    struct fold_token *token = changed_token(r, leaf);
    if (!token) return STATUS_OK;
    if (material->statement) {
        judge_statement(r, leaf, token);
    } else if (material->code) {
        judge_code(r, leaf, token);
    } else {
        judge_member(r, leaf, token);
    }
    return change(r, leaf, token);
}

/* ---- changes that nobody orders ---- */

enum status fold_change_expired(struct reducer *r, const struct audit_leaf *leaf) {
    struct fold_token *token = changed_token(r, leaf);
    if (!token) return STATUS_OK;
    (void)reducer_expect(r, leaf, leaf->leaf.time_ms >= token->exp_s * 1000, FINDING_STATE_CHANGE,
                         "expired before its time");
    (void)reducer_expect(r, leaf, strcmp(leaf->opening.actor, "broker") == 0, FINDING_CAUSE,
                         "an expiry is the broker's own");
    (void)reducer_expect(r, leaf, reducer_event(r, leaf, "broker", &token->jti), FINDING_EVENT,
                         "the event is not that of the token");
    return change(r, leaf, token);
}

/* The new token stands in the same decision, before or after this leaf: fold_consent_close compares the terms. */
enum status fold_change_superseded(struct reducer *r, const struct audit_leaf *leaf) {
    const struct token *by = leaf->material.token;
    struct fold_token *token = changed_token(r, leaf);
    if (!token || !by) return STATUS_OK;
    TRY(fold_consent_open(r, leaf, &by->consent, &by->jti));
    bool own =
        leaf->material.token_verdict == VERDICT_GOOD && bytes_equal(hash_bytes(&by->subject), leaf->opening.subject);
    (void)reducer_expect(r, leaf, own, FINDING_TOKEN, "the superseding token is not this person's");
    struct fold_decision *decision = &r->decision;
    if (decision->n_superseded < LIMIT_TOKENS) {
        decision->superseded[decision->n_superseded] = token->consent;
        decision->superseded_leaf[decision->n_superseded++] = leaf->index;
    }
    return change(r, leaf, token);
}

/* ---- reports of agents ---- */

static bool concerns(const struct fold_consent *consent, const char *unit) {
    struct bytes member = ids_member_of(unit);
    for (const struct fold_token *token = consent->tokens; token; token = token->next) {
        if (bytes_equal(member, ids_member_of(token->to)) || bytes_equal(member, ids_member_of(token->from))) {
            return true;
        }
    }
    return false;
}

enum status fold_change_acknowledged(struct reducer *r, const struct audit_leaf *leaf) {
    const struct fold_consent *consent = reducer_consent(r, leaf->opening.consent);
    bool ended = consent && leaf->opening.number == (uint64_t)consent->state && consent->state != CONSENT_ACTIVE;
    (void)reducer_expect(r, leaf, ended, FINDING_ACKNOWLEDGEMENT, "acknowledges an end that the consent did not have");
    if (!consent) return STATUS_OK;
    (void)reducer_expect(r, leaf, concerns(consent, leaf->opening.actor), FINDING_DENIED,
                         "acknowledged by a member that the consent does not concern");
    if (!reducer_envelope(r, leaf, MESSAGE_ACKNOWLEDGE, false)) return STATUS_OK;
    const struct msg_acknowledge *message = &leaf->material.message->acknowledge;
    bool same =
        bytes_equal(ids_bytes(&message->consent), leaf->opening.consent) && message->ending == leaf->opening.number;
    (void)reducer_expect(r, leaf, same, FINDING_CAUSE, "the message does not say this");
    return STATUS_OK;
}
