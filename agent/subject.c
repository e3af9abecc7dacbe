/*
 * Pseudonyms by the VOPRF, and table SUBJECT. A national identity number lives in this file for the time of one call,
 * is wiped, and is never logged or stored.
 */
#include "agent/subject.h"

#include "agent/agent_internal.h"
#include "agent/natid.h"
#include "agent/row.h"
#include "keys/voprf.h"
#include "proto/derive.h"
#include "proto/msg_enrol.h"

static void query_clear(struct voprf_query *query) { voprf_query_clear(query); }

/* HMAC-SHA256(pepper, normalised id): what is blinded. */
static enum status input_of(const struct agent *agent, const char *national_id, struct hash *out_input,
                            const char **out_reason) {
    struct natid natid;
    enum natid_fault fault = NATID_FAULT_NONE;
    enum status status = natid_parse(bytes_text(national_id), agent_now_ms(agent), &fault, &natid);
    if (status != STATUS_OK) *out_reason = natid_fault_text(fault);
    TRY(status);
    *out_input = hash_hmac_sha256(secret_bytes(keystore_pepper(agent->keystore)), bytes_text(natid.text));
    secret_wipe(&natid, sizeof natid);
    return STATUS_OK;
}

static enum status evaluate(struct agent *agent, struct arena *arena, const struct epoch *epoch,
                            const struct voprf_query *query, struct voprf_output *out_output) {
    const struct msg_evaluate message = {
        .key_version = epoch->pseudonym_version, .blinded = &query->blinded, .n_blinded = 1};
    struct bytes body;
    struct link_answer came;
    struct msg_evaluated answer;
    TRY(msg_evaluate_encode(arena, &message, &body));
    const struct link_ask ask = {.type = MESSAGE_EVALUATE, .unit = agent_first_unit(agent), .body = body};
    TRY(link_ask_done(&agent->link, arena, &ask, &came));
    TRY(msg_evaluated_parse(arena, came.reply.body, &answer));
    ENSURE(answer.n_evaluated == 1, STATUS_MALFORMED);
    return voprf_finalize(&epoch->pseudonym_key, query, answer.evaluated, 1, &answer.proof, out_output);
}

enum status subject_handle(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                           const char **out_reason) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct voprf_query query CLEANUP(query_clear) = {0};
    struct voprf_output output;
    struct hash input;
    *out_reason = "";
    TRY(input_of(agent, national_id, &input, out_reason));
    const struct epoch *epoch = directory_epoch(directory);
    ENSURE(epoch, STATUS_RETRY);
    enum status status = voprf_blind(hash_bytes(&input), &query);
    if (status == STATUS_OK) status = evaluate(agent, arena, epoch, &query, &output);
    secret_wipe(&input, sizeof input);
    TRY(status);
    *out_handle = derive_handle(agent->settings->federation, epoch->pseudonym_version, &output);
    secret_wipe(&output, sizeof output);
    return STATUS_OK;
}

enum status subject_slot(struct agent *agent, struct store_txn *txn, struct arena *arena, const struct hash *subject,
                         uint32_t *out_slot) {
    struct bytes value;
    enum status status = store_get(txn, AGENT_SUBJECT, hash_bytes(subject), arena, &value);
    if (status == STATUS_NOT_FOUND) {
        TRY(vault_take(agent->vault, txn, out_slot));
        return store_put(txn, AGENT_SUBJECT, hash_bytes(subject), row_u32(arena, *out_slot));
    }
    TRY(status);
    struct reader reader = reader_init(value);
    uint32_t slot = reader_u32(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_slot = slot;
    return STATUS_OK;
}

enum status subject_forget(struct store_txn *txn, struct arena *arena, const struct hash *subject) {
    struct bytes value;
    enum status status = store_get(txn, AGENT_SUBJECT, hash_bytes(subject), arena, &value);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    struct reader reader = reader_init(value);
    uint32_t slot = reader_u32(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    TRY(vault_doom(txn, slot));
    return store_delete(txn, AGENT_SUBJECT, hash_bytes(subject));
}
