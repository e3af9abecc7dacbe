/*
 * One function an event type. Trusts nothing in an event that its receipts do not prove. Invariant: the place in the
 * mailbox moves in the transaction that holds the event's effects, so that each takes effect once, whenever the process
 * is killed.
 */
#include "agent/mail_take.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/consent_check.h"
#include "agent/consent_store.h"
#include "agent/ended.h"
#include "agent/enrol.h"
#include "agent/opened.h"
#include "agent/receipt.h"
#include "agent/request.h"
#include "agent/row.h"
#include "agent/selfread.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/statement.h"

#define PLACE_NAME "mail"

/* One event being taken. verify() fills in what apply() writes. */
struct taking {
    struct agent *agent;
    struct arena *arena;
    const struct msg_mail_event *event;
    struct ground ground;
    struct mail_due *due;
    const char *why; /* which check failed */
    struct consent_checked checked;
    struct consent_row consent;
    struct receipt receipt;
    struct selfread_row reader;
    json_t *details;
};

struct handling {
    const char *name; /* of the local event; NULL: none */
    enum status (*verify)(struct taking *taking);
    enum status (*apply)(struct taking *taking, struct store_txn *txn);
};

static void taking_clear(struct taking *taking) {
    ground_clear(&taking->ground);
    json_decref(taking->details);
}

/* ---- details of the local event ---- */

static enum status add_text(struct taking *taking, const char *name, const char *text) {
    return json_object_set_new(taking->details, name, json_string(text)) == 0 ? STATUS_OK : STATUS_MEMORY;
}

static enum status add_bytes(struct taking *taking, const char *name, struct bytes bytes) {
    if (bytes.len == 0) return STATUS_OK;
    return json_set_bytes(taking->details, name, bytes);
}

static enum status add_common(struct taking *taking) {
    TRY(add_bytes(taking, "subject", taking->event->subject));
    TRY(add_bytes(taking, "consent", taking->event->consent));
    return add_bytes(taking, "fragment", taking->event->fragment);
}

/* ---- consent granted ---- */

struct salt_ask {
    struct taking *taking;
    const struct opening *opening;
    const char *source;
    struct bytes salt;
};

static enum status read_salt(struct store_txn *txn, void *arg) {
    struct salt_ask *ask = arg;
    struct id16 request;
    TRY(ids_from_bytes(ask->opening->request, &request));
    return request_salt(txn, ask->taking->arena, &request, ask->source, &ask->salt);
}

/* A source was given its salt; a recipient has chosen it. Which request it is, the leaf says, and consent_check
 * compares it with the request itself. */
static enum status find_salt(struct taking *taking, const struct token *token, struct bytes *out_salt) {
    const struct msg_mail_event *event = taking->event;
    struct receipt granted;
    if (event->salt.len > 0) {
        *out_salt = event->salt;
        return STATUS_OK;
    }
    ENSURE(event->n_receipts > 0, STATUS_MALFORMED);
    TRY(receipt_open(taking->arena, taking->ground.directory, event->receipts[0], LEAF_CONSENT_GRANTED, &granted));
    struct salt_ask ask = {.taking = taking, .opening = &granted.opening, .source = token->from};
    TRY(store_read(taking->agent->store, read_salt, &ask));
    *out_salt = ask.salt;
    return STATUS_OK;
}

static enum status verify_granted(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    struct token token;
    taking->why = "token";
    TRY(token_parse(taking->arena, taking->agent->settings->federation, event->token, &token));
    struct consent_proof proof = {.unit = event->unit,
                                  .side = event->salt.len > 0 ? CONSENT_SIDE_SOURCE : CONSENT_SIDE_RECIPIENT,
                                  .token = event->token,
                                  .request = event->request,
                                  .attestation = event->attestation,
                                  .receipts = event->receipts,
                                  .n_receipts = event->n_receipts};
    taking->why = "salt";
    TRY(find_salt(taking, &token, &proof.salt));
    TRY(consent_check(taking->arena, &taking->ground, &proof, &taking->checked, &taking->why));
    taking->consent = (struct consent_row){.token = token.jti,
                                           .consent = token.consent,
                                           .side = (uint32_t)proof.side,
                                           .state = CONSENT_ACTIVE,
                                           .subject = token.subject,
                                           .unit = event->unit,
                                           .proof = event->token,
                                           .request = event->request,
                                           .salt = proof.salt,
                                           .attestation = event->attestation,
                                           .receipts = event->receipts,
                                           .n_receipts = event->n_receipts,
                                           .leaf = taking->checked.granted.index};
    agent_saw_size(taking->agent, taking->checked.granted.size);
    return STATUS_OK;
}

