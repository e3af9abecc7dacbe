/*
 * A person reads the own plan: a device asks a source (or a settled device countersigns a new one), and gets what the
 * sources have granted to it since.
 */
#include "broker/core/portal/p_handlers.h"

#include <string.h>

#include "broker/core/entry.h"
#include "broker/core/fragment_rows.h"
#include "broker/core/grant_rows.h"
#include "broker/core/mailbox.h"
#include "broker/core/portal/p_call.h"
#include "proto/limits.h"

/* ---- read request, countersignature ---- */

struct read_work {
    struct p_person person;
    struct statement statement;
};

/* The source must be one that takes the word of the member that attested the device. */
static enum status check_rights(struct call *call, const struct read_work *work, uint64_t now_ms) {
    const struct device_row *device = &work->person.device;
    ENSURE(device_rows_settled(device, now_ms), STATUS_DENIED);
    if (work->statement.type == STATEMENT_COUNTERSIGN) return STATUS_OK;
    ENSURE(directory_unit(call->directory, work->statement.source, NULL), STATUS_NOT_FOUND);
    bool accepted = directory_accepts_self_read(call->directory, work->statement.source, device->attester, now_ms);
    return accepted ? STATUS_OK : STATUS_DENIED;
}

enum status p_read_request_check(struct call *call, struct store_txn *txn) {
    static const char *const members[] = {"statement", NULL};
    json_t *body CLEANUP(json_cleanup) = NULL;
    struct read_work *work = ARENA_NEW(call->arena, struct read_work);
    ENSURE(work, STATUS_MEMORY);
    TRY(p_call_person(call, txn, P_WRITES, &work->person));
    TRY(p_call_body(call, members, &body));
    TRY(p_call_statement(call, txn, &work->person, body, 1U << STATEMENT_READ | 1U << STATEMENT_COUNTERSIGN,
                         &work->statement));
    if (!call->repeated) TRY(check_rights(call, work, clock_now_ms(call->core->clock)));
    call->work = work;
    return STATUS_OK;
}

static enum status append_leaf(struct call *call, struct store_txn *txn, const struct read_work *work) {
    const struct device_row *device = &work->person.device;
    struct entry entry = {0};
    entry_init(&entry, LEAF_READ_REQUESTED, work->person.slot, &device->subject, work->person.kid, call->directory);
    entry_cause(&entry, work->statement.compact);
    entry.opening.device = hash_bytes(&device->device);
    entry.opening.source = work->statement.source;
    entry_prior(&entry, device->leaf);
    return call_append(call, txn, &entry.ledger);
}

/* Notes that the device has asked this source. */
static enum status add_read(struct call *call, struct read_work *work) {
    struct device_row *device = &work->person.device;
    if (device_rows_has_read(device, work->statement.source)) return STATUS_OK;
    ENSURE(device->n_reads < DEVICE_ROWS_READS_MAX, STATUS_LIMIT);
    struct device_read *reads = ARENA_ARRAY(call->arena, struct device_read, device->n_reads + 1);
    ENSURE(reads, STATUS_MEMORY);
    if (device->n_reads > 0) memcpy(reads, device->reads, device->n_reads * sizeof *reads);
    reads[device->n_reads] = (struct device_read){work->statement.source, ledger_now_ms(call->core->ledger)};
    device->reads = reads;
    device->n_reads++;
    return STATUS_OK;
}

static enum status apply_read(struct call *call, struct store_txn *txn, struct read_work *work) {
    const struct device_row *device = &work->person.device;
    TRY(add_read(call, work));
    TRY(append_leaf(call, txn, work));
    const uint64_t leaves[] = {call->leaves[0], device->leaf};
    const struct msg_mail_event event = {
        .type = EVENT_READ_REQUESTED,
        .unit = work->statement.source,
        .subject = hash_bytes(&device->subject),
        .statement = work->statement.compact,
        .attestation = device->attestation,
    };
    return mailbox_put(call->core, txn, work->person.slot, &event, leaves, 2, call->arena);
}

static enum status apply_countersign(struct call *call, struct store_txn *txn, struct read_work *work) {
    struct device_row other;
    TRY(device_rows_get(call->core, txn, work->person.slot, &work->statement.other_device, call->arena, &other));
    bool itself = hash_equal(&other.device, &work->person.device.device);
    ENSURE(!itself && other.state == DEVICE_ACTIVE, STATUS_CONFLICT);
    other.waits_until_ms = 0;
    return device_rows_put(call->core, txn, work->person.slot, &other, call->arena);
}

/* A countersignature has no leaf: said again right after, it is known by the chain. */
static enum status is_done(struct call *call, struct store_txn *txn, struct read_work *work, bool *out_done) {
    struct hash hash = hash_sha256(work->statement.compact);
    TRY(p_call_again(call, txn, &work->person));
    *out_done = work->statement.type == STATEMENT_COUNTERSIGN && hash_equal(&work->person.device.last_statement, &hash);
    return STATUS_OK;
}

