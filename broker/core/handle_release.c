/*
 * RELEASE: a recipient asks for a page of fragments under a token. The decision is the writer's, in its transaction;
 * the answer follows the leaf. A repeated message is decided again: the same decision is the same leaf, another one is
 * a new leaf under the message's next event.
 *
 * Hot path: four rows for the token and its state, one scan for the page, one row for each grant.
 */
#include "broker/core/handle.h"

#include <string.h>

#include "broker/core/entry.h"
#include "broker/core/facts.h"
#include "broker/core/mailbox.h"
#include "broker/core/pack.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/msg_release.h"

enum { CURSOR_BYTES = 17 };

/* One item of a page. */
struct item {
    struct fragment_row fragment;
    struct grant_row grant; /* when has_grant */
    bool has_grant;
    enum rule_clause clause;
};

struct page {
    struct facts facts;
    enum rule_clause clause; /* RULE_PASS: RELEASED */
    struct item *items;
    size_t n_items;
    struct bytes cursor; /* empty: nothing more */
};

struct release_work {
    struct hash key_id;
    struct fragment_cursor after;
    struct page page; /* of the last run of apply() */
};

/* ---- form ---- */

static enum status parse_cursor(struct bytes cursor, struct fragment_cursor *out) {
    struct fragment_cursor after = {0};
    if (cursor.len > 0) {
        struct reader reader = reader_init(cursor);
        after.kind = (enum kind)reader_u8(&reader);
        after.fragment = unpack_id(&reader);
        TRY(reader_end(&reader));
        ENSURE(after.kind > KIND_NONE && after.kind <= KIND_LAST, STATUS_MALFORMED);
    }
    *out = after;
    return STATUS_OK;
}

enum status handle_release_check(struct call *call, struct store_txn *txn) {
    (void)txn;
    const struct msg_release *message = call->body;
    struct release_work *work = ARENA_NEW(call->arena, struct release_work);
    ENSURE(work, STATUS_MEMORY);
    ENSURE(message->most >= 1 && message->most <= LIMIT_ITEMS, STATUS_INVALID);
    TRY(signed_key_id(call->envelope_bytes, &work->key_id));
    TRY(parse_cursor(message->cursor, &work->after));
    call->work = work;
    return STATUS_OK;
}

/* ---- decision ---- */

struct decision {
    struct call *call;
    struct store_txn *txn;
    const struct msg_release *message;
    struct facts_ask ask;
    struct rule_facts of_token;
    struct hash recipient_key_id;
    struct grant_owner owner;
    uint64_t now_ms;
};

static enum status judge_item(struct decision *decision, struct page *page, const struct fragment_row *fragment) {
    struct call *call = decision->call;
    struct item *item = &page->items[page->n_items++];
    item->fragment = *fragment;
    if (page->facts.token.access == ACCESS_REPEATED) {
        enum status found =
            grant_rows_get(call->core, decision->txn, &decision->owner, &fragment->fragment, call->arena, &item->grant);
        if (found != STATUS_NOT_FOUND) TRY(found);
        item->has_grant = found == STATUS_OK;
    }
    struct rule_facts facts =
        facts_of_fragment(&decision->of_token, &page->facts, &decision->ask, fragment,
                          item->has_grant ? &item->grant : NULL, &decision->recipient_key_id, decision->now_ms);
    item->clause = rule_release(&facts, RULE_STAGE_RELEASE, decision->now_ms);
    return STATUS_OK;
}

static enum status list_one(struct decision *decision, const struct page *page, struct fragment_list *list) {
    struct call *call = decision->call;
    struct id16 fragment;
    uint32_t slot = 0;
    list->items = ARENA_NEW(call->arena, struct fragment_row);
    ENSURE(list->items, STATUS_MEMORY);
    TRY(ids_from_bytes(decision->message->fragment, &fragment));
    enum status found = fragment_rows_find(call->core, decision->txn, &fragment, call->arena, &slot, list->items);
    if (found == STATUS_NOT_FOUND || (found == STATUS_OK && slot != page->facts.slot)) return STATUS_OK;
    TRY(found);
    list->count = 1;
    return STATUS_OK;
}