static enum status apply_granted(struct taking *taking, struct store_txn *txn) {
    struct consent_row stands;
    const struct token *token = &taking->checked.token;
    const struct consent_request *request = &taking->checked.request;
    struct consent_row *row = &taking->consent;
    enum status status = consent_store_get(txn, taking->arena, &row->token, (enum consent_side)row->side, &stands);
    if (status == STATUS_OK) return STATUS_OK;
    ENSURE(status == STATUS_NOT_FOUND, status);
    if (row->side == CONSENT_SIDE_RECIPIENT) TRY(vault_take(taking->agent->vault, txn, &row->slot));
    TRY(consent_store_put(txn, taking->arena, row));
    TRY(add_text(taking, "side", row->side == CONSENT_SIDE_SOURCE ? "source" : "recipient"));
    TRY(add_text(taking, "to", token->to));
    TRY(add_text(taking, "from", token->from));
    TRY(add_text(taking, "purpose", token->purpose));
    TRY(add_bytes(taking, "request", ids_bytes(&request->request)));
    taking->due->serve = row->side == CONSENT_SIDE_SOURCE;
    return STATUS_OK;
}

/* ---- consent refused ---- */

static enum status verify_refused(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    struct statement statement;
    taking->why = "receipt";
    ENSURE(event->n_receipts == 1, STATUS_MALFORMED);
    TRY(receipt_open(taking->arena, taking->ground.directory, event->receipts[0], LEAF_CONSENT_REFUSED,
                     &taking->receipt));
    taking->why = "statement";
    struct hash cause = hash_sha256(event->statement);
    TRY(statement_parse(taking->arena, taking->agent->settings->federation, event->statement, &statement));
    ENSURE(statement.type == STATEMENT_REFUSE && statement.tell, STATUS_DENIED);
    ENSURE(receipt_says(taking->receipt.opening.cause, hash_bytes(&cause)), STATUS_PROOF);
    ENSURE(receipt_says(taking->receipt.opening.request, ids_bytes(&statement.request)), STATUS_PROOF);
    return STATUS_OK;
}

static enum status apply_refused(struct taking *taking, struct store_txn *txn) {
    (void)txn;
    return add_bytes(taking, "request", taking->receipt.opening.request);
}

/* ---- consent ended, suspended, resumed ---- */

static enum consent_state state_of_leaf(enum leaf_type type) {
    if (type == LEAF_CONSENT_REVOKED) return CONSENT_STATE_REVOKED;
    if (type == LEAF_CONSENT_EXPIRED) return CONSENT_STATE_EXPIRED;
    if (type == LEAF_CONSENT_SUPERSEDED) return CONSENT_STATE_SUPERSEDED;
    if (type == LEAF_CONSENT_SUSPENDED) return CONSENT_STATE_SUSPENDED;
    if (type == LEAF_CONSENT_RESUMED) return CONSENT_ACTIVE;
    return CONSENT_STATE_NONE;
}

static bool event_fits(enum event_type event, enum consent_state state) {
    if (event == EVENT_CONSENT_SUSPENDED) return state == CONSENT_STATE_SUSPENDED;
    if (event == EVENT_CONSENT_RESUMED) return state == CONSENT_ACTIVE;
    return state == CONSENT_STATE_REVOKED || state == CONSENT_STATE_EXPIRED || state == CONSENT_STATE_SUPERSEDED;
}

static enum status verify_changed(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    taking->why = "receipt";
    ENSURE(event->n_receipts >= 1, STATUS_MALFORMED);
    TRY(receipt_open_any(taking->arena, taking->ground.directory, event->receipts[0], &taking->receipt));
    const struct opening *opening = &taking->receipt.opening;
    enum consent_state state = state_of_leaf(taking->receipt.leaf.type);
    ENSURE(state != CONSENT_STATE_NONE && event_fits(event->type, state), STATUS_INVALID);
    ENSURE(opening->number == (uint64_t)state && receipt_says(opening->consent, event->consent), STATUS_PROOF);
    agent_saw_size(taking->agent, taking->receipt.size);
    return STATUS_OK;
}

