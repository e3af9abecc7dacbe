/*
 * What the agent verifies against: the directory, and where in the log each of its entries stands, so that a signature
 * is judged by the directory in force at its leaf. A ground is a snapshot: it holds a reference, any thread may use its
 * own.
 */
#ifndef AGENT_GROUND_H
#define AGENT_GROUND_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"
#include "proto/directory.h"
#include "proto/signed.h"

struct ground {
    struct directory *directory; /* a reference */
    const uint64_t *leaves;      /* index of the leaf of entry i + 1; as many as the directory's sequence */
};

/* Gives the reference back. Fine for a zeroed one. */
void ground_clear(struct ground *ground);

/* The directory in force at this leaf. Lives as long as the ground. NULL before the first entry. */
const struct directory *ground_at(const struct ground *ground, uint64_t leaf_index);

/* A Signed object by a key of this member that was active in the directory given. STATUS_SIGNATURE (also for keys of
 * others), STATUS_DENIED (retired or revoked then); errors of signed_parse. */
enum status ground_open(struct arena *arena, const struct directory *directory, const char *label, const char *member,
                        struct bytes whole, struct signed_object *out_object);

/* The same for what may be older than the directory: a key that was retired since is good, a revoked one is not. */
enum status ground_open_standing(struct arena *arena, const struct directory *directory, const char *label,
                                 const char *member, struct bytes whole, struct signed_object *out_object);

/* A Signed object by the status key. */
enum status ground_open_status(struct arena *arena, const struct directory *directory, const char *label,
                               struct bytes whole, struct signed_object *out_object);

#endif
