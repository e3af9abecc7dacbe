/*
 * One request on its way through core, and the table of handlers.
 *
 * A face (gate, portal, operator) makes a call and puts it into the work queue. A worker decodes it, verifies the
 * envelope, and runs the handler's check() in a read transaction. What writes goes on to the writer, which runs apply()
 * for every call of a batch inside one write transaction, commits, has the tree signed, and hands the calls back to a
 * worker, which runs answer() (receipts) and sends. Exactly one answer leaves for each call; the call frees itself with
 * it. Between these steps one thread at a time owns the call.
 *
 * Repetition: a message is known by (sender, message id), which gives the event ids of its leaves. When its first leaf
 * stands already with the same request hash, the call is `repeated`: its leaves are in prior[], apply() is left out and
 * answer() builds the answer from them; only with HANDLER_REPEATS does apply() run all the same. Another request hash
 * is STATUS_CONFLICT. The worker looks before check(), the writer looks again.
 */
#ifndef BROKER_CORE_CALL_H
#define BROKER_CORE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/ledger.h"
#include "broker/core/order.h"
#include "broker/core/store.h"
#include "proto/codec.h"
#include "proto/envelope.h"
#include "proto/internal_msg.h"
#include "proto/reply_code.h"
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

/* What a worker is to do with a call next. */
enum call_step {
    CALL_DECODE,
    CALL_CHECK,
    CALL_ANSWER,
};

/* What the batch did with it. */
enum call_fate {
    CALL_TAKEN,    /* apply() succeeded */
    CALL_FAILED,   /* on its own: status says why */
    CALL_OVERTAKEN /* its message stands already: check again */
};

/* The wish of a check() to wait: the engine parks the call when check() has returned STATUS_OK. */
struct call_park {
    bool wanted;
    bool over;         /* the wait is over: answer with what there is */
    uint64_t counter;  /* of the member's mailbox, read by the engine before check() looked */
    uint64_t until_ms; /* boot time */
    bool witness;      /* ready to cosign */
    uint64_t witnessed;
};

struct handler;
struct completion; /* of the face: how the answer goes back; broker/core/face.h */

struct call {
    struct core *core;
    enum face face;
    const struct handler *handler;
    struct arena *arena;         /* everything of the call; capped */
    struct directory *directory; /* a reference; the writer puts the newest here before apply() */
    struct keyd_client *keyd;    /* the worker's own in check() and answer(); NULL in apply() */
    struct completion *completion;
    uint64_t arrived_ms; /* boot time */
    uint32_t pipe;       /* of the face's link server */

    /* Gate: filled before check(). */
    const char *member;          /* that the pipe is bound to */
    struct envelope envelope;    /* verified */
    struct bytes envelope_bytes; /* exact Signed bytes */
    struct hash envelope_hash;
    /* Portal or operator: what was asked. */
    const struct portal_ask *portal;
    const struct operator_ask *order;

    struct directory *directory_next; /* of a handler that changes the directory: the call's until it is taken */

    void *body; /* parsed message by the handler's codec, in the arena */
    void *work; /* the handler's own, from check() to answer(), in the arena; NULL when repeated */

    /* Who sent which message: call_identify. */
    const char *sender; /* NULL: not identified */
    struct id16 message;
    struct hash request_hash;
    bool repeated;
    uint64_t prior[CALL_LEAVES_MAX];
    size_t n_prior;

    /* Filled by apply(); emptied before each run of it. In answer(): those of apply(), or prior[]. */
    uint64_t leaves[CALL_LEAVES_MAX];
    size_t n_leaves;

    /* The answer. status not OK gives the code by reply_code_of unless code is set. */
    enum status status;
    enum reply_code code;
    enum rule_clause clause;
    uint64_t retry_after_ms;
    struct bytes answer_body;
    /* Portal only: the proof, or the try of a code, counts once, however often the call is checked. */
    bool counted;
    /* Portal only. 0 and NULL: made from status, and "application/json". */
    uint32_t http_status;
    const char *content_type;
    const char *nonce;
    uint32_t max_age_s;

