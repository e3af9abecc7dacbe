/*
 * This member as a witness: it cosigns a checkpoint only when it extends the one it cosigned last, and remembers what
 * it cosigned before the cosignature leaves (c2sp.org/tlog-cosignature, tlog-witness). The link thread's.
 */
#ifndef AGENT_WITNESS_H
#define AGENT_WITNESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"

struct agent;

struct witness {
    pthread_mutex_t mutex; /* guards the rest */
    uint64_t size;         /* of the checkpoint cosigned last; 0: none */
    uint64_t covered_size; /* newest checkpoint seen with enough cosignatures of others (agent/cosigned.h) */
};

/* Reads what was cosigned last. STATUS_INTEGRITY. */
enum status witness_open(struct agent *agent);
void witness_close(struct agent *agent);

/* Whether this member witnesses: its record names the key that it holds. */
bool witness_ready(struct agent *agent);
/* Size of the checkpoint cosigned last in the log of the directory's epoch; 0: none. Any thread. */
uint64_t witness_size(struct agent *agent);

/* Newest checkpoint seen with enough cosignatures of others. Any thread. */
uint64_t witness_covered(struct agent *agent);
void witness_saw_covered(struct agent *agent, uint64_t size);

/* A checkpoint that core offers, with the proof that it extends what this member cosigned last. STATUS_OK when it was
 * cosigned, remembered and sent; STATUS_REFUSED when this member does not witness or it is older than the last;
 * STATUS_FORK when it contradicts the last one, which is logged as an error; STATUS_SIGNATURE, STATUS_MALFORMED; errors
 * of link_ask_done. */
enum status witness_offered(struct agent *agent, struct arena *arena, struct bytes offer, const struct hash *hashes,
                            size_t n_hashes);

/* The first half of it: everything but the sending. out_cosigned is the note with this witness's line. */
enum status witness_cosign(struct agent *agent, struct arena *arena, struct bytes offer, const struct hash *hashes,
                           size_t n_hashes, struct bytes *out_cosigned);

#endif
