/*
 * Idempotency keys in a store of two tables: row (by a keyed hash of client and key) and due (expiry and row, so that
 * what is old is found and removed, a few with each new key).
 *
 * A row: u8 1, u8 state, 16-byte instance of the process that began it, u64 expires_ms, 32-byte fingerprint of the
 * request; when done, the sealed answer: u16 code, vector location, vector body.
 */
#include "agent/api/api_idem.h"

#include <stdlib.h>
#include <string.h>

#include "keys/aead.h"
#include "proto/ids.h"

enum { ROW_VERSION = 1, STATE_BEGUN = 1, STATE_DONE = 2, ROW_HEAD_BYTES = 58, SWEEP_ROWS = 16 };
enum { TABLE_META, TABLE_ROW, TABLE_DUE };
#define ANSWER_MAX_BYTES ((size_t)1 << 20)

static const struct store_form forms[] = {
    [TABLE_META] = {"meta", 1, STORE_SCATTERED},
    [TABLE_ROW] = {"idempotency", 1, STORE_SCATTERED},
    [TABLE_DUE] = {"idempotency_due", 1, STORE_GROWS},
};

struct api_idem {
    struct store *store;
    struct secret *mac_key;
    struct secret *seal_key;
    struct id16 instance; /* tells calls of this process from those of an earlier one */
};

struct row {
    uint8_t state;
    struct id16 instance;
    uint64_t expires_ms;
    struct hash fingerprint;
    struct bytes sealed;
};

struct store_tables api_idem_tables(void) {
    return (struct store_tables){forms, sizeof forms / sizeof *forms};
}

static enum status derive_key(const struct secret *key, const char *use, struct secret **out_key) {
    return hash_hkdf_sha256(secret_bytes(key), BYTES_EMPTY, bytes_text(use), 32, out_key);
}

enum status api_idem_new(struct store *store, const struct secret *key, struct api_idem **out_idem) {
    ENSURE(secret_len(key) == 32, STATUS_MALFORMED);
    struct api_idem *idem CLEANUP(api_idem_free_cleanup) = calloc(1, sizeof *idem);
    ENSURE(idem, STATUS_MEMORY);
    TRY(derive_key(key, "sluss idempotency mac v1", &idem->mac_key));
    TRY(derive_key(key, "sluss idempotency seal v1", &idem->seal_key));
    idem->store = store;
    idem->instance = ids_random();
    *out_idem = MOVE(idem);
    return STATUS_OK;
}

void api_idem_free(struct api_idem *idem) {
    if (!idem) return;
    secret_free(idem->mac_key);
    secret_free(idem->seal_key);
    free(idem);
}

bool api_idem_is_key(const char *key) {
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] > '~') return false;
    }
    return len > 0 && len <= API_IDEM_KEY_MAX_BYTES;
}

/* None of the parts but the last can hold the separator. */
static struct hash row_key(const struct api_idem *idem, const struct api_idem_ask *ask) {
    const struct bytes parts[] = {bytes_text("row\n"), bytes_text(ask->client), bytes_text("\n"), bytes_text(ask->key)};
    return hash_hmac_sha256_parts(secret_bytes(idem->mac_key), parts, sizeof parts / sizeof *parts);
}

static struct hash fingerprint_of(const struct api_idem *idem, const struct api_idem_ask *ask) {
    const struct bytes parts[] = {bytes_text("request\n"), bytes_text(ask->unit ? ask->unit : ""),
                                  bytes_text("\n"),        bytes_text(ask->path),
                                  bytes_text("\n"),        ask->body};
    return hash_hmac_sha256_parts(secret_bytes(idem->mac_key), parts, sizeof parts / sizeof *parts);
}

static enum status row_parse(struct bytes from, struct row *out_row) {
    struct reader reader = reader_init(from);
    struct row row = {.state = 0};
    ENSURE(reader_u8(&reader) == ROW_VERSION, STATUS_INTEGRITY);
    row.state = reader_u8(&reader);
    reader_copy(&reader, row.instance.b, sizeof row.instance.b);
    row.expires_ms = reader_u64(&reader);
    reader_copy(&reader, row.fingerprint.b, sizeof row.fingerprint.b);
    row.sealed = reader_take(&reader, reader.rest.len);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    ENSURE(row.state == STATE_BEGUN || row.state == STATE_DONE, STATUS_INTEGRITY);
    *out_row = row;
    return STATUS_OK;
}

