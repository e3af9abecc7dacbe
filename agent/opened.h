/*
 * Opened copies of released fragments, kept under the key of their consent: when the consent ends, its slot is
 * destroyed and the copies are gone, in freed pages and backups too. In transactions of the agent's store.
 */
#ifndef AGENT_OPENED_H
#define AGENT_OPENED_H

#include <stdint.h>

#include "agent/consent_store.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"
#include "proto/ids.h"

struct agent;

struct opened_copy {
    struct id16 token;
    struct id16 fragment;
    uint32_t revision;
    uint32_t kind;
    struct hash subject;
    const char *source;   /* unit */
    const char *unit;     /* that it was released to */
    struct bytes content; /* JSON text */
    struct bytes receipt; /* of the release */
};

/* Keeps a copy in the place of an older one. key is that of the consent's slot. */
enum status opened_put(struct store_txn *txn, struct arena *arena, const struct secret *key,
                       const struct opened_copy *copy);

/* A copy released to this unit under a consent that is active. Not in a transaction. STATUS_NOT_FOUND. */
enum status opened_find(struct agent *agent, struct arena *arena, const char *unit, const struct id16 *fragment,
                        struct opened_copy *out_copy);

/* Removes the copies of a token; out_count says how many. */
enum status opened_purge(struct store_txn *txn, struct arena *arena, const struct id16 *token, uint64_t *out_count);
/* Removes the copies of a fragment, whatever token they came under. */
enum status opened_drop(struct store_txn *txn, struct arena *arena, const struct id16 *fragment);

#endif
