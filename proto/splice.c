/*
 * The splicer. Owns both connections of a pair and what they took from the budget.
 *
 * Invariants: a side is read exactly while nothing holds it and the pair is open; its timer runs exactly while a unit
 * has begun and the side is read; `reserved` is what its entered or awaited frame took from the budget. Bytes are
 * judged before they are passed: nothing of an oversized or malformed unit reaches the other side.
 */
#include "proto/splice.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

const struct splice_limits SPLICE_LIMITS_DEFAULT = {
    .frame_ms = 15000,
    .flush_ms = 5000,
    .stall_ms = 30000,
    .max_unanswered = 0,
    .high_water_bytes = 256 << 10,
};

enum side_hold { HOLD_NONE, HOLD_OUTPUT, HOLD_ANSWERS, HOLD_BUDGET };

enum pair_state { PAIR_OPEN, PAIR_CLOSING };

struct side {
    struct splice *pair;
    struct side *other;
    struct bufferevent *connection; /* NULL once closed */
    struct event *timer;
    struct event *hang_up; /* pending while answers are awaited: that hold may be long, and hides the peer's end */
    struct sp_scan scan;
    struct splice_budget *budget;
    struct splice_waiter waiter;
    size_t reserved_bytes;
    enum splice_sp sp;
    enum side_hold hold;
    bool timing;
};

struct splice {
    struct side a;
    struct side b;
    struct splice_limits limits;
    uint64_t unanswered;
    enum pair_state state;
    enum splice_end end;
    struct splice_totals *totals;
    struct splice_totals own_totals;
    void (*ended)(void *arg, enum splice_end end);
    void *arg;
};

const char *splice_end_name(enum splice_end end) {
    static const char *const names[SPLICE_END_COUNT] = {
        [SPLICE_END_CLOSED] = "closed",       [SPLICE_END_ERROR] = "error", [SPLICE_END_MALFORMED] = "malformed",
        [SPLICE_END_TOO_LARGE] = "too_large", [SPLICE_END_SLOW] = "slow",   [SPLICE_END_STALLED] = "stalled",
        [SPLICE_END_STOPPED] = "stopped",
    };
    return end < SPLICE_END_COUNT ? names[end] : "unknown";
}

