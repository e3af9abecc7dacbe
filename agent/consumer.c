/*
 * One consent after the other: pages of a release, each proved, witnessed and opened. Trusts nothing that core sends
 * but what the log and the sources signed. Invariant: no plaintext without a receipt under enough cosignatures.
 */
#include "agent/consumer.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/cosigned.h"
#include "agent/fetch.h"
#include "agent/opened.h"
#include "agent/release_check.h"
#include "base/json.h"
#include "base/log.h"
#include "proto/limits.h"

#define RELEASE_MS 15000
#define PAGES_MAX  32
#define PAGE_BYTES ((size_t)128 << 20)

void consumer_harvest_clear(struct consumer_harvest *harvest) {
    for (size_t i = 0; i < harvest->n_fragments; i++) {
        json_decref(harvest->contents[i]);
    }
    harvest->n_fragments = 0;
}

enum status consumer_add(struct consumer_harvest *harvest, const struct plan_fragment *fragment, json_t *content) {
    if (harvest->n_fragments == PLAN_FRAGMENTS_MAX) {
        json_decref(content);
        return STATUS_TOO_LARGE;
    }
    size_t at = harvest->n_fragments++;
    harvest->fragments[at] = *fragment;
    harvest->fragments[at].content = content;
    harvest->contents[at] = content;
    return STATUS_OK;
}

void consumer_gap(struct consumer_harvest *harvest, const char *unit, const char *id, enum plan_reason reason,
                  const char *receipt) {
    if (harvest->n_gaps == PLAN_FRAGMENTS_MAX) return;
    harvest->gaps[harvest->n_gaps] = (struct plan_gap){.unit = unit, .id = id, .reason = reason};
    harvest->gap_receipts[harvest->n_gaps++] = receipt;
}

/* One release under way. */
struct taking {
    struct agent *agent;
    struct arena *arena; /* of this page */
    struct consumer_harvest *harvest;
    const struct agent_caller *caller;
    const struct consent_row *consent;
    struct token token;
    const char *source; /* in the harvest's arena */
    struct directory *directory;
};

static enum plan_reason reason_of(enum status status, uint32_t code) {
    if (code == REPLY_NOT_AVAILABLE) return PLAN_REASON_NOT_AVAILABLE;
    if (code == REPLY_CONSENT_REQUIRED) return PLAN_REASON_CONSENT_REQUIRED;
    if (code == REPLY_CONSENT_ENDED) return PLAN_REASON_CONSENT_ENDED;
    if (code == REPLY_TRY_LATER || status == STATUS_RETRY || status == STATUS_LIMIT) return PLAN_REASON_TRY_LATER;
    return status_class(status) == CLASS_PEER ? PLAN_REASON_UNREADABLE : PLAN_REASON_NO_ANSWER;
}

/* Something did not hold: counted, logged without saying about whom. */
static void refuse(struct taking *taking, const char *what, enum status status) {
    atomic_fetch_add(&taking->agent->tally.refused_releases, 1);
    log_limited(LOG_LEVEL_WARN, "release_not_opened", "what=%s reason=%s", what, status_name(status));
}

static void gap(struct taking *taking, enum plan_reason reason, const char *receipt) {
    consumer_gap(taking->harvest, taking->source, NULL, reason, receipt);
}

static void item_gap(struct taking *taking, const struct opening_item *named, enum plan_reason reason) {
    consumer_gap(taking->harvest, taking->source, ids_text(taking->harvest->arena, &named->fragment), reason, NULL);
}

/* ---- asking ---- */

static enum status ask_page(struct taking *taking, struct bytes cursor, struct link_answer *out_answer) {
    const struct msg_release message = {.token = taking->token.jti,
                                        .purpose = taking->token.purpose,
                                        .kinds = taking->token.kinds,
                                        .n_kinds = taking->token.n_kinds,
                                        .cursor = cursor,
                                        .most = LIMIT_ITEMS};
    struct bytes body;
    TRY(msg_release_encode(taking->arena, &message, &body));
    const struct link_ask ask = {.type = MESSAGE_RELEASE,
                                 .unit = taking->caller->unit,
                                 .official = taking->caller->official,
                                 .body = body,
                                 .deadline_ms = RELEASE_MS};
    return link_ask(&taking->agent->link, taking->arena, &ask, out_answer);
}

static struct release_asked asked_of(const struct taking *taking, const struct hash *cause) {
    return (struct release_asked){.unit = taking->caller->unit,
                                  .token = &taking->token,
                                  .kinds = taking->token.kinds,
                                  .n_kinds = taking->token.n_kinds,
                                  .cause = *cause};
}

