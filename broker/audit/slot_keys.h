/*
 * The keys that open the sealed parts of an export, for one audit: read from a SlotKeys file (docs/protocol.md section
 * 14) into secret memory, wiped with the ring. Immutable once loaded: any number of threads may look keys up.
 */
#ifndef BROKER_AUDIT_SLOT_KEYS_H
#define BROKER_AUDIT_SLOT_KEYS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/status.h"

struct slot_keys_ring;

/* Empty. NULL when memory is out. */
struct slot_keys_ring *slot_keys_new(void);
/* Wipes. Takes NULL. */
void slot_keys_free(struct slot_keys_ring *ring);
CLEANUP_POINTER(struct slot_keys_ring, slot_keys_free)

/* Adds the keys of an encoded SlotKeys. STATUS_MALFORMED, STATUS_TOO_LARGE, STATUS_CONFLICT when a slot has two keys,
 * STATUS_MEMORY: the ring may then hold some of them. */
enum status slot_keys_add(struct slot_keys_ring *ring, struct bytes encoded);

/* Reads a file of any length. STATUS_PERMISSION when group or others have any right or it is another user's;
 * STATUS_NOT_FOUND, STATUS_IO, and errors of slot_keys_add. */
enum status slot_keys_read(struct slot_keys_ring *ring, const char *path);

/* NULL when there is none. Lives as long as the ring. */
const struct secret *slot_keys_get(const struct slot_keys_ring *ring, uint64_t slot);

#endif
