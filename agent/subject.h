/*
 * Persons as this agent knows them: their pseudonyms, and the key slot of each at this source.
 */
#ifndef AGENT_SUBJECT_H
#define AGENT_SUBJECT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"

struct agent;

/* As agent_subject. Blocks on the link. */
enum status subject_handle(struct agent *agent, struct arena *arena, const char *national_id, struct hash *out_handle,
                           const char **out_reason);

/* The slot of a person's key at this source; a person who has none gets one. In a write transaction, after
 * vault_reserve. */
enum status subject_slot(struct agent *agent, struct store_txn *txn, struct arena *arena, const struct hash *subject,
                         uint32_t *out_slot);

/* Dooms the person's slot and forgets which it was: a person who returns gets another. Fine when there is none. In a
 * write transaction; vault_bury after the commit. */
enum status subject_forget(struct store_txn *txn, struct arena *arena, const struct hash *subject);

#endif
