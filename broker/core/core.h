/*
 * What the parts of core share. One struct for the life of the process, made before any thread and freed after the
 * last. Each field names its owner; whoever is not the owner only calls the field's documented any-thread functions.
 */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/secret.h"
#include "proto/directory.h"

struct store;
struct shred;
struct ledger;
struct mailroom;
struct metrics;
struct nonces;
struct core_settings;
struct workers;
struct batcher;
struct pacer;
struct order;
struct clock_guard;
struct witnesses;
struct directory_box;

struct core {
    const struct core_settings *settings;
    const struct clock *clock;
    const char *federation;
    const char *log_vkey;      /* C2SP verifier key of the log, as keyd said at start */
    uint64_t epoch;            /* of the log, as keyd said at start */
    struct store *store;       /* any thread by its own rules; written by the writer only */
    struct shred *shred;       /* read by any thread, destroyed in by the writer */
    struct secret *index_key;  /* HMAC key of lookups, constant */
    struct ledger *ledger;     /* appended to by the writer; signed state read by any thread */
    struct mailroom *mailroom; /* parked polls; any thread */
    struct metrics *metrics;   /* atomic counters */
    struct nonces *nonces;     /* DPoP nonces and used jtis; any thread */
    struct directory_box *directory;
    struct workers *workers;            /* broker/core/worker.h; any thread pushes */
    struct batcher *batcher;            /* broker/core/batcher.h: the writer; any thread submits */
    struct pacer *pacer;                /* broker/core/pacer.h; any thread */
    struct order *order;                /* broker/core/order.h; any thread */
    struct clock_guard *clock_guard;    /* broker/core/clock_guard.h; any thread */
    struct witnesses *witnesses;        /* broker/core/witnesses.h; any thread */
    atomic_bool disk_low;               /* below the reserve: only what may use it goes on */
    atomic_uint_fast64_t erasure_marks; /* made since start, begins at 1: see broker/core/erasure.h */
    atomic_int stopping;                /* -1, or the exit status that the process is to end with */
    uint64_t ticked_ms;                 /* the main thread's */
    uint32_t daily_tried;               /* likewise */
    uint64_t daily_tried_ms;            /* likewise */
    atomic_uint daily_done;             /* last day closed: broker/core/daily.h */
    int stop_fd;                        /* eventfd that wakes the main thread, or -1 */
};

/* The directory as of the last batch: a new reference, to be unref'ed by the caller. Any thread. */
struct directory *core_directory(struct core *core);
/* The writer, after a batch that changed it is signed; and start-up. Takes over the reference. */
void core_set_directory(struct core *core, struct directory *directory);

/* Asks the main thread to end the process with an enum role_exit, once; `why` is the event of the log line. Any
 * thread. */
void core_stop(struct core *core, int exit_status, const char *why, enum status status);
bool core_is_stopping(struct core *core);

#endif