enum status p_read_request_apply(struct call *call, struct store_txn *txn) {
    struct read_work *work = call->work;
    bool done = false;
    TRY(is_done(call, txn, work, &done));
    if (done) return STATUS_OK;
    TRY(p_call_statement_again(call, txn, &work->person, &work->statement));
    TRY(check_rights(call, work, ledger_now_ms(call->core->ledger)));
    bool reads = work->statement.type == STATEMENT_READ;
    TRY(reads ? apply_read(call, txn, work) : apply_countersign(call, txn, work));
    return p_call_statement_done(call, txn, &work->person, &work->statement);
}

enum status p_read_request_answer(struct call *call, struct store_txn *txn) {
    return entry_receipts_json(call, txn, call->leaves, call->n_leaves, &call->answer_body);
}

/* ---- plan ---- */

/* One answer holds this many bytes of text for ciphertext, or one fragment that is larger. */
#define PLAN_BYTES 1000000

struct plan {
    struct call *call;
    struct store_txn *txn;
    const struct p_person *person;
    json_t *items;
    bool *answered; /* for each source asked */
    size_t bytes;
};

static void note_answered(struct plan *plan, const char *source) {
    for (size_t i = 0; i < plan->person->device.n_reads; i++) {
        if (strcmp(plan->person->device.reads[i].unit, source) == 0) plan->answered[i] = true;
    }
}

static enum status add_item(struct plan *plan, const struct grant_row *grant, const struct fragment_row *fragment) {
    struct call *call = plan->call;
    struct bytes header;
    struct bytes ciphertext;
    TRY(fragment_rows_header(call->core, plan->txn, &fragment->fragment, call->arena, &header));
    TRY(fragment_rows_ciphertext(plan->txn, fragment, 0, (size_t)fragment->ciphertext_len, call->arena, &ciphertext));
    json_t *object = json_object();
    ENSURE(object && json_array_append_new(plan->items, object) == 0, STATUS_MEMORY);
    TRY(json_set_bytes(object, "header", header));
    TRY(json_set_bytes(object, "grant", grant->grant));
    return json_set_bytes(object, "ciphertext", ciphertext);
}

/* A grant counts while it is for the newest revision and the device's key. STATUS_LIMIT when the answer is full. */
static enum status add_grant(struct plan *plan, const struct grant_row *grant) {
    uint32_t slot = 0;
    struct fragment_row fragment;
    const uint64_t now_ms = clock_now_ms(plan->call->core->clock);
    enum status found =
        fragment_rows_find(plan->call->core, plan->txn, &grant->fragment, plan->call->arena, &slot, &fragment);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    bool current = slot == plan->person->slot && fragment.state == FRAGMENT_CURRENT &&
                   fragment.revision == grant->revision && (!fragment.expires_ms || now_ms < fragment.expires_ms);
    if (!current) return STATUS_OK;
    note_answered(plan, fragment.source);
    size_t bytes = (size_t)fragment.ciphertext_len / 3 * 4;
    ENSURE(plan->bytes == 0 || plan->bytes + bytes <= PLAN_BYTES, STATUS_LIMIT);
    plan->bytes += bytes;
    return add_item(plan, grant, &fragment);
}

/* From the grant with the number a on; *out_next is the number to go on from, or 0. */
static enum status add_grants(struct plan *plan, uint64_t from, uint64_t *out_next) {
    const struct core *core = plan->call->core;
    struct grant_owner owner = grant_rows_of_device(core, &plan->person->device.device, plan->person->slot);
    struct grant_list grants;
    *out_next = 0;
    TRY(grant_rows_list(core, plan->txn, &owner, &(struct id16){{0}}, STORE_SCAN_MAX, plan->call->arena, &grants));
    for (uint64_t i = from; i < grants.count; i++) {
        enum status added = add_grant(plan, &grants.items[i]);
        if (added == STATUS_LIMIT) {
            *out_next = i;
            return STATUS_OK;
        }
        TRY(added);
    }
    return STATUS_OK;
}

static enum status add_waiting(const struct plan *plan, json_t *waiting) {
    for (size_t i = 0; i < plan->person->device.n_reads; i++) {
        if (plan->answered[i]) continue;
        ENSURE(json_array_append_new(waiting, json_string(plan->person->device.reads[i].unit)) == 0, STATUS_MEMORY);
    }
    return STATUS_OK;
}

enum status p_read_plan_check(struct call *call, struct store_txn *txn) {
    struct p_person person;
    uint64_t next = 0;
    TRY(p_call_person(call, txn, P_READS, &person));
    json_t *root CLEANUP(json_cleanup) = json_pack("{s:[], s:[]}", "items", "waiting");
    ENSURE(root, STATUS_MEMORY);
    struct plan plan = {
        .call = call,
        .txn = txn,
        .person = &person,
        .items = json_object_get(root, "items"),
        .answered = ARENA_ARRAY(call->arena, bool, person.device.n_reads),
    };
    ENSURE(plan.answered, STATUS_MEMORY);
    TRY(add_grants(&plan, call->portal->a, &next));
    TRY(add_waiting(&plan, json_object_get(root, "waiting")));
    if (next > 0) ENSURE(json_object_set_new(root, "cursor", json_integer((json_int_t)next)) == 0, STATUS_MEMORY);
    return p_call_answer(call, MOVE(root));
}
