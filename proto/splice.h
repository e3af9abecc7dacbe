/*
 * A pair of connections whose bytes pass through from each to the other, frame by frame of nng's ipc framing.
 *
 * Used at both ends of the link: in the gate (TLS from the agent, pipe to core) and in the agent's tunnel (nng's ipc
 * connection, TLS to the gate). The splicer understands framing only (proto/sp.h). It enforces, on both sides:
 *   - the SP header first, of the expected protocol; frames up to a limit;
 *   - a unit begun is complete within frame_ms, the time not counted while the splicer itself holds the side;
 *   - begun frames in all pairs within a shared budget (proto/splice_budget.h);
 *   - high-water marks: above high_water_bytes waiting to be written, the other side is not read; a side that takes
 *     nothing of what waits for stall_ms is given up;
 *   - at most max_unanswered requests without answer: then the asking side is not read until answers come.
 * On an end or an error at either side: stop reading, write what waits for the other side for at most flush_ms, close
 * both. nng never half-closes, so an end of reading is an end.
 *
 * Everything runs in the thread of the event base.
 */
#ifndef PROTO_SPLICE_H
#define PROTO_SPLICE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/sp.h"
#include "proto/splice_budget.h"

struct bufferevent;
struct event_base;
struct splice;

enum splice_end {
    SPLICE_END_CLOSED,    /* one side closed its connection */
    SPLICE_END_ERROR,     /* a connection failed */
    SPLICE_END_MALFORMED, /* not nng's framing */
    SPLICE_END_TOO_LARGE, /* a frame above the limit */
    SPLICE_END_SLOW,      /* a begun unit was not complete in time */
    SPLICE_END_STALLED,   /* one side took nothing of what waits for it */
    SPLICE_END_STOPPED,   /* splice_stop */
    SPLICE_END_COUNT,
};

/* Lower-case name for logs, e.g. "too_large". */
const char *splice_end_name(enum splice_end end);

struct splice_limits {
    uint32_t frame_ms;
    uint32_t flush_ms;
    uint32_t stall_ms;
    uint32_t max_unanswered; /* of side A; 0: not limited */
    size_t high_water_bytes;
};

/* The documented bounds: 15 s, 5 s, 30 s, no limit, 256 KiB. */
extern const struct splice_limits SPLICE_LIMITS_DEFAULT;

enum splice_sp {
    SPLICE_SP_PASS,    /* a side's SP header goes on to the other */
    SPLICE_SP_SWALLOW, /* it is checked and dropped: the other side has had one already */
};

/* What is read from one connection. */
struct splice_side {
    struct bufferevent *connection; /* connected, past any handshake; closes its descriptor when freed */
    struct sp_scan scan;
    enum splice_sp sp;
    struct splice_budget *budget; /* NULL: what this side begins is not counted */
};

/* Sums over all pairs that name it; read by the owner. */
struct splice_totals {
    uint64_t requests; /* frames from side A, passed completely */
    uint64_t answers;  /* frames from side B */
    uint64_t bytes[2]; /* passed from A, from B */
    uint64_t holds;    /* times that a side was not read for a while */
    uint64_t ends[SPLICE_END_COUNT];
};

struct splice_config {
    struct event_base *base;
    struct splice_side a; /* asks */
    struct splice_side b; /* answers */
    struct splice_limits limits;
    struct splice_totals *totals; /* outlives the pair; may be NULL */
    /* Called once, as the last thing before the pair frees itself. From the loop, never from splice_new. */
    void (*ended)(void *arg, enum splice_end end);
    void *arg;
};

/* Takes both connections over, replaces their callbacks and begins to read; on failure (STATUS_MEMORY) they are freed.
 * Bytes that wait in them already are taken into account. The pair frees itself when it ends. */
enum status splice_new(const struct splice_config *config, struct splice **out_splice);

/* Begins an orderly end: both sides are flushed. Does nothing when the pair is closing already. `ended` may be called
 * before this returns. */
void splice_stop(struct splice *splice);

/* Closes both sides at once; `ended` is not called. Takes NULL. */
void splice_free(struct splice *splice);

/* Closes and frees a connection, with TLS's close_notify where it has TLS. For connections that no pair has yet. */
void splice_close_connection(struct bufferevent *connection);

#endif
