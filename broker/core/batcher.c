/*
 * Invariants: nothing outside the transaction changes before the commit; no answer of a batch leaves before its tree is
 * signed, but for `try_later` and for calls that failed on their own. A call is in exactly one place at any time.
 */
#include "broker/core/batcher.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/queue.h"
#include "broker/core/clock_guard.h"
#include "broker/core/core_settings.h"
#include "broker/core/erasure.h"
#include "broker/core/face.h"
#include "broker/core/keyd_client.h"
#include "broker/core/mailbox.h"
#include "broker/core/mailroom.h"
#include "broker/core/metrics.h"
#include "broker/core/order.h"
#include "broker/core/schedule.h"
#include "broker/core/signing.h"
#include "broker/core/subject.h"
#include "broker/core/witnesses.h"
#include "broker/core/worker.h"
#include "broker/role.h"
#include "proto/shred.h"

enum {
    BATCHER_WAIT_MS = 100,
    BATCHER_UNSIGNED_WAIT_MS = 50,
    BATCHER_PRUNE_MOST = 64,
    BATCHER_PUT_OFF_MS = 60000,
    BATCHER_SLOTS_AHEAD = 1024,
};
#define BATCHER_ARENA_BYTES ((size_t)8 << 20)

struct batcher {
    struct core *core;
    pthread_t thread;
    struct queue *queue;
    struct keyd_client *keyd;
    struct arena *arena;
    bool signed_all;     /* the committed tree is signed */
    uint64_t marks_done; /* of core's count of erasure marks: none older stands in the store */

    /* The batch in hand. */
    struct call *calls[BATCHER_MOST];
    size_t count;
    struct call *culprit;           /* whose apply() failed after it had written */
    bool put_off[SCHEDULE_DUE_MAX]; /* rows that failed after they had written, by place */
    size_t culprit_row;             /* SCHEDULE_DUE_MAX: none */
    const char *prune_member;       /* NULL: none */
    uint64_t prune_up_to;
    uint32_t slots_taken;
    uint64_t number;      /* of the batch, when it is committed: broker/core/order.h */
    uint64_t marks_begun; /* count of erasure marks as the batch began */
    size_t marks_stood;
};

/* ---- inside the transaction ---- */

static enum status run_row_function(struct batcher *batcher, struct store_txn *txn, const struct schedule_row *row) {
    schedule_fn *function = dispatch_schedule(row->kind);
    if (!function) return STATUS_OK;
    return function(batcher->core, txn, row->slot, &row->id, batcher->arena);
}

static enum status put_off_row(struct batcher *batcher, struct store_txn *txn, const struct schedule_row *row) {
    uint64_t due_ms = ledger_now_ms(batcher->core->ledger) + BATCHER_PUT_OFF_MS;
    return schedule_add(batcher->core, txn, due_ms, row->kind, row->slot, &row->id, batcher->arena);
}

static enum status run_row(struct batcher *batcher, struct store_txn *txn, const struct schedule_row *row, size_t i) {
    TRY(store_delete(txn, STORE_SCHEDULE, row->key));
    if (row->status == STATUS_NOT_FOUND) return STATUS_OK;
    if (batcher->put_off[i]) return put_off_row(batcher, txn, row);
    uint64_t before = store_txn_writes(txn);
    enum status status = run_row_function(batcher, txn, row);
    if (status == STATUS_OK) return STATUS_OK;
    log_limited(LOG_LEVEL_ERROR, "expiry_failed", "kind=%u status=%s", (unsigned)row->kind, status_name(status));
    if (store_txn_status(txn) == STATUS_OK && store_txn_writes(txn) == before) return put_off_row(batcher, txn, row);
    batcher->culprit_row = i;
    return status;
}