/* Grants of a consent that was paused may be gone: all are made anew. */
static enum status forget_granted(struct taking *taking, struct store_txn *txn) {
    struct store_rows rows;
    const struct store_range range = {
        .table = AGENT_GRANTED, .prefix = taking->receipt.opening.token, .limit = STORE_SCAN_MAX};
    if (range.prefix.len == 0) return STATUS_OK;
    TRY(store_scan(txn, &range, taking->arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        TRY(store_delete(txn, AGENT_GRANTED, rows.items[i].key));
    }
    return STATUS_OK;
}

static enum status apply_changed(struct taking *taking, struct store_txn *txn) {
    static const char *const names[] = {[CONSENT_ACTIVE] = "active",
                                        [CONSENT_STATE_SUSPENDED] = "suspended",
                                        [CONSENT_STATE_REVOKED] = "revoked",
                                        [CONSENT_STATE_EXPIRED] = "expired",
                                        [CONSENT_STATE_SUPERSEDED] = "superseded"};
    struct ended_change change = {.state = state_of_leaf(taking->receipt.leaf.type), .leaf = taking->receipt.index};
    uint64_t purged = 0;
    TRY(ids_from_bytes(taking->event->consent, &change.consent));
    enum status status = ended_apply(txn, taking->arena, &change, &purged);
    if (status != STATUS_NOT_FOUND) TRY(status);
    if (change.state == CONSENT_ACTIVE) TRY(forget_granted(taking, txn));
    TRY(add_text(taking, "state", names[change.state]));
    json_int_t count = (json_int_t)purged;
    ENSURE(json_object_set_new(taking->details, "purged", json_integer(count)) == 0, STATUS_MEMORY);
    taking->due->serve = change.state == CONSENT_ACTIVE;
    taking->due->outbox = true;
    return STATUS_OK;
}

/* ---- fragments of others ---- */

static enum status verify_fragment(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    bool published = event->type == EVENT_PUBLISHED;
    taking->why = "receipt";
    ENSURE(event->n_receipts == 1 && event->fragment.len == IDS_ID16_BYTES, STATUS_MALFORMED);
    TRY(receipt_open(taking->arena, taking->ground.directory, event->receipts[0],
                     published ? LEAF_PUBLISHED : LEAF_WITHDRAWN, &taking->receipt));
    const struct opening *opening = &taking->receipt.opening;
    ENSURE(opening->n_items >= 1, STATUS_PROOF);
    ENSURE(bytes_equal(ids_bytes(&opening->items[0].fragment), event->fragment), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, event->subject), STATUS_PROOF);
    return STATUS_OK;
}

static enum status apply_fragment(struct taking *taking, struct store_txn *txn) {
    struct id16 fragment;
    TRY(ids_from_bytes(taking->event->fragment, &fragment));
    TRY(add_text(taking, "from", taking->receipt.opening.source));
    if (taking->event->type == EVENT_WITHDRAWN) return opened_drop(txn, taking->arena, &fragment);
    json_int_t revision = taking->event->revision;
    return json_object_set_new(taking->details, "revision", json_integer(revision)) == 0 ? STATUS_OK : STATUS_MEMORY;
}

/* ---- devices ---- */

static enum status verify_nothing(struct taking *taking) {
    taking->why = "registration";
    return STATUS_OK;
}

static enum status apply_registration(struct taking *taking, struct store_txn *txn) {
    taking->due->outbox = true;
    return enrol_registered(taking->agent, txn, taking->arena, taking->event->statement);
}

static enum status verify_enrolled(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    struct attestation attestation;
    taking->why = "device";
    ENSURE(event->n_receipts == 1, STATUS_MALFORMED);
    TRY(consent_check_attestation(taking->arena, &taking->ground, event->attestation, event->receipts[0], &attestation,
                                  &taking->receipt));
    return strcmp(attestation.member, taking->agent->settings->member) == 0 ? STATUS_OK : STATUS_DENIED;
}

static enum status apply_enrolled(struct taking *taking, struct store_txn *txn) {
    (void)txn;
    return add_bytes(taking, "device", taking->receipt.opening.device);
}

