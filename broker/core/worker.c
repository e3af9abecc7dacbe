/*
 * One queue for new calls, calls to be checked again and calls to be answered. It has room for every call that can
 * exist, so that pushing never waits. A call is a worker's alone from taking to handing on.
 */
#include "broker/core/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"
#include "base/text.h"
#include "broker/core/batcher.h"
#include "broker/core/clock_guard.h"
#include "broker/core/core_settings.h"
#include "broker/core/face.h"
#include "broker/core/keyd_client.h"
#include "broker/core/mailroom.h"
#include "broker/core/metrics.h"
#include "broker/core/witnesses.h"
#include "proto/msg_publish.h"

/* The largest call: a publication of 1.4 MB, parsed three layers deep. */
#define WORKER_ARENA_BYTES ((size_t)16 << 20)

enum { WORKERS_MAX = 16, WORKER_TAKE = 4, WORKER_WAIT_MS = 1000, WORKER_RECHECKS_MAX = 3 };

struct worker {
    struct workers *workers;
    pthread_t thread;
    struct keyd_client *keyd;
};

struct workers {
    struct core *core;
    struct queue *queue;
    struct worker list[WORKERS_MAX];
    size_t count;
};

/* ---- answers ---- */

static enum status answer_receipted(struct call *call, struct store_txn *txn) {
    struct msg_receipted receipted;
    TRY(ledger_receipt(call->core->ledger, txn, call->leaves[0], call->arena, &receipted.receipt));
    return msg_receipted_encode(call->arena, &receipted, &call->answer_body);
}

/* {"receipts":["...", ...]}: base64url needs no escapes. */
static enum status answer_receipts(struct call *call, struct store_txn *txn) {
    const char *list = "";
    for (size_t i = 0; i < call->n_leaves; i++) {
        struct bytes receipt;
        TRY(ledger_receipt(call->core->ledger, txn, call->leaves[i], call->arena, &receipt));
        const char *text = text_base64url(call->arena, receipt);
        ENSURE(text, STATUS_MEMORY);
        list = arena_printf(call->arena, "%s%s\"%s\"", list, i ? "," : "", text);
        ENSURE(list, STATUS_MEMORY);
    }
    const char *body = arena_printf(call->arena, "{\"receipts\":[%s]}", list);
    ENSURE(body, STATUS_MEMORY);
    call->answer_body = bytes_text(body);
    return STATUS_OK;
}

static enum status make_answer(struct call *call, struct store_txn *txn) {
    if (call->handler->answer) return call->handler->answer(call, txn);
    if (call->n_leaves == 0) return STATUS_OK;
    return call->face == FACE_PORTAL ? answer_receipts(call, txn) : answer_receipted(call, txn);
}

static enum status answer_body(struct store_txn *txn, void *arg) { return make_answer(arg, txn); }

static void step_answer(struct call *call) {
    enum status status = store_read(call->core->store, answer_body, call);
    if (status != STATUS_OK) call->status = status;
    call_finish(call);
}

/* ---- checking ---- */

/* What check_body found out besides its status. */
struct checking {
    struct call *call;
    bool answered; /* a repeated call, from its leaves */
};

static enum status answer_repeated(struct checking *checking, struct store_txn *txn) {
    struct call *call = checking->call;
    call->n_leaves = call->n_prior;
    for (size_t i = 0; i < call->n_prior; i++)
        call->leaves[i] = call->prior[i];
    call->work = NULL;
    checking->answered = true;
    return make_answer(call, txn);
}

static bool identified_by_engine(const struct call *call) {
    return call->face == FACE_GATE && call->handler->apply && !(call->handler->flags & HANDLER_LEAFLESS);
}

static enum status check_body(struct store_txn *txn, void *arg) {
    struct checking *checking = arg;
    struct call *call = checking->call;
    bool repeats = call->handler->flags & HANDLER_REPEATS;
    /* A call that waited may be of a member that is one no longer. */
    if (call->member) ENSURE(directory_member(call->directory, call->member), STATUS_DENIED);
    bool timed = call->handler->flags & HANDLER_TIMED;
    ENSURE(!timed || clock_guard_check(call->core->clock_guard), STATUS_CLOCK);
    if (identified_by_engine(call)) {
        TRY(call_identify(call, txn, call->envelope.sender, &call->envelope.message, &call->envelope_hash));
        if (call->repeated && !repeats) return answer_repeated(checking, txn);
    }
    if (call->handler->check) TRY(call->handler->check(call, txn));
    if (call->repeated && !repeats) return answer_repeated(checking, txn);
    return STATUS_OK;
}

/* What a step leaves behind when the call is checked again. */
static void begin_check(struct call *call) {
    struct core *core = call->core;
    directory_unref(call->directory_checked);
    call->directory_checked = NULL;
    directory_unref(call->directory);
    call->directory = core_directory(core);
    call->status = STATUS_OK;
    call->code = REPLY_DONE;
    call->clause = RULE_PASS;
    call->answer_body = BYTES_EMPTY;
    call->work = NULL;
    call->n_leaves = 0;
    call->park.wanted = false;
    if (call->handler->flags & HANDLER_PARKS) call->park.counter = mailroom_counter(core->mailroom, call->member);
}