static enum status run_due(struct batcher *batcher, struct store_txn *txn) {
    const struct schedule_row *rows = NULL;
    size_t count = 0;
    uint64_t now_ms = ledger_now_ms(batcher->core->ledger);
    TRY(schedule_due(batcher->core, txn, now_ms, SCHEDULE_DUE_MAX, batcher->arena, &rows, &count));
    for (size_t i = 0; i < count; i++)
        TRY(run_row(batcher, txn, &rows[i], i));
    metrics_add(&batcher->core->metrics->expiries, count);
    return STATUS_OK;
}

/* Whether the call's message stands already, written by another call since this one was checked. */
static enum status overtaken(struct call *call, struct store_txn *txn, bool *out_overtaken) {
    *out_overtaken = false;
    if (!call->sender || call->repeated) return STATUS_OK;
    struct id16 event = call_event(call, 0);
    uint64_t index;
    struct hash hash;
    enum status found = ledger_find_event(call->core->ledger, txn, &event, &index, &hash);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    *out_overtaken = true;
    return STATUS_OK;
}

static enum status apply_call(struct call *call, struct store_txn *txn) {
    bool stands;
    TRY(overtaken(call, txn, &stands));
    call->n_leaves = 0;
    call->fate = stands ? CALL_OVERTAKEN : CALL_TAKEN;
    return stands ? STATUS_OK : call->handler->apply(call, txn);
}

/* A call that fails before its first write fails alone; otherwise the batch ends with its status, to be run again
 * without it. What the disk or the engine says is nobody's fault. */
static enum status run_call(struct batcher *batcher, struct store_txn *txn, struct call *call) {
    if (call->fate == CALL_FAILED) return STATUS_OK;
    uint64_t before = store_txn_writes(txn);
    enum status status = apply_call(call, txn);
    enum status kept = store_txn_status(txn);
    if (status_class(kept) == CLASS_LOCAL || status_class(kept) == CLASS_INTEGRITY) return kept;
    if (status == STATUS_OK) status = kept;
    if (status == STATUS_OK) return STATUS_OK;
    if (kept != STATUS_OK || store_txn_writes(txn) != before) {
        batcher->culprit = call;
        return status;
    }
    call->fate = CALL_FAILED;
    call->status = status;
    return STATUS_OK;
}

/* What changes the directory comes last in its batch: all others were judged by the directory of before, and their
 * leaves stand before its own. */
enum part { PART_CALLS, PART_DIRECTORY };

static enum status run_part(struct batcher *batcher, struct store_txn *txn, enum part part) {
    for (size_t i = 0; i < batcher->count; i++) {
        struct call *call = batcher->calls[i];
        if ((call->directory_next != NULL) == (part == PART_DIRECTORY)) TRY(run_call(batcher, txn, call));
    }
    return STATUS_OK;
}

static enum status run_upkeep(struct batcher *batcher, struct store_txn *txn) {
    batcher->marks_begun = atomic_load(&batcher->core->erasure_marks);
    batcher->marks_stood = 0;
    if (batcher->marks_begun != batcher->marks_done) TRY(erasure_clear(batcher->core, txn, &batcher->marks_stood));
    if (!batcher->prune_member) return STATUS_OK;
    return mailbox_prune(batcher->core, txn, batcher->prune_member, batcher->prune_up_to, BATCHER_PRUNE_MOST,
                         batcher->arena);
}

static enum status batch_body(struct store_txn *txn, void *arg) {
    struct batcher *batcher = arg;
    struct core *core = batcher->core;
    arena_reset(batcher->arena);
    batcher->culprit = NULL;
    batcher->culprit_row = SCHEDULE_DUE_MAX;
    mailroom_forget(core->mailroom);
    ledger_begin(core->ledger, clock_now_ms(core->clock));
    TRY(run_upkeep(batcher, txn));
    TRY(run_due(batcher, txn));
    TRY(run_part(batcher, txn, PART_CALLS));
    TRY(run_part(batcher, txn, PART_DIRECTORY));
    TRY(subject_slots_taken(txn, &batcher->slots_taken));
    return ledger_end(core->ledger, txn);
}

/* ---- around the transaction ---- */

