/*
 * Table OUTBOX: order u64 -> row. Owns the sending of what stands there. Invariants: a row goes only with the change
 * that its receipt proves, in one transaction; orders rise.
 */
#include "agent/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/outbox_done.h"
#include "agent/row.h"
#include "agent/source.h"
#include "base/log.h"
#include "proto/msg_publish.h"

#define ORDER_NAME  "outbox"
#define ALL_ROWS    UINT64_MAX
#define DRAIN_MS    LINK_ASK_MS
#define GRANTED_LEN (IDS_ID16_BYTES + HASH_BYTES)

#define AT(name) offsetof(struct outbox_row, name)

static const struct row_field fields[] = {
    {ROW_U32, AT(type), 0},
    {ROW_TEXT, AT(unit), 0},
    {ROW_TEXT, AT(official), 0},
    {ROW_FIXED, AT(message), sizeof(struct id16)},
    {ROW_U64, AT(time_ms), 0},
    {ROW_FIXED, AT(fragment), sizeof(struct id16)},
    {ROW_U32, AT(revision), 0},
    {ROW_BYTES, AT(body), 0},
    {ROW_LIST, AT(grants), AT(n_grants)},
    {ROW_LIST, AT(granted), AT(n_granted)},
    {ROW_U64, AT(epoch), 0},
};
static const struct row_form form = {1, fields, sizeof fields / sizeof fields[0], sizeof(struct outbox_row)};

enum status outbox_add(struct store_txn *txn, struct arena *arena, const struct outbox_row *row, uint64_t *out_order) {
    uint64_t last = 0;
    TRY(row_number_get(txn, arena, ORDER_NAME, &last));
    TRY(row_number_put(txn, arena, ORDER_NAME, last + 1));
    TRY(row_put(txn, AGENT_OUTBOX, row_u64(arena, last + 1), &form, arena, row));
    *out_order = last + 1;
    return STATUS_OK;
}

/* One row on its way. */
struct sending {
    struct agent *agent;
    struct arena *arena;
    uint64_t upto;
    bool found;
    bool gone; /* what it would publish was erased */
    uint64_t order;
    struct outbox_row row;
    struct fragment_row fragment;
    struct bytes ciphertext;
};

static enum status read_first(struct store_txn *txn, void *arg) {
    struct sending *sending = arg;
    struct store_rows rows;
    const struct store_range range = {.table = AGENT_OUTBOX, .limit = 1};
    TRY(store_scan(txn, &range, sending->arena, &rows));
    sending->found = false;
    if (rows.count == 0) return STATUS_OK;
    struct reader reader = reader_init(rows.items[0].key);
    sending->order = reader_u64(&reader);
    sending->found = sending->order <= sending->upto;
    TRY(row_parse(&form, sending->arena, rows.items[0].value, &sending->row));
    if (sending->row.type != MESSAGE_PUBLISH) return STATUS_OK;
    const struct outbox_row *row = &sending->row;
    enum status status = fragment_store_get(txn, sending->arena, &row->fragment, row->revision, &sending->fragment);
    sending->gone = status == STATUS_NOT_FOUND;
    if (sending->gone) return STATUS_OK;
    TRY(status);
    return fragment_store_ciphertext(txn, sending->arena, &row->fragment, row->revision, &sending->ciphertext);
}

static enum status drop_row(struct store_txn *txn, void *arg) {
    struct sending *sending = arg;
    return store_delete(txn, AGENT_OUTBOX, row_u64(sending->arena, sending->order));
}

static enum status keep_attempt(struct store_txn *txn, void *arg) {
    struct sending *sending = arg;
    TRY(row_put(txn, AGENT_OUTBOX, row_u64(sending->arena, sending->order), &form, sending->arena, &sending->row));
    if (sending->row.type != MESSAGE_PUBLISH) return STATUS_OK;
    return fragment_store_put(txn, sending->arena, &sending->fragment);
}