static enum status put_cursor(struct arena *arena, const struct fragment_row *last, struct bytes *out_cursor) {
    struct writer writer = pack_new(arena, CURSOR_BYTES);
    writer_u8(&writer, (uint8_t)last->kind);
    pack_id(&writer, &last->fragment);
    return writer_end(&writer, out_cursor);
}

static enum status list_page(struct decision *decision, struct page *page, struct fragment_list *list) {
    struct call *call = decision->call;
    const struct release_work *work = call->work;
    const struct msg_release *message = decision->message;
    const struct fragment_ask ask = {
        .slot = page->facts.slot,
        .source = page->facts.token.from,
        .kinds = message->kinds,
        .n_kinds = message->n_kinds,
        .after = work->after,
        .most = message->most,
    };
    bool more = false;
    TRY(fragment_rows_page(decision->txn, &ask, call->arena, list, &more));
    /* A once consent has one page. */
    if (!more || page->facts.token.access == ACCESS_ONCE) return STATUS_OK;
    return put_cursor(call->arena, &list->items[list->count - 1], &page->cursor);
}

static enum status judge_items(struct decision *decision, struct page *page) {
    struct fragment_list list = {0};
    bool one = decision->message->fragment.len > 0;
    TRY(one ? list_one(decision, page, &list) : list_page(decision, page, &list));
    page->items = ARENA_ARRAY(decision->call->arena, struct item, list.count);
    ENSURE(page->items, STATUS_MEMORY);
    page->clause = list.count == 0 ? RULE_FRAGMENT : RULE_PASS;
    bool passes = false;
    for (size_t i = 0; i < list.count; i++) {
        TRY(judge_item(decision, page, &list.items[i]));
        passes = passes || page->items[i].clause == RULE_PASS;
    }
    if (list.count > 0 && !passes) page->clause = page->items[0].clause;
    return STATUS_OK;
}

/* The event of this message that used a once consent up; zeros when none of its earlier answers did. */
static struct id16 own_use(const struct call *call, const struct token_row *token) {
    for (size_t n = 0; call->repeated && n < call->n_prior; n++) {
        struct id16 event = call_event(call, (uint32_t)n);
        if (ids_equal(&event, &token->used)) return event;
    }
    return (struct id16){{0}};
}

static enum status decide(struct call *call, struct store_txn *txn, struct page *page) {
    const struct msg_release *message = call->body;
    const struct release_work *work = call->work;
    struct id16 event;
    struct decision decision = {
        .call = call,
        .txn = txn,
        .message = message,
        .ask = {.unit = call->envelope.sender,
                .key_id = &work->key_id,
                .purpose = message->purpose,
                .kinds = message->kinds,
                .n_kinds = message->n_kinds,
                .event = &event},
        .now_ms = ledger_now_ms(call->core->ledger),
    };
    *page = (struct page){0};
    TRY(facts_load(call->core, txn, &message->token, call->envelope.sender, FACTS_RECIPIENT, call->arena,
                   &page->facts));
    event = own_use(call, &page->facts.token);
    decision.of_token = facts_of_token(&page->facts, &decision.ask, call->directory, decision.now_ms);
    page->clause = rule_release(&decision.of_token, RULE_STAGE_RELEASE, decision.now_ms);
    if (page->clause != RULE_PASS) return STATUS_OK;
    struct seal_public key;
    TRY(directory_seal_key(call->directory, call->envelope.sender, &key, &decision.recipient_key_id));
    decision.owner = grant_rows_of_token(call->core, &page->facts.token.jti, page->facts.consent.key_slot);
    return judge_items(&decision, page);
}

/* ---- leaf ---- */

