/* Table READER: read requests whose grants are due. Trusts the directory and the log's signatures. */
#include "agent/selfread.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/consent_check.h"
#include "agent/grant.h"
#include "agent/row.h"
#include "agent/source.h"
#include "agent/upload.h"
#include "base/text.h"
#include "keys/jws.h"
#include "proto/statement.h"

#define AT(name) offsetof(struct selfread_row, name)

enum { RECEIPT_READ, RECEIPT_ENROLLED, RECEIPTS };

static const struct row_field fields[] = {
    {ROW_TEXT, AT(unit), 0},
    {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_FIXED, AT(device), sizeof(struct hash)},
    {ROW_FIXED, AT(read_key), sizeof(struct seal_public)},
    {ROW_TEXT, AT(attester), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct selfread_row)};

static enum status check_statement(struct arena *arena, const struct ground *ground, const struct msg_mail_event *event,
                                   const struct attestation *attestation, const struct receipt *read) {
    struct statement statement;
    const struct opening *opening = &read->opening;
    struct hash cause = hash_sha256(event->statement);
    TRY(statement_parse(arena, directory_federation(ground->directory), event->statement, &statement));
    ENSURE(statement.type == STATEMENT_READ && strcmp(statement.source, event->unit) == 0, STATUS_DENIED);
    TRY(statement_verify(&statement, &attestation->sign_key));
    TRY(statement_fresh(&statement, read->leaf.time_ms));
    ENSURE(hash_equal(&statement.subject, &attestation->subject), STATUS_PROOF);
    ENSURE(receipt_says(opening->cause, hash_bytes(&cause)), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&statement.subject)), STATUS_PROOF);
    ENSURE(receipt_says(opening->device, hash_bytes(&statement.device)), STATUS_PROOF);
    ENSURE(strcmp(opening->source, event->unit) == 0, STATUS_PROOF);
    return STATUS_OK;
}

enum status selfread_check(struct arena *arena, const struct ground *ground, const struct msg_mail_event *event,
                           uint64_t now_ms, struct selfread_row *out_row, const char **out_why) {
    struct attestation attestation;
    struct receipt enrolled;
    struct receipt read;
    *out_why = "form";
    ENSURE(event->n_receipts == RECEIPTS, STATUS_MALFORMED);
    *out_why = "device";
    TRY(consent_check_attestation(arena, ground, event->attestation, event->receipts[RECEIPT_ENROLLED], &attestation,
                                  &enrolled));
    *out_why = "receipts";
    TRY(receipt_open(arena, ground->directory, event->receipts[RECEIPT_READ], LEAF_READ_REQUESTED, &read));
    ENSURE(enrolled.index < read.index, STATUS_PROOF);
    *out_why = "statement";
    TRY(check_statement(arena, ground, event, &attestation, &read));
    *out_why = "attester";
    bool accepted = directory_accepts_self_read(ground->directory, event->unit, attestation.member, now_ms);
    ENSURE(accepted, STATUS_DENIED);
    *out_why = "";
    *out_row = (struct selfread_row){.unit = event->unit,
                                     .subject = attestation.subject,
                                     .device = jws_thumbprint(&attestation.sign_key),
                                     .read_key = attestation.read_key,
                                     .attester = attestation.member};
    return STATUS_OK;
}

enum status selfread_put(struct store_txn *txn, struct arena *arena, uint64_t sequence,
                         const struct selfread_row *row) {
    return row_put(txn, AGENT_READER, row_u64(arena, sequence), &form, arena, row);
}

/* ---- granting ---- */

struct reading {
    struct agent *agent;
    struct arena *arena;
    bool found;
    struct bytes key;
    struct selfread_row row;
    const struct fragment_row *fragments;
    size_t count;
    struct hash key_id;
    uint64_t epoch;
};

static bool is_wanted(const struct reading *reading, const struct fragment_row *fragment) {
    uint64_t now_ms = agent_now_ms(reading->agent);
    bool current = fragment->expires_ms == 0 || now_ms < fragment->expires_ms;
    return fragment->state == FRAGMENT_STATE_STORED && current && strcmp(fragment->unit, reading->row.unit) == 0;
}

