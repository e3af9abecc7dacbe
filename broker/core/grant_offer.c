/*
 * Grants on their way in. What the source signed is compared field by field with what core knows: a grant that is bound
 * to anything else than the token, the fragment's newest revision and the recipient's key of now is of no use to
 * anybody and is not kept.
 */
#include "broker/core/grant_offer.h"

#include <string.h>

#include "base/text.h"
#include "broker/core/entry.h"
#include "broker/core/handle.h"
#include "broker/core/mailbox.h"
#include "proto/limits.h"

/* ---- worker ---- */

/* The state statement that the grant relied on: verified here, judged by the writer. */
static enum status open_state(struct call *call, struct grant_offer *offer) {
    if (offer->grant.state.len == 0) return STATUS_OK;
    const struct epoch *epoch = directory_epoch(call->directory);
    struct signed_object object;
    TRY(signed_parse(call->arena, offer->grant.state, &object));
    if (!epoch) return STATUS_OK;
    enum status verified = signed_verify(SIGNED_STATE, call->core->federation, &object, &epoch->status_key);
    if (verified == STATUS_SIGNATURE) return STATUS_OK;
    TRY(verified);
    TRY(state_statement_parse(call->arena, call->core->federation, object.body, &offer->state));
    offer->state_signed = true;
    offer->state_key_id = object.key_id;
    return STATUS_OK;
}

static enum status open_one(struct call *call, struct bytes whole, struct grant_offer *offer) {
    struct signed_object object;
    struct sign_public key;
    TRY(signed_parse(call->arena, whole, &object));
    TRY(handle_member_key(call, &object.key_id, &key));
    TRY(signed_verify(SIGNED_GRANT, call->core->federation, &object, &key));
    TRY(key_grant_parse(call->arena, call->core->federation, object.body, &offer->grant));
    offer->whole = whole;
    offer->hash = hash_sha256(whole);
    return open_state(call, offer);
}

enum status grant_offer_open(struct call *call, const struct bytes *grants, size_t count, struct grant_offers *out) {
    struct grant_offers offers = {ARENA_ARRAY(call->arena, struct grant_offer, count), count};
    ENSURE(offers.items, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        TRY(open_one(call, grants[i], &offers.items[i]));
    }
    *out = offers;
    return STATUS_OK;
}

/* ---- whose they are ---- */

static enum status token_holder(const struct call *call, struct store_txn *txn, const struct grant_offer *offer,
                                struct grant_holder *holder) {
    struct id16 token;
    TRY(ids_from_bytes(offer->grant.token, &token));
    TRY(facts_load(call->core, txn, &token, call->envelope.sender, FACTS_SOURCE, call->arena, &holder->facts));
    if (!holder->facts.known) return STATUS_OK;
    holder->known = true;
    holder->slot = holder->facts.slot;
    holder->recipient = holder->facts.token.to;
    holder->owner = grant_rows_of_token(call->core, &token, holder->facts.consent.key_slot);
    return STATUS_OK;
}

/* Only a device that has asked this source is one that the source may know. */
static enum status device_holder(const struct call *call, struct store_txn *txn, const struct grant_offer *offer,
                                 struct grant_holder *holder) {
    struct hash device;
    holder->is_device = true;
    if (text_fixed_base64url(bytes_text(offer->grant.recipient), device.b, sizeof device.b) != STATUS_OK) {
        return STATUS_OK;
    }
    enum status found = device_rows_find(call->core, txn, &device, call->arena, &holder->slot, &holder->device);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    holder->known = device_rows_has_read(&holder->device, call->envelope.sender);
    holder->recipient = offer->grant.recipient;
    holder->owner = grant_rows_of_device(call->core, &device, holder->slot);
    return STATUS_OK;
}

enum status grant_offer_holder(const struct call *call, struct store_txn *txn, const struct grant_offer *offer,
                               struct grant_holder *out) {
    struct grant_holder holder = {0};
    bool device = offer->grant.token.len == 0;
    TRY(device ? device_holder(call, txn, offer, &holder) : token_holder(call, txn, offer, &holder));
    *out = holder;
    return STATUS_OK;
}

/* ---- judging ---- */

