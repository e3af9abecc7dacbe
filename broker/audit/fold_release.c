/*
 * Releases and refusals: the rule is asked again, with the facts as the log tells them, and must say what was recorded,
 * for the page and for each fragment on it.
 */
#include <string.h>

#include "broker/audit/reducer_state.h"
#include "proto/rule_facts.h"

struct page {
    const struct audit_leaf *leaf;
    const struct fold_token *token;
    const struct msg_release *asked; /* NULL when the message could not be read */
    struct rule_facts facts;
    struct hash recipient_key_id;
};

/* ---- facts ---- */

struct rule_facts fold_release_facts(const struct audit_leaf *leaf, const struct fold_token *token) {
    const struct fold_device *device = token->consent->device;
    struct rule_facts facts = {
        .consent_known = true,
        .consent_active = token->consent->state == CONSENT_ACTIVE,
        .nbf_ms = token->nbf_s * 1000,
        .exp_ms = token->exp_s * 1000,
        .device_valid = device && device->state == FOLD_DEVICE_ACTIVE,
        .unused = token->access != ACCESS_ONCE || ids_is_zero(&token->used),
    };
    const struct rule_facts_terms terms = {
        .to = token->to,
        .from = token->from,
        .purpose = token->purpose,
        .kinds = token->kinds,
        .n_kinds = token->n_kinds,
        .nbf_s = token->nbf_s,
        .exp_s = token->exp_s,
        .attester = device ? device->attester : "",
    };
    rule_facts_directory(leaf->directory, &terms, leaf->leaf.time_ms, &facts);
    return facts;
}

static bool asked_kind(const struct opening *opening, enum kind kind) {
    for (size_t i = 0; i < opening->n_kinds; i++) {
        if (opening->kinds[i] == (uint32_t)kind) return true;
    }
    return false;
}

/* Every kind asked is in the token. */
static bool kinds_within(const struct opening *opening, const struct fold_token *token) {
    for (size_t i = 0; i < opening->n_kinds; i++) {
        bool found = false;
        for (size_t k = 0; k < token->n_kinds; k++) {
            found = found || token->kinds[k] == opening->kinds[i];
        }
        if (!found) return false;
    }
    return true;
}

static struct rule_facts page_facts(const struct audit_leaf *leaf, const struct fold_token *token, bool key_active) {
    struct rule_facts facts = fold_release_facts(leaf, token);
    facts.envelope_key_active = key_active;
    facts.recipient_matches = true;
    facts.purpose_matches = strcmp(token->purpose, leaf->opening.purpose) == 0;
    facts.source_matches = true;
    facts.kind_matches = kinds_within(&leaf->opening, token);
    facts.grant_present = true;
    facts.fragment_current = true;
    return facts;
}

static const struct fold_grant *standing_grant(const struct reducer *r, const struct page *page,
                                               const struct fold_fragment *fragment) {
    const struct fold_grant_key key = {page->token->jti, fragment->fragment};
    const struct fold_grant *grant = table_find(&r->grants, &key);
    bool stands =
        grant && grant->revision == fragment->revision && hash_equal(&grant->recipient_key_id, &page->recipient_key_id);
    return stands ? grant : NULL;
}

static enum rule_clause derive_item(const struct reducer *r, const struct page *page,
                                    const struct fold_fragment *fragment) {
    struct rule_facts facts = page->facts;
    uint64_t now = page->leaf->leaf.time_ms;
    bool own = fragment->person == page->token->consent->person;
    facts.source_matches = own && strcmp(fragment->source, page->token->from) == 0;
    facts.kind_matches = facts.kind_matches && asked_kind(&page->leaf->opening, fragment->kind);
    facts.grant_present = page->token->access == ACCESS_ONCE || standing_grant(r, page, fragment);
    facts.fragment_current = !fragment->withdrawn && (fragment->expires_ms == 0 || now < fragment->expires_ms);
    return rule_release(&facts, RULE_STAGE_RELEASE, now);
}

/* ---- items ---- */