/* Which token and key each grant is for, as the row keeps it. */
static enum status keep_granted(struct sending *sending, const struct source_grants *made) {
    struct bytes *granted = ARENA_ARRAY(sending->arena, struct bytes, made->count);
    ENSURE(granted, STATUS_MEMORY);
    for (size_t i = 0; i < made->count; i++) {
        TRY(row_key(sending->arena, ids_bytes(&made->tokens[i]), hash_bytes(&made->key_ids[i]), BYTES_EMPTY,
                    &granted[i]));
    }
    sending->row.grants = made->grants;
    sending->row.n_grants = made->count;
    sending->row.granted = granted;
    sending->row.n_granted = made->count;
    sending->row.epoch = made->epoch;
    return STATUS_OK;
}

/* Header and grants of a publication, made for this attempt and its repetitions. */
static enum status prepare_publication(struct sending *sending) {
    const struct agent *agent = sending->agent;
    struct source_grants made;
    TRY(fragment_store_sign(sending->arena, agent->settings->federation, keystore_sign(agent->keystore),
                            &sending->fragment));
    source_grants_for(sending->agent, sending->arena, &sending->fragment, &made);
    return keep_granted(sending, &made);
}

/* Fixes the form of what is sent, and commits it, unless the form of an earlier attempt can still be taken. */
static enum status prepare_attempt(struct sending *sending) {
    uint64_t now_ms = agent_now_ms(sending->agent);
    uint64_t sent_ms = sending->row.time_ms;
    if (sent_ms != 0 && sent_ms <= now_ms && now_ms - sent_ms < LINK_REPEAT_MS) return STATUS_OK;
    sending->row.message = ids_random();
    sending->row.time_ms = now_ms;
    if (sending->row.type == MESSAGE_PUBLISH) TRY(prepare_publication(sending));
    return store_write(sending->agent->store, keep_attempt, sending);
}

static enum status body_of(struct sending *sending, struct bytes *out_body) {
    if (sending->row.type != MESSAGE_PUBLISH) {
        *out_body = sending->row.body;
        return STATUS_OK;
    }
    const struct msg_publish message = {.header = sending->fragment.header,
                                        .ciphertext = sending->ciphertext,
                                        .grants = sending->row.grants,
                                        .n_grants = sending->row.n_grants};
    return msg_publish_encode(sending->arena, &message, out_body);
}

/* Whether core will say the same again: the row can go. */
static bool is_final(enum status status) {
    enum status_class class = status_class(status);
    return (class == CLASS_PEER || class == CLASS_REFUSED) && status != STATUS_TIME;
}

static struct outbox_done done_of(const struct sending *sending, const struct link_answer *answer) {
    return (struct outbox_done){.agent = sending->agent,
                                .arena = sending->arena,
                                .order = sending->order,
                                .row = &sending->row,
                                .fragment = &sending->fragment,
                                .cause = answer->cause};
}

static enum status attempt(struct sending *sending, uint32_t deadline_ms, struct outbox_outcome *out_outcome) {
    struct bytes body;
    struct link_answer answer;
    TRY(prepare_attempt(sending));
    TRY(body_of(sending, &body));
    const struct link_ask ask = {.type = (enum message_type)sending->row.type,
                                 .unit = sending->row.unit,
                                 .official = sending->row.official,
                                 .body = body,
                                 .message = &sending->row.message,
                                 .time_ms = sending->row.time_ms,
                                 .deadline_ms = deadline_ms};
    TRY(link_ask(&sending->agent->link, sending->arena, &ask, &answer));
    enum status said = link_status(&answer);
    struct outbox_done done = done_of(sending, &answer);
    if (said == STATUS_OK) return outbox_done_accepted(&done, answer.reply.body, &out_outcome->receipt);
    if (!is_final(said)) return said;
    TRY(outbox_done_refused(&done, said));
    out_outcome->status = said;
    return STATUS_OK;
}

