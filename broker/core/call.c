/*
 * The life of a call: made by a face, freed with its answer.
 */
#include "broker/core/call.h"

#include <stdlib.h>

#include "base/log.h"
#include "broker/core/face.h"
#include "broker/core/metrics.h"
#include "broker/core/pacer.h"
#include "proto/derive.h"

struct call *call_new(struct core *core, enum face face, struct completion *completion) {
    struct call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    call->core = core;
    call->face = face;
    call->completion = completion;
    call->arrived_ms = clock_boot_ms(core->clock);
    return call;
}

static void call_free(struct call *call) {
    order_leave(call->core->order, &call->place);
    arena_free(call->arena);
    directory_unref(call->directory);
    directory_unref(call->directory_checked);
    directory_unref(call->directory_next);
    free(call);
}

void call_send(struct call *call) {
    metrics_add(&call->core->metrics->answers, 1);
    if (call->status != STATUS_OK || call->code != REPLY_DONE) metrics_add(&call->core->metrics->refused, 1);
    call->completion->ops->send(call);
    call_free(call);
}

void call_drop(struct call *call) {
    call->completion->ops->drop(call);
    call_free(call);
}

static void log_trouble(const struct call *call) {
    enum status_class class = status_class(call->status);
    if (class != CLASS_LOCAL && class != CLASS_INTEGRITY) return;
    log_limited(LOG_LEVEL_ERROR, "call_failed", "handler=%s status=%s", call->handler ? call->handler->name : "none",
                status_name(call->status));
}

void call_finish(struct call *call) {
    log_trouble(call);
    if (call->handler && call->handler->pace == PACE_BOUNDARY && call->core->pacer) {
        /* What waits for the boundary is waited for by nobody. */
        order_leave(call->core->order, &call->place);
        pacer_hold(call->core->pacer, call);
    } else {
        call_send(call);
    }
}

struct id16 call_event(const struct call *call, uint32_t n) {
    return derive_event_id(call->core->federation, call->sender, &call->message, n);
}

/* Further leaves of the message, from the second on. */
static enum status find_further(struct call *call, struct store_txn *txn) {
    while (call->n_prior < CALL_LEAVES_MAX) {
        struct id16 event = call_event(call, (uint32_t)call->n_prior);
        struct hash hash;
        enum status found = ledger_find_event(call->core->ledger, txn, &event, &call->prior[call->n_prior], &hash);
        if (found == STATUS_NOT_FOUND) return STATUS_OK;
        TRY(found);
        call->n_prior++;
    }
    return STATUS_OK;
}

enum status call_identify(struct call *call, struct store_txn *txn, const char *sender, const struct id16 *message,
                          const struct hash *request_hash) {
    call->sender = sender;
    call->message = *message;
    call->request_hash = *request_hash;
    call->repeated = false;
    call->n_prior = 0;
    struct id16 event = call_event(call, 0);
    struct hash standing;
    enum status found = ledger_find_event(call->core->ledger, txn, &event, &call->prior[0], &standing);
    if (found == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(found);
    ENSURE(hash_equal(&standing, request_hash), STATUS_CONFLICT);
    call->repeated = true;
    call->n_prior = 1;
    return find_further(call, txn);
}

enum status call_append(struct call *call, struct store_txn *txn, struct ledger_entry *entry) {
    ENSURE(call->n_leaves < CALL_LEAVES_MAX, STATUS_LIMIT);
    if (ids_is_zero(&entry->event)) entry->event = call_event(call, (uint32_t)call->n_leaves);
    if (hash_is_zero(&entry->request_hash)) entry->request_hash = call->request_hash;
    uint64_t index;
    TRY(ledger_append(call->core->ledger, txn, entry, &index));
    call->leaves[call->n_leaves++] = index;
    return STATUS_OK;
}
