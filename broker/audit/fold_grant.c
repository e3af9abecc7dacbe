/*
 * Key grants: each could let its recipient read, so each is judged as a release is, at the stage of its source.
 */
#include <string.h>

#include "base/text.h"
#include "broker/audit/reducer_state.h"

/* What a broker may take between committing a change of state and signing it (its limit for the signature): a statement
 * of the state before is no lie for that long. */
#define STATE_RACE_MS 2000

/* ---- the state that the source relied on ---- */

static bool changed_between(const struct fold_consent *consent, const struct state_statement *state) {
    for (const struct fold_change *change = consent->newest; change; change = change->before) {
        if (change->leaf >= state->tree_size && change->time_ms + STATE_RACE_MS < state->time_ms) return true;
    }
    return false;
}

static bool state_true(const struct fold_consent *consent, const struct audit_leaf *leaf,
                       const struct state_statement *state) {
    return state->state == CONSENT_ACTIVE && state->tree_size <= leaf->index &&
           fold_change_state_at(consent, state->tree_size) == state->state && !changed_between(consent, state);
}

static void judge_state(const struct reducer *r, const struct audit_leaf *leaf, const struct audit_grant *grant,
                        const struct fold_token *token) {
    const struct state_statement *state = &grant->state;
    bool own = grant->has_state && grant->state_verdict == VERDICT_GOOD && ids_equal(&state->token, &token->jti);
    if (!reducer_expect(r, leaf, own, FINDING_KEY_GRANT, "without a state statement for the token by the status key")) {
        return;
    }
    uint64_t now = leaf->leaf.time_ms;
    bool fresh = state->time_ms <= now + LIMIT_STATE_AGE_MS && now <= state->time_ms + LIMIT_STATE_AGE_MS;
    (void)reducer_expect(r, leaf, fresh, FINDING_STALE_STATE, "the state relied on was more than ten minutes old");
    (void)reducer_expect(r, leaf, state_true(token->consent, leaf, state), FINDING_STALE_STATE,
                         "the state relied on was not the log's at that size and time");
}

/* ---- one grant ---- */

static bool grant_says(const struct audit_leaf *leaf, const struct audit_grant *grant,
                       const struct opening_item *item) {
    const struct key_grant *said = &grant->grant;
    return ids_equal(&said->fragment, &item->fragment) && said->revision == item->revision &&
           hash_equal(&said->header_hash, &item->header_hash) &&
           bytes_equal(item->grant_hash, hash_bytes(&grant->signature.hash)) &&
           bytes_equal(said->token, leaf->opening.token) && strcmp(said->recipient, leaf->opening.recipient) == 0;
}

static bool fits_fragment(const struct audit_grant *grant, const struct fold_fragment *fragment) {
    return grant->grant.kind == fragment->kind && hash_equal(&grant->grant.header_hash, &fragment->header_hash);
}

static bool fits_token(const struct audit_leaf *leaf, const struct key_grant *grant, const struct fold_token *token) {
    struct seal_public key;
    struct hash key_id;
    return strcmp(grant->purpose, token->purpose) == 0 && strcmp(grant->recipient, token->to) == 0 &&
           directory_seal_key(leaf->directory, token->to, &key, &key_id) == STATUS_OK &&
           hash_equal(&key_id, &grant->recipient_key_id);
}

static bool has_kind(const struct fold_token *token, enum kind kind) {
    for (size_t i = 0; i < token->n_kinds; i++) {
        if (token->kinds[i] == (uint32_t)kind) return true;
    }
    return false;
}

/* A once consent is granted against the release that used it; otherwise before. */
static bool once_fits(const struct reducer *r, const struct key_grant *grant, const struct fold_token *token) {
    if (token->access != ACCESS_ONCE) return grant->release_event.len == 0;
    if (grant->release_event.len != IDS_ID16_BYTES) return false;
    const struct fold_release *release = table_find(&r->releases, grant->release_event.data);
    return release && release->token == token;
}

static enum rule_clause derive(const struct reducer *r, const struct audit_leaf *leaf, const struct key_grant *grant,
                               const struct fold_token *token, const struct fold_fragment *fragment) {
    struct rule_facts facts = fold_release_facts(leaf, token);
    const struct audit_signed *envelope = leaf->material.envelope_signed;
    facts.envelope_key_active = !envelope || envelope->verdict != VERDICT_NO_KEY;
    facts.recipient_matches = strcmp(grant->recipient, token->to) == 0;
    facts.purpose_matches = strcmp(grant->purpose, token->purpose) == 0;
    facts.unused = once_fits(r, grant, token);
    facts.source_matches =
        strcmp(token->from, leaf->opening.actor) == 0 && fragment && strcmp(fragment->source, token->from) == 0;
    facts.kind_matches = fragment && has_kind(token, fragment->kind);
    facts.fragment_current = fragment && !fragment->withdrawn && fragment->revision == grant->revision &&
                             fragment->person == token->consent->person &&
                             (fragment->expires_ms == 0 || leaf->leaf.time_ms < fragment->expires_ms);
    return rule_release(&facts, RULE_STAGE_GRANT, leaf->leaf.time_ms);
}

