/*
 * Who decides here is the release rule over facts that this file gathers. Trusts the directory and what the log and the
 * status key signed. Invariant: no grant leaves for a token that did not pass all of it just now.
 */
#include "agent/source.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/grant.h"
#include "agent/row.h"
#include "agent/upload.h"
#include "proto/kind.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"

#define PAGE_ROWS 64
#define STATE_MS  10000

/* One consent that is being served. */
struct serving {
    struct agent *agent;
    struct arena *arena;
    struct ground ground;
    struct consent_row row;
    struct consent_checked checked;
    struct seal_public to_key;
    struct hash to_key_id;
    struct bytes state; /* Signed StateStatement */
    uint64_t now_ms;
};

static void serving_clear(struct serving *serving) { ground_clear(&serving->ground); }

/* ---- what was granted ---- */

struct granted_row {
    struct hash key_id;
    uint64_t epoch;
};
static const struct row_field granted_fields[] = {
    {ROW_FIXED, offsetof(struct granted_row, key_id), sizeof(struct hash)},
    {ROW_U64, offsetof(struct granted_row, epoch), 0},
};
static const struct row_form granted_form = {1, granted_fields, 2, sizeof(struct granted_row)};

static enum status granted_key(struct arena *arena, struct bytes who, const struct id16 *fragment, uint32_t revision,
                               struct bytes *out_key) {
    return row_key(arena, who, ids_bytes(fragment), row_u32(arena, revision), out_key);
}

enum status source_was_granted(struct store_txn *txn, struct arena *arena, struct bytes who,
                               const struct fragment_row *row, const struct hash *key_id, uint64_t epoch,
                               bool *out_was) {
    struct bytes key;
    struct granted_row found;
    TRY(granted_key(arena, who, &row->fragment, row->revision, &key));
    enum status status = row_get(txn, AGENT_GRANTED, key, &granted_form, arena, &found);
    if (status != STATUS_NOT_FOUND) TRY(status);
    *out_was = status == STATUS_OK && found.epoch == epoch && hash_equal(&found.key_id, key_id);
    return STATUS_OK;
}

enum status source_note_granted(struct store_txn *txn, struct arena *arena, struct bytes who,
                                const struct id16 *fragment, uint32_t revision, const struct hash *key_id,
                                uint64_t epoch) {
    struct bytes key;
    const struct granted_row row = {.key_id = *key_id, .epoch = epoch};
    TRY(granted_key(arena, who, fragment, revision, &key));
    return row_put(txn, AGENT_GRANTED, key, &granted_form, arena, &row);
}

/* ---- the state of the consent ---- */

enum status source_judge_state(struct arena *arena, const struct directory *directory, const struct id16 *token,
                               uint64_t now_ms, struct bytes statement, enum consent_state *out_state) {
    struct signed_object object;
    struct state_statement state;
    TRY(ground_open_status(arena, directory, SIGNED_STATE, statement, &object));
    TRY(state_statement_parse(arena, directory_federation(directory), object.body, &state));
    ENSURE(ids_equal(&state.token, token), STATUS_PROOF);
    ENSURE(state.time_ms <= now_ms + LIMIT_ENVELOPE_WINDOW_MS, STATUS_TIME);
    ENSURE(now_ms <= state.time_ms + LIMIT_STATE_AGE_MS, STATUS_TIME);
    *out_state = state.state;
    return STATUS_OK;
}

static enum status ask_state(struct serving *serving, enum consent_state *out_state) {
    const struct msg_state message = {.token = serving->row.token};
    struct bytes body;
    struct link_answer came;
    struct msg_state_answer answer;
    TRY(msg_state_encode(serving->arena, &message, &body));
    const struct link_ask ask = {
        .type = MESSAGE_STATE, .unit = serving->row.unit, .body = body, .deadline_ms = STATE_MS};
    TRY(link_ask_done(&serving->agent->link, serving->arena, &ask, &came));
    TRY(msg_state_answer_parse(serving->arena, came.reply.body, &answer));
    TRY(source_judge_state(serving->arena, serving->ground.directory, &serving->row.token, serving->now_ms,
                           answer.state, out_state));
    serving->state = answer.state;
    return STATUS_OK;
}