static bool state_holds(const struct call *call, const struct grant_offer *offer, uint64_t now_ms) {
    const struct epoch *epoch = directory_epoch(call->directory);
    if (!offer->state_signed || !epoch || offer->state.state != CONSENT_ACTIVE) return false;
    struct hash key_id = sign_key_id(call->core->federation, &epoch->status_key);
    if (!hash_equal(&key_id, &offer->state_key_id)) return false;
    if (!bytes_equal(ids_bytes(&offer->state.token), offer->grant.token)) return false;
    return offer->state.time_ms + LIMIT_STATE_AGE_MS >= now_ms && offer->state.time_ms <= now_ms + LIMIT_STATE_AGE_MS;
}

/* A repeated consent's grants stand by themselves; a once consent's answer to the release that used it. */
static bool event_fits(const struct token_row *token, const struct key_grant *grant) {
    if (token->access == ACCESS_REPEATED) return grant->release_event.len == 0;
    return !ids_is_zero(&token->used) && bytes_equal(grant->release_event, ids_bytes(&token->used));
}

/* The rule at the stage GRANT, as the source itself has evaluated it. */
static enum rule_clause token_rule(const struct call *call, const struct grant_holder *holder,
                                   const struct grant_offer *offer, const struct fragment_row *fragment,
                                   uint64_t now_ms) {
    struct hash key_id = {{0}};
    if (signed_key_id(call->envelope_bytes, &key_id) != STATUS_OK) return RULE_ENVELOPE_KEY;
    const uint32_t kind = (uint32_t)offer->grant.kind;
    const struct facts_ask ask = {
        .unit = call->envelope.sender,
        .key_id = &key_id,
        .purpose = offer->grant.purpose,
        .kinds = &kind,
        .n_kinds = 1,
        .event = &holder->facts.token.used,
    };
    struct rule_facts of_token = facts_of_token(&holder->facts, &ask, call->directory, now_ms);
    of_token.recipient_matches = strcmp(holder->recipient, offer->grant.recipient) == 0;
    struct rule_facts facts = facts_of_fragment(&of_token, &holder->facts, &ask, fragment, NULL, NULL, now_ms);
    return rule_release(&facts, RULE_STAGE_GRANT, now_ms);
}

static enum rule_clause judge_token(const struct call *call, const struct grant_holder *holder,
                                    const struct grant_offer *offer, const struct fragment_row *fragment,
                                    uint64_t now_ms) {
    enum rule_clause clause = token_rule(call, holder, offer, fragment, now_ms);
    if (clause != RULE_PASS) return clause;
    if (!state_holds(call, offer, now_ms)) return RULE_CONSENT_ACTIVE;
    if (!event_fits(&holder->facts.token, &offer->grant)) return RULE_UNUSED;
    struct seal_public key;
    struct hash key_id;
    enum status found = directory_seal_key(call->directory, holder->recipient, &key, &key_id);
    bool right_key = found == STATUS_OK && hash_equal(&key_id, &offer->grant.recipient_key_id);
    return right_key ? RULE_PASS : RULE_GRANT;
}

static enum rule_clause judge_device(const struct call *call, const struct grant_holder *holder,
                                     const struct grant_offer *offer, const struct fragment_row *fragment,
                                     uint64_t now_ms) {
    const struct device_row *device = &holder->device;
    const struct key_grant *grant = &offer->grant;
    if (!device_rows_settled(device, now_ms)) return RULE_DEVICE;
    if (strcmp(fragment->source, call->envelope.sender) != 0) return RULE_SOURCE;
    if (*grant->purpose != '\0') return RULE_PURPOSE;
    if (grant->kind != fragment->kind) return RULE_KIND;
    if (!directory_accepts_self_read(call->directory, fragment->source, device->attester, now_ms)) {
        return RULE_AGREEMENT;
    }
    struct hash key_id = seal_key_id(call->core->federation, &device->read_key);
    bool bound =
        hash_equal(&key_id, &grant->recipient_key_id) && grant->state.len == 0 && grant->release_event.len == 0;
    if (!bound) return RULE_GRANT;
    bool current = fragment->state == FRAGMENT_CURRENT && (!fragment->expires_ms || now_ms < fragment->expires_ms);
    return current ? RULE_PASS : RULE_FRAGMENT;
}

enum status grant_offer_judge(const struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                              uint64_t now_ms, struct grant_offer *offer) {
    offer->clause = RULE_CONSENT_KNOWN;
    if (!holder->known) return STATUS_OK;
    uint32_t slot = 0;
    enum status found =
        fragment_rows_find(call->core, txn, &offer->grant.fragment, call->arena, &slot, &offer->fragment);
    offer->clause = RULE_FRAGMENT;
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    bool same = slot == holder->slot && offer->fragment.revision == offer->grant.revision &&
                offer->fragment.kind == offer->grant.kind &&
                hash_equal(&offer->fragment.header_hash, &offer->grant.header_hash);
    if (!same) return STATUS_OK;
    offer->clause = holder->is_device ? judge_device(call, holder, offer, &offer->fragment, now_ms)
                                      : judge_token(call, holder, offer, &offer->fragment, now_ms);
    return STATUS_OK;
}