static enum status verify_read(struct taking *taking) {
    return selfread_check(taking->arena, &taking->ground, taking->event, agent_now_ms(taking->agent), &taking->reader,
                          &taking->why);
}

static enum status apply_read(struct taking *taking, struct store_txn *txn) {
    taking->due->serve = true;
    TRY(add_bytes(taking, "device", hash_bytes(&taking->reader.device)));
    return selfread_put(txn, taking->arena, taking->event->sequence, &taking->reader);
}

/* ---- a consent for once was used ---- */

static enum status read_source_row(struct store_txn *txn, void *arg) {
    struct taking *taking = arg;
    struct id16 token;
    TRY(ids_from_bytes(taking->receipt.opening.token, &token));
    return consent_store_get(txn, taking->arena, &token, CONSENT_SIDE_SOURCE, &taking->consent);
}

static enum status verify_used(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    struct token token;
    taking->why = "receipt";
    ENSURE(event->n_receipts == 1, STATUS_MALFORMED);
    TRY(receipt_open(taking->arena, taking->ground.directory, event->receipts[0], LEAF_RELEASED, &taking->receipt));
    const struct opening *opening = &taking->receipt.opening;
    ENSURE(receipt_says(ids_bytes(&taking->receipt.leaf.event), event->release_event), STATUS_PROOF);
    taking->why = "consent";
    TRY(store_read(taking->agent->store, read_source_row, taking));
    TRY(consent_store_token(taking->arena, taking->agent->settings->federation, &taking->consent, &token));
    ENSURE(token.access == ACCESS_ONCE, STATUS_DENIED);
    ENSURE(strcmp(opening->actor, token.to) == 0 && strcmp(opening->source, token.from) == 0, STATUS_PROOF);
    ENSURE(receipt_says(opening->consent, ids_bytes(&token.consent)), STATUS_PROOF);
    ENSURE(opening->prior_leaf == 0 || taking->receipt.index >= opening->prior_leaf, STATUS_PROOF);
    return STATUS_OK;
}

static enum status apply_used(struct taking *taking, struct store_txn *txn) {
    struct consent_row row;
    TRY(consent_store_get(txn, taking->arena, &taking->consent.token, CONSENT_SIDE_SOURCE, &row));
    bool same = bytes_equal(row.release_event, taking->event->release_event);
    ENSURE(row.used.len == 0 || same, STATUS_CONFLICT); /* once is once */
    row.release_event = taking->event->release_event;
    row.used = taking->receipt.text;
    taking->due->serve = true;
    return consent_store_put(txn, taking->arena, &row);
}

/* ---- a person was erased ---- */

static enum status verify_erased(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    taking->why = "receipt";
    ENSURE(event->n_receipts == 1 && event->subject.len == HASH_BYTES, STATUS_MALFORMED);
    TRY(receipt_open(taking->arena, taking->ground.directory, event->receipts[0], LEAF_ERASED, &taking->receipt));
    if (event->statement.len == 0) return STATUS_OK;
    taking->why = "statement";
    struct statement statement;
    struct hash cause = hash_sha256(event->statement);
    TRY(statement_parse(taking->arena, taking->agent->settings->federation, event->statement, &statement));
    ENSURE(statement.type == STATEMENT_ERASE, STATUS_DENIED);
    ENSURE(receipt_says(taking->receipt.opening.cause, hash_bytes(&cause)), STATUS_PROOF);
    ENSURE(bytes_equal(hash_bytes(&statement.subject), event->subject), STATUS_PROOF);
    return STATUS_OK;
}

static enum status apply_erased(struct taking *taking, struct store_txn *txn) {
    struct hash subject;
    TRY(hash_from_bytes(taking->event->subject, &subject));
    return ended_erase(txn, taking->arena, &subject);
}

/* ---- all of them ---- */

