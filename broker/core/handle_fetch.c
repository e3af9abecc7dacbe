/*
 * FETCH: ciphertext that did not fit into a release, and for access once the grant that the source made against the
 * release. No leaf of its own: the RELEASED leaf covers it; but the consent is asked again each time.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/facts.h"
#include "proto/limits.h"
#include "proto/msg_release.h"

struct fetch {
    struct call *call;
    struct store_txn *txn;
    const struct msg_fetch *message;
    struct opening opening;
    struct opening_item item; /* released and asked for */
    struct facts facts;
    struct fragment_row fragment;
};

/* The RELEASED leaf of this event; another unit's is as unknown as none. */
static enum status find_release(struct fetch *fetch) {
    struct call *call = fetch->call;
    uint64_t index;
    struct hash hash;
    struct ledger_leaf leaf;
    TRY(ledger_find_event(call->core->ledger, fetch->txn, &fetch->message->event, &index, &hash));
    TRY(ledger_read(call->core->ledger, fetch->txn, index, call->arena, &leaf));
    ENSURE(leaf.opening.len > 0, STATUS_NOT_FOUND);
    TRY(leaf_opening_parse(call->arena, leaf.opening, &fetch->opening));
    ENSURE(fetch->opening.type == LEAF_RELEASED, STATUS_NOT_FOUND);
    ENSURE(strcmp(fetch->opening.actor, call->envelope.sender) == 0, STATUS_NOT_FOUND);
    for (size_t i = 0; i < fetch->opening.n_items; i++) {
        const struct opening_item *item = &fetch->opening.items[i];
        if (item->clause != RULE_PASS || !ids_equal(&item->fragment, &fetch->message->fragment)) continue;
        fetch->item = *item;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

/* The fragment as it was released, if it still is. */
static enum status find_fragment(struct fetch *fetch) {
    uint32_t slot = 0;
    enum status found = fragment_rows_find(fetch->call->core, fetch->txn, &fetch->item.fragment, fetch->call->arena,
                                           &slot, &fetch->fragment);
    if (found != STATUS_NOT_FOUND) TRY(found);
    bool same = found == STATUS_OK && slot == fetch->facts.slot &&
                hash_equal(&fetch->fragment.header_hash, &fetch->item.header_hash);
    return same ? STATUS_OK : handle_refuse(fetch->call, RULE_FRAGMENT);
}

static enum status find_grant(struct fetch *fetch, struct grant_row *out_grant, bool *out_has) {
    const struct token_row *token = &fetch->facts.token;
    struct grant_owner owner = grant_rows_of_token(fetch->call->core, &token->jti, fetch->facts.consent.key_slot);
    enum status found =
        grant_rows_get(fetch->call->core, fetch->txn, &owner, &fetch->item.fragment, fetch->call->arena, out_grant);
    if (found != STATUS_NOT_FOUND) TRY(found);
    *out_has = found == STATUS_OK && out_grant->revision == fetch->item.revision;
    if (token->access == ACCESS_ONCE) {
        *out_has = *out_has && ids_equal(&out_grant->release_event, &fetch->message->event);
    }
    return STATUS_OK;
}

static enum status judge(struct fetch *fetch, const struct grant_row *grant, bool has_grant) {
    struct call *call = fetch->call;
    struct hash key_id;
    struct seal_public key;
    struct hash recipient_key_id;
    const uint64_t now_ms = clock_now_ms(call->core->clock);
    TRY(signed_key_id(call->envelope_bytes, &key_id));
    TRY(directory_seal_key(call->directory, call->envelope.sender, &key, &recipient_key_id));
    const struct facts_ask ask = {
        .unit = call->envelope.sender,
        .key_id = &key_id,
        .purpose = fetch->opening.purpose,
        .kinds = fetch->opening.kinds,
        .n_kinds = fetch->opening.n_kinds,
        .event = &fetch->message->event,
    };
    struct rule_facts of_token = facts_of_token(&fetch->facts, &ask, call->directory, now_ms);
    struct rule_facts facts = facts_of_fragment(&of_token, &fetch->facts, &ask, &fetch->fragment,
                                                has_grant ? grant : NULL, &recipient_key_id, now_ms);
    enum rule_clause clause = rule_release(&facts, RULE_STAGE_RELEASE, now_ms);
    if (clause == RULE_PASS && !has_grant) clause = RULE_GRANT;
    return clause == RULE_PASS ? STATUS_OK : handle_refuse(call, clause);
}

static enum status answer(struct fetch *fetch, const struct grant_row *grant) {
    struct call *call = fetch->call;
    const struct msg_fetch *message = fetch->message;
    struct msg_fetched fetched = {.grant = message->offset == 0 ? grant->grant : BYTES_EMPTY};
    ENSURE(message->offset <= fetch->fragment.ciphertext_len, STATUS_INVALID);
    uint64_t left = fetch->fragment.ciphertext_len - message->offset;
    size_t len = left < message->length ? (size_t)left : message->length;
    TRY(fragment_rows_ciphertext(fetch->txn, &fetch->fragment, message->offset, len, call->arena, &fetched.ciphertext));
    return msg_fetched_encode(call->arena, &fetched, &call->answer_body);
}

enum status handle_fetch_check(struct call *call, struct store_txn *txn) {
    struct fetch fetch = {.call = call, .txn = txn, .message = call->body};
    struct id16 token;
    struct grant_row grant = {0};
    bool has_grant = false;
    TRY(find_release(&fetch));
    TRY(ids_from_bytes(fetch.opening.token, &token));
    TRY(facts_load(call->core, txn, &token, call->envelope.sender, FACTS_RECIPIENT, call->arena, &fetch.facts));
    if (!fetch.facts.known) return handle_refuse(call, RULE_CONSENT_KNOWN);
    TRY(find_fragment(&fetch));
    TRY(find_grant(&fetch, &grant, &has_grant));
    TRY(judge(&fetch, &grant, has_grant));
    return answer(&fetch, &grant);
}
