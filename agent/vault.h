/*
 * The agent's shred file and the record of which slots are taken: a key for each person at this source, one for each
 * consent whose opened copies are kept, and one of the agent's own (slot 0) for what it must keep and not show.
 *
 * A slot that is to go is named in a transaction (vault_doom) together with what depends on it; vault_bury destroys
 * what was named, after the commit and again at every start, so that a kill in between changes nothing. Any thread.
 */
#ifndef AGENT_VAULT_H
#define AGENT_VAULT_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"
#include "base/store.h"

struct vault;

/* Opens the shred file, makes it when it and every record of slots are missing. The store must outlive the vault.
 * STATUS_INTEGRITY when the store knows slots and the file is gone; errors of shred_open. The caller closes. */
enum status vault_open(const char *path, const char *federation, const struct secret *kek, struct store *store,
                       struct vault **out_vault);
/* Wipes. Takes NULL. */
void vault_close(struct vault *vault);
CLEANUP_POINTER(struct vault, vault_close)

/* Sees to it that the next transaction finds free slots. Outside transactions. STATUS_DISK_FULL, STATUS_LIMIT. */
enum status vault_reserve(struct vault *vault);
/* A slot for good, in a write transaction. STATUS_RETRY when vault_reserve was not asked. */
enum status vault_take(struct vault *vault, struct store_txn *txn, uint32_t *out_slot);
/* As shred_key. The caller frees. */
enum status vault_key(struct vault *vault, uint32_t slot, struct secret **out_key);
/* The agent's own key. The caller frees. */
enum status vault_own_key(struct vault *vault, struct secret **out_key);

/* Names a slot to be destroyed, in a write transaction. */
enum status vault_doom(struct store_txn *txn, uint32_t slot);
/* Destroys all that are named. Outside transactions. */
enum status vault_bury(struct vault *vault);

#endif