/* ---- one consent ---- */

static bool own_key_active(const struct serving *serving) {
    const struct agent *agent = serving->agent;
    struct sign_public own = sign_public_of(keystore_sign(agent->keystore));
    struct hash id = sign_key_id(agent->settings->federation, &own);
    struct sign_public found;
    return directory_sign_key(serving->ground.directory, agent->settings->member, id.b, &found) == STATUS_OK;
}

static struct rule_facts facts_of(const struct serving *serving, bool active) {
    const struct consent_now now = {
        .now_ms = serving->now_ms, .active = active, .unused = true, .own_key_active = own_key_active(serving)};
    return consent_facts(&serving->ground, &serving->checked, &now);
}

/* Verifies the consent again and finds out to which key its recipient reads. */
static enum status prepare(struct serving *serving) {
    const char *why = "";
    const struct consent_proof proof = consent_store_proof(&serving->row);
    TRY(dirsync_fresh(serving->agent));
    TRY(dirsync_ground(serving->agent, serving->arena, &serving->ground));
    serving->now_ms = agent_now_ms(serving->agent);
    TRY(consent_check(serving->arena, &serving->ground, &proof, &serving->checked, &why));
    return directory_seal_key(serving->ground.directory, serving->checked.token.to, &serving->to_key,
                              &serving->to_key_id);
}

/* Whether the RELEASED leaf of a consent for once passed just this revision. */
static enum status was_released(const struct serving *serving, const struct fragment_row *fragment, bool *out_was) {
    struct receipt receipt;
    TRY(receipt_open(serving->arena, serving->ground.directory, serving->row.used, LEAF_RELEASED, &receipt));
    struct hash header = hash_sha256(fragment->header);
    *out_was = false;
    for (size_t i = 0; i < receipt.opening.n_items; i++) {
        const struct opening_item *item = &receipt.opening.items[i];
        bool same = ids_equal(&item->fragment, &fragment->fragment) && item->revision == fragment->revision;
        if (same && item->clause == 0 && hash_equal(&item->header_hash, &header)) *out_was = true;
    }
    return STATUS_OK;
}

static bool has_kind(const struct token *token, uint32_t kind) {
    for (size_t i = 0; i < token->n_kinds; i++) {
        if (token->kinds[i] == kind) return true;
    }
    return false;
}

/* Asks the rule about one own fragment. */
static bool may_grant(const struct serving *serving, struct rule_facts facts, const struct fragment_row *fragment,
                      bool current) {
    facts.source_matches = strcmp(serving->checked.token.from, fragment->unit) == 0;
    facts.kind_matches = has_kind(&serving->checked.token, fragment->kind);
    facts.fragment_current = current && (fragment->expires_ms == 0 || serving->now_ms < fragment->expires_ms);
    return rule_release(&facts, RULE_STAGE_GRANT, serving->now_ms) == RULE_PASS;
}

static enum status make_grant(const struct serving *serving, const struct fragment_row *fragment,
                              struct bytes *out_grant) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    const struct agent *agent = serving->agent;
    const struct grant_target target = {.token = ids_bytes(&serving->row.token),
                                        .purpose = serving->checked.token.purpose,
                                        .recipient = serving->checked.token.to,
                                        .key = serving->to_key,
                                        .state = serving->state,
                                        .release_event = serving->row.release_event};
    TRY(vault_key(agent->vault, fragment->slot, &key));
    return grant_make(serving->arena, agent->settings->federation, keystore_sign(agent->keystore), key, fragment,
                      &target, out_grant);
}

/* ---- fragments that wait for a grant ---- */

struct due {
    struct serving *serving;
    const struct fragment_row *rows;
    size_t count;
};

