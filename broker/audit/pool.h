/*
 * Worker threads for the stages of an audit that need no order. A job is a count of pieces that are run by whichever
 * thread is free; the thread that owns the pool helps, so that a pool of n cores has n - 1 threads of its own.
 */
#ifndef BROKER_AUDIT_POOL_H
#define BROKER_AUDIT_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/status.h"

struct pool;

/* Runs piece number `piece` of a job; on any thread, several pieces at once. */
typedef void pool_fn(void *arg, size_t piece);

/* Embedded in what it works on, which must stay until pool_done. The pool's mutex guards next, left and link. */
struct pool_job {
    pool_fn *run;
    void *arg;
    size_t pieces;
    size_t next;
    size_t left;
    struct pool_job *link;
};

/* As many threads as the machine has cores, less the caller's own; at most 64. NULL when none could be had. */
struct pool *pool_new(void);
/* Every job must be done. Takes NULL. */
void pool_free(struct pool *pool);
CLEANUP_POINTER(struct pool, pool_free)

/* Queues a job; jobs are begun in the order they came. Owner's thread. */
void pool_submit(struct pool *pool, struct pool_job *job);

/* Whether every piece has been run; all that they wrote is then seen by the caller. Owner's thread. */
bool pool_done(struct pool *pool, const struct pool_job *job);

/* Helps until the job is done. Owner's thread. */
void pool_finish(struct pool *pool, const struct pool_job *job);

/* Cores that work for this pool, the owner's included. */
size_t pool_cores(const struct pool *pool);

#endif
