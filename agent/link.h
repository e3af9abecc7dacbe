/*
 * Asking core: signs an envelope around a message, sends it, and repeats the same bytes while the connection is lost.
 *
 * The transport is given at opening (proto/link_client.h in the program, something in its place in tests). Any thread;
 * every call has a deadline.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/envelope.h"
#include "proto/link_client.h"
#include "proto/reply.h"

#define LINK_ASK_MS      20000  /* the usual deadline of a call */
#define LINK_REPEAT_MS   100000 /* an envelope's bytes may be repeated for so long */
#define LINK_PATIENCE_MS 3000   /* that a call waits for a connection before its first attempt */

/* What carries requests. Semantics as link_client_call and link_client_start. */
struct link_port {
    enum status (*call)(void *arg, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                        struct bytes *out_answer);
    enum status (*start)(void *arg, struct bytes request, uint32_t timeout_ms, link_done_fn *done, void *done_arg);
    void *arg;
};

/* Immutable once filled in; all views outlive it. */
struct link {
    struct link_port port;
    const char *federation;
    const struct sign_private *key;
    const struct clock *clock;
    const atomic_bool *up;      /* whether there is a connection; NULL: not known */
    const atomic_bool *closing; /* calls come back as soon as they can; NULL: never */
};

struct link_ask {
    enum message_type type;
    const char *unit;
    const char *official; /* NULL is "" */
    struct bytes body;
    const struct id16 *message; /* NULL: a fresh one */
    uint64_t time_ms;           /* of the envelope; 0: now */
    uint32_t deadline_ms;       /* 0: LINK_ASK_MS */
};

struct link_answer {
    struct reply reply;
    struct hash cause; /* SHA-256 of the envelope that was sent */
};

/* A port over a client of the link. */
struct link_port link_client_port(struct link_client *client);

/* The signed envelope of a question. Same question with message and time given: same bytes. */
enum status link_envelope(const struct link *link, struct arena *arena, const struct link_ask *ask,
                          struct bytes *out_envelope);

/* STATUS_OK when core answered, whatever it said. STATUS_UNREACHABLE, STATUS_TIMEOUT when it did not: whether it was
 * done is not known then. STATUS_MALFORMED for what is no reply. Everything lies in the arena. */
enum status link_ask(const struct link *link, struct arena *arena, const struct link_ask *ask,
                     struct link_answer *out_answer);

/* What a reply means to the caller. */
enum status link_status(const struct link_answer *answer);

/* link_ask, and link_status of what came. */
enum status link_ask_done(const struct link *link, struct arena *arena, const struct link_ask *ask,
                          struct link_answer *out_answer);

#endif