static enum status find_due(struct store_txn *txn, void *arg) {
    struct due *due = arg;
    struct serving *serving = due->serving;
    const struct epoch *epoch = directory_epoch(serving->ground.directory);
    const struct fragment_row *all = NULL;
    size_t count = 0;
    TRY(fragment_store_list(txn, serving->arena, &serving->row.subject, &all, &count));
    struct fragment_row *rows = ARENA_ARRAY(serving->arena, struct fragment_row, count);
    ENSURE(rows, STATUS_MEMORY);
    due->count = 0;
    for (size_t i = 0; i < count; i++) {
        bool was = false;
        TRY(source_was_granted(txn, serving->arena, ids_bytes(&serving->row.token), &all[i], &serving->to_key_id,
                               epoch->epoch, &was));
        if (!was && all[i].state == FRAGMENT_STATE_STORED) rows[due->count++] = all[i];
    }
    due->rows = rows;
    return STATUS_OK;
}

static bool is_once(const struct serving *serving) { return serving->checked.token.access == ACCESS_ONCE; }

/* Grants for those of the fragments that pass. */
static enum status make_all(struct serving *serving, const struct due *due, const struct rule_facts *facts,
                            struct upload_item *items, size_t *out_count) {
    size_t made = 0;
    for (size_t i = 0; i < due->count; i++) {
        const struct fragment_row *fragment = &due->rows[i];
        bool current = true;
        if (is_once(serving)) TRY(was_released(serving, fragment, &current));
        if (!may_grant(serving, *facts, fragment, current)) continue;
        items[made] = (struct upload_item){.fragment = fragment->fragment, .revision = fragment->revision};
        enum status status = make_grant(serving, fragment, &items[made].grant);
        if (status == STATUS_NOT_FOUND) continue; /* the person's key is shredded */
        TRY(status);
        made++;
    }
    *out_count = made;
    return STATUS_OK;
}

static enum status serve_due(struct serving *serving, const struct due *due) {
    enum consent_state state = CONSENT_STATE_NONE;
    TRY(ask_state(serving, &state));
    const struct rule_facts facts = facts_of(serving, state == CONSENT_ACTIVE);
    struct upload_item *items = ARENA_ARRAY(serving->arena, struct upload_item, due->count);
    ENSURE(items, STATUS_MEMORY);
    struct upload upload = {.unit = serving->row.unit,
                            .who = ids_bytes(&serving->row.token),
                            .key_id = serving->to_key_id,
                            .epoch = directory_epoch(serving->ground.directory)->epoch,
                            .items = items};
    TRY(make_all(serving, due, &facts, items, &upload.count));
    return upload.count > 0 ? upload_send(serving->agent, serving->arena, &upload) : STATUS_OK;
}

static enum status read_row(struct store_txn *txn, void *arg) {
    struct serving *serving = arg;
    struct id16 token = serving->row.token;
    return consent_store_get(txn, serving->arena, &token, CONSENT_SIDE_SOURCE, &serving->row);
}

/* Whether anything can be granted under it at all. */
static bool is_served(const struct consent_row *row, const struct token *token, uint64_t now_ms) {
    bool open = row->side == CONSENT_SIDE_SOURCE && row->state == CONSENT_ACTIVE && now_ms / 1000 < token->exp_s;
    return open && (token->access == ACCESS_REPEATED || row->used.len > 0);
}

static enum status serve_row(struct serving *serving) {
    struct token token;
    struct due due = {.serving = serving};
    TRY(consent_store_token(serving->arena, serving->agent->settings->federation, &serving->row, &token));
    if (!is_served(&serving->row, &token, agent_now_ms(serving->agent))) return STATUS_OK;
    TRY(prepare(serving));
    TRY(store_read(serving->agent->store, find_due, &due));
    return due.count > 0 ? serve_due(serving, &due) : STATUS_OK;
}