/* ---- keeping ---- */

struct kept {
    struct opening_item *items;
    struct ledger_evidence *evidence;
    size_t count;
};

static enum status collect(struct call *call, const struct grant_offer *offers, size_t count, struct kept *out) {
    struct kept kept = {ARENA_ARRAY(call->arena, struct opening_item, count),
                        ARENA_ARRAY(call->arena, struct ledger_evidence, count), 0};
    ENSURE(kept.items && kept.evidence, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        if (offers[i].clause != RULE_PASS) continue;
        kept.items[kept.count] = (struct opening_item){
            .fragment = offers[i].fragment.fragment,
            .revision = offers[i].fragment.revision,
            .header_hash = offers[i].fragment.header_hash,
            .ciphertext_hash = offers[i].fragment.ciphertext_hash,
            .grant_hash = hash_bytes(&offers[i].hash),
        };
        kept.evidence[kept.count++] = (struct ledger_evidence){offers[i].hash, offers[i].whole};
    }
    *out = kept;
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                               const struct kept *kept) {
    struct entry entry = {0};
    const struct hash *subject = holder->is_device ? &holder->device.subject : &holder->facts.token.subject;
    entry_init(&entry, LEAF_GRANTED_KEY, holder->slot, subject, call->envelope.sender, call->directory);
    if (call->envelope.type == MESSAGE_PUBLISH) {
        entry_cause_hash(&entry, &call->envelope_hash);
    } else {
        entry_cause(&entry, call->envelope_bytes);
    }
    entry.opening.source = call->envelope.sender;
    entry.opening.recipient = holder->recipient;
    entry.opening.items = kept->items;
    entry.opening.n_items = kept->count;
    entry.ledger.evidence = kept->evidence;
    entry.ledger.n_evidence = kept->count;
    if (holder->is_device) {
        entry.opening.device = hash_bytes(&holder->device.device);
    } else {
        entry.opening.token = ids_bytes(&holder->facts.token.jti);
        entry.opening.consent = ids_bytes(&holder->facts.token.consent);
    }
    return call_append(call, txn, &entry.ledger);
}

static enum status put_row(struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                           const struct grant_offer *offer) {
    struct grant_row row = {
        .fragment = offer->fragment.fragment,
        .revision = offer->fragment.revision,
        .recipient_key_id = offer->grant.recipient_key_id,
        .hash = offer->hash,
        .grant = offer->whole,
    };
    if (offer->grant.release_event.len > 0) TRY(ids_from_bytes(offer->grant.release_event, &row.release_event));
    return grant_rows_put(call->core, txn, &holder->owner, &row, call->arena);
}

/* The recipient may ask for the fragment from now on. */
static enum status tell(struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                        const struct grant_offer *offer) {
    struct msg_mail_event event = {
        .type = EVENT_PUBLISHED,
        .unit = holder->recipient,
        .subject = hash_bytes(&holder->facts.token.subject),
        .consent = ids_bytes(&holder->facts.token.consent),
        .token = holder->facts.token.compact,
        .fragment = ids_bytes(&offer->fragment.fragment),
        .revision = offer->fragment.revision,
    };
    TRY(fragment_rows_header(call->core, txn, &offer->fragment.fragment, call->arena, &event.header));
    return mailbox_put(call->core, txn, holder->slot, &event, &offer->fragment.leaf, 1, call->arena);
}

enum status grant_offer_keep(struct call *call, struct store_txn *txn, const struct grant_holder *holder,
                             const struct grant_offer *offers, size_t count) {
    struct kept kept;
    TRY(collect(call, offers, count, &kept));
    if (kept.count == 0) return STATUS_OK;
    TRY(append_leaf(call, txn, holder, &kept));
    for (size_t i = 0; i < count; i++) {
        if (offers[i].clause != RULE_PASS) continue;
        TRY(put_row(call, txn, holder, &offers[i]));
        if (!holder->is_device) TRY(tell(call, txn, holder, &offers[i]));
    }
    return STATUS_OK;
}
