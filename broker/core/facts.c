/*
 * Facts for the release rule. Whoever is not the token's own recipient (or source) gets the facts of a token that does
 * not stand: clauses on state are never reached for a stranger, and nothing that is read of the token is used.
 */
#include "broker/core/facts.h"

#include <string.h>

#include "proto/rule_facts.h"

static enum status load_rows(const struct core *core, struct store_txn *txn, struct arena *arena, struct facts *facts) {
    TRY(consent_rows_get(core, txn, facts->slot, &facts->token.consent, arena, &facts->consent));
    return device_rows_get(core, txn, facts->slot, &facts->token.device, arena, &facts->device);
}

enum status facts_load(const struct core *core, struct store_txn *txn, const struct id16 *jti, const char *unit,
                       enum facts_side side, struct arena *arena, struct facts *out) {
    struct facts facts = {.known = false};
    *out = facts;
    enum status found = token_rows_find(core, txn, jti, arena, &facts.slot, &facts.token);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    if (strcmp(side == FACTS_RECIPIENT ? facts.token.to : facts.token.from, unit) != 0) return STATUS_OK;
    enum status loaded = load_rows(core, txn, arena, &facts);
    ENSURE(loaded != STATUS_NOT_FOUND, STATUS_INTEGRITY);
    TRY(loaded);
    facts.known = true;
    *out = facts;
    return STATUS_OK;
}

static bool key_active(const struct directory *directory, const struct facts_ask *ask) {
    const struct member_record *member = NULL;
    struct sign_public key;
    if (!directory_unit(directory, ask->unit, &member)) return false;
    return directory_sign_key(directory, member->member, ask->key_id->b, &key) == STATUS_OK;
}

static bool kinds_within(const struct token_row *token, const struct facts_ask *ask) {
    for (size_t i = 0; i < ask->n_kinds; i++) {
        if (!token_rows_has_kind(token, ask->kinds[i])) return false;
    }
    return true;
}

static bool is_unused(const struct token_row *token, const struct facts_ask *ask) {
    if (token->access != ACCESS_ONCE || ids_is_zero(&token->used)) return true;
    return ask->event && ids_equal(&token->used, ask->event);
}

static struct rule_facts facts_of_stranger(const struct facts_ask *ask, const struct directory *directory) {
    struct rule_facts facts = {.envelope_key_active = key_active(directory, ask)};
    rule_facts_unit(directory, ask->unit, &facts);
    return facts;
}

struct rule_facts facts_of_token(const struct facts *facts, const struct facts_ask *ask,
                                 const struct directory *directory, uint64_t now_ms) {
    if (!facts->known) return facts_of_stranger(ask, directory);
    const struct token_row *token = &facts->token;
    struct rule_facts rule = {
        .envelope_key_active = key_active(directory, ask),
        .recipient_matches = true,
        .consent_known = true,
        .consent_active = facts->consent.state == CONSENT_ACTIVE,
        .nbf_ms = token->nbf_s * 1000,
        .exp_ms = token->exp_s * 1000,
        .device_valid = facts->device.state == DEVICE_ACTIVE,
        .purpose_matches = strcmp(token->purpose, ask->purpose) == 0,
        .unused = is_unused(token, ask),
        .source_matches = true,
        .kind_matches = kinds_within(token, ask),
        .grant_present = true,
        .fragment_current = true,
    };
    const struct rule_facts_terms terms = {
        .to = token->to,
        .from = token->from,
        .purpose = token->purpose,
        .kinds = token->kinds,
        .n_kinds = token->n_kinds,
        .nbf_s = token->nbf_s,
        .exp_s = token->exp_s,
        .attester = facts->device.attester,
    };
    rule_facts_directory(directory, &terms, now_ms, &rule);
    return rule;
}

static bool kind_asked(const struct facts_ask *ask, enum kind kind) {
    for (size_t i = 0; i < ask->n_kinds; i++) {
        if (ask->kinds[i] == (uint32_t)kind) return true;
    }
    return false;
}

struct rule_facts facts_of_fragment(const struct rule_facts *of_token, const struct facts *facts,
                                    const struct facts_ask *ask, const struct fragment_row *fragment,
                                    const struct grant_row *grant, const struct hash *recipient_key_id,
                                    uint64_t now_ms) {
    struct rule_facts rule = *of_token;
    rule.source_matches = strcmp(facts->token.from, fragment->source) == 0;
    rule.kind_matches = of_token->kind_matches && kind_asked(ask, fragment->kind);
    rule.grant_present = facts->token.access == ACCESS_ONCE || (grant && grant->revision == fragment->revision &&
                                                                hash_equal(&grant->recipient_key_id, recipient_key_id));
    rule.fragment_current =
        fragment->state == FRAGMENT_CURRENT && (fragment->expires_ms == 0 || now_ms < fragment->expires_ms);
    return rule;
}
