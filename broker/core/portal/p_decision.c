/*
 * POST /v1/requests/{id}/decision: the person gives a consent (tokens, one for each source chosen) or refuses (a
 * statement). Everything that an auditor or a source checks of a token is checked here before it stands in the log, and
 * again by the writer.
 */
#include "broker/core/portal/p_handlers.h"

#include <string.h>

#include "broker/core/consent_change.h"
#include "broker/core/entry.h"
#include "broker/core/granted_mail.h"
#include "broker/core/mailbox.h"
#include "broker/core/portal/p_call.h"
#include "broker/core/request_rows.h"
#include "broker/core/schedule.h"
#include "broker/core/subject.h"
#include "broker/core/token_rows.h"
#include "proto/derive.h"
#include "proto/limits.h"
#include "proto/notice.h"
#include "proto/rule_facts.h"

struct decision_work {
    struct p_person person;
    struct id16 request;
    bool refuses;
    struct statement statement; /* when it refuses */
    struct token *tokens;       /* otherwise, in the order given */
    size_t n_tokens;
    struct bytes notice;
};

static const char *const decision_members[] = {"tokens", "statement", NULL};

/* ---- tokens: form and signature ---- */

static enum status parse_tokens(struct call *call, const json_t *list, struct decision_work *work) {
    size_t count = json_array_size(list);
    ENSURE(count >= 1 && count <= LIMIT_TOKENS, STATUS_INVALID);
    work->tokens = ARENA_ARRAY(call->arena, struct token, count);
    ENSURE(work->tokens, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const char *compact = json_string_value(json_array_get(list, i));
        ENSURE(compact, STATUS_MALFORMED);
        TRY(token_parse(call->arena, call->core->federation, bytes_text(compact), &work->tokens[i]));
    }
    work->n_tokens = count;
    return STATUS_OK;
}

/* One decision: the same claims, by this person's device, no source and no id twice. */
static enum status check_siblings(const struct decision_work *work) {
    const struct token *first = &work->tokens[0];
    for (size_t i = 0; i < work->n_tokens; i++) {
        const struct token *token = &work->tokens[i];
        ENSURE(hash_equal(&token->device, &work->person.device.device), STATUS_DENIED);
        ENSURE(hash_equal(&token->subject, &work->person.device.subject), STATUS_DENIED);
        TRY(token_verify(token, &work->person.device.sign_key));
        ENSURE(token_same_decision(first, token), STATUS_INVALID);
        for (size_t k = 0; k < i; k++) {
            ENSURE(!ids_equal(&work->tokens[k].jti, &token->jti), STATUS_INVALID);
            ENSURE(strcmp(work->tokens[k].from, token->from) != 0, STATUS_INVALID);
        }
    }
    return STATUS_OK;
}

/* The hash that a repetition must equal: over all tokens, in their order. */
static struct hash tokens_hash(const struct decision_work *work) {
    struct hash_state state;
    hash_init(&state);
    for (size_t i = 0; i < work->n_tokens; i++) {
        hash_update(&state, work->tokens[i].compact);
    }
    return hash_final(&state);
}

/* ---- tokens: what they say ---- */

static const struct hash *salt_for(const struct msg_request_consent *message, const char *unit) {
    for (size_t i = 0; i < message->n_sources; i++) {
        if (strcmp(message->sources[i].unit, unit) == 0) return &message->sources[i].salt;
    }
    return NULL;
}

static enum status check_within(const struct call *call, const struct decision_work *work,
                                const struct request_row *row, const struct request_parts *parts) {
    for (size_t i = 0; i < work->n_tokens; i++) {
        const struct hash *salt = salt_for(&parts->message, work->tokens[i].from);
        ENSURE(salt, STATUS_INVALID);
        TRY(token_within(call->core->federation, &work->tokens[i], &parts->request, &row->request_hash, salt));
    }
    return STATUS_OK;
}