static const struct handling kinds[] = {
    [EVENT_CONSENT_GRANTED] = {"consent_granted", verify_granted, apply_granted},
    [EVENT_CONSENT_REFUSED] = {"consent_refused", verify_refused, apply_refused},
    [EVENT_CONSENT_ENDED] = {"consent_ended", verify_changed, apply_changed},
    [EVENT_CONSENT_SUSPENDED] = {"consent_suspended", verify_changed, apply_changed},
    [EVENT_CONSENT_RESUMED] = {"consent_resumed", verify_changed, apply_changed},
    [EVENT_PUBLISHED] = {"fragment_released", verify_fragment, apply_fragment},
    [EVENT_WITHDRAWN] = {"fragment_withdrawn", verify_fragment, apply_fragment},
    [EVENT_REGISTRATION] = {NULL, verify_nothing, apply_registration},
    [EVENT_DEVICE_ENROLLED] = {"device_enrolled", verify_enrolled, apply_enrolled},
    [EVENT_READ_REQUESTED] = {"read_requested", verify_read, apply_read},
    [EVENT_USED_ONCE] = {"consent_used", verify_used, apply_used},
    [EVENT_ERASED] = {"subject_erased", verify_erased, apply_erased},
};

static const struct handling *kind_of(enum event_type type) {
    bool known = type > EVENT_NONE && type < sizeof kinds / sizeof kinds[0] && kinds[type].verify;
    return known ? &kinds[type] : NULL;
}

static enum status move_place(struct taking *taking, struct store_txn *txn) {
    return row_number_put(txn, taking->arena, PLACE_NAME, taking->event->sequence);
}

static enum status apply_all(struct store_txn *txn, void *arg) {
    struct taking *taking = arg;
    const struct handling *kind = kind_of(taking->event->type);
    ENSURE(json_object_clear(taking->details) == 0, STATUS_MEMORY);
    TRY(add_common(taking));
    TRY(kind->apply(taking, txn));
    if (kind->name) {
        TRY(events_add(taking->agent, txn, taking->arena, taking->event->unit, kind->name, taking->details));
    }
    return move_place(taking, txn);
}

static enum status pass_over(struct store_txn *txn, void *arg) { return move_place(arg, txn); }

/* Whether the same event would fail again: it is passed over, or the mailbox would stand still. */
static bool is_hopeless(enum status status) {
    enum status_class class = status_class(status);
    return class == CLASS_PEER || class == CLASS_REFUSED || status == STATUS_FORK;
}

static enum status verify(struct taking *taking) {
    const struct msg_mail_event *event = taking->event;
    const struct handling *kind = kind_of(event->type);
    taking->why = "type";
    ENSURE(kind, STATUS_UNSUPPORTED);
    taking->why = "unit";
    ENSURE(agent_settings_find_unit(taking->agent->settings, event->unit), STATUS_DENIED);
    return kind->verify(taking);
}

static enum status take(struct taking *taking) {
    struct agent *agent = taking->agent;
    TRY(vault_reserve(agent->vault));
    enum status status = verify(taking);
    if (status == STATUS_OK) status = store_write(agent->store, apply_all, taking);
    if (!is_hopeless(status)) return status;
    const char *name = msg_event_name(taking->event->type);
    atomic_fetch_add(&agent->tally.refused_events, 1);
    log_limited(LOG_LEVEL_WARN, "event_refused", "type=%s check=%s reason=%s", name ? name : "unknown", taking->why,
                status_name(status));
    *taking->due = (struct mail_due){0};
    return store_write(agent->store, pass_over, taking);
}

enum status mail_take(struct agent *agent, const struct msg_mail_event *event, struct mail_due *due) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct mail_due own = {0};
    struct taking taking CLEANUP(taking_clear) = {
        .agent = agent, .arena = arena, .event = event, .due = &own, .why = "", .details = json_object()};
    ENSURE(taking.details, STATUS_MEMORY);
    TRY(dirsync_ground(agent, arena, &taking.ground));
    TRY(take(&taking));
    events_committed(agent);
    due->serve = due->serve || own.serve;
    due->outbox = due->outbox || own.outbox;
    return vault_bury(agent->vault);
}

struct place_ask {
    struct arena *arena;
    uint64_t sequence;
};

static enum status read_place(struct store_txn *txn, void *arg) {
    struct place_ask *ask = arg;
    return row_number_get(txn, ask->arena, PLACE_NAME, &ask->sequence);
}

enum status mail_take_place(struct agent *agent, uint64_t *out_sequence) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct place_ask ask = {.arena = arena};
    TRY(store_read(agent->store, read_place, &ask));
    *out_sequence = ask.sequence;
    return STATUS_OK;
}