static void judge_passed(const struct reducer *r, const struct page *page, const struct opening_item *item,
                         const struct fold_fragment *fragment) {
    const struct fold_grant *grant = page->token->access == ACCESS_ONCE ? NULL : standing_grant(r, page, fragment);
    struct bytes expected = grant ? hash_bytes(&grant->hash) : BYTES_EMPTY;
    bool same = hash_equal(&item->header_hash, &fragment->header_hash) &&
                hash_equal(&item->ciphertext_hash, &fragment->ciphertext_hash) &&
                bytes_equal(item->grant_hash, expected);
    (void)reducer_expect(r, page->leaf, same, FINDING_ITEM, "an item is not the fragment and grant that stand");
}

/* One fragment of the page: the clause recorded is the clause derived. */
static void judge_item(const struct reducer *r, const struct page *page, const struct opening_item *item) {
    const struct fold_fragment *fragment = table_find(&r->fragments, item->fragment.b);
    bool current = fragment && item->revision == fragment->revision;
    enum rule_clause clause = current ? derive_item(r, page, fragment) : RULE_FRAGMENT;
    if ((uint32_t)clause != item->clause) {
        bool passed = item->clause == RULE_PASS;
        if (passed) {
            reducer_report_clause(r, page->leaf->index, clause, "a fragment was released that the rule refuses");
        } else {
            reducer_report(r, page->leaf->index, FINDING_REFUSED_WRONGLY,
                           "a fragment was refused under another clause than the rule's");
        }
        return;
    }
    if (clause == RULE_PASS) judge_passed(r, page, item, fragment);
}

static bool listed(const struct opening *opening, const struct fold_fragment *fragment) {
    for (size_t i = 0; i < opening->n_items; i++) {
        if (ids_equal(&opening->items[i].fragment, &fragment->fragment)) return true;
    }
    return false;
}

static bool withheld(const struct reducer *r, const struct page *page, const struct fold_fragment *fragment) {
    if (derive_item(r, page, fragment) != RULE_PASS || listed(&page->leaf->opening, fragment)) return false;
    reducer_report(r, page->leaf->index, FINDING_WITHHELD, "a fragment that the rule releases is not on the page");
    return true;
}

/* A first page that is not full holds every fragment that passes; a question for one fragment holds that one. */
static void judge_complete(const struct reducer *r, const struct page *page) {
    const struct msg_release *asked = page->asked;
    size_t count = page->leaf->opening.n_items;
    if (!asked || asked->cursor.len > 0 || count >= asked->most || count >= LIMIT_ITEMS) return;
    if (asked->fragment.len > 0) {
        const struct fold_fragment *fragment = table_find(&r->fragments, asked->fragment.data);
        if (fragment) (void)withheld(r, page, fragment);
        return;
    }
    const struct fold_person *person = page->token->consent->person;
    const struct fold_fragment *fragment = person ? person->fragments : NULL;
    while (fragment && !withheld(r, page, fragment)) {
        fragment = fragment->next;
    }
}

/* ---- the page ---- */

static enum rule_clause page_clause(const struct opening *opening) {
    for (size_t i = 0; i < opening->n_items; i++) {
        if (opening->items[i].clause == RULE_PASS) return RULE_PASS;
    }
    return opening->n_items > 0 ? (enum rule_clause)opening->items[0].clause : RULE_FRAGMENT;
}

/* What was recorded for the page against what the rule says. */
static void compare(const struct reducer *r, const struct audit_leaf *leaf, enum rule_clause clause) {
    bool released = leaf->leaf.type == LEAF_RELEASED;
    if (released && clause != RULE_PASS) {
        reducer_report_clause(r, leaf->index, clause, "released, and the rule refuses");
    } else if (!released && clause == RULE_PASS) {
        reducer_report(r, leaf->index, FINDING_REFUSED_WRONGLY, "refused, and the rule releases");
    } else if (!released && leaf->opening.clause != (uint32_t)clause) {
        reducer_report(r, leaf->index, FINDING_CLAUSE, "refused under another clause than the rule's");
    }
}

static void judge_token_fields(struct reducer *r, const struct audit_leaf *leaf, const struct fold_token *token) {
    const struct opening *opening = &leaf->opening;
    bool says = bytes_equal(ids_bytes(&token->consent->consent), opening->consent) &&
                strcmp(token->to, opening->recipient) == 0 && strcmp(token->from, opening->source) == 0;
    (void)reducer_expect(r, leaf, says, FINDING_TOKEN, "the opening says something else than the token");
    (void)reducer_expect(r, leaf, token->consent->person == reducer_person(r, leaf), FINDING_SUBJECT,
                         "the consent is another person's");
    (void)reducer_expect(r, leaf, opening->prior_leaf == token->leaf + 1, FINDING_PRIOR_LEAF,
                         "relies on another leaf than that of the grant");
}