/* Parks the call as it wished; false when it must look again. */
static bool park(struct call *call) {
    order_leave(call->core->order, &call->place);
    enum status parked = mailroom_park(call->core->mailroom, call);
    if (parked == STATUS_OK) return true;
    if (parked == STATUS_RETRY) return false;
    call_finish(call);
    return true;
}

static bool check_once(struct call *call) {
    struct checking checking = {.call = call};
    begin_check(call);
    order_leave(call->core->order, &call->place);
    order_enter_read(call->core->order, &call->place);
    enum status status = store_read(call->core->store, check_body, &checking);
    if (status != STATUS_OK) {
        call->status = status;
        call_finish(call);
    } else if (call->park.wanted) {
        return park(call);
    } else if (call->handler->apply && !checking.answered) {
        order_leave(call->core->order, &call->place);
        batcher_submit(call->core->batcher, call);
    } else {
        call_finish(call);
    }
    return true;
}

static void step_check(struct call *call) {
    for (unsigned i = 0; i < WORKER_RECHECKS_MAX; i++) {
        if (check_once(call)) return;
    }
    call->status = STATUS_RETRY;
    call_finish(call);
}

/* ---- decoding ---- */

static enum status parse_body(struct call *call) {
    if (call->face != FACE_GATE || !call->handler->codec) return STATUS_OK;
    call->body = arena_alloc(call->arena, call->handler->body_bytes);
    ENSURE(call->body, STATUS_MEMORY);
    return codec_parse(call->handler->codec, call->arena, NULL, call->envelope.body, call->body);
}

static enum status decode(struct call *call) {
    call->arena = arena_new(WORKER_ARENA_BYTES);
    ENSURE(call->arena, STATUS_MEMORY);
    call->directory = core_directory(call->core);
    TRY(call->completion->ops->decode(call));
    ENSURE(call->handler, STATUS_UNSUPPORTED);
    bool early = call->handler->flags & HANDLER_EARLY;
    ENSURE(!core_is_stopping(call->core), STATUS_RETRY);
    ENSURE(early || witnesses_passed(call->core->witnesses), STATUS_RETRY);
    return parse_body(call);
}

static void step_decode(struct call *call) {
    metrics_add(&call->core->metrics->calls, 1);
    enum status status = decode(call);
    if (status == STATUS_OK) {
        step_check(call);
    } else if (call->completion->ops->drop && status == STATUS_REFUSED) {
        call_drop(call);
    } else {
        call->status = status;
        call_finish(call);
    }
}

/* ---- threads ---- */

static void do_step(struct worker *worker, struct call *call) {
    call->keyd = worker->keyd;
    switch (call->step) {
    case CALL_DECODE:
        step_decode(call);
        break;
    case CALL_CHECK:
        step_check(call);
        break;
    case CALL_ANSWER:
        step_answer(call);
        break;
    }
}

static void *worker_run(void *arg) {
    struct worker *worker = arg;
    void *calls[WORKER_TAKE];
    size_t count = 0;
    while (queue_take(worker->workers->queue, WORKER_WAIT_MS, calls, WORKER_TAKE, &count) == STATUS_OK) {
        for (size_t i = 0; i < count; i++)
            do_step(worker, calls[i]);
    }
    return NULL;
}

static enum status start_one(struct workers *workers) {
    struct worker *worker = &workers->list[workers->count];
    const struct core_settings *settings = workers->core->settings;
    worker->workers = workers;
    worker->keyd = keyd_client_new(settings->keyd_socket, (uint32_t)settings->keyd_deadline_ms);
    ENSURE(worker->keyd, STATUS_MEMORY);
    if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0) {
        keyd_client_free(worker->keyd);
        return STATUS_MEMORY;
    }
    workers->count++;
    return STATUS_OK;
}

void workers_stop(struct workers *workers) {
    if (!workers) return;
    if (workers->queue) queue_close(workers->queue);
    for (size_t i = 0; i < workers->count; i++) {
        (void)pthread_join(workers->list[i].thread, NULL);
        keyd_client_free(workers->list[i].keyd);
    }
    queue_free(workers->queue);
    free(workers);
}

enum status workers_start(struct core *core, size_t count, size_t most_calls, struct workers **out_workers) {
    struct workers *workers CLEANUP(workers_stop_cleanup) = calloc(1, sizeof *workers);
    ENSURE(workers && count <= WORKERS_MAX, STATUS_MEMORY);
    workers->core = core;
    workers->queue = queue_new(most_calls);
    ENSURE(workers->queue, STATUS_MEMORY);
    while (workers->count < count)
        TRY(start_one(workers));
    *out_workers = MOVE(workers);
    return STATUS_OK;
}

void workers_push(struct workers *workers, struct call *call) {
    if (queue_push(workers->queue, call) != STATUS_OK) call_drop(call);
}

void workers_push_list(struct workers *workers, struct call *list, enum call_step step) {
    while (list) {
        struct call *next = list->next;
        list->step = step;
        workers_push(workers, list);
        list = next;
    }
}

size_t workers_depth(struct workers *workers) { return queue_depth(workers->queue); }