/* Clauses 1, 2, 9, 13 and 14 hold from the first moment, for every token. */
static enum status check_directory(struct call *call, const struct decision_work *work, uint64_t now_ms) {
    const struct rules *rules = directory_rules(call->directory);
    ENSURE(rules && work->n_tokens <= rules->most_sources, STATUS_INVALID);
    for (size_t i = 0; i < work->n_tokens; i++) {
        const struct token *token = &work->tokens[i];
        struct rule_facts facts = {.device_valid = true};
        const struct rule_facts_terms terms = {
            .to = token->to,
            .from = token->from,
            .purpose = token->purpose,
            .kinds = token->kinds,
            .n_kinds = token->n_kinds,
            .nbf_s = token->nbf_s,
            .exp_s = token->exp_s,
            .attester = work->person.device.attester,
        };
        rule_facts_directory(call->directory, &terms, now_ms, &facts);
        bool holds = facts.members_admitted && facts.units_listed && facts.agreement_covers && facts.caps_hold &&
                     facts.device_valid;
        ENSURE(holds, STATUS_DENIED);
    }
    return STATUS_OK;
}

static int compare_units(const void *a, const void *b) {
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* The text that was shown, made again; what was signed is its hash. */
static enum status check_notice(struct call *call, struct decision_work *work) {
    const char **sources = ARENA_ARRAY(call->arena, const char *, work->n_tokens);
    ENSURE(sources, STATUS_MEMORY);
    for (size_t i = 0; i < work->n_tokens; i++) {
        sources[i] = work->tokens[i].from;
    }
    qsort(sources, work->n_tokens, sizeof *sources, compare_units);
    const struct token *first = &work->tokens[0];
    TRY(notice_make(call->arena, first->notice_lang, call->directory, first, sources, work->n_tokens, &work->notice));
    struct hash hash = hash_sha256(work->notice);
    ENSURE(hash_equal(&hash, &first->notice), STATUS_INVALID);
    return STATUS_OK;
}

/* Everything that may change between worker and writer. */
static enum status check_tokens(struct call *call, struct store_txn *txn, struct decision_work *work, uint64_t now_ms,
                                struct request_row *row, struct request_parts *parts) {
    const struct token *first = &work->tokens[0];
    TRY(request_rows_get(call->core, txn, work->person.slot, &work->request, call->arena, row));
    TRY(request_rows_parts(call->core, row, call->arena, parts));
    enum request_state state = request_rows_state(row, now_ms);
    ENSURE(state != REQUEST_EXPIRED, STATUS_EXPIRED);
    ENSURE(state == REQUEST_PENDING, STATUS_CONFLICT);
    ENSURE(device_rows_settled(&work->person.device, now_ms), STATUS_DENIED);
    TRY(token_fresh(first, now_ms));
    ENSURE(now_ms < first->exp_s * 1000, STATUS_EXPIRED);
    TRY(check_within(call, work, row, parts));
    TRY(check_directory(call, work, now_ms));
    return check_notice(call, work);
}

/* ---- worker ---- */

static enum status check_grant(struct call *call, struct store_txn *txn, const json_t *list,
                               struct decision_work *work) {
    struct request_row row;
    struct request_parts parts;
    TRY(parse_tokens(call, list, work));
    TRY(check_siblings(work));
    struct hash hash = tokens_hash(work);
    TRY(call_identify(call, txn, work->person.kid, &work->tokens[0].jti, &hash));
    if (call->repeated) return STATUS_OK;
    return check_tokens(call, txn, work, clock_now_ms(call->core->clock), &row, &parts);
}

static enum status check_refusal(struct call *call, struct store_txn *txn, const json_t *body,
                                 struct decision_work *work) {
    TRY(p_call_statement(call, txn, &work->person, body, 1U << STATEMENT_REFUSE, &work->statement));
    ENSURE(ids_equal(&work->statement.request, &work->request), STATUS_INVALID);
    work->refuses = true;
    return STATUS_OK;
}

enum status p_decision_check(struct call *call, struct store_txn *txn) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    struct decision_work *work = ARENA_NEW(call->arena, struct decision_work);
    ENSURE(work, STATUS_MEMORY);
    TRY(p_call_person(call, txn, P_WRITES, &work->person));
    TRY(p_call_id16(call, &work->request));
    TRY(p_call_body(call, decision_members, &body));
    ENSURE(json_object_size(body) == 1, STATUS_MALFORMED);
    const json_t *tokens = json_object_get(body, "tokens");
    ENSURE(!tokens || json_is_array(tokens), STATUS_MALFORMED);
    TRY(tokens ? check_grant(call, txn, tokens, work) : check_refusal(call, txn, body, work));
    call->work = work;
    return STATUS_OK;
}