enum status source_serve(struct agent *agent, const struct id16 *token) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct serving serving CLEANUP(serving_clear) = {.agent = agent, .arena = arena, .row = {.token = *token}};
    TRY(store_read(agent->store, read_row, &serving));
    return serve_row(&serving);
}

/* ---- all of them ---- */

struct page {
    struct arena *arena;
    struct bytes after;
    struct consent_rows rows;
    struct bytes last;
};

static enum status read_page(struct store_txn *txn, void *arg) {
    struct page *page = arg;
    return consent_store_page(txn, page->arena, page->after, PAGE_ROWS, &page->rows, &page->last);
}

enum status source_serve_all(struct agent *agent) {
    uint8_t last[STORE_KEY_MAX];
    struct bytes after = BYTES_EMPTY;
    enum status first = STATUS_OK;
    bool more = true;
    while (more) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
        ENSURE(arena, STATUS_MEMORY);
        struct page page = {.arena = arena, .after = after};
        TRY(store_read(agent->store, read_page, &page));
        for (size_t i = 0; i < page.rows.count; i++) {
            bool serve = page.rows.items[i].side == CONSENT_SIDE_SOURCE;
            enum status status = serve ? source_serve(agent, &page.rows.items[i].token) : STATUS_OK;
            if (first == STATUS_OK) first = status;
        }
        more = page.rows.count == PAGE_ROWS;
        if (more) memmove(last, page.last.data, page.last.len);
        after = BYTES(last, page.last.len);
    }
    return first;
}

/* ---- with a publication ---- */

struct of_subject {
    struct arena *arena;
    const struct hash *subject;
    struct consent_rows rows;
};

static enum status read_subject(struct store_txn *txn, void *arg) {
    struct of_subject *ask = arg;
    return consent_store_of_subject(txn, ask->arena, ask->subject, CONSENT_SIDE_SOURCE, &ask->rows);
}

static enum status grant_for(struct serving *serving, const struct fragment_row *fragment, struct bytes *out_grant) {
    struct token token;
    enum consent_state state = CONSENT_STATE_NONE;
    TRY(consent_store_token(serving->arena, serving->agent->settings->federation, &serving->row, &token));
    bool open = is_served(&serving->row, &token, agent_now_ms(serving->agent)) && token.access == ACCESS_REPEATED;
    ENSURE(open && has_kind(&token, fragment->kind) && strcmp(token.from, fragment->unit) == 0, STATUS_REFUSED);
    TRY(prepare(serving));
    TRY(ask_state(serving, &state));
    ENSURE(may_grant(serving, facts_of(serving, state == CONSENT_ACTIVE), fragment, true), STATUS_REFUSED);
    return make_grant(serving, fragment, out_grant);
}

void source_grants_for(struct agent *agent, struct arena *arena, const struct fragment_row *row,
                       struct source_grants *out_grants) {
    struct of_subject ask = {.arena = arena, .subject = &row->subject};
    *out_grants = (struct source_grants){0};
    if (store_read(agent->store, read_subject, &ask) != STATUS_OK) return;
    struct bytes *grants = ARENA_ARRAY(arena, struct bytes, LIMIT_GRANTS);
    struct id16 *tokens = ARENA_ARRAY(arena, struct id16, LIMIT_GRANTS);
    struct hash *key_ids = ARENA_ARRAY(arena, struct hash, LIMIT_GRANTS);
    if (!grants || !tokens || !key_ids) return;
    struct source_grants made = {.grants = grants, .tokens = tokens, .key_ids = key_ids};
    for (size_t i = 0; i < ask.rows.count && made.count < LIMIT_GRANTS; i++) {
        struct serving serving CLEANUP(serving_clear) = {.agent = agent, .arena = arena, .row = ask.rows.items[i]};
        if (grant_for(&serving, row, &grants[made.count]) != STATUS_OK) continue;
        tokens[made.count] = serving.row.token;
        key_ids[made.count++] = serving.to_key_id;
        made.epoch = directory_epoch(serving.ground.directory)->epoch;
    }
    *out_grants = made;
}
