/*
 * Destruction of slots. A slot is marked in the batch that holds its ERASED leaf; once that batch is durable the writer
 * overwrites the slot, and a later batch removes the mark. Start-up finishes what a crash left.
 */
#ifndef BROKER_CORE_ERASURE_H
#define BROKER_CORE_ERASURE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "broker/core/store.h"

/* Marks a slot for destruction: of a person, or of a consent that has ended. Writer, in apply(). */
enum status erasure_mark(struct core *core, struct store_txn *txn, uint32_t slot);

/* Destroys all slots that are marked in the store. Writer, or start-up, outside any transaction. STATUS_IO and the like
 * when one could not be overwritten: it stays marked. */
enum status erasure_finish(struct core *core);

/* Removes the marks of slots that erasure_finish has destroyed. out_stood: how many marks there were. Writer. */
enum status erasure_clear(struct core *core, struct store_txn *txn, size_t *out_stood);

#endif