/* ---- writer: refusal ---- */

static enum status apply_refusal(struct call *call, struct store_txn *txn, struct decision_work *work) {
    struct request_row row;
    struct request_parts parts;
    struct entry entry = {0};
    TRY(p_call_statement_again(call, txn, &work->person, &work->statement));
    TRY(request_rows_get(call->core, txn, work->person.slot, &work->request, call->arena, &row));
    TRY(request_rows_parts(call->core, &row, call->arena, &parts));
    enum request_state state = request_rows_state(&row, ledger_now_ms(call->core->ledger));
    ENSURE(state != REQUEST_EXPIRED, STATUS_EXPIRED);
    ENSURE(state == REQUEST_PENDING, STATUS_CONFLICT);

    entry_init(&entry, LEAF_CONSENT_REFUSED, work->person.slot, &work->person.device.subject, work->person.kid,
               call->directory);
    entry_cause(&entry, work->statement.compact);
    entry.opening.request = ids_bytes(&row.id);
    entry_prior(&entry, row.leaf);
    TRY(call_append(call, txn, &entry.ledger));
    row.state = REQUEST_REFUSED;
    row.tell = work->statement.tell;
    TRY(request_rows_put(call->core, txn, work->person.slot, &row, call->arena));
    TRY(p_call_statement_done(call, txn, &work->person, &work->statement));
    if (!row.tell) return STATUS_OK;
    const struct msg_mail_event event = {
        .type = EVENT_CONSENT_REFUSED,
        .unit = parts.request.recipient,
        .subject = hash_bytes(&work->person.device.subject),
        .request = parts.message.request,
        .statement = work->statement.compact,
    };
    return mailbox_put(call->core, txn, work->person.slot, &event, &call->leaves[0], 1, call->arena);
}

/* ---- writer: consent ---- */

/* A token's leaf stands under the device and the token's id: no statement of the device may stand there already. */
static enum status check_unused_event(const struct call *call, struct store_txn *txn, const char *kid,
                                      const struct id16 *jti) {
    struct id16 event = derive_event_id(call->core->federation, kid, jti, 0);
    uint64_t index;
    struct hash hash;
    enum status found = ledger_find_event(call->core->ledger, txn, &event, &index, &hash);
    ENSURE(found != STATUS_OK, STATUS_CONFLICT);
    return found == STATUS_NOT_FOUND ? STATUS_OK : found;
}

/* No id is used twice, whoever has it. */
static enum status check_unused_ids(struct call *call, struct store_txn *txn, const struct decision_work *work) {
    uint32_t slot;
    const struct token *first = &work->tokens[0];
    enum status found = subject_find(call->core, txn, INDEX_CONSENT, ids_bytes(&first->consent), &slot);
    ENSURE(found != STATUS_OK, STATUS_CONFLICT);
    ENSURE(found == STATUS_NOT_FOUND, found);
    found = subject_find(call->core, txn, INDEX_CODE, hash_bytes(&first->rev), &slot);
    ENSURE(found != STATUS_OK, STATUS_CONFLICT);
    ENSURE(found == STATUS_NOT_FOUND, found);
    for (size_t i = 0; i < work->n_tokens; i++) {
        found = subject_find(call->core, txn, INDEX_TOKEN, ids_bytes(&work->tokens[i].jti), &slot);
        ENSURE(found != STATUS_OK, STATUS_CONFLICT);
        ENSURE(found == STATUS_NOT_FOUND, found);
        TRY(check_unused_event(call, txn, work->person.kid, &work->tokens[i].jti));
    }
    return STATUS_OK;
}