/* A stranger learns of a token no more than that it has none: the facts of the directory alone. */
static void judge_stranger(const struct reducer *r, const struct audit_leaf *leaf, bool key_active, bool known) {
    struct rule_facts facts = {.envelope_key_active = key_active};
    rule_facts_unit(leaf->directory, leaf->opening.actor, &facts);
    enum rule_clause clause = rule_token(&facts, RULE_STAGE_RELEASE, leaf->leaf.time_ms);
    bool released = leaf->leaf.type == LEAF_RELEASED;
    if (released && clause == RULE_RECIPIENT && !known) clause = RULE_CONSENT_KNOWN;
    bool either = clause == RULE_RECIPIENT && leaf->opening.clause == RULE_CONSENT_KNOWN && !known;
    if (!either) compare(r, leaf, clause);
}

static enum status use_once(struct reducer *r, const struct audit_leaf *leaf, struct fold_token *token) {
    if (token->access != ACCESS_ONCE || leaf->leaf.type != LEAF_RELEASED) return STATUS_OK;
    token->used = leaf->leaf.event;
    struct fold_release *release = table_require(&r->releases, leaf->leaf.event.b);
    ENSURE(release, STATUS_MEMORY);
    release->token = token;
    return STATUS_OK;
}

static void judge_page(struct reducer *r, struct page *page) {
    const struct audit_leaf *leaf = page->leaf;
    struct seal_public key;
    judge_token_fields(r, leaf, page->token);
    (void)reducer_expect(r, leaf, leaf->opening.stage == RULE_STAGE_RELEASE, FINDING_CLAUSE,
                         "decided at another stage than that of a release");
    enum rule_clause clause = rule_release(&page->facts, RULE_STAGE_RELEASE, leaf->leaf.time_ms);
    if (clause != RULE_PASS) {
        compare(r, leaf, clause);
        return;
    }
    IGNORE(directory_seal_key(leaf->directory, page->token->to, &key, &page->recipient_key_id));
    for (size_t i = 0; i < leaf->opening.n_items; i++) {
        judge_item(r, page, &leaf->opening.items[i]);
    }
    bool refused_whole = leaf->opening.n_items == 0 && leaf->opening.clause != RULE_FRAGMENT;
    compare(r, leaf, refused_whole && leaf->leaf.type == LEAF_REFUSED ? RULE_PASS : page_clause(&leaf->opening));
    if (leaf->leaf.type == LEAF_RELEASED) judge_complete(r, page);
}

/* ---- what was asked ---- */

static bool message_says(const struct msg_release *asked, const struct opening *opening) {
    return bytes_equal(ids_bytes(&asked->token), opening->token) && strcmp(asked->purpose, opening->purpose) == 0 &&
           asked->n_kinds == opening->n_kinds &&
           (asked->n_kinds == 0 || memcmp(asked->kinds, opening->kinds, asked->n_kinds * sizeof *asked->kinds) == 0);
}

static const struct msg_release *judge_message(const struct reducer *r, const struct audit_leaf *leaf) {
    if (!reducer_envelope(r, leaf, MESSAGE_RELEASE, true)) return NULL;
    const struct msg_release *asked = &leaf->material.message->release;
    bool same = message_says(asked, &leaf->opening);
    return reducer_expect(r, leaf, same, FINDING_CAUSE, "the message does not ask for this") ? asked : NULL;
}

enum status fold_release_page(struct reducer *r, const struct audit_leaf *leaf) {
    const struct audit_signed *envelope = leaf->material.envelope_signed;
    const struct msg_release *asked = judge_message(r, leaf);
    bool key_active = !envelope || envelope->verdict != VERDICT_NO_KEY;
    struct fold_token *token = reducer_token(r, leaf->opening.token);
    bool known = token && token->consent;
    if (!known || strcmp(token->to, leaf->opening.actor) != 0) {
        judge_stranger(r, leaf, key_active, known);
        return STATUS_OK;
    }
    struct page page = {.leaf = leaf, .token = token, .asked = asked, .facts = page_facts(leaf, token, key_active)};
    judge_page(r, &page);
    return use_once(r, leaf, token);
}
