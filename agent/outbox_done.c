/*
 * Answers to outbox rows. Trusts receipts only. Invariant: nothing counts as stored whose leaf was not proved.
 */
#include "agent/outbox_done.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/receipt.h"
#include "agent/row.h"
#include "agent/source.h"
#include "base/json.h"
#include "base/log.h"
#include "proto/msg_consent.h"
#include "proto/msg_enrol.h"
#include "proto/msg_publish.h"

struct commit {
    struct outbox_done *done;
    struct receipt receipt;
    enum status said; /* of a refusal */
};

/* ---- what the receipt must say ---- */

static enum status check_publication(const struct outbox_done *done, const struct opening *opening) {
    const struct fragment_row *fragment = done->fragment;
    struct hash header = hash_sha256(fragment->header);
    ENSURE(receipt_says(opening->cause, hash_bytes(&header)), STATUS_PROOF);
    ENSURE(receipt_says(opening->subject, hash_bytes(&fragment->subject)), STATUS_PROOF);
    ENSURE(strcmp(opening->source, fragment->unit) == 0 && opening->n_items == 1, STATUS_PROOF);
    const struct opening_item *item = &opening->items[0];
    ENSURE(ids_equal(&item->fragment, &fragment->fragment) && item->revision == fragment->revision, STATUS_PROOF);
    ENSURE(hash_equal(&item->header_hash, &header), STATUS_PROOF);
    ENSURE(hash_equal(&item->ciphertext_hash, &fragment->ciphertext_hash), STATUS_PROOF);
    return STATUS_OK;
}

/* A withdrawal that core knows from an earlier message has another cause: the fragment decides. */
static enum status check_withdrawal(const struct outbox_done *done, const struct opening *opening) {
    ENSURE(strcmp(opening->source, done->row->unit) == 0 && opening->n_items >= 1, STATUS_PROOF);
    ENSURE(ids_equal(&opening->items[0].fragment, &done->row->fragment), STATUS_PROOF);
    return STATUS_OK;
}

/* Core may know it from an earlier message too: the consent decides. */
static enum status check_acknowledgement(const struct outbox_done *done, const struct opening *opening) {
    struct msg_acknowledge message;
    TRY(msg_acknowledge_parse(done->arena, done->row->body, &message));
    ENSURE(receipt_says(opening->consent, ids_bytes(&message.consent)), STATUS_PROOF);
    return opening->number == message.ending ? STATUS_OK : STATUS_PROOF;
}

static enum status check_attestation(const struct outbox_done *done, const struct opening *opening) {
    struct msg_attest message;
    TRY(msg_attest_parse(done->arena, done->row->body, &message));
    return receipt_evidence(opening, 0, message.attestation) ? STATUS_OK : STATUS_PROOF;
}

static enum status check_erasure(const struct outbox_done *done, const struct opening *opening) {
    ENSURE(receipt_says(opening->cause, hash_bytes(&done->cause)), STATUS_PROOF);
    return STATUS_OK;
}

static const struct {
    enum message_type type;
    enum leaf_type leaf;
    enum status (*check)(const struct outbox_done *done, const struct opening *opening);
} kinds[] = {
    {MESSAGE_PUBLISH, LEAF_PUBLISHED, check_publication},
    {MESSAGE_WITHDRAW, LEAF_WITHDRAWN, check_withdrawal},
    {MESSAGE_ACKNOWLEDGE, LEAF_ACKNOWLEDGED, check_acknowledgement},
    {MESSAGE_ATTEST, LEAF_DEVICE_ENROLLED, check_attestation},
    {MESSAGE_ERASE, LEAF_ERASED, check_erasure},
};

static enum status check_receipt(const struct outbox_done *done, struct bytes text, struct receipt *out_receipt) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(done->agent);
    struct receipt receipt;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((uint32_t)kinds[i].type != done->row->type) continue;
        TRY(receipt_open(done->arena, directory, text, kinds[i].leaf, &receipt));
        TRY(kinds[i].check(done, &receipt.opening));
        *out_receipt = receipt;
        return STATUS_OK;
    }
    return STATUS_INTEGRITY;
}

