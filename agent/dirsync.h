/*
 * The agent's copy of the directory: fetched from core, verified entry by entry from the pinned authority keys and by
 * the receipt of each, kept in the store, and read back (verified again) at start. Besides it the newest statement
 * about the directory's head: when that is older than 24 h, the agent makes no grants.
 *
 * Any thread; one fetch at a time, others wait for it.
 */
#ifndef AGENT_DIRSYNC_H
#define AGENT_DIRSYNC_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ground.h"
#include "base/arena.h"
#include "base/status.h"
#include "proto/directory.h"

struct agent;

struct dirsync {
    pthread_mutex_t run_mutex; /* held while fetching */
    pthread_mutex_t mutex;     /* guards the rest */
    struct directory *directory;
    uint64_t *leaves; /* as in struct ground */
    size_t n_leaves;
    size_t capacity;
    uint64_t head_ms; /* of the newest verified head; 0: none */
};

/* Loads what stands in the store. STATUS_INTEGRITY when it does not verify. */
enum status dirsync_open(struct agent *agent);
void dirsync_close(struct agent *agent);

/* Fetches until nothing is new. What was verified is kept even when a later entry fails. Errors of link_ask_done, of
 * directory_copy_with and receipt_open; STATUS_PROOF when a receipt speaks of another entry. */
enum status dirsync_run(struct agent *agent);

/* A reference; the caller unrefs. */
struct directory *dirsync_directory(struct agent *agent);
/* A snapshot for verifying; the list of leaves lies in the arena. The caller clears. STATUS_MEMORY. */
enum status dirsync_ground(struct agent *agent, struct arena *arena, struct ground *out_ground);

/* STATUS_EXPIRED when the newest head is older than 24 h, or there is none. */
enum status dirsync_fresh(struct agent *agent);
/* UINT64_MAX when there is none. */
uint64_t dirsync_head_age_ms(struct agent *agent);

#endif