/* The newest directory decides; what check() saw stays as long as its views are used. */
static void renew_directory(struct call *call) {
    directory_unref(call->directory_checked);
    call->directory_checked = call->directory;
    call->directory = core_directory(call->core);
    call->keyd = NULL;
}

static void fail_call(struct call *call, enum status status) {
    call->fate = CALL_FAILED;
    call->status = status;
}

/* Before anything is written: what may not go on now fails. */
static void admit(struct batcher *batcher) {
    bool believed = clock_guard_check(batcher->core->clock_guard);
    bool low = atomic_load(&batcher->core->disk_low);
    for (size_t i = 0; i < batcher->count; i++) {
        struct call *call = batcher->calls[i];
        renew_directory(call);
        call->fate = CALL_TAKEN;
        if (!believed) fail_call(call, STATUS_CLOCK);
        if (low && !(call->handler->flags & HANDLER_RESERVED)) fail_call(call, STATUS_LIMIT);
    }
}

static void fail_all(struct batcher *batcher, enum status status) {
    for (size_t i = 0; i < batcher->count; i++) {
        if (batcher->calls[i]->fate != CALL_FAILED) fail_call(batcher->calls[i], status);
    }
}

/* A full disk: what may use the reserve tries alone. False when nothing is left to try. */
static bool keep_reserved(struct batcher *batcher) {
    bool dropped = false, kept = false;
    for (size_t i = 0; i < batcher->count; i++) {
        struct call *call = batcher->calls[i];
        if (call->fate == CALL_FAILED) continue;
        bool reserved = call->handler->flags & HANDLER_RESERVED;
        if (!reserved) fail_call(call, STATUS_DISK_FULL);
        kept = kept || reserved;
        dropped = dropped || !reserved;
    }
    return kept && dropped;
}

/* Whether a batch that ended with this status is worth another run, without what was wrong. */
static bool run_again(struct batcher *batcher, enum status status) {
    if (batcher->culprit) {
        fail_call(batcher->culprit, status);
        return true;
    }
    if (batcher->culprit_row < SCHEDULE_DUE_MAX) {
        batcher->put_off[batcher->culprit_row] = true;
        return true;
    }
    return status == STATUS_DISK_FULL && keep_reserved(batcher);
}

static enum status write_batch(struct batcher *batcher) {
    for (size_t i = 0; i < SCHEDULE_DUE_MAX; i++)
        batcher->put_off[i] = false;
    enum status status = store_write(batcher->core->store, batch_body, batcher);
    while (status != STATUS_OK && run_again(batcher, status)) {
        metrics_add(&batcher->core->metrics->batch_reruns, 1);
        status = store_write(batcher->core->store, batch_body, batcher);
    }
    return status;
}

/* Slots are made ahead, so that a new person costs nothing visible. */
static void fill_pool(struct batcher *batcher) {
    struct shred *shred = batcher->core->shred;
    while (shred_slot_count(shred) - batcher->slots_taken < BATCHER_SLOTS_AHEAD) {
        enum status status = shred_grow(shred);
        if (status == STATUS_OK) continue;
        log_limited(LOG_LEVEL_ERROR, "slots_not_made", "status=%s", status_name(status));
        return;
    }
}

static void destroy_marked(struct batcher *batcher) {
    uint64_t marks = atomic_load(&batcher->core->erasure_marks);
    if (marks == batcher->marks_done) return;
    if (marks == batcher->marks_begun && batcher->marks_stood == 0) {
        batcher->marks_done = marks;
        return;
    }
    enum status status = erasure_finish(batcher->core);
    if (status != STATUS_OK) log_limited(LOG_LEVEL_ERROR, "slot_not_destroyed", "status=%s", status_name(status));
}

static void settle_calls(struct batcher *batcher) {
    for (size_t i = 0; i < batcher->count; i++) {
        struct call *call = batcher->calls[i];
        if (call->fate == CALL_TAKEN && call->handler->settle) call->handler->settle(call);
    }
}