/* ---- what it changes ---- */

/* The grants that went with the publication are made. */
static enum status note_grants(struct store_txn *txn, const struct outbox_done *done) {
    for (size_t i = 0; i < done->row->n_granted; i++) {
        struct hash key_id;
        struct reader reader = reader_init(done->row->granted[i]);
        struct bytes token = reader_take(&reader, IDS_ID16_BYTES);
        reader_copy(&reader, key_id.b, sizeof key_id.b);
        ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
        TRY(source_note_granted(txn, done->arena, token, &done->fragment->fragment, done->fragment->revision, &key_id,
                                done->row->epoch));
    }
    return STATUS_OK;
}

static enum status tell(struct store_txn *txn, const struct commit *commit, const char *type) {
    const struct outbox_done *done = commit->done;
    const char *id = ids_text(done->arena, &done->row->fragment);
    json_t *details CLEANUP(json_cleanup) = json_pack("{s:s,s:s}", "fragment", id ? id : "", "reason",
                                                      commit->said == STATUS_OK ? "" : status_name(commit->said));
    ENSURE(details, STATUS_MEMORY);
    return events_add(done->agent, txn, done->arena, done->row->unit, type, details);
}

/* Sets the state of the fragment that a row is about, unless it was erased meanwhile. */
static enum status set_fragment(struct store_txn *txn, const struct commit *commit, enum fragment_state state) {
    const struct outbox_done *done = commit->done;
    struct fragment_row row;
    enum status status = done->row->type == MESSAGE_PUBLISH
                             ? fragment_store_get(txn, done->arena, &done->row->fragment, done->row->revision, &row)
                             : fragment_store_newest(txn, done->arena, &done->row->fragment, &row);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    /* What was withdrawn while it waited stays so. */
    if (row.state == FRAGMENT_STATE_QUEUED) row.state = state;
    row.refusal = (uint32_t)commit->said;
    if (done->row->type == MESSAGE_PUBLISH) row.receipt = commit->receipt.text;
    return fragment_store_put(txn, done->arena, &row);
}

static enum status commit_accepted(struct store_txn *txn, void *arg) {
    struct commit *commit = arg;
    struct outbox_done *done = commit->done;
    TRY(store_delete(txn, AGENT_OUTBOX, row_u64(done->arena, done->order)));
    if (done->row->type != MESSAGE_PUBLISH) return STATUS_OK;
    TRY(set_fragment(txn, commit, FRAGMENT_STATE_STORED));
    return note_grants(txn, done);
}

enum status outbox_done_accepted(struct outbox_done *done, struct bytes reply_body, struct bytes *out_receipt) {
    struct msg_receipted receipted;
    struct commit commit = {.done = done};
    TRY(msg_receipted_parse(done->arena, reply_body, &receipted));
    enum status status = check_receipt(done, receipted.receipt, &commit.receipt);
    if (status != STATUS_OK) agent_refused_event(done->agent, "receipt_of_outbox", status);
    TRY(status);
    agent_saw_size(done->agent, commit.receipt.size);
    TRY(store_write(done->agent->store, commit_accepted, &commit));
    *out_receipt = commit.receipt.text;
    return STATUS_OK;
}

static enum status commit_refused(struct store_txn *txn, void *arg) {
    struct commit *commit = arg;
    struct outbox_done *done = commit->done;
    TRY(store_delete(txn, AGENT_OUTBOX, row_u64(done->arena, done->order)));
    if (done->row->type != MESSAGE_PUBLISH) return STATUS_OK;
    TRY(set_fragment(txn, commit, FRAGMENT_STATE_REFUSED));
    return tell(txn, commit, "fragment_refused");
}

enum status outbox_done_refused(struct outbox_done *done, enum status said) {
    struct commit commit = {.done = done, .said = said};
    log_limited(LOG_LEVEL_WARN, "outbox_refused", "type=%s reason=%s",
                envelope_type_name((enum message_type)done->row->type), status_name(said));
    TRY(store_write(done->agent->store, commit_refused, &commit));
    events_committed(done->agent);
    return STATUS_OK;
}
