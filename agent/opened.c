/* Tables OPENED and OPENED_BY. Invariant: each row of one has its row in the other. */
#include "agent/opened.h"

#include <string.h>

#include "agent/agent_internal.h"
#include "agent/row.h"
#include "keys/aead.h"

#define AT(name)   offsetof(struct opened_copy, name)
#define COPIES_MAX 4096

static const struct row_field fields[] = {
    {ROW_FIXED, AT(token), sizeof(struct id16)},
    {ROW_FIXED, AT(fragment), sizeof(struct id16)},
    {ROW_U32, AT(revision), 0},
    {ROW_U32, AT(kind), 0},
    {ROW_FIXED, AT(subject), sizeof(struct hash)},
    {ROW_TEXT, AT(source), 0},
    {ROW_TEXT, AT(unit), 0},
    {ROW_BYTES, AT(content), 0},
    {ROW_BYTES, AT(receipt), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct opened_copy)};

static enum status pair_key(struct arena *arena, const struct id16 *first, const struct id16 *second,
                            struct bytes *out_key) {
    return row_key(arena, ids_bytes(first), ids_bytes(second), BYTES_EMPTY, out_key);
}

enum status opened_put(struct store_txn *txn, struct arena *arena, const struct secret *key,
                       const struct opened_copy *copy) {
    struct bytes at;
    struct bytes back;
    struct bytes plain;
    struct bytes sealed;
    TRY(pair_key(arena, &copy->token, &copy->fragment, &at));
    TRY(pair_key(arena, &copy->fragment, &copy->token, &back));
    TRY(row_encode(&form, arena, copy, &plain));
    TRY(aead_seal(key, at, plain, arena, &sealed));
    TRY(store_put(txn, AGENT_OPENED, at, sealed));
    return store_put(txn, AGENT_OPENED_BY, back, BYTES("\1", 1));
}

/* Copies of one fragment, with their consents. */
struct finding {
    struct arena *arena;
    const struct id16 *fragment;
    struct store_rows rows;
    struct consent_row *consents;
    struct bytes *sealed;
};

static enum status second_id(struct bytes key, struct id16 *out_id) {
    ENSURE(key.len == (size_t)2 * IDS_ID16_BYTES, STATUS_INTEGRITY);
    return ids_from_bytes(BYTES(key.data + IDS_ID16_BYTES, IDS_ID16_BYTES), out_id);
}

static enum status read_copies(struct store_txn *txn, void *arg) {
    struct finding *finding = arg;
    const struct store_range range = {
        .table = AGENT_OPENED_BY, .prefix = ids_bytes(finding->fragment), .limit = COPIES_MAX};
    TRY(store_scan(txn, &range, finding->arena, &finding->rows));
    finding->consents = ARENA_ARRAY(finding->arena, struct consent_row, finding->rows.count);
    finding->sealed = ARENA_ARRAY(finding->arena, struct bytes, finding->rows.count);
    ENSURE(finding->consents && finding->sealed, STATUS_MEMORY);
    for (size_t i = 0; i < finding->rows.count; i++) {
        struct id16 token;
        struct bytes at;
        TRY(second_id(finding->rows.items[i].key, &token));
        TRY(pair_key(finding->arena, &token, finding->fragment, &at));
        TRY(consent_store_get(txn, finding->arena, &token, CONSENT_SIDE_RECIPIENT, &finding->consents[i]));
        TRY(store_get(txn, AGENT_OPENED, at, finding->arena, &finding->sealed[i]));
    }
    return STATUS_OK;
}

static enum status open_copy(struct agent *agent, struct arena *arena, const struct finding *finding, size_t i,
                             struct opened_copy *out_copy) {
    struct secret *key CLEANUP(secret_free_cleanup) = NULL;
    const struct consent_row *consent = &finding->consents[i];
    struct bytes at;
    struct bytes plain;
    TRY(pair_key(arena, &consent->token, finding->fragment, &at));
    TRY(vault_key(agent->vault, consent->slot, &key));
    TRY(aead_open(key, at, finding->sealed[i], arena, &plain));
    return row_parse(&form, arena, plain, out_copy);
}

static bool is_open_to(struct agent *agent, struct arena *arena, const struct consent_row *consent, const char *unit) {
    struct token token;
    if (consent->state != CONSENT_ACTIVE || strcmp(consent->unit, unit) != 0) return false;
    enum status status = consent_store_token(arena, agent->settings->federation, consent, &token);
    return status == STATUS_OK && agent_now_ms(agent) / 1000 < token.exp_s;
}

enum status opened_find(struct agent *agent, struct arena *arena, const char *unit, const struct id16 *fragment,
                        struct opened_copy *out_copy) {
    struct finding finding = {.arena = arena, .fragment = fragment};
    struct opened_copy best = {0};
    TRY(store_read(agent->store, read_copies, &finding));
    for (size_t i = 0; i < finding.rows.count; i++) {
        struct opened_copy copy;
        if (!is_open_to(agent, arena, &finding.consents[i], unit)) continue;
        TRY(open_copy(agent, arena, &finding, i, &copy));
        if (copy.revision > best.revision) best = copy;
    }
    ENSURE(best.revision > 0, STATUS_NOT_FOUND);
    *out_copy = best;
    return STATUS_OK;
}

/* Deletes the rows of one table with this prefix, and each one's counterpart. */
static enum status drop_all(struct store_txn *txn, struct arena *arena, enum agent_table table, enum agent_table other,
                            const struct id16 *prefix, uint64_t *out_count) {
    struct store_rows rows;
    const struct store_range range = {.table = table, .prefix = ids_bytes(prefix), .limit = COPIES_MAX};
    TRY(store_scan(txn, &range, arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct id16 second;
        struct bytes back;
        TRY(second_id(rows.items[i].key, &second));
        TRY(pair_key(arena, &second, prefix, &back));
        TRY(store_delete(txn, other, back));
        TRY(store_delete(txn, table, rows.items[i].key));
    }
    *out_count = rows.count;
    return STATUS_OK;
}

enum status opened_purge(struct store_txn *txn, struct arena *arena, const struct id16 *token, uint64_t *out_count) {
    return drop_all(txn, arena, AGENT_OPENED, AGENT_OPENED_BY, token, out_count);
}

enum status opened_drop(struct store_txn *txn, struct arena *arena, const struct id16 *fragment) {
    uint64_t count = 0;
    return drop_all(txn, arena, AGENT_OPENED_BY, AGENT_OPENED, fragment, &count);
}