/* A refusal comes with the receipt of its leaf; without one it is no answer. */
static void take_refusal(struct taking *taking, const struct link_answer *answer) {
    struct msg_released page;
    struct receipt receipt;
    const struct release_asked asked = asked_of(taking, &answer->cause);
    const char *text = NULL;
    enum status status = msg_released_parse(taking->arena, answer->reply.body, &page);
    if (status == STATUS_OK) {
        status = release_check_receipt(taking->arena, taking->directory, &asked, LEAF_REFUSED, page.receipt, &receipt);
    }
    if (status == STATUS_OK) status = arena_text(taking->harvest->arena, receipt.text, &text);
    if (status != STATUS_OK) refuse(taking, "refusal", status);
    gap(taking, status == STATUS_OK ? reason_of(STATUS_REFUSED, answer->reply.code) : PLAN_REASON_NO_ANSWER, text);
}

/* ---- opening ---- */

struct keep_copy {
    struct arena *arena;
    const struct secret *key;
    struct opened_copy copy;
};

static enum status keep_copy(struct store_txn *txn, void *arg) {
    const struct keep_copy *keep = arg;
    struct consent_row row;
    TRY(consent_store_get(txn, keep->arena, &keep->copy.token, CONSENT_SIDE_RECIPIENT, &row));
    if (row.state != CONSENT_ACTIVE) return STATUS_OK; /* it ended meanwhile */
    return opened_put(txn, keep->arena, keep->key, &keep->copy);
}

/* The copy that agent_fragment finds later. */
static enum status keep(struct taking *taking, const struct fragment_signed *header, struct bytes content,
                        struct bytes receipt) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    enum status status = vault_key(taking->agent->vault, taking->consent->slot, &key);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    struct keep_copy keep_it = {.arena = taking->arena,
                                .key = key,
                                .copy = {.token = taking->token.jti,
                                         .fragment = header->core.fragment,
                                         .revision = header->core.revision,
                                         .kind = (uint32_t)header->core.kind,
                                         .subject = header->core.subject,
                                         .source = taking->token.from,
                                         .unit = taking->caller->unit,
                                         .content = content,
                                         .receipt = receipt}};
    return store_write(taking->agent->store, keep_copy, &keep_it);
}

static enum status harvest_item(struct taking *taking, const struct fragment_signed *header, struct bytes content,
                                const struct receipt *receipt) {
    json_t *value CLEANUP(json_cleanup) = NULL;
    struct arena *texts = taking->harvest->arena;
    TRY(json_read(content, LIMIT_CONTENT_BYTES, &value));
    const struct plan_fragment fragment = {.unit = taking->source,
                                           .id = ids_text(texts, &header->core.fragment),
                                           .revision = header->core.revision,
                                           .state = PLAN_STATE_RELEASED,
                                           .receipt = ids_text(texts, &receipt->leaf.event)};
    ENSURE(fragment.id && fragment.receipt, STATUS_MEMORY);
    TRY(keep(taking, header, content, receipt->text));
    return consumer_add(taking->harvest, &fragment, MOVE(value));
}

static enum status take_item(struct taking *taking, const struct release_asked *asked, const struct receipt *receipt,
                             const struct opening_item *named, const struct msg_released_item *came) {
    struct fragment_signed header;
    struct bytes content;
    const bool once = taking->token.access == ACCESS_ONCE;
    struct release_item item = {.named = named,
                                .header = came->header,
                                .grant = came->grant,
                                .ciphertext = came->ciphertext,
                                .release_event = once ? ids_bytes(&receipt->leaf.event) : BYTES_EMPTY};
    TRY(release_check_header(taking->arena, taking->directory, asked, named, item.header, &header));
    TRY(fetch_missing(taking->agent, taking->arena, taking->caller, &receipt->leaf.event, &header, &item));
    TRY(release_open(taking->arena, taking->directory, taking->agent->keystore, asked, &item, &header, &content));
    return harvest_item(taking, &header, content, receipt);
}