static struct timeval duration(uint32_t ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

void splice_close_connection(struct bufferevent *connection) {
    SSL *ssl = bufferevent_openssl_get_ssl(connection);
    if (ssl) {
        /* The end is deliberate: what a plain socket's close says by itself. */
        ERR_clear_error();
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
    }
    bufferevent_free(connection);
}

static void side_close(struct side *side) {
    if (side->connection) splice_close_connection(MOVE(side->connection));
}

static void side_timer_stop(struct side *side) {
    if (side->timing) (void)event_del(side->timer);
    side->timing = false;
}

/* Gives back everything but the connection. */
static void side_settle(struct side *side) {
    if (side->timer) side_timer_stop(side);
    if (side->hang_up) (void)event_del(side->hang_up);
    if (!side->budget) return;
    splice_budget_leave(side->budget, &side->waiter);
    if (side->reserved_bytes > 0) splice_budget_return(side->budget, side->reserved_bytes);
    side->reserved_bytes = 0;
}

static void side_clear(struct side *side) {
    side_settle(side);
    side_close(side);
    if (side->timer) event_free(MOVE(side->timer));
    if (side->hang_up) event_free(MOVE(side->hang_up));
}

void splice_free(struct splice *splice) {
    if (!splice) return;
    side_clear(&splice->a);
    side_clear(&splice->b);
    free(splice);
}

static void pair_finish(struct splice *splice) {
    void (*ended)(void *, enum splice_end) = splice->ended;
    void *arg = splice->arg;
    enum splice_end end = splice->end;
    splice->totals->ends[end]++;
    splice_free(splice);
    if (ended) ended(arg, end);
}

static size_t side_unwritten(const struct side *side) {
    return side->connection ? evbuffer_get_length(bufferevent_get_output(side->connection)) : 0;
}

static void side_begin_flush(struct side *side, uint32_t flush_ms) {
    if (!side->connection) return;
    (void)bufferevent_disable(side->connection, EV_READ);
    bufferevent_setwatermark(side->connection, EV_WRITE, 0, 0);
    struct timeval limit = duration(flush_ms);
    side->timing = event_add(side->timer, &limit) == 0;
}

static void pair_finish_when_flushed(struct splice *splice) {
    if (side_unwritten(&splice->a) == 0 && side_unwritten(&splice->b) == 0) pair_finish(splice);
}

/* Begins the end. `dead` is the side that ended or is at fault, and is closed at once; NULL when both are well. The
 * pair may be gone afterwards. */
static void pair_close(struct splice *splice, struct side *dead, enum splice_end end) {
    if (splice->state == PAIR_CLOSING) {
        pair_finish(splice);
        return;
    }
    splice->state = PAIR_CLOSING;
    splice->end = end;
    side_settle(&splice->a);
    side_settle(&splice->b);
    if (dead) side_close(dead);
    side_begin_flush(&splice->a, splice->limits.flush_ms);
    side_begin_flush(&splice->b, splice->limits.flush_ms);
    pair_finish_when_flushed(splice);
}

void splice_stop(struct splice *splice) {
    if (splice->state == PAIR_OPEN) pair_close(splice, NULL, SPLICE_END_STOPPED);
}

/* --- passing ----------------------------------------------------------------------------------------------------- */

static bool side_asks(const struct side *side) { return side == &side->pair->a; }

/* What keeps the next unit from being entered. */
static enum side_hold side_admit(struct side *side, size_t unit_bytes, size_t waiting_bytes) {
    const struct splice *pair = side->pair;
    if (side->scan.phase == SP_PHASE_HEADER) return HOLD_NONE;
    uint32_t max = pair->limits.max_unanswered;
    if (side_asks(side) && max > 0 && pair->unanswered >= max) return HOLD_ANSWERS;
    if (!side->budget || side->reserved_bytes > 0 || unit_bytes <= waiting_bytes) return HOLD_NONE;
    if (side->waiter.waiting || !splice_budget_take(side->budget, &side->waiter, unit_bytes)) return HOLD_BUDGET;
    side->reserved_bytes = unit_bytes;
    return HOLD_NONE;
}

/* Judges and enters the next unit. *out_hold says what it has to wait for. Nothing is entered while its first bytes are
 * incomplete. */
static enum status side_enter(struct side *side, struct evbuffer *input, enum side_hold *out_hold) {
    uint8_t first[SP_HEAD_BYTES];
    size_t need = sp_scan_need(&side->scan);
    size_t waiting = evbuffer_get_length(input);
    size_t unit = 0;
    if (waiting < need) return STATUS_OK;
    (void)evbuffer_copyout(input, first, need);
    TRY(sp_scan_peek(&side->scan, BYTES(first, need), &unit));
    *out_hold = side_admit(side, unit, waiting);
    if (*out_hold != HOLD_NONE) return STATUS_OK;
    sp_scan_enter(&side->scan, unit);
    if (side->scan.unit_is_frame && side_asks(side)) side->pair->unanswered++;
    return STATUS_OK;
}

static void side_unit_done(struct side *side) {
    struct splice *pair = side->pair;
    side_timer_stop(side);
    if (side->reserved_bytes > 0) splice_budget_return(side->budget, side->reserved_bytes);
    side->reserved_bytes = 0;
    if (!side->scan.unit_is_frame) return;
    if (side_asks(side)) {
        pair->totals->requests++;
    } else {
        pair->totals->answers++;
        if (pair->unanswered > 0) pair->unanswered--;
    }
}

/* Passes as much of the entered unit as waits. */
static enum status side_pass(struct side *side, struct evbuffer *input) {
    size_t waiting = evbuffer_get_length(input);
    size_t count = waiting < side->scan.left_bytes ? waiting : side->scan.left_bytes;
    if (!side->scan.unit_is_frame && side->sp == SPLICE_SP_SWALLOW) {
        ENSURE(evbuffer_drain(input, count) == 0, STATUS_IO);
    } else {
        struct evbuffer *output = bufferevent_get_output(side->other->connection);
        ENSURE(evbuffer_remove_buffer(input, output, count) == (int)count, STATUS_MEMORY);
        side->pair->totals->bytes[side_asks(side) ? 0 : 1] += count;
    }
    if (sp_scan_pass(&side->scan, count)) side_unit_done(side);
    return STATUS_OK;
}

/* Passes what waits at a side until it is empty or something holds it. */
static enum status side_move(struct side *side, enum side_hold *out_hold) {
    struct evbuffer *input = bufferevent_get_input(side->connection);
    bool draining = false;
    enum side_hold hold = HOLD_NONE;
    while (!draining && hold == HOLD_NONE && evbuffer_get_length(input) > 0) {
        if (side_unwritten(side->other) > side->pair->limits.high_water_bytes) hold = HOLD_OUTPUT;
        if (hold == HOLD_NONE && side->scan.phase != SP_PHASE_BODY) TRY(side_enter(side, input, &hold));
        if (hold != HOLD_NONE) break;
        draining = side->scan.phase != SP_PHASE_BODY;
        if (!draining) TRY(side_pass(side, input));
    }
    *out_hold = hold;
    return STATUS_OK;
}

static bool side_has_begun(const struct side *side) {
    return side->scan.phase != SP_PHASE_HEAD || evbuffer_get_length(bufferevent_get_input(side->connection)) > 0;
}

/* Starts or stops reading and the timer, as the hold says. */
static void side_set_hold(struct side *side, enum side_hold hold) {
    if (hold != HOLD_NONE && side->hold == HOLD_NONE) {
        (void)bufferevent_disable(side->connection, EV_READ);
        side->pair->totals->holds++;
    }
    if (hold == HOLD_NONE && side->hold != HOLD_NONE) (void)bufferevent_enable(side->connection, EV_READ);
    if (hold == HOLD_ANSWERS && side->hold != HOLD_ANSWERS) (void)event_add(side->hang_up, NULL);
    if (hold != HOLD_ANSWERS && side->hold == HOLD_ANSWERS) (void)event_del(side->hang_up);
    side->hold = hold;
    bool timed = hold == HOLD_NONE && side_has_begun(side);
    if (timed && !side->timing) {
        struct timeval limit = duration(side->pair->limits.frame_ms);
        side->timing = event_add(side->timer, &limit) == 0;
    }
    if (!timed) side_timer_stop(side);
}

static enum splice_end end_of_status(enum status status) {
    if (status == STATUS_TOO_LARGE) return SPLICE_END_TOO_LARGE;
    return status_class(status) == CLASS_PEER ? SPLICE_END_MALFORMED : SPLICE_END_ERROR;
}

/* False when the pair may be gone. */
static bool side_pump(struct side *side) {
    enum side_hold hold = HOLD_NONE;
    enum status status = side_move(side, &hold);
    if (status != STATUS_OK) {
        pair_close(side->pair, side, end_of_status(status));
        return false;
    }
    side_set_hold(side, hold);
    return true;
}

static void on_granted(void *arg) {
    struct side *side = arg;
    side->reserved_bytes = side->waiter.bytes;
    (void)side_pump(side);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static void on_read(struct bufferevent *connection, void *arg) {
    (void)connection;
    struct side *side = arg;
    struct side *other = side->other;
    if (side->pair->state != PAIR_OPEN || side->hold != HOLD_NONE) return;
    if (!side_pump(side)) return;
    if (other->hold == HOLD_ANSWERS) (void)side_pump(other);
}

/* The output of this side fell below its low-water mark. */
static void on_written(struct bufferevent *connection, void *arg) {
    (void)connection;
    struct side *side = arg;
    if (side->pair->state == PAIR_CLOSING) {
        pair_finish_when_flushed(side->pair);
    } else if (side->other->hold == HOLD_OUTPUT) {
        (void)side_pump(side->other);
    }
}

/* What was read before the end is still passed on: at most one read's worth, so it may exceed the mark. */
static enum status side_pass_last(struct side *side) {
    enum side_hold hold = HOLD_NONE;
    side->pair->limits.high_water_bytes = SIZE_MAX;
    return side_move(side, &hold);
}

static void on_event(struct bufferevent *connection, short what, void *arg) {
    (void)connection;
    struct side *side = arg;
    if (side->pair->state == PAIR_CLOSING) {
        pair_finish(side->pair);
        return;
    }
    enum splice_end end = SPLICE_END_ERROR;
    if (what & BEV_EVENT_TIMEOUT) end = SPLICE_END_STALLED;
    if (what & BEV_EVENT_EOF) end = SPLICE_END_CLOSED;
    if (end == SPLICE_END_CLOSED) {
        enum status status = side_pass_last(side);
        if (status != STATUS_OK) end = end_of_status(status);
    }
    pair_close(side->pair, side, end);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct side *side = arg;
    side->timing = false;
    if (side->pair->state == PAIR_CLOSING) {
        pair_finish(side->pair);
    } else {
        pair_close(side->pair, side, SPLICE_END_SLOW);
    }
}

static void on_hang_up(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct side *side = arg;
    pair_close(side->pair, side, SPLICE_END_CLOSED);
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

static enum status side_init(struct side *side, struct side *other, struct splice *pair, const struct splice_side *from,
                             struct event_base *base) {
    *side = (struct side){
        .pair = pair,
        .other = other,
        .connection = from->connection,
        .scan = from->scan,
        .sp = from->sp,
        .budget = from->budget,
        .waiter = {.granted = on_granted, .arg = side},
    };
    side->timer = event_new(base, -1, 0, on_timer, side);
    side->hang_up = event_new(base, bufferevent_getfd(side->connection), EV_CLOSED, on_hang_up, side);
    return side->timer && side->hang_up ? STATUS_OK : STATUS_MEMORY;
}

static enum status side_start(struct side *side) {
    const struct splice_limits *limits = &side->pair->limits;
    struct timeval stall = duration(limits->stall_ms);
    bufferevent_setcb(side->connection, on_read, on_written, on_event, side);
    bufferevent_setwatermark(side->connection, EV_WRITE, limits->high_water_bytes / 2, 0);
    bufferevent_setwatermark(side->connection, EV_READ, 0, 0);
    (void)bufferevent_set_timeouts(side->connection, NULL, &stall);
    ENSURE(bufferevent_enable(side->connection, EV_READ | EV_WRITE) == 0, STATUS_MEMORY);
    side_set_hold(side, HOLD_NONE);
    if (evbuffer_get_length(bufferevent_get_input(side->connection)) > 0) {
        bufferevent_trigger(side->connection, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    }
    return STATUS_OK;
}

enum status splice_new(const struct splice_config *config, struct splice **out_splice) {
    struct splice *splice = calloc(1, sizeof *splice);
    if (!splice) {
        bufferevent_free(config->a.connection);
        bufferevent_free(config->b.connection);
        return STATUS_MEMORY;
    }
    splice->limits = config->limits;
    splice->totals = config->totals ? config->totals : &splice->own_totals;
    splice->ended = config->ended;
    splice->arg = config->arg;
    enum status made_a = side_init(&splice->a, &splice->b, splice, &config->a, config->base);
    enum status made_b = side_init(&splice->b, &splice->a, splice, &config->b, config->base);
    if (made_a != STATUS_OK || made_b != STATUS_OK || side_start(&splice->a) != STATUS_OK ||
        side_start(&splice->b) != STATUS_OK) {
        splice_free(splice);
        return STATUS_MEMORY;
    }
    *out_splice = splice;
    return STATUS_OK;
}