/* The first request that waits, and the fragments that its device has no grant for. */
static enum status read_due(struct store_txn *txn, void *arg) {
    struct reading *reading = arg;
    struct store_rows rows;
    const struct fragment_row *all = NULL;
    size_t count = 0;
    const struct store_range range = {.table = AGENT_READER, .limit = 1};
    TRY(store_scan(txn, &range, reading->arena, &rows));
    reading->found = rows.count > 0;
    if (!reading->found) return STATUS_OK;
    reading->key = rows.items[0].key;
    TRY(row_parse(&form, reading->arena, rows.items[0].value, &reading->row));
    reading->key_id = seal_key_id(reading->agent->settings->federation, &reading->row.read_key);
    TRY(fragment_store_list(txn, reading->arena, &reading->row.subject, &all, &count));
    struct fragment_row *due = ARENA_ARRAY(reading->arena, struct fragment_row, count);
    ENSURE(due, STATUS_MEMORY);
    reading->count = 0;
    for (size_t i = 0; i < count; i++) {
        bool was = false;
        TRY(source_was_granted(txn, reading->arena, hash_bytes(&reading->row.device), &all[i], &reading->key_id,
                               reading->epoch, &was));
        if (!was && is_wanted(reading, &all[i])) due[reading->count++] = all[i];
    }
    reading->fragments = due;
    return STATUS_OK;
}

static enum status make_all(const struct reading *reading, const struct grant_target *target, struct upload_item *items,
                            size_t *out_count) {
    const struct agent *agent = reading->agent;
    size_t made = 0;
    for (size_t i = 0; i < reading->count; i++) {
        struct secret *key CLEANUP(secret_free_cleanup) = NULL;
        const struct fragment_row *fragment = &reading->fragments[i];
        enum status status = vault_key(agent->vault, fragment->slot, &key);
        if (status == STATUS_NOT_FOUND) continue;
        TRY(status);
        items[made] = (struct upload_item){.fragment = fragment->fragment, .revision = fragment->revision};
        TRY(grant_make(reading->arena, agent->settings->federation, keystore_sign(agent->keystore), key, fragment,
                       target, &items[made].grant));
        made++;
    }
    *out_count = made;
    return STATUS_OK;
}

static enum status forget(struct store_txn *txn, void *arg) {
    const struct reading *reading = arg;
    return store_delete(txn, AGENT_READER, reading->key);
}

static enum status serve(struct reading *reading) {
    const char *device = text_base64url(reading->arena, BYTES_ARRAY(reading->row.device.b));
    struct upload_item *items = ARENA_ARRAY(reading->arena, struct upload_item, reading->count);
    ENSURE(device && items, STATUS_MEMORY);
    const struct grant_target target = {.purpose = "", .recipient = device, .key = reading->row.read_key};
    struct upload upload = {.unit = reading->row.unit,
                            .who = hash_bytes(&reading->row.device),
                            .key_id = reading->key_id,
                            .epoch = reading->epoch,
                            .items = items};
    TRY(make_all(reading, &target, items, &upload.count));
    if (upload.count > 0) TRY(upload_send(reading->agent, reading->arena, &upload));
    return store_write(reading->agent->store, forget, reading);
}

static enum status serve_first(struct agent *agent, bool *out_found) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    const struct epoch *epoch = directory_epoch(directory);
    ENSURE(arena, STATUS_MEMORY);
    struct reading reading = {.agent = agent, .arena = arena, .epoch = epoch ? epoch->epoch : 0};
    TRY(store_read(agent->store, read_due, &reading));
    *out_found = reading.found;
    if (!reading.found) return STATUS_OK;
    TRY(dirsync_fresh(agent));
    /* The agreement may have ended since the request was verified. */
    bool accepted = directory_accepts_self_read(directory, reading.row.unit, reading.row.attester, agent_now_ms(agent));
    if (!accepted) reading.count = 0;
    return serve(&reading);
}

enum status selfread_serve_all(struct agent *agent) {
    bool found = true;
    while (found) {
        TRY(serve_first(agent, &found));
    }
    return STATUS_OK;
}