static enum status send_first(struct agent *agent, struct arena *arena, uint64_t upto, uint32_t deadline_ms,
                              bool *out_found, uint64_t *out_order, struct outbox_outcome *out_outcome) {
    struct sending sending = {.agent = agent, .arena = arena, .upto = upto};
    struct outbox_outcome outcome = {.status = STATUS_OK};
    TRY(store_read(agent->store, read_first, &sending));
    *out_found = sending.found;
    if (!sending.found) return STATUS_OK;
    if (sending.gone) {
        out_outcome->status = STATUS_NOT_FOUND;
        return store_write(agent->store, drop_row, &sending);
    }
    TRY(attempt(&sending, deadline_ms, &outcome));
    *out_order = sending.order;
    *out_outcome = outcome;
    return STATUS_OK;
}

/* Rows before the one asked for: what became of them stands in the store. */
static enum status send_others(struct agent *agent, uint64_t upto, uint64_t until, bool *out_found) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    uint64_t now = clock_boot_ms(agent->clock);
    uint64_t order = 0;
    struct outbox_outcome outcome;
    ENSURE(now < until, STATUS_TIMEOUT);
    return send_first(agent, arena, upto, (uint32_t)(until - now), out_found, &order, &outcome);
}

static enum status send_upto(struct agent *agent, struct arena *arena, uint64_t order, uint64_t until,
                             struct outbox_outcome *out_outcome) {
    bool found = true;
    uint64_t sent = 0;
    while (found && order > 1) {
        TRY(send_others(agent, order - 1, until, &found));
    }
    uint64_t now = clock_boot_ms(agent->clock);
    ENSURE(now < until, STATUS_TIMEOUT);
    return send_first(agent, arena, order, (uint32_t)(until - now), &found, &sent, out_outcome);
}

enum status outbox_send(struct agent *agent, struct arena *arena, uint64_t order, uint32_t deadline_ms,
                        struct outbox_outcome *out_outcome) {
    uint64_t until = clock_boot_ms(agent->clock) + deadline_ms;
    struct outbox_outcome outcome = {.status = STATUS_RETRY};
    if (pthread_mutex_lock(&agent->outbox_mutex) != 0) abort();
    enum status status = send_upto(agent, arena, order, until, &outcome);
    (void)pthread_mutex_unlock(&agent->outbox_mutex);
    if (status != STATUS_OK) outcome.status = STATUS_RETRY;
    *out_outcome = outcome;
    return status == STATUS_INTEGRITY ? status : STATUS_OK;
}

enum status outbox_drain(struct agent *agent) {
    bool found = true;
    enum status status = STATUS_OK;
    if (pthread_mutex_lock(&agent->outbox_mutex) != 0) abort();
    while (found && status == STATUS_OK) {
        status = send_others(agent, ALL_ROWS, clock_boot_ms(agent->clock) + DRAIN_MS, &found);
    }
    (void)pthread_mutex_unlock(&agent->outbox_mutex);
    return status;
}

struct depth {
    struct arena *arena;
    uint64_t count;
};

static enum status count_rows(struct store_txn *txn, void *arg) {
    struct depth *depth = arg;
    struct store_rows rows;
    struct store_range range = {.table = AGENT_OUTBOX, .limit = 1};
    uint64_t last = 0;
    TRY(row_number_get(txn, depth->arena, ORDER_NAME, &last));
    TRY(store_scan(txn, &range, depth->arena, &rows));
    depth->count = 0;
    if (rows.count == 0) return STATUS_OK;
    /* Rows leave from the front only: what stands is without gaps. */
    struct reader reader = reader_init(rows.items[0].key);
    depth->count = last + 1 - reader_u64(&reader);
    return STATUS_OK;
}

uint64_t outbox_depth(struct agent *agent) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(AGENT_SCRATCH_BYTES);
    struct depth depth = {.arena = arena};
    if (!arena || store_read(agent->store, count_rows, &depth) != STATUS_OK) return 0;
    return depth.count;
}