/* After the signature: who was told to wait hears, witnesses get the new tree. */
static void announce(struct batcher *batcher) {
    struct core *core = batcher->core;
    workers_push_list(core->workers, mailroom_notify_noted(core->mailroom), CALL_CHECK);
    uint64_t size = ledger_signed_size(core->ledger);
    struct directory *directory CLEANUP(directory_unref_cleanup) = core_directory(core);
    size_t wanted = witnesses_wanted(core->witnesses, directory, size);
    workers_push_list(core->workers, mailroom_take_witnesses(core->mailroom, size, wanted), CALL_CHECK);
}

static void sign_batch(struct batcher *batcher) {
    enum status status = signing_sign(batcher->core, batcher->keyd);
    if (status == STATUS_OK) {
        batcher->signed_all = true;
        announce(batcher);
        return;
    }
    if (status_class(status) == CLASS_INTEGRITY) core_stop(batcher->core, ROLE_INTEGRITY, "log_contradicted", status);
    if (batcher->signed_all) {
        metrics_add(&batcher->core->metrics->late_signatures, 1);
        log_limited(LOG_LEVEL_ERROR, "not_signed", "status=%s", status_name(status));
    }
    batcher->signed_all = false;
    mailroom_keep_notes(batcher->core->mailroom);
}

/* Answers that may leave at once are counted; those that wait for the boundary wait for them too. */
static void keep_order(struct batcher *batcher, struct call *call) {
    if (call->handler->pace == PACE_BOUNDARY) {
        call->batch = batcher->number;
    } else {
        order_enter_batch(batcher->core->order, &call->place);
    }
}

/* Hands every call of the batch on. */
static void hand_on(struct batcher *batcher) {
    for (size_t i = 0; i < batcher->count; i++) {
        struct call *call = batcher->calls[i];
        if (call->fate == CALL_FAILED) {
            call_finish(call);
        } else if (!batcher->signed_all) {
            call->status = STATUS_RETRY;
            call_finish(call);
        } else {
            bool taken = call->fate == CALL_TAKEN;
            call->step = taken ? CALL_ANSWER : CALL_CHECK;
            if (taken) keep_order(batcher, call);
            workers_push(batcher->core->workers, call);
        }
    }
    batcher->count = 0;
}

static void after_commit(struct batcher *batcher) {
    struct metrics *metrics = batcher->core->metrics;
    metrics_add(&metrics->batches, 1);
    metrics_add(&metrics->batch_calls, batcher->count);
    metrics_add(&metrics->leaves, ledger_pending(batcher->core->ledger));
    batcher->number = order_committed(batcher->core->order);
    ledger_committed(batcher->core->ledger);
    batcher->prune_member = NULL;
    destroy_marked(batcher);
    settle_calls(batcher);
    sign_batch(batcher);
}

static void drop_calls(struct batcher *batcher) {
    for (size_t i = 0; i < batcher->count; i++)
        call_drop(batcher->calls[i]);
    batcher->count = 0;
}

/* Neither committed nor safe to go on: callers repeat to the next process. */
static bool must_stop(struct batcher *batcher, enum status status) {
    if (status != STATUS_UNKNOWN && status_class(status) != CLASS_INTEGRITY) return false;
    bool integrity = status == STATUS_INTEGRITY;
    core_stop(batcher->core, integrity ? ROLE_INTEGRITY : ROLE_FAILED, "batch_lost", status);
    drop_calls(batcher);
    return true;
}

static void run_batch(struct batcher *batcher) {
    if (!batcher->prune_member) {
        (void)mailroom_next_handled(batcher->core->mailroom, &batcher->prune_member, &batcher->prune_up_to);
    }
    enum status status = write_batch(batcher);
    if (status == STATUS_OK) {
        after_commit(batcher);
    } else {
        if (must_stop(batcher, status)) return;
        /* Pruning that fails must not fail the next batch too; the member's next poll asks for it again. */
        batcher->prune_member = NULL;
        mailroom_forget(batcher->core->mailroom);
        fail_all(batcher, status);
    }
    hand_on(batcher);
    fill_pool(batcher);
}