/* Each item by itself: one that does not hold is a gap. */
static enum status take_items(struct taking *taking, const struct release_asked *asked, const struct receipt *receipt,
                              const struct msg_released *page) {
    const struct opening_item *passed = NULL;
    TRY(release_check_items(taking->arena, &receipt->opening, page, &passed));
    for (size_t i = 0; i < page->n_items; i++) {
        enum status status = take_item(taking, asked, receipt, &passed[i], &page->items[i]);
        if (status == STATUS_OK) continue;
        ENSURE(status != STATUS_MEMORY, status);
        if (status_class(status) == CLASS_PEER) refuse(taking, "item", status);
        item_gap(taking, &passed[i], reason_of(status, 0));
    }
    for (size_t i = 0; i < receipt->opening.n_items; i++) {
        const struct opening_item *named = &receipt->opening.items[i];
        if (named->clause == 0) continue;
        item_gap(taking, named, reason_of(STATUS_REFUSED, rule_outward((enum rule_clause)named->clause)));
    }
    return STATUS_OK;
}

/* A page that core says it released. */
static enum status take_released(struct taking *taking, const struct hash *cause, struct bytes body,
                                 struct bytes *out_cursor) {
    struct msg_released page;
    struct receipt receipt;
    const struct release_asked asked = asked_of(taking, cause);
    TRY(msg_released_parse(taking->arena, body, &page));
    TRY(release_check_receipt(taking->arena, taking->directory, &asked, LEAF_RELEASED, page.receipt, &receipt));
    agent_saw_size(taking->agent, receipt.size);
    if (taking->token.access == ACCESS_ONCE)
        TRY(fetch_keep_once(taking->agent, taking->arena, &taking->token.jti, cause, body));
    TRY(cosigned_wait(taking->agent, taking->arena, &receipt));
    TRY(take_items(taking, &asked, &receipt, &page));
    *out_cursor = page.cursor;
    return STATUS_OK;
}

/* ---- pages ---- */

/* *out_cursor is empty when nothing follows. */
static enum status take_page(struct taking *taking, struct bytes cursor, struct bytes *out_cursor) {
    struct link_answer answer;
    *out_cursor = BYTES_EMPTY;
    TRY(ask_page(taking, cursor, &answer));
    bool refused = answer.reply.code >= REPLY_NOT_AVAILABLE && answer.reply.code <= REPLY_TRY_LATER;
    if (refused && answer.reply.body.len > 0) {
        take_refusal(taking, &answer);
        return STATUS_OK;
    }
    TRY(link_status(&answer));
    return take_released(taking, &answer.cause, answer.reply.body, out_cursor);
}

/* A consent for once that was used already: what it released then, as often as needed. */
static enum status take_again(struct taking *taking, bool *out_taken) {
    struct hash cause;
    struct bytes body;
    struct bytes cursor;
    *out_taken = false;
    enum status status = fetch_once(taking->agent, taking->arena, &taking->token.jti, &cause, &body);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    *out_taken = true;
    return take_released(taking, &cause, body, &cursor);
}

static enum status take_pages(struct taking *taking) {
    uint8_t cursor_memory[LIMIT_CURSOR_BYTES];
    struct bytes cursor = BYTES_EMPTY;
    bool taken = false;
    if (taking->token.access == ACCESS_ONCE) TRY(take_again(taking, &taken));
    for (size_t i = 0; !taken && i < PAGES_MAX; i++) {
        struct bytes next;
        TRY(take_page(taking, cursor, &next));
        taken = next.len == 0;
        if (taken) return STATUS_OK;
        memcpy(cursor_memory, next.data, next.len);
        cursor = BYTES(cursor_memory, next.len);
        arena_reset(taking->arena);
        TRY(consent_store_token(taking->arena, taking->agent->settings->federation, taking->consent, &taking->token));
    }
    return STATUS_OK;
}

enum status consumer_take(struct agent *agent, struct consumer_harvest *harvest, const struct agent_caller *caller,
                          const struct consent_row *consent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(PAGE_BYTES);
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    ENSURE(arena, STATUS_MEMORY);
    struct taking taking = {.agent = agent,
                            .arena = arena,
                            .harvest = harvest,
                            .caller = caller,
                            .consent = consent,
                            .directory = directory};
    TRY(consent_store_token(arena, agent->settings->federation, consent, &taking.token));
    taking.source = arena_string(harvest->arena, taking.token.from);
    ENSURE(taking.source, STATUS_MEMORY);
    enum status status = take_pages(&taking);
    ENSURE(status != STATUS_MEMORY && status_class(status) != CLASS_INTEGRITY, status);
    if (status_class(status) == CLASS_PEER) refuse(&taking, "page", status);
    if (status != STATUS_OK) gap(&taking, reason_of(status, 0), NULL);
    return STATUS_OK;
}
