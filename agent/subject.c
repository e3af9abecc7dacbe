/*
 * Pseudonyms by the VOPRF, and tables SUBJECT and PSEUDONYM. A national identity number lives in this file for the time
 * of one call, is wiped, and is never logged or stored: what PSEUDONYM holds is a hash of it under the pepper, so that
 * publishing works while the broker is away.
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

/* ---- handles that are known already ---- */

enum { KEY_OF_HANDLE = 1, HANDLE_OF_KEY = 2 };

struct known {
    struct arena *arena;
    struct hash key;
    struct hash handle;
};

static struct bytes known_key(struct arena *arena, uint8_t side, const struct hash *hash) {
    struct bytes key = BYTES_EMPTY;
    IGNORE(row_key(arena, BYTES(&side, 1), hash_bytes(hash), BYTES_EMPTY, &key));
    return key;
}

/* Not the VOPRF's input itself, and another one for each version of its key. */
static struct hash key_of_input(const struct agent *agent, const struct hash *input, const struct epoch *epoch) {
    const uint8_t version[] = {(uint8_t)(epoch->pseudonym_version >> 24), (uint8_t)(epoch->pseudonym_version >> 16),
                               (uint8_t)(epoch->pseudonym_version >> 8), (uint8_t)epoch->pseudonym_version};
    const struct bytes parts[] = {bytes_text("sluss known v1"), BYTES_ARRAY(version), hash_bytes(input)};
    return hash_hmac_sha256_parts(secret_bytes(keystore_pepper(agent->keystore)), parts, 3);
}

static enum status read_known(struct store_txn *txn, void *arg) {
    struct known *known = arg;
    struct bytes value;
    TRY(store_get(txn, AGENT_PSEUDONYM, known_key(known->arena, KEY_OF_HANDLE, &known->key), known->arena, &value));
    return hash_from_bytes(value, &known->handle) == STATUS_OK ? STATUS_OK : STATUS_INTEGRITY;
}

static enum status write_known(struct store_txn *txn, void *arg) {
    const struct known *known = arg;
    struct bytes there = known_key(known->arena, KEY_OF_HANDLE, &known->key);
    struct bytes back = known_key(known->arena, HANDLE_OF_KEY, &known->handle);
    TRY(store_put(txn, AGENT_PSEUDONYM, there, hash_bytes(&known->handle)));
    return store_put(txn, AGENT_PSEUDONYM, back, hash_bytes(&known->key));
}

static enum status forget_known(struct store_txn *txn, struct arena *arena, const struct hash *handle) {
    struct bytes value;
    struct hash key;
    struct bytes back = known_key(arena, HANDLE_OF_KEY, handle);
    enum status status = store_get(txn, AGENT_PSEUDONYM, back, arena, &value);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    TRY(hash_from_bytes(value, &key));
    TRY(store_delete(txn, AGENT_PSEUDONYM, known_key(arena, KEY_OF_HANDLE, &key)));
    return store_delete(txn, AGENT_PSEUDONYM, back);
}

/* Asks, verifies, and remembers. */
static enum status derive_handle_of(struct agent *agent, struct arena *arena, const struct epoch *epoch,
                                    const struct hash *input, struct known *known) {
    struct voprf_query query CLEANUP(query_clear) = {0};
    struct voprf_output output;
    TRY(voprf_blind(hash_bytes(input), &query));
    TRY(evaluate(agent, arena, epoch, &query, &output));
    known->handle = derive_handle(agent->settings->federation, epoch->pseudonym_version, &output);
    secret_wipe(&output, sizeof output);
    return store_write(agent->store, write_known, known);
}

enum status subject_handle(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                           const char **out_reason) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct hash input;
    *out_reason = "";
    TRY(input_of(agent, national_id, &input, out_reason));
    const struct epoch *epoch = directory_epoch(directory);
    ENSURE(epoch, STATUS_RETRY);
    struct known known = {.arena = arena, .key = key_of_input(agent, &input, epoch)};
    enum status status = store_read(agent->store, read_known, &known);
    if (status == STATUS_NOT_FOUND) status = derive_handle_of(agent, arena, epoch, &input, &known);
    secret_wipe(&input, sizeof input);
    TRY(status);
    *out_handle = known.handle;
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
    TRY(forget_known(txn, arena, subject));
    enum status status = store_get(txn, AGENT_SUBJECT, hash_bytes(subject), arena, &value);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    struct reader reader = reader_init(value);
    uint32_t slot = reader_u32(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    TRY(vault_doom(txn, slot));
    return store_delete(txn, AGENT_SUBJECT, hash_bytes(subject));
}
