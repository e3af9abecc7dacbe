/*
 * Owns what this member cosigned last (META "witnessed"). Trusts the directory for the log's key. Invariant: of two
 * checkpoints of one log that this member cosigned, the larger extends the smaller, whatever happens in between.
 */
#include "agent/witness.h"

#include <stdlib.h>

#include "agent/agent_internal.h"
#include "agent/receipt.h"
#include "agent/row.h"
#include "base/log.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "proto/msg_directory.h"

#define WITNESSED_NAME "witnessed"
#define COSIGN_MS      5000

struct witnessed_row {
    struct bytes origin;
    uint64_t size;
    struct hash root;
};

static const struct row_field witnessed_fields[] = {
    {ROW_BYTES, offsetof(struct witnessed_row, origin), 0},
    {ROW_U64, offsetof(struct witnessed_row, size), 0},
    {ROW_FIXED, offsetof(struct witnessed_row, root), sizeof(struct hash)},
};
static const struct row_form witnessed_form = {1, witnessed_fields, 3, sizeof(struct witnessed_row)};

static void set_size(struct agent *agent, uint64_t size) {
    (void)pthread_mutex_lock(&agent->witness.mutex);
    agent->witness.size = size;
    (void)pthread_mutex_unlock(&agent->witness.mutex);
}

uint64_t witness_size(struct agent *agent) {
    (void)pthread_mutex_lock(&agent->witness.mutex);
    uint64_t size = agent->witness.size;
    (void)pthread_mutex_unlock(&agent->witness.mutex);
    return size;
}

uint64_t witness_covered(struct agent *agent) {
    (void)pthread_mutex_lock(&agent->witness.mutex);
    uint64_t size = agent->witness.covered_size;
    (void)pthread_mutex_unlock(&agent->witness.mutex);
    return size;
}

void witness_saw_covered(struct agent *agent, uint64_t size) {
    (void)pthread_mutex_lock(&agent->witness.mutex);
    if (size > agent->witness.covered_size) agent->witness.covered_size = size;
    (void)pthread_mutex_unlock(&agent->witness.mutex);
}

struct witnessed_ask {
    struct arena *arena;
    struct witnessed_row row;
};

static enum status read_row(struct store_txn *txn, void *arg) {
    struct witnessed_ask *ask = arg;
    enum status status = row_get(txn, AGENT_META, bytes_text(WITNESSED_NAME), &witnessed_form, ask->arena, &ask->row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status write_row(struct store_txn *txn, void *arg) {
    struct witnessed_ask *ask = arg;
    return row_put(txn, AGENT_META, bytes_text(WITNESSED_NAME), &witnessed_form, ask->arena, &ask->row);
}

enum status witness_open(struct agent *agent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    if (pthread_mutex_init(&agent->witness.mutex, NULL) != 0) abort();
    struct witnessed_ask ask = {.arena = arena};
    TRY(store_read(agent->store, read_row, &ask));
    set_size(agent, ask.row.size);
    return STATUS_OK;
}

void witness_close(struct agent *agent) { (void)pthread_mutex_destroy(&agent->witness.mutex); }

/* The name to cosign under. STATUS_REFUSED unless this member's record names the key that it holds. */
static enum status own_name(struct agent *agent, const struct directory *directory, struct note_key *out_key) {
    const struct sign_private *key = keystore_witness(agent->keystore);
    const struct member_record *record = directory_member(directory, agent->settings->member);
    ENSURE(key && record && record->witness[0], STATUS_REFUSED);
    struct sign_public public = sign_public_of(key);
    TRY(note_key_parse(bytes_text(record->witness), out_key));
    bool same = out_key->type == NOTE_COSIGNATURE && bytes_equal(BYTES_ARRAY(out_key->key.b), BYTES_ARRAY(public.b));
    return same ? STATUS_OK : STATUS_REFUSED;
}

bool witness_ready(struct agent *agent) {
    struct note_key key;
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    return own_name(agent, directory, &key) == STATUS_OK;
}

/* The checkpoint extends the one cosigned last; in another log it is the first. */
static enum status check_extends(const struct witnessed_row *last, const struct checkpoint *checkpoint,
                                 const struct hash *hashes, size_t n_hashes) {
    bool same_log = bytes_equal(last->origin, checkpoint->origin);
    if (!same_log) return STATUS_OK;
    ENSURE(checkpoint->size >= last->size, STATUS_REFUSED);
    enum status status =
        merkle_check_consistency(last->size, checkpoint->size, &last->root, &checkpoint->root, hashes, n_hashes);
    return status == STATUS_PROOF ? STATUS_FORK : status;
}

/* Judges and remembers; the cosignature may leave only after that. */
static enum status accept(struct agent *agent, struct arena *arena, const struct checkpoint *checkpoint,
                          const struct hash *hashes, size_t n_hashes) {
    struct witnessed_ask ask = {.arena = arena};
    TRY(store_read(agent->store, read_row, &ask));
    TRY(check_extends(&ask.row, checkpoint, hashes, n_hashes));
    ask.row = (struct witnessed_row){.origin = checkpoint->origin, .size = checkpoint->size, .root = checkpoint->root};
    TRY(store_write(agent->store, write_row, &ask));
    set_size(agent, checkpoint->size);
    return STATUS_OK;
}

enum status witness_cosign(struct agent *agent, struct arena *arena, struct bytes offer, const struct hash *hashes,
                           size_t n_hashes, struct bytes *out_cosigned) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    struct note_key own;
    struct note_key log;
    struct note_result signed_by;
    struct checkpoint checkpoint;
    struct note note;
    struct bytes line;
    TRY(own_name(agent, directory, &own));
    TRY(receipt_log_key(directory, &log));
    TRY(checkpoint_open(arena, offer, &log, 1, &checkpoint, &signed_by));
    TRY(note_parse(arena, offer, &note));
    TRY(accept(agent, arena, &checkpoint, hashes, n_hashes));
    agent_saw_size(agent, checkpoint.size);
    uint64_t time_s = agent_now_ms(agent) / 1000;
    TRY(note_cosign(arena, own.name, keystore_witness(agent->keystore), time_s, note.text, &line));
    return note_append(arena, offer, &line, 1, out_cosigned);
}

enum status witness_offered(struct agent *agent, struct arena *arena, struct bytes offer, const struct hash *hashes,
                            size_t n_hashes) {
    struct msg_cosign cosign;
    struct bytes body;
    struct link_answer answer;
    enum status status = witness_cosign(agent, arena, offer, hashes, n_hashes, &cosign.cosigned);
    if (status == STATUS_FORK)
        log_line(LOG_LEVEL_ERROR, "log_forked", "witnessed=%llu", (unsigned long long)witness_size(agent));
    TRY(status);
    TRY(msg_cosign_encode(arena, &cosign, &body));
    const struct link_ask ask = {
        .type = MESSAGE_COSIGN, .unit = agent_first_unit(agent), .body = body, .deadline_ms = COSIGN_MS};
    return link_ask_done(&agent->link, arena, &ask, &answer);
}
