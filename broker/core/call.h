/*
 * One request on its way through core, and the table of handlers.
 *
 * A face (gate, portal, operator) makes a call and puts it into the work queue. A worker decodes it, verifies the
 * envelope or proof, and runs the handler's check() in a read transaction. What writes goes on to the writer, which
 * runs apply() for every call of a batch inside one write transaction, commits, has the tree signed, and hands the
 * calls back to a worker, which runs answer() (receipts) and sends. Exactly one answer leaves for each call; the call
 * frees itself with it. Between these steps one thread at a time owns the call.
 */
#ifndef BROKER_CORE_CALL_H
#define BROKER_CORE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "proto/envelope.h"
#include "proto/reply.h"
#include "proto/rule.h"

enum face {
    FACE_GATE = 1,
    FACE_PORTAL = 2,
    FACE_OPERATOR = 4,
};

/* When an answer may leave: at once, or at the next 50 ms boundary, so that known and unknown take the same time. */
enum pace {
    PACE_NOW,
    PACE_BOUNDARY,
};

#define CALL_LEAVES_MAX 64

struct handler;
struct completion; /* of the face: how the answer goes back; broker/core/face.h */

struct call {
    struct core *core;
    enum face face;
    const struct handler *handler;
    struct arena *arena;         /* everything of the call; capped by limits.h */
    struct directory *directory; /* a reference held for the life of the call */
    struct completion *completion;

    /* Gate: filled before check(). */
    const char *member;          /* that the pipe is bound to */
    struct envelope envelope;    /* verified */
    struct bytes envelope_bytes; /* exact Signed bytes */
    struct hash envelope_hash;
    /* Portal: the ask (proto/internal_msg.h); operator: the ask. */
    const void *ask;

    void *body; /* parsed message of the handler's type, in the arena */
    void *work; /* the handler's own, from check() to answer(), in the arena */

    /* Filled by apply(); reset before each run of it. */
    uint64_t leaves[CALL_LEAVES_MAX];
    size_t n_leaves;

    /* The answer. status not OK gives the code by reply_code_of unless code is set. */
    enum status status;
    enum reply_code code;
    enum rule_clause clause;
    uint64_t retry_after_ms;
    struct bytes answer_body;
    /* Portal only. */
    uint32_t http_status;
    const char *content_type;
    const char *nonce;
    uint32_t max_age_s;
};

/* One row for each message type and face; broker/core/dispatch.c holds the table. */
struct handler {
    const char *name;
    unsigned faces; /* of enum face */
    unsigned type;  /* enum message_type, portal_op or operator_verb, by face */
    enum pace pace;
    unsigned flags; /* of enum handler_flag */
    /* Worker, inside a read transaction (txn may be used for reads only). Fills body, work, or the whole answer.
     * A failing status ends the call with that answer. */
    enum status (*check)(struct call *call, struct store_txn *txn);
    /* Writer, inside the write transaction; NULL: the call does not write. Reads again and decides again before its
     * first write. May run more than once; works on txn, the ledger's batch and call->leaves only. A failing status
     * before its first write ends this call alone; after it, the batch is run again without this call. */
    enum status (*apply)(struct call *call, struct store_txn *txn);
    /* Worker, after the tree is signed, in a read transaction: builds answer_body from leaves. NULL: a Receipted for
     * leaves[0] (gate), {"receipts":[...]} (portal). */
    enum status (*answer)(struct call *call, struct store_txn *txn);
};

enum handler_flag {
    HANDLER_RESERVED = 1, /* goes on when disk is low: revocation, refusal, erasure, acknowledgement */
    HANDLER_PARKS = 2,    /* a long poll: check() may park the call in the mailroom */
    HANDLER_REPEATS = 4,  /* a repeated message is evaluated again, not answered from its leaf (RELEASE) */
};

/* NULL when the face has no such type. */
const struct handler *dispatch_find(enum face face, unsigned type);

/* Gives the answer of a call that is complete; any thread; takes the call over. */
void call_finish(struct call *call);

#endif
