/*
 * A person's own consents: the list, and the three statements that change one.
 */
#include "broker/core/portal/p_handlers.h"

#include "broker/core/consent_change.h"
#include "broker/core/entry.h"
#include "broker/core/portal/p_call.h"

/* ---- list ---- */

static const char *state_name(enum consent_state state) {
    static const char *const names[] = {
        [CONSENT_STATE_NONE] = "none",           [CONSENT_ACTIVE] = "active",
        [CONSENT_STATE_SUSPENDED] = "suspended", [CONSENT_STATE_REVOKED] = "revoked",
        [CONSENT_STATE_EXPIRED] = "expired",     [CONSENT_STATE_SUPERSEDED] = "superseded",
    };
    return names[state];
}

static enum status add_token(json_t *list, const struct consent_token *token) {
    json_t *object = json_pack("{s:s, s:I}", "from", token->from, "leaf", (json_int_t)token->leaf);
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    return json_set_bytes(object, "jti", ids_bytes(&token->jti));
}

static enum status add_consent(json_t *list, const struct consent_row *row, uint64_t now_ms) {
    bool over = !consent_rows_final(row) && row->exp_ms <= now_ms;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:o, s:I, s:s, s:[]}", "state", state_name(over ? CONSENT_STATE_EXPIRED : row->state), "to",
        row->to, "purpose", row->purpose, "kinds", p_call_kinds(row->kinds, row->n_kinds), "exp",
        (json_int_t)(row->exp_ms / 1000), "access", consent_request_access_name(row->access), "tokens");
    ENSURE(object && json_array_append_new(list, object) == 0, STATUS_MEMORY);
    TRY(json_set_bytes(object, "consent", ids_bytes(&row->consent)));
    for (size_t i = 0; i < row->n_tokens; i++) {
        TRY(add_token(json_object_get(object, "tokens"), &row->tokens[i]));
    }
    return STATUS_OK;
}

enum status p_consents_get_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    struct consent_list consents;
    TRY(p_call_person(call, txn, P_READS, &person));
    TRY(consent_rows_list(call->core, txn, person.slot, call->arena, &consents));
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[]}", "consents");
    ENSURE(root, STATUS_MEMORY);
    for (size_t i = 0; i < consents.count; i++) {
        TRY(add_consent(json_object_get(root, "consents"), &consents.items[i], clock_now_ms(call->core->clock)));
    }
    return p_call_answer(call, MOVE(root));
}

/* GET /v1/consents/{id}/receipt: the receipts of its tokens once more. */
enum status p_consents_receipt_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    struct id16 id;
    struct consent_row row;
    uint64_t leaves[LIMIT_TOKENS];
    TRY(p_call_person(call, txn, P_READS, &person));
    TRY(p_call_id16(call, &id));
    TRY(consent_rows_get(call->core, txn, person.slot, &id, call->arena, &row));
    for (size_t i = 0; i < row.n_tokens; i++) {
        leaves[i] = row.tokens[i].leaf;
    }
    return entry_receipts_json(call, txn, leaves, row.n_tokens, &call->answer_body);
}

/* ---- change ---- */

struct change_work {
    struct p_person person;
    struct statement statement;
    enum leaf_type type;
};

struct change_row {
    enum portal_op op;
    enum statement_type statement;
    enum leaf_type type;
};

static const struct change_row changes[] = {
    {PORTAL_CONSENT_REVOKE, STATEMENT_REVOKE, LEAF_CONSENT_REVOKED},
    {PORTAL_CONSENT_SUSPEND, STATEMENT_SUSPEND, LEAF_CONSENT_SUSPENDED},
    {PORTAL_CONSENT_RESUME, STATEMENT_RESUME, LEAF_CONSENT_RESUMED},
};

static const struct change_row *find_change(enum portal_op op) {
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (changes[i].op == op) return &changes[i];
    }
    return NULL;
}

/* Any active device may stop sharing; going on with it is a right that a new device waits for. */
static enum status check_rights(const struct change_work *work, uint64_t now_ms) {
    bool may = work->type != LEAF_CONSENT_RESUMED || device_rows_settled(&work->person.device, now_ms);
    return may ? STATUS_OK : STATUS_DENIED;
}

enum status p_consents_change_check(struct call *call, struct store_txn *txn) {
    static const char *const members[] = {"statement", NULL};
    const struct change_row *change = find_change(call->portal->op);
    json_t *body CLEANUP(json_cleanup) = NULL;
    struct change_work *work = ARENA_NEW(call->arena, struct change_work);
    struct id16 id;
    ENSURE(work, STATUS_MEMORY);
    ENSURE(change, STATUS_UNSUPPORTED);
    TRY(p_call_person(call, txn, P_WRITES, &work->person));
    TRY(p_call_id16(call, &id));
    TRY(p_call_body(call, members, &body));
    TRY(p_call_statement(call, txn, &work->person, body, 1U << change->statement, &work->statement));
    ENSURE(ids_equal(&work->statement.consent, &id), STATUS_INVALID);
    work->type = change->type;
    TRY(check_rights(work, clock_now_ms(call->core->clock)));
    call->work = work;
    return STATUS_OK;
}

enum status p_consents_change_apply(struct call *call, struct store_txn *txn) {
    struct change_work *work = call->work;
    struct consent_row row;
    TRY(p_call_statement_again(call, txn, &work->person, &work->statement));
    TRY(check_rights(work, ledger_now_ms(call->core->ledger)));
    TRY(consent_rows_get(call->core, txn, work->person.slot, &work->statement.consent, call->arena, &row));
    const struct consent_change change = {
        .type = work->type,
        .actor = work->person.kid,
        .sender = call->sender,
        .message = &call->message,
        .cause = work->statement.compact,
        .statement = work->statement.compact,
    };
    TRY(consent_change_apply(call->core, txn, call, call->directory, work->person.slot, &row, &change, call->arena));
    return p_call_statement_done(call, txn, &work->person, &work->statement);
}
