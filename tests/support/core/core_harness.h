/*
 * Core's engine in the test's process: real store, ledger, workers, writer and handlers, keyd's real code in a thread,
 * the federation of tests/support/federation.h. Requests are brought in as a face would, as a member that a connection
 * is bound to, and answers are waited for. No nng, no sandbox.
 *
 * Any thread may send; the rest is for the test's main thread. Everything fails the running test when it cannot be
 * done.
 */
#ifndef TESTS_SUPPORT_CORE_CORE_HARNESS_H
#define TESTS_SUPPORT_CORE_CORE_HARNESS_H

#include "broker/core/call.h"
#include "broker/core/core.h"
#include "broker/core/core_settings.h"
#include "proto/envelope.h"
#include "proto/internal_msg.h"
#include "proto/leaf.h"
#include "proto/reply.h"
#include "support/core/keyd_thread.h"
#include "support/federation.h"
#include "support/scratch.h"

enum harness_engine { HARNESS_MEMORY, HARNESS_LMDB };

struct core_harness {
    struct core core;
    struct core_settings settings;
    struct clock clock; /* manual; begins at the system's time, for keyd has that one */
    struct scratch scratch;
    struct federation *federation;
    struct keyd_thread *keyd;
    struct arena *arena; /* lives as long as the harness */
    enum harness_engine engine;
    uint32_t next_pipe;
};

/* Starts keyd and core, and admits all entries of the federation. A test may change `settings` in between. */
void core_harness_init(struct core_harness *harness, enum harness_engine engine);
void core_harness_start(struct core_harness *harness);
void core_harness_admit_all(struct core_harness *harness);
/* All three. */
void core_harness_begin(struct core_harness *harness, enum harness_engine engine);
void core_harness_end(struct core_harness *harness);

/* Ends the threads and closes everything but keyd, then opens and starts again. What core_open or core_check says. */
enum status core_harness_restart(struct core_harness *harness);
/* The same in two steps. */
void core_harness_down(struct core_harness *harness);
enum status core_harness_up(struct core_harness *harness);

/* Admits one more entry: federation_admit, and core. */
void core_harness_admit(struct core_harness *harness, enum directory_type type, struct bytes object);

/* ---- asking ---- */

/* A request under way: begun, then waited for. */
struct harness_call;
struct harness_call *core_harness_send(struct core_harness *harness, enum federation_member member,
                                       struct bytes envelope);
/* Waits up to 20 s for the answer, and frees the call. The reply lies in the arena. False: it was dropped. */
bool core_harness_wait(struct harness_call *call, struct arena *arena, struct reply *out_reply);
/* Whether the answer is there. */
bool core_harness_answered(struct harness_call *call);

/* An envelope of a unit at the clock's time, with a fresh message id. */
struct bytes core_harness_envelope(struct core_harness *harness, enum federation_unit unit, enum message_type type,
                                   struct bytes body, struct arena *arena);
/* Envelope, send, wait. */
struct reply core_harness_ask(struct core_harness *harness, enum federation_unit unit, enum message_type type,
                              struct bytes body, struct arena *arena);

struct portal_reply core_harness_portal(struct core_harness *harness, const struct portal_ask *ask,
                                        struct arena *arena);
struct operator_reply core_harness_operator(struct core_harness *harness, enum operator_verb verb, struct bytes body,
                                            uint64_t a, uint64_t b, struct arena *arena);

/* A call with a row of the test's own, as if the table had it; `arg` is its call->body, request is empty. */
struct harness_call *core_harness_run(struct core_harness *harness, const struct handler *row, void *arg);
/* Waits for the answer to such a call. */
struct operator_reply core_harness_result(struct harness_call *call, struct arena *arena);

/* Moves the clock and lets the main thread's tick run. */
void core_harness_advance(struct core_harness *harness, uint64_t by_ms);
/* Waits up to 20 s until condition(arg) holds, running ticks meanwhile; fails the test otherwise. */
void core_harness_until(struct core_harness *harness, bool (*condition)(void *arg), void *arg);

/* ---- checking ---- */

struct harness_receipt {
    uint64_t index;
    uint64_t size; /* of the checkpoint */
    struct leaf leaf;
    struct opening opening;
};
/* Verifies a receipt as an agent does (docs/protocol.md section 9); fails the test when it does not hold. */
struct harness_receipt core_harness_receipt(struct core_harness *harness, struct bytes receipt, struct arena *arena);

#endif
