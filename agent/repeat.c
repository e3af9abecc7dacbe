/* Table REPEAT: hash of client and key -> request hash, time, sealed answer. Old rows go when new ones come. */
#include "agent/repeat.h"

#include "agent/agent_internal.h"
#include "agent/row.h"
#include "keys/aead.h"
#include "keys/frame.h"

#define KEEP_MS    ((uint64_t)86400000)
#define ANSWER_MAX 65536
#define SWEEP_ROWS 32

struct repeat_row {
    struct hash request; /* keyed */
    uint64_t time_ms;
    struct bytes answer; /* sealed */
};
static const struct row_field fields[] = {
    {ROW_FIXED, offsetof(struct repeat_row, request), sizeof(struct hash)},
    {ROW_U64, offsetof(struct repeat_row, time_ms), 0},
    {ROW_BYTES, offsetof(struct repeat_row, answer), 0},
};
static const struct row_form form = {1, fields, 3, sizeof(struct repeat_row)};

struct repeat {
    struct agent *agent;
    struct arena *arena;
    struct hash at;
    struct repeat_row row;
};

static struct hash place_of(const struct agent *agent, const char *client, const char *key) {
    return FRAME_HASH("sluss repeat v1", agent->settings->federation, bytes_text(client), bytes_text(key));
}

/* Keyed: a request may be little more than a person's number, which a plain hash would give away. */
static struct hash keyed_request(const struct secret *own, const struct hash *request) {
    const struct bytes parts[] = {bytes_text("sluss repeat request v1"), hash_bytes(request)};
    return hash_hmac_sha256_parts(secret_bytes(own), parts, sizeof parts / sizeof *parts);
}

static enum status read_row(struct store_txn *txn, void *arg) {
    struct repeat *repeat = arg;
    return row_get(txn, AGENT_REPEAT, hash_bytes(&repeat->at), &form, repeat->arena, &repeat->row);
}

enum status repeat_find(struct agent *agent, struct arena *arena, const char *client, const char *key,
                        const struct hash *request, struct bytes *out_answer) {
    struct secret *own CLEANUP(secret_free_cleanup) = NULL;
    struct repeat repeat = {.agent = agent, .arena = arena, .at = place_of(agent, client, key)};
    TRY(store_read(agent->store, read_row, &repeat));
    ENSURE(agent_now_ms(agent) < repeat.row.time_ms + KEEP_MS, STATUS_NOT_FOUND);
    TRY(vault_own_key(agent->vault, &own));
    struct hash keyed = keyed_request(own, request);
    ENSURE(hash_equal(&repeat.row.request, &keyed), STATUS_CONFLICT);
    return aead_open(own, hash_bytes(&repeat.at), repeat.row.answer, arena, out_answer);
}

/* A few rows behind the new one: keys are hashes, so that every row has its turn. */
static enum status sweep(struct store_txn *txn, struct repeat *repeat) {
    struct store_rows rows;
    const struct store_range range = {.table = AGENT_REPEAT, .from = hash_bytes(&repeat->at), .limit = SWEEP_ROWS};
    TRY(store_scan(txn, &range, repeat->arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct repeat_row old;
        TRY(row_parse(&form, repeat->arena, rows.items[i].value, &old));
        bool over = agent_now_ms(repeat->agent) >= old.time_ms + KEEP_MS;
        if (over) TRY(store_delete(txn, AGENT_REPEAT, rows.items[i].key));
    }
    return STATUS_OK;
}

static enum status write_row(struct store_txn *txn, void *arg) {
    struct repeat *repeat = arg;
    TRY(sweep(txn, repeat));
    return row_put(txn, AGENT_REPEAT, hash_bytes(&repeat->at), &form, repeat->arena, &repeat->row);
}

enum status repeat_keep(struct agent *agent, const char *client, const char *key, const struct hash *request,
                        struct bytes answer) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    struct secret *own CLEANUP(secret_free_cleanup) = NULL;
    ENSURE(arena, STATUS_MEMORY);
    ENSURE(answer.len <= ANSWER_MAX, STATUS_TOO_LARGE);
    struct repeat repeat = {
        .agent = agent, .arena = arena, .at = place_of(agent, client, key), .row = {.time_ms = agent_now_ms(agent)}};
    TRY(vault_own_key(agent->vault, &own));
    repeat.row.request = keyed_request(own, request);
    TRY(aead_seal(own, hash_bytes(&repeat.at), answer, arena, &repeat.row.answer));
    return store_write(agent->store, write_row, &repeat);
}
