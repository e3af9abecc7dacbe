/*
 * Consents that end or pause, and persons that are erased: what the agent destroys and tells. In write transactions;
 * the caller buries the doomed slots after the commit (agent/vault.h).
 */
#ifndef AGENT_ENDED_H
#define AGENT_ENDED_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"
#include "proto/ids.h"
#include "proto/state_statement.h"

/* A change of state that the log holds. */
struct ended_change {
    struct id16 consent;
    enum consent_state state;
    uint64_t leaf; /* its index: an older change never undoes a newer one */
};

/* Sets the state of every token of the consent. With a final state: opened copies go, their keys are doomed, and one
 * acknowledgement goes into the outbox. STATUS_NOT_FOUND when this agent has no token of it. out_purged counts copies.
 */
enum status ended_apply(struct store_txn *txn, struct arena *arena, const struct ended_change *change,
                        uint64_t *out_purged);

/* Everything about a person: subject key, own fragments, opened copies; consents are set to revoked. Fine when there
 * is nothing. */
enum status ended_erase(struct store_txn *txn, struct arena *arena, const struct hash *subject);
/* Only what this member is the source of: subject key and own fragments. */
enum status ended_erase_source(struct store_txn *txn, struct arena *arena, const struct hash *subject);

#endif