static enum status keep(struct reducer *r, const struct audit_grant *grant, const struct fold_token *token) {
    const struct fold_grant_key key = {token->jti, grant->grant.fragment};
    struct fold_grant *row = table_require(&r->grants, &key);
    ENSURE(row, STATUS_MEMORY);
    row->revision = grant->grant.revision;
    row->hash = grant->signature.hash;
    row->recipient_key_id = grant->grant.recipient_key_id;
    return STATUS_OK;
}

static enum status fold_one(struct reducer *r, const struct audit_leaf *leaf, const struct audit_grant *grant,
                            const struct opening_item *item, const struct fold_token *token) {
    const struct fold_fragment *fragment = table_find(&r->fragments, grant->grant.fragment.b);
    enum rule_clause clause = derive(r, leaf, &grant->grant, token, fragment);
    if ((uint32_t)clause != item->clause) {
        reducer_report_clause(r, leaf->index, clause ? clause : (enum rule_clause)item->clause,
                              clause ? "a key was granted that the rule refuses" : "a grant was discarded wrongly");
    }
    if (item->clause != RULE_PASS) return STATUS_OK;
    bool fits = fragment && fits_fragment(grant, fragment) && fits_token(leaf, &grant->grant, token);
    (void)reducer_expect(r, leaf, fits, FINDING_KEY_GRANT,
                         "the grant is not for this fragment, token and recipient key");
    judge_state(r, leaf, grant, token);
    return keep(r, grant, token);
}

/* ---- a person's own device ---- */

static bool has_read(const struct fold_device *device, const char *source) {
    for (const struct fold_read *read = device->reads; read; read = read->next) {
        if (strcmp(read->source, source) == 0) return true;
    }
    return false;
}

static void judge_own(const struct reducer *r, const struct audit_leaf *leaf, const struct audit_grant *grant) {
    const struct fold_device *device = reducer_device(r, leaf->opening.device);
    const char *text = text_base64url(leaf->arena, leaf->opening.device);
    bool stands = device && device->person && device->state == FOLD_DEVICE_ACTIVE && text &&
                  strcmp(text, grant->grant.recipient) == 0;
    if (!stands ||
        !directory_accepts_self_read(leaf->directory, leaf->opening.actor, device->attester, leaf->leaf.time_ms)) {
        reducer_report_clause(r, leaf->index, RULE_DEVICE,
                              "a key was granted to a device that the source does not accept");
        return;
    }
    (void)reducer_expect(r, leaf, has_read(device, leaf->opening.actor), FINDING_KEY_GRANT,
                         "the device did not ask this source");
    const struct fold_fragment *fragment = table_find(&r->fragments, grant->grant.fragment.b);
    bool own = fragment && fragment->person == device->person && strcmp(fragment->source, leaf->opening.actor) == 0 &&
               fits_fragment(grant, fragment);
    (void)reducer_expect(r, leaf, own, FINDING_KEY_GRANT, "the grant is not for a fragment of this source and person");
}

/* ---- the upload ---- */

/* Every grant kept came in the message, in its order. */
static bool came_with(const struct audit_leaf *leaf) {
    const struct msg_upload_grants *upload = &leaf->material.message->upload;
    size_t at = 0;
    for (size_t i = 0; i < leaf->material.n_grants; i++) {
        const struct bytes whole = leaf->material.grants[i].signature.object.whole;
        while (at < upload->n_grants && !bytes_equal(upload->grants[at], whole)) {
            at++;
        }
        if (at++ >= upload->n_grants) return false;
    }
    return true;
}

static void judge_upload(const struct reducer *r, const struct audit_leaf *leaf) {
    const struct envelope *envelope = leaf->material.envelope;
    if (!envelope || envelope->type == MESSAGE_PUBLISH) return;
    if (!reducer_envelope(r, leaf, MESSAGE_UPLOAD_GRANTS, true)) return;
    (void)reducer_expect(r, leaf, came_with(leaf), FINDING_CAUSE, "the message does not carry these grants");
}

static enum status fold_item(struct reducer *r, const struct audit_leaf *leaf, size_t i) {
    const struct audit_grant *grant = &leaf->material.grants[i];
    const struct opening_item *item = &leaf->opening.items[i];
    (void)reducer_expect(r, leaf, grant_says(leaf, grant, item), FINDING_ITEM,
                         "the grant says something else than the opening");
    (void)reducer_expect(r, leaf, reducer_signed_by(&grant->signature, leaf->opening.actor), FINDING_SIGNATURE,
                         "the grant is not signed by the source's member");
    if (leaf->opening.token.len == 0) {
        judge_own(r, leaf, grant);
        return STATUS_OK;
    }
    const struct fold_token *token = reducer_token(r, leaf->opening.token);
    if (token && token->consent) return fold_one(r, leaf, grant, item, token);
    reducer_report_clause(r, leaf->index, RULE_CONSENT_KNOWN, "a key was granted for a token that does not stand");
    return STATUS_OK;
}

enum status fold_grant_granted(struct reducer *r, const struct audit_leaf *leaf) {
    judge_upload(r, leaf);
    bool paired = leaf->opening.n_items == leaf->material.n_grants;
    if (!reducer_expect(r, leaf, paired, FINDING_ITEM, "items and grants are not as many")) return STATUS_OK;
    for (size_t i = 0; i < leaf->material.n_grants; i++) {
        TRY(fold_item(r, leaf, i));
    }
    return STATUS_OK;
}
