/* Sends grants. Invariant: a grant is noted as made only when the log says that it was kept. */
#include "agent/upload.h"

#include "agent/agent_internal.h"
#include "agent/receipt.h"
#include "agent/source.h"
#include "proto/limits.h"
#include "proto/msg_release.h"

/* One message of at most LIMIT_GRANTS. */
struct chunk {
    struct arena *arena;
    const struct upload *upload;
    const struct upload_item *items;
    size_t count;
    struct msg_uploaded_grants answer;
};

static enum status note_kept(struct store_txn *txn, void *arg) {
    const struct chunk *chunk = arg;
    const struct upload *upload = chunk->upload;
    for (size_t i = 0; i < chunk->count; i++) {
        if (chunk->answer.clauses[i] != 0) continue;
        TRY(source_note_granted(txn, chunk->arena, upload->who, &chunk->items[i].fragment, chunk->items[i].revision,
                                &upload->key_id, upload->epoch));
    }
    return STATUS_OK;
}

static bool names_grant(const struct opening *opening, struct bytes grant) {
    struct hash hash = hash_sha256(grant);
    for (size_t i = 0; i < opening->n_items; i++) {
        if (bytes_equal(opening->items[i].grant_hash, hash_bytes(&hash))) return true;
    }
    return false;
}

static enum status check_receipt(struct agent *agent, const struct chunk *chunk, const struct hash *cause) {
    size_t kept = 0;
    struct receipt receipt;
    struct directory *directory CLEANUP(directory_unref_cleanup) = dirsync_directory(agent);
    ENSURE(chunk->answer.n_clauses == chunk->count, STATUS_MALFORMED);
    for (size_t i = 0; i < chunk->count; i++) {
        if (chunk->answer.clauses[i] == 0) kept++;
    }
    if (kept == 0) return STATUS_OK;
    TRY(receipt_open(chunk->arena, directory, chunk->answer.receipt, LEAF_GRANTED_KEY, &receipt));
    const struct opening *opening = &receipt.opening;
    struct bytes who = chunk->upload->who.len == IDS_ID16_BYTES ? opening->token : opening->device;
    ENSURE(receipt_says(opening->cause, hash_bytes(cause)), STATUS_PROOF);
    ENSURE(receipt_says(who, chunk->upload->who), STATUS_PROOF);
    for (size_t i = 0; i < chunk->count; i++) {
        ENSURE(chunk->answer.clauses[i] != 0 || names_grant(opening, chunk->items[i].grant), STATUS_PROOF);
    }
    agent_saw_size(agent, receipt.size);
    atomic_fetch_add(&agent->tally.grants_made, kept);
    return STATUS_OK;
}

static enum status send_chunk(struct agent *agent, struct chunk *chunk) {
    struct bytes body;
    struct link_answer came;
    struct bytes *grants = ARENA_ARRAY(chunk->arena, struct bytes, chunk->count);
    ENSURE(grants, STATUS_MEMORY);
    for (size_t i = 0; i < chunk->count; i++) {
        grants[i] = chunk->items[i].grant;
    }
    const struct msg_upload_grants message = {.grants = grants, .n_grants = chunk->count};
    TRY(msg_upload_grants_encode(chunk->arena, &message, &body));
    const struct link_ask ask = {.type = MESSAGE_UPLOAD_GRANTS, .unit = chunk->upload->unit, .body = body};
    TRY(link_ask_done(&agent->link, chunk->arena, &ask, &came));
    TRY(msg_uploaded_grants_parse(chunk->arena, came.reply.body, &chunk->answer));
    TRY(check_receipt(agent, chunk, &came.cause));
    return store_write(agent->store, note_kept, chunk);
}

enum status upload_send(struct agent *agent, struct arena *arena, const struct upload *upload) {
    for (size_t sent = 0; sent < upload->count; sent += LIMIT_GRANTS) {
        size_t rest = upload->count - sent;
        struct chunk chunk = {.arena = arena,
                              .upload = upload,
                              .items = upload->items + sent,
                              .count = rest < LIMIT_GRANTS ? rest : LIMIT_GRANTS};
        TRY(send_chunk(agent, &chunk));
    }
    return STATUS_OK;
}