static enum status row_encode(struct arena *arena, const struct row *row, struct bytes *out_row) {
    size_t cap = ROW_HEAD_BYTES + row->sealed.len;
    uint8_t *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    writer_u8(&writer, ROW_VERSION);
    writer_u8(&writer, row->state);
    writer_put(&writer, BYTES_ARRAY(row->instance.b));
    writer_u64(&writer, row->expires_ms);
    writer_put(&writer, hash_bytes(&row->fingerprint));
    writer_put(&writer, row->sealed);
    return writer_end(&writer, out_row);
}

struct due_key {
    uint8_t b[40];
};

static struct due_key due_key_of(uint64_t expires_ms, const struct hash *row) {
    struct due_key key;
    struct writer writer = writer_init(key.b, sizeof key.b);
    writer_u64(&writer, expires_ms);
    writer_put(&writer, hash_bytes(row));
    return key;
}

/* ---- beginning ---- */

struct begin {
    struct api_idem *idem;
    struct arena *arena;
    struct api_idem_slot slot;
    uint64_t now_ms;
    enum api_idem_verdict verdict;
    struct bytes sealed;
};

static enum status sweep(struct store_txn *txn, struct begin *begin) {
    struct due_key end = due_key_of(begin->now_ms, &(struct hash){{0}});
    const struct store_range range = {.table = TABLE_DUE, .to = BYTES_ARRAY(end.b), .limit = SWEEP_ROWS};
    struct store_rows rows;
    TRY(store_scan(txn, &range, begin->arena, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct bytes key = rows.items[i].key;
        ENSURE(key.len == sizeof end.b, STATUS_INTEGRITY);
        TRY(store_delete(txn, TABLE_ROW, BYTES(key.data + sizeof(uint64_t), HASH_BYTES)));
        TRY(store_delete(txn, TABLE_DUE, key));
    }
    return STATUS_OK;
}

static enum api_idem_verdict judge(const struct begin *begin, const struct row *row) {
    if (!hash_equal(&row->fingerprint, &begin->slot.fingerprint)) return API_IDEM_MISMATCH;
    if (row->state == STATE_DONE) return API_IDEM_REPEATED;
    return ids_equal(&row->instance, &begin->idem->instance) ? API_IDEM_BUSY : API_IDEM_UNKNOWN;
}

static enum status put_begun(struct store_txn *txn, struct begin *begin) {
    const struct row row = {.state = STATE_BEGUN,
                            .instance = begin->idem->instance,
                            .expires_ms = begin->slot.expires_ms,
                            .fingerprint = begin->slot.fingerprint};
    struct due_key due = due_key_of(row.expires_ms, &begin->slot.row);
    struct bytes value;
    TRY(row_encode(begin->arena, &row, &value));
    TRY(store_put(txn, TABLE_ROW, hash_bytes(&begin->slot.row), value));
    return store_put(txn, TABLE_DUE, BYTES_ARRAY(due.b), BYTES_ARRAY("1"));
}

/* A row that is past its time counts as none; its own due row goes with it. */
static enum status begin_in(struct store_txn *txn, void *arg) {
    struct begin *begin = arg;
    struct bytes value;
    struct row row = {.state = 0};
    TRY(sweep(txn, begin));
    enum status status = store_get(txn, TABLE_ROW, hash_bytes(&begin->slot.row), begin->arena, &value);
    if (status == STATUS_OK) {
        TRY(row_parse(value, &row));
        begin->verdict = judge(begin, &row);
        begin->sealed = row.sealed;
        if (row.expires_ms > begin->now_ms) return STATUS_OK;
        struct due_key due = due_key_of(row.expires_ms, &begin->slot.row);
        TRY(store_delete(txn, TABLE_DUE, BYTES_ARRAY(due.b)));
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    begin->verdict = API_IDEM_FIRST;
    return put_begun(txn, begin);
}

static enum status answer_open(struct begin *begin, struct api_idem_answer *out_answer) {
    struct bytes plain;
    struct api_idem_answer answer = {.code = 0};
    enum status status =
        aead_open(begin->idem->seal_key, hash_bytes(&begin->slot.row), begin->sealed, begin->arena, &plain);
    ENSURE(status != STATUS_PROOF && status != STATUS_MALFORMED, STATUS_INTEGRITY);
    TRY(status);
    struct reader reader = reader_init(plain);
    answer.code = reader_u16(&reader);
    struct bytes location = reader_vector(&reader, ANSWER_MAX_BYTES);
    answer.body = reader_vector(&reader, ANSWER_MAX_BYTES);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    if (location.len > 0) TRY(arena_text(begin->arena, location, &answer.location));
    *out_answer = answer;
    return STATUS_OK;
}

enum status api_idem_begin(struct api_idem *idem, struct arena *arena, const struct api_idem_ask *ask,
                           enum api_idem_verdict *out_verdict, struct api_idem_slot *out_slot,
                           struct api_idem_answer *out_answer) {
    struct begin begin = {.idem = idem, .arena = arena, .now_ms = ask->now_ms};
    begin.slot = (struct api_idem_slot){.row = row_key(idem, ask),
                                        .fingerprint = fingerprint_of(idem, ask),
                                        .expires_ms = ask->now_ms + API_IDEM_KEEP_MS};
    TRY(store_write(idem->store, begin_in, &begin));
    if (begin.verdict == API_IDEM_REPEATED) TRY(answer_open(&begin, out_answer));
    if (begin.verdict == API_IDEM_FIRST) *out_slot = begin.slot;
    *out_verdict = begin.verdict;
    return STATUS_OK;
}

/* ---- ending ---- */

struct end {
    struct hash row;
    struct bytes value;
    struct due_key due;
};

static enum status done_in(struct store_txn *txn, void *arg) {
    const struct end *end = arg;
    return store_put(txn, TABLE_ROW, hash_bytes(&end->row), end->value);
}

static enum status forget_in(struct store_txn *txn, void *arg) {
    const struct end *end = arg;
    TRY(store_delete(txn, TABLE_ROW, hash_bytes(&end->row)));
    return store_delete(txn, TABLE_DUE, BYTES_ARRAY(end->due.b));
}

static enum status answer_seal(struct api_idem *idem, struct arena *arena, const struct hash *row_hash,
                               const struct api_idem_answer *answer, struct bytes *out_sealed) {
    struct bytes location = bytes_text(answer->location ? answer->location : "");
    ENSURE(answer->body.len <= ANSWER_MAX_BYTES, STATUS_TOO_LARGE);
    size_t cap = 10 + location.len + answer->body.len;
    uint8_t *memory = arena_alloc(arena, cap);
    ENSURE(memory, STATUS_MEMORY);
    struct writer writer = writer_init(memory, cap);
    struct bytes plain;
    writer_u16(&writer, (uint16_t)answer->code);
    writer_vector(&writer, location);
    writer_vector(&writer, answer->body);
    TRY(writer_end(&writer, &plain));
    return aead_seal(idem->seal_key, hash_bytes(row_hash), plain, arena, out_sealed);
}

enum status api_idem_done(struct api_idem *idem, struct arena *arena, const struct api_idem_slot *slot,
                          const struct api_idem_answer *answer) {
    struct row row = {.state = STATE_DONE,
                      .instance = idem->instance,
                      .expires_ms = slot->expires_ms,
                      .fingerprint = slot->fingerprint};
    struct end end = {.row = slot->row};
    TRY(answer_seal(idem, arena, &slot->row, answer, &row.sealed));
    TRY(row_encode(arena, &row, &end.value));
    return store_write(idem->store, done_in, &end);
}

enum status api_idem_forget(struct api_idem *idem, const struct api_idem_slot *slot) {
    struct end end = {.row = slot->row, .due = due_key_of(slot->expires_ms, &slot->row)};
    return store_write(idem->store, forget_in, &end);
}
