/*
 * A call of core's own, with a row that no face has: it goes through workers and writer like any other, and its answer
 * goes nowhere.
 */
#include "broker/core/daily.h"

#include <stdlib.h>

#include "broker/core/face.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "broker/core/worker.h"
#include "proto/derive.h"

#define DAILY_ROW "core/evaluations_day"

enum { DAILY_ROW_VERSION = 1, DAILY_ROW_BYTES = 5, DAILY_PAUSE_MS = 60000, DAY_MS = 86400000 };

/* The day to be closed. */
struct closing {
    uint32_t day;
    bool first; /* of this store: nothing was counted for it */
    uint64_t count;
};

static uint32_t yesterday(const struct core *core) { return (uint32_t)(clock_now_ms(core->clock) / DAY_MS) - 1; }

static enum status read_done(struct store_txn *txn, uint32_t *out_day) {
    uint8_t memory[DAILY_ROW_BYTES];
    struct bytes value;
    TRY(store_get_into(txn, STORE_META, bytes_text(DAILY_ROW), memory, sizeof memory, &value));
    struct reader reader = reader_init(value);
    ENSURE(reader_u8(&reader) == DAILY_ROW_VERSION, STATUS_VERSION);
    uint32_t day = reader_u32(&reader);
    ENSURE(reader_end(&reader) == STATUS_OK, STATUS_INTEGRITY);
    *out_day = day;
    return STATUS_OK;
}

static enum status write_done(struct store_txn *txn, uint32_t day) {
    uint8_t memory[DAILY_ROW_BYTES];
    struct writer writer = writer_init(memory, sizeof memory);
    writer_u8(&writer, DAILY_ROW_VERSION);
    writer_u32(&writer, day);
    return store_put(txn, STORE_META, bytes_text(DAILY_ROW), BYTES_ARRAY(memory));
}

static void mark_done(struct core *core, uint32_t day) { atomic_store(&core->daily_done, day); }

/* The first day after the last one that is done. STATUS_EXPIRED when there is none. */
static enum status daily_check(struct call *call, struct store_txn *txn) {
    struct closing *closing = ARENA_NEW(call->arena, struct closing);
    ENSURE(closing, STATUS_MEMORY);
    uint32_t done = 0;
    enum status read = read_done(txn, &done);
    if (read != STATUS_NOT_FOUND) TRY(read);
    closing->first = read == STATUS_NOT_FOUND;
    closing->day = closing->first ? yesterday(call->core) : done + 1;
    if (!closing->first && closing->day > yesterday(call->core)) {
        mark_done(call->core, done);
        return STATUS_EXPIRED;
    }
    call->work = closing;
    return closing->first ? STATUS_OK : keyd_client_counts(call->keyd, closing->day, &closing->count);
}

static enum status daily_apply(struct call *call, struct store_txn *txn) {
    const struct closing *closing = call->work;
    uint32_t done = 0;
    enum status read = read_done(txn, &done);
    if (read != STATUS_NOT_FOUND) TRY(read);
    ENSURE(read == STATUS_NOT_FOUND || done < closing->day, STATUS_CONFLICT);
    TRY(write_done(txn, closing->day));
    if (closing->first) return STATUS_OK;
    struct id16 message = {{0}};
    for (size_t i = 0; i < sizeof closing->day; i++)
        message.b[i] = (uint8_t)(closing->day >> (24 - 8 * i));
    struct opening opening = {.number = closing->count};
    struct ledger_entry entry = {.type = LEAF_EVALUATIONS,
                                 .event = derive_event_id(call->core->federation, "broker", &message, 0),
                                 .slot = LEDGER_NO_SLOT,
                                 .opening = &opening};
    return call_append(call, txn, &entry);
}

static void daily_settle(struct call *call) { mark_done(call->core, ((const struct closing *)call->work)->day); }

static enum status daily_answer(struct call *call, struct store_txn *txn) {
    (void)call;
    (void)txn;
    return STATUS_OK;
}

static const struct handler daily_row = {.name = "daily",
                                         .flags = HANDLER_LEAFLESS,
                                         .check = daily_check,
                                         .apply = daily_apply,
                                         .settle = daily_settle,
                                         .answer = daily_answer};

static enum status daily_decode(struct call *call) {
    call->handler = &daily_row;
    return STATUS_OK;
}

static void daily_end(struct call *call) { free(call->completion); }

static const struct face_ops daily_ops = {.decode = daily_decode, .send = daily_end, .drop = daily_end};

static void push(struct core *core) {
    struct completion *completion = calloc(1, sizeof *completion);
    struct call *call = completion ? call_new(core, FACE_OPERATOR, completion) : NULL;
    if (!call) {
        free(completion);
        return;
    }
    completion->ops = &daily_ops;
    workers_push(core->workers, call);
}

void daily_tick(struct core *core) {
    uint64_t now_ms = clock_boot_ms(core->clock);
    uint32_t done = atomic_load(&core->daily_done);
    if (done >= yesterday(core)) return;
    bool failed = core->daily_tried_ms && core->daily_tried == done;
    if (failed && now_ms - core->daily_tried_ms < DAILY_PAUSE_MS) return;
    core->daily_tried_ms = now_ms;
    core->daily_tried = done;
    push(core);
}