    struct call_park park; /* set by check() of a HANDLER_PARKS */

    /* The engine's own. */
    struct call *next; /* in whatever list holds the call */
    enum call_step step;
    struct directory *directory_checked; /* what check() saw, kept as long as its views */
    enum call_fate fate;
    struct order_place place; /* among the answers; broker/core/order.h */
    uint64_t batch;           /* in which it was applied; 0: in none */
};

/* One row for each message type and face; broker/core/dispatch_table.c holds the table. */
struct handler {
    const char *name;
    unsigned faces; /* of enum face */
    unsigned type;  /* enum message_type, portal_op or operator_verb, by face */
    enum pace pace;
    unsigned flags; /* of enum handler_flag */
    /* Gate: parses the envelope's body into call->body, body_bytes long, before check(). NULL: body is left alone. */
    const struct codec *codec;
    size_t body_bytes;
    /* Worker, inside a read transaction (txn may be used for reads only). Judges and prepares, or gives the whole
     * answer. A failing status ends the call with that answer. May be NULL. Not run for a repeated call unless
     * HANDLER_REPEATS; the portal's always run, and call call_identify themselves. May run again from the beginning
     * when the writer finds that it was overtaken. */
    enum status (*check)(struct call *call, struct store_txn *txn);
    /* Writer, inside the write transaction; NULL: the call does not write. Reads again and decides again before its
     * first write. May run more than once; works on txn, call_append, mailbox_put, schedule_add and call->leaves only.
     * A failing status before its first write ends this call alone; after it, the batch is run again without this
     * call. */
    enum status (*apply)(struct call *call, struct store_txn *txn);
    /* Writer, once the batch is committed, outside any transaction: effects outside the store. May be NULL; must not
     * wait. */
    void (*settle)(struct call *call);
    /* Worker, after the tree is signed, in a read transaction: builds answer_body from leaves; work is there unless the
     * call is repeated. NULL: a Receipted for leaves[0] (gate), {"receipts":[...]} (portal). */
    enum status (*answer)(struct call *call, struct store_txn *txn);
};

enum handler_flag {
    HANDLER_RESERVED = 1, /* goes on when disk is low: revocation, refusal, erasure, acknowledgement */
    HANDLER_PARKS = 2,    /* a long poll: check() may park the call in the mailroom */
    HANDLER_REPEATS = 4,  /* a repeated message is evaluated again, not answered from its leaf (RELEASE) */
    HANDLER_LEAFLESS = 8, /* writes no leaf under the message's own event: repetition is not looked for */
    HANDLER_EARLY = 16,   /* also before the witnesses have spoken at start */
    HANDLER_TIMED = 32,   /* check() decides by the time of now: not while the clock is doubted */
};

/* NULL when the face has no such type. */
const struct handler *dispatch_find(enum face face, unsigned type);

/* Says whose message this is and looks for leaves of it. The engine has done it for the gate's calls (sender =
 * envelope's unit, message id, request hash = hash of the envelope); the portal's handlers do it in check(), for
 * example with a statement's device and jti and its hash. sender must live as long as the call. Sets repeated and
 * prior. STATUS_CONFLICT when the first leaf stands with another request hash. Worker. */
enum status call_identify(struct call *call, struct store_txn *txn, const char *sender, const struct id16 *message,
                          const struct hash *request_hash);

/* The event id of leaf n of the identified message. */
struct id16 call_event(const struct call *call, uint32_t n);

/* Appends a leaf and notes it in call->leaves. An entry with a zero event id gets call_event(n_leaves), and with a zero
 * request hash the call's. STATUS_LIMIT above CALL_LEAVES_MAX; errors of ledger_append. In apply() only. */
enum status call_append(struct call *call, struct store_txn *txn, struct ledger_entry *entry);

/* Gives the answer of a call that is complete; any thread; takes the call over. */
void call_finish(struct call *call);

#endif