static enum status page_items(struct call *call, const struct page *page, const struct opening_item **out_items) {
    struct opening_item *items = ARENA_ARRAY(call->arena, struct opening_item, page->n_items);
    ENSURE(items, STATUS_MEMORY);
    for (size_t i = 0; i < page->n_items; i++) {
        const struct item *item = &page->items[i];
        bool granted = item->clause == RULE_PASS && item->has_grant;
        items[i] = (struct opening_item){
            .fragment = item->fragment.fragment,
            .revision = item->fragment.revision,
            .header_hash = item->fragment.header_hash,
            .ciphertext_hash = item->fragment.ciphertext_hash,
            .grant_hash = granted ? hash_bytes(&item->grant.hash) : BYTES_EMPTY,
            .clause = item->clause,
        };
    }
    *out_items = items;
    return STATUS_OK;
}

/* A party that is not the token's recipient is told nothing, and nothing is said of a person in its leaf. */
static enum status fill_entry(struct call *call, const struct page *page, struct entry *entry) {
    const struct msg_release *message = call->body;
    const struct facts *facts = &page->facts;
    enum leaf_type type = page->clause == RULE_PASS ? LEAF_RELEASED : LEAF_REFUSED;
    entry_init(entry, type, facts->known ? facts->slot : LEDGER_NO_SLOT, facts->known ? &facts->token.subject : NULL,
               call->envelope.sender, call->directory);
    entry_cause(entry, call->envelope_bytes);
    entry->opening.stage = RULE_STAGE_RELEASE;
    entry->opening.clause = page->clause;
    entry->opening.token = ids_bytes(&message->token);
    entry->opening.purpose = message->purpose;
    entry->opening.kinds = message->kinds;
    entry->opening.n_kinds = message->n_kinds;
    if (!facts->known) return STATUS_OK;
    entry->opening.consent = ids_bytes(&facts->token.consent);
    entry->opening.recipient = facts->token.to;
    entry->opening.source = facts->token.from;
    entry_prior(entry, facts->token.leaf);
    entry->opening.n_items = page->n_items;
    return page_items(call, page, &entry->opening.items);
}

static bool same_items(const struct opening *a, const struct opening *b) {
    if (a->n_items != b->n_items) return false;
    for (size_t i = 0; i < a->n_items; i++) {
        const struct opening_item *x = &a->items[i];
        const struct opening_item *y = &b->items[i];
        bool same = ids_equal(&x->fragment, &y->fragment) && x->revision == y->revision && x->clause == y->clause &&
                    hash_equal(&x->header_hash, &y->header_hash) && bytes_equal(x->grant_hash, y->grant_hash);
        if (!same) return false;
    }
    return true;
}

/* Whether the newest leaf of this message says the same already. */
static enum status find_same(struct call *call, struct store_txn *txn, const struct entry *entry, bool *out_same) {
    *out_same = false;
    if (!call->repeated || call->n_prior == 0) return STATUS_OK;
    struct ledger_leaf leaf;
    struct opening opening;
    uint64_t index = call->prior[call->n_prior - 1];
    TRY(ledger_read(call->core->ledger, txn, index, call->arena, &leaf));
    TRY(leaf_opening_parse(call->arena, leaf.opening, &opening));
    *out_same = opening.type == entry->ledger.type && opening.clause == entry->opening.clause &&
                same_items(&opening, &entry->opening);
    if (!*out_same) return STATUS_OK;
    call->leaves[0] = index;
    call->n_leaves = 1;
    return STATUS_OK;
}

/* ---- once ---- */

static enum status use_up(struct call *call, struct store_txn *txn, struct page *page, const struct id16 *event) {
    struct token_row *token = &page->facts.token;
    token->used = *event;
    TRY(token_rows_put(call->core, txn, page->facts.slot, token, call->arena));
    const struct msg_mail_event mail = {
        .type = EVENT_USED_ONCE,
        .unit = token->from,
        .subject = hash_bytes(&token->subject),
        .consent = ids_bytes(&token->consent),
        .token = token->compact,
        .release_event = ids_bytes(event),
    };
    return mailbox_put(call->core, txn, page->facts.slot, &mail, &call->leaves[0], 1, call->arena);
}

