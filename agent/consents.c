/* What an agency's system may do about consents that stand. Trusts receipts for what became of it. */
#include "agent/consents.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/consent_store.h"
#include "agent/ended.h"
#include "agent/outbox.h"
#include "agent/receipt.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "proto/limits.h"
#include "proto/msg_consent.h"
#include "proto/msg_publish.h"

#define SEND_MS 5000

/* ---- listing ---- */

struct listing {
    struct arena *arena;
    const struct hash *subject;
    struct consent_rows rows;
};

static enum status read_subject(struct store_txn *txn, void *arg) {
    struct listing *listing = arg;
    return consent_store_of_subject(txn, listing->arena, listing->subject, 0, &listing->rows);
}

/* A consent that ran out is shown as such before the log says so. */
static const char *state_name(const struct consent_row *row, const struct token *token, uint64_t now_ms) {
    static const char *const names[] = {
        [CONSENT_STATE_NONE] = "unknown",        [CONSENT_ACTIVE] = "active",
        [CONSENT_STATE_SUSPENDED] = "suspended", [CONSENT_STATE_REVOKED] = "revoked",
        [CONSENT_STATE_EXPIRED] = "expired",     [CONSENT_STATE_SUPERSEDED] = "superseded"};
    bool open = row->state == CONSENT_ACTIVE || row->state == CONSENT_STATE_SUSPENDED;
    if (open && now_ms / 1000 >= token->exp_s) return "expired";
    return names[row->state <= CONSENT_STATE_LAST ? row->state : CONSENT_STATE_NONE];
}

static json_t *kinds_of(const struct token *token) {
    json_t *kinds = json_array();
    for (size_t i = 0; kinds && i < token->n_kinds; i++) {
        if (json_array_append_new(kinds, json_string(kind_name((enum kind)token->kinds[i]))) == 0) continue;
        json_decref(kinds);
        kinds = NULL;
    }
    return kinds;
}

static enum status add_consent(struct agent *agent, struct arena *arena, const struct consent_row *row, json_t *into) {
    struct token token;
    TRY(consent_store_token(arena, agent->settings->federation, row, &token));
    json_t *kinds CLEANUP(json_cleanup) = kinds_of(&token);
    const char *nbf = timestamp_text(arena, token.nbf_s * 1000);
    const char *exp = timestamp_text(arena, token.exp_s * 1000);
    const char *consent = ids_text(arena, &row->consent);
    const char *jti = ids_text(arena, &row->token);
    ENSURE(kinds && nbf && exp && consent && jti, STATUS_MEMORY);
    json_t *value = json_pack("{s:s,s:s,s:s,s:s,s:s,s:O,s:s,s:s,s:s,s:s}", "consent", consent, "token", jti, "state",
                              state_name(row, &token, agent_now_ms(agent)), "to", token.to, "from", token.from, "kinds",
                              kinds, "purpose", token.purpose, "access", consent_request_access_name(token.access),
                              "nbf", nbf, "exp", exp);
    return value && json_array_append_new(into, value) == 0 ? STATUS_OK : STATUS_MEMORY;
}

enum status consents_list(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct hash *subject, json_t **out) {
    struct listing listing = {.arena = arena, .subject = subject};
    json_t *found CLEANUP(json_cleanup) = json_array();
    ENSURE(found, STATUS_MEMORY);
    TRY(store_read(agent->store, read_subject, &listing));
    for (size_t i = 0; i < listing.rows.count; i++) {
        if (strcmp(listing.rows.items[i].unit, caller->unit) != 0) continue;
        TRY(add_consent(agent, arena, &listing.rows.items[i], found));
    }
    *out = MOVE(found);
    return STATUS_OK;
}

/* ---- assisted revocation ---- */

struct revoking {
    struct arena *arena;
    struct ended_change change;
    uint64_t purged;
};

static enum status apply_change(struct store_txn *txn, void *arg) {
    struct revoking *revoking = arg;
    enum status status = ended_apply(txn, revoking->arena, &revoking->change, &revoking->purged);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What the receipt proves takes effect here at once; the mailbox event finds it done. */
static enum status revoked(struct agent *agent, struct arena *arena, const struct id16 *consent, struct bytes text) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct receipt receipt;
    TRY(receipt_open(arena, directory, text, LEAF_CONSENT_REVOKED, &receipt));
    ENSURE(receipt_says(receipt.opening.consent, ids_bytes(consent)), STATUS_PROOF);
    agent_saw_size(agent, receipt.size);
    struct revoking revoking = {.arena = arena,
                                .change = {.consent = *consent, .state = CONSENT_STATE_REVOKED, .leaf = receipt.index}};
    TRY(store_write(agent->store, apply_change, &revoking));
    TRY(vault_bury(agent->vault));
    agent_wake(agent);
    return STATUS_OK;
}

enum status consents_revoke(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                            const struct id16 *consent, const char *reason, struct bytes *out_receipt) {
    const struct msg_revoke message = {.consent = *consent, .reason = reason};
    struct bytes body;
    struct link_answer came;
    struct msg_receipted receipted;
    ENSURE(strlen(reason) <= LIMIT_REASON_BYTES && bytes_is_text(bytes_text(reason)), STATUS_INVALID);
    TRY(msg_revoke_encode(arena, &message, &body));
    const struct link_ask ask = {
        .type = MESSAGE_REVOKE, .unit = caller->unit, .official = caller->official, .body = body};
    TRY(link_ask_done(&agent->link, arena, &ask, &came));
    TRY(msg_receipted_parse(arena, came.reply.body, &receipted));
    TRY(revoked(agent, arena, consent, receipted.receipt));
    return arena_copy(arena, receipted.receipt, out_receipt);
}

/* ---- erasure ---- */

struct erasing {
    struct arena *arena;
    const struct agent_caller *caller;
    const struct hash *subject;
    struct bytes body;
    uint64_t order;
};

static enum status apply_erasure(struct store_txn *txn, void *arg) {
    struct erasing *erasing = arg;
    const struct outbox_row row = {.type = MESSAGE_ERASE,
                                   .unit = erasing->caller->unit,
                                   .official = erasing->caller->official,
                                   .body = erasing->body};
    TRY(ended_erase_source(txn, erasing->arena, erasing->subject));
    return outbox_add(txn, erasing->arena, &row, &erasing->order);
}

enum status consents_erase(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct hash *subject, const char *reason, struct bytes *out_receipt) {
    const struct msg_erase message = {.subject = *subject, .reason = reason};
    struct erasing erasing = {.arena = arena, .caller = caller, .subject = subject};
    struct outbox_outcome outcome = {.status = STATUS_RETRY};
    ENSURE(strlen(reason) <= LIMIT_REASON_BYTES && bytes_is_text(bytes_text(reason)), STATUS_INVALID);
    TRY(msg_erase_encode(arena, &message, &erasing.body));
    TRY(store_write(agent->store, apply_erasure, &erasing));
    TRY(vault_bury(agent->vault));
    if (atomic_load(&agent->tally.link_up)) TRY(outbox_send(agent, arena, erasing.order, SEND_MS, &outcome));
    agent_wake(agent);
    ENSURE(outcome.status == STATUS_OK || outcome.status == STATUS_RETRY, outcome.status);
    *out_receipt = outcome.status == STATUS_OK ? outcome.receipt : BYTES_EMPTY;
    return STATUS_OK;
}