/* ---- the thread ---- */

static enum status peek_due(struct store_txn *txn, void *arg) {
    struct batcher *batcher = arg;
    const struct schedule_row *rows = NULL;
    size_t count = 0;
    arena_reset(batcher->arena);
    uint64_t now_ms = clock_now_ms(batcher->core->clock);
    TRY(schedule_due(batcher->core, txn, now_ms, 1, batcher->arena, &rows, &count));
    return count ? STATUS_OK : STATUS_NOT_FOUND;
}

static bool something_due(struct batcher *batcher) {
    if (!clock_guard_check(batcher->core->clock_guard)) return false;
    return store_read(batcher->core->store, peek_due, batcher) == STATUS_OK;
}

static bool any_admitted(const struct batcher *batcher) {
    for (size_t i = 0; i < batcher->count; i++) {
        if (batcher->calls[i]->fate != CALL_FAILED) return true;
    }
    return false;
}

/* A committed tree that is not signed comes first: until then whoever comes is asked to come again. */
static bool catch_up(struct batcher *batcher) {
    if (!batcher->signed_all) sign_batch(batcher);
    if (batcher->signed_all) return true;
    for (size_t i = 0; i < batcher->count; i++)
        fail_call(batcher->calls[i], STATUS_RETRY);
    hand_on(batcher);
    return false;
}

static void turn(struct batcher *batcher) {
    if (atomic_load(&batcher->core->stopping) > 0) {
        drop_calls(batcher);
        return;
    }
    if (!catch_up(batcher)) return;
    admit(batcher);
    if (any_admitted(batcher) || (batcher->count == 0 && something_due(batcher))) {
        run_batch(batcher);
    } else {
        hand_on(batcher);
    }
}

static void *batcher_run(void *arg) {
    struct batcher *batcher = arg;
    for (;;) {
        uint32_t wait_ms = batcher->signed_all ? BATCHER_WAIT_MS : BATCHER_UNSIGNED_WAIT_MS;
        void **calls = (void **)batcher->calls;
        if (queue_take(batcher->queue, wait_ms, calls, BATCHER_MOST, &batcher->count) != STATUS_OK) return NULL;
        turn(batcher);
    }
}

void batcher_submit(struct batcher *batcher, struct call *call) {
    if (queue_push(batcher->queue, call) != STATUS_OK) call_drop(call);
}

void batcher_end(struct batcher *batcher) {
    if (!batcher || !batcher->queue) return;
    queue_close(batcher->queue);
    if (batcher->thread) (void)pthread_join(batcher->thread, NULL);
    batcher->thread = 0;
}

void batcher_free(struct batcher *batcher) {
    if (!batcher) return;
    batcher_end(batcher);
    queue_free(batcher->queue);
    keyd_client_free(batcher->keyd);
    arena_free(batcher->arena);
    free(batcher);
}

enum status batcher_start(struct core *core, size_t most_calls, struct batcher **out_batcher) {
    struct batcher *batcher CLEANUP(batcher_free_cleanup) = calloc(1, sizeof *batcher);
    ENSURE(batcher, STATUS_MEMORY);
    batcher->core = core;
    batcher->signed_all = ledger_signed_size(core->ledger) == ledger_size(core->ledger);
    batcher->marks_done = atomic_load(&core->erasure_marks) - 1;
    batcher->queue = queue_new(most_calls);
    batcher->keyd = keyd_client_new(core->settings->keyd_socket, (uint32_t)core->settings->keyd_deadline_ms);
    batcher->arena = arena_new(BATCHER_ARENA_BYTES);
    ENSURE(batcher->queue && batcher->keyd && batcher->arena, STATUS_MEMORY);
    ENSURE(pthread_create(&batcher->thread, NULL, batcher_run, batcher) == 0, STATUS_MEMORY);
    *out_batcher = MOVE(batcher);
    return STATUS_OK;
}

size_t batcher_depth(struct batcher *batcher) { return queue_depth(batcher->queue); }