static bool is_once(const struct page *page) { return page->facts.known && page->facts.token.access == ACCESS_ONCE; }

/* What a once consent released is released again only as it was. */
static bool is_second_use(const struct call *call, const struct page *page) {
    return call->repeated && is_once(page) && page->clause == RULE_PASS && !ids_is_zero(&page->facts.token.used);
}

enum status handle_release_apply(struct call *call, struct store_txn *txn) {
    struct release_work *work = call->work;
    struct page *page = &work->page;
    struct entry entry = {0};
    bool same = false;
    TRY(decide(call, txn, page));
    TRY(fill_entry(call, page, &entry));
    TRY(find_same(call, txn, &entry, &same));
    if (same) return STATUS_OK;
    if (is_second_use(call, page)) {
        *page = (struct page){.facts = page->facts, .clause = RULE_UNUSED};
        entry = (struct entry){0};
        TRY(fill_entry(call, page, &entry));
    }
    struct id16 event = call_event(call, call->repeated ? (uint32_t)call->n_prior : 0);
    entry.ledger.event = event;
    TRY(call_append(call, txn, &entry.ledger));
    if (page->clause == RULE_PASS && is_once(page)) return use_up(call, txn, page, &event);
    return STATUS_OK;
}

/* ---- answer ---- */

/* STATUS_RETRY when the fragment has changed since the decision: the same message is then decided anew. */
static enum status build_item(struct call *call, struct store_txn *txn, const struct item *item, size_t *inline_left,
                              struct msg_released_item *out) {
    struct msg_released_item built = {0};
    enum status found = fragment_rows_header(call->core, txn, &item->fragment.fragment, call->arena, &built.header);
    ENSURE(found != STATUS_NOT_FOUND, STATUS_RETRY);
    TRY(found);
    struct hash hash = hash_sha256(built.header);
    ENSURE(hash_equal(&hash, &item->fragment.header_hash), STATUS_RETRY);
    if (item->has_grant) built.grant = item->grant.grant;
    if (item->fragment.ciphertext_len <= *inline_left) {
        size_t len = (size_t)item->fragment.ciphertext_len;
        TRY(fragment_rows_ciphertext(txn, &item->fragment, 0, len, call->arena, &built.ciphertext));
        *inline_left -= len;
    }
    *out = built;
    return STATUS_OK;
}

static enum status build_items(struct call *call, struct store_txn *txn, const struct page *page,
                               struct msg_released *released) {
    struct msg_released_item *items = ARENA_ARRAY(call->arena, struct msg_released_item, page->n_items);
    ENSURE(items, STATUS_MEMORY);
    size_t inline_left = is_once(page) ? 0 : LIMIT_INLINE_BYTES;
    for (size_t i = 0; i < page->n_items; i++) {
        if (page->items[i].clause != RULE_PASS) continue;
        TRY(build_item(call, txn, &page->items[i], &inline_left, &items[released->n_items]));
        released->n_items++;
    }
    released->items = items;
    return STATUS_OK;
}

enum status handle_release_answer(struct call *call, struct store_txn *txn) {
    const struct release_work *work = call->work;
    const struct page *page = &work->page;
    struct msg_released released = {.cursor = page->cursor};
    TRY(ledger_receipt(call->core->ledger, txn, call->leaves[0], call->arena, &released.receipt));
    if (page->clause == RULE_PASS) {
        TRY(build_items(call, txn, page, &released));
    } else {
        IGNORE(handle_refuse(call, page->clause));
    }
    return msg_released_encode(call->arena, &released, &call->answer_body);
}