/* Without tokens' leaves and the slot of its own. */
static enum status make_consent(struct call *call, const struct decision_work *work, const struct request_row *request,
                                struct consent_row *out) {
    const struct token *first = &work->tokens[0];
    struct consent_row row = {
        .consent = first->consent,
        .subject = first->subject,
        .state = CONSENT_ACTIVE,
        .request = request->id,
        .device = first->device,
        .signed_s = first->iat_s,
        .exp_ms = first->exp_s * 1000,
        .to = first->to,
        .purpose = first->purpose,
        .attester = work->person.device.attester,
        .n_kinds = first->n_kinds,
        .access = first->access,
        .rev = first->rev,
        .tokens = ARENA_ARRAY(call->arena, struct consent_token, work->n_tokens),
        .n_tokens = work->n_tokens,
    };
    ENSURE(row.tokens, STATUS_MEMORY);
    memcpy(row.kinds, first->kinds, sizeof row.kinds);
    for (size_t i = 0; i < work->n_tokens; i++) {
        row.tokens[i] = (struct consent_token){.jti = work->tokens[i].jti, .from = work->tokens[i].from};
    }
    *out = row;
    return STATUS_OK;
}

/* The earlier consent on the same terms, if one is in force; at most one can be. */
static enum status find_superseded(struct call *call, struct store_txn *txn, uint32_t slot,
                                   const struct consent_row *row, struct consent_row *out, bool *out_found) {
    struct consent_list list;
    *out_found = false;
    TRY(consent_rows_list(call->core, txn, slot, call->arena, &list));
    for (size_t i = 0; i < list.count; i++) {
        if (consent_rows_final(&list.items[i]) || !consent_rows_same_terms(&list.items[i], row)) continue;
        *out = list.items[i];
        *out_found = true;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static enum status append_granted(struct call *call, struct store_txn *txn, const struct decision_work *work,
                                  const struct token *token, const struct request_row *request,
                                  const struct request_parts *parts) {
    const struct msg_source_salt salt = {.unit = token->from, .salt = *salt_for(&parts->message, token->from)};
    struct bytes salt_bytes;
    struct entry entry = {0};
    TRY(msg_source_salt_encode(call->arena, &salt, &salt_bytes));
    entry_init(&entry, LEAF_CONSENT_GRANTED, work->person.slot, &token->subject, work->person.kid, call->directory);
    entry.ledger.event = derive_event_id(call->core->federation, work->person.kid, &token->jti, 0);
    entry_cause(&entry, token->compact);
    entry_evidence(&entry, parts->message.request);
    entry_evidence(&entry, work->person.device.attestation);
    entry_evidence(&entry, work->notice);
    entry_evidence(&entry, salt_bytes);
    entry.opening.device = hash_bytes(&token->device);
    entry.opening.request = ids_bytes(&request->id);
    entry.opening.consent = ids_bytes(&token->consent);
    entry.opening.token = ids_bytes(&token->jti);
    entry.opening.recipient = token->to;
    entry.opening.source = token->from;
    entry.opening.purpose = token->purpose;
    entry.opening.kinds = token->kinds;
    entry.opening.n_kinds = token->n_kinds;
    entry_prior(&entry, request->leaf);
    return call_append(call, txn, &entry.ledger);
}

static enum status put_tokens(struct call *call, struct store_txn *txn, const struct decision_work *work,
                              const struct request_row *request, const struct request_parts *parts,
                              struct consent_row *consent) {
    for (size_t i = 0; i < work->n_tokens; i++) {
        TRY(append_granted(call, txn, work, &work->tokens[i], request, parts));
        struct token_row row = token_rows_make(&work->tokens[i], &request->id);
        row.leaf = call->leaves[call->n_leaves - 1];
        consent->tokens[i].leaf = row.leaf;
        consent->state_leaf = row.leaf;
        TRY(token_rows_put(call->core, txn, work->person.slot, &row, call->arena));
    }
    return STATUS_OK;
}

static enum status tell_granted(struct call *call, struct store_txn *txn, const struct decision_work *work,
                                const struct consent_row *consent) {
    for (size_t i = 0; i < consent->n_tokens; i++) {
        const char *const units[] = {consent->to, consent->tokens[i].from};
        for (size_t k = 0; k < 2; k++) {
            struct granted_mail mail;
            TRY(granted_mail_load(call->core, txn, work->person.slot, consent, &consent->tokens[i], units[k],
                                  call->arena, &mail));
            TRY(mailbox_put(call->core, txn, work->person.slot, &mail.event, mail.leaves, mail.n_leaves, call->arena));
        }
    }
    return STATUS_OK;
}

static enum status supersede(struct call *call, struct store_txn *txn, const struct decision_work *work,
                             struct consent_row *earlier) {
    const struct consent_change change = {
        .type = LEAF_CONSENT_SUPERSEDED,
        .actor = work->person.kid,
        .sender = work->person.kid,
        .message = &work->tokens[0].jti,
        .first = 1,
        .cause = work->tokens[0].compact,
    };
    return consent_change_apply(call->core, txn, call, call->directory, work->person.slot, earlier, &change,
                                call->arena);
}

static enum status put_consent(struct call *call, struct store_txn *txn, const struct decision_work *work,
                               struct request_row *request, const struct request_parts *parts,
                               struct consent_row *consent) {
    const uint32_t slot = work->person.slot;
    TRY(subject_new_slot(call->core, txn, &consent->key_slot));
    TRY(put_tokens(call, txn, work, request, parts, consent));
    TRY(consent_rows_put(call->core, txn, slot, consent, call->arena));
    request->state = REQUEST_GRANTED;
    request->consent = consent->consent;
    TRY(request_rows_put(call->core, txn, slot, request, call->arena));
    TRY(schedule_add(call->core, txn, consent->exp_ms, SCHEDULE_CONSENT_EXPIRY, slot, &consent->consent, call->arena));
    return tell_granted(call, txn, work, consent);
}

static enum status apply_grant(struct call *call, struct store_txn *txn, struct decision_work *work) {
    struct request_row request;
    struct request_parts parts;
    struct consent_row consent;
    struct consent_row earlier;
    bool supersedes = false;
    TRY(p_call_again(call, txn, &work->person));
    TRY(check_tokens(call, txn, work, ledger_now_ms(call->core->ledger), &request, &parts));
    TRY(check_unused_ids(call, txn, work));
    TRY(make_consent(call, work, &request, &consent));
    TRY(find_superseded(call, txn, work->person.slot, &consent, &earlier, &supersedes));
    TRY(put_consent(call, txn, work, &request, &parts, &consent));
    return supersedes ? supersede(call, txn, work, &earlier) : STATUS_OK;
}

enum status p_decision_apply(struct call *call, struct store_txn *txn) {
    struct decision_work *work = call->work;
    return work->refuses ? apply_refusal(call, txn, work) : apply_grant(call, txn, work);
}

/* ---- answer ---- */

/* Leaves of the tokens stand under the tokens' own ids: a repeated decision, whose tokens are all the same, finds them
 * there. */
static enum status repeated_leaves(struct call *call, struct store_txn *txn, const json_t *tokens, uint64_t *leaves,
                                   size_t *count) {
    *count = 0;
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        uint32_t slot = 0;
        struct token token;
        struct token_row row;
        const char *compact = json_string_value(json_array_get(tokens, i));
        TRY(token_parse(call->arena, call->core->federation, bytes_text(compact), &token));
        TRY(token_rows_find(call->core, txn, &token.jti, call->arena, &slot, &row));
        leaves[(*count)++] = row.leaf;
    }
    for (size_t i = 1; i < call->n_prior && *count < CALL_LEAVES_MAX; i++) {
        leaves[(*count)++] = call->prior[i];
    }
    return STATUS_OK;
}

enum status p_decision_answer(struct call *call, struct store_txn *txn) {
    json_t *body CLEANUP(json_cleanup) = NULL;
    uint64_t leaves[CALL_LEAVES_MAX];
    size_t count = call->n_leaves;
    memcpy(leaves, call->leaves, sizeof leaves);
    TRY(p_call_body(call, decision_members, &body));
    const json_t *tokens = json_object_get(body, "tokens");
    if (call->repeated && tokens) TRY(repeated_leaves(call, txn, tokens, leaves, &count));
    return entry_receipts_json(call, txn, leaves, count, &call->answer_body);
}
