/*
 * What the keys were when a leaf was written: every version of the directory, verified entry by entry from the pinned
 * authority keys, and the devices' public keys. Goes through the leaves in order, before their signatures are checked.
 *
 * A device's key proves itself by its thumbprint; whether the device may do anything is the reducer's to know.
 * Versions are shared with the threads that check signatures and stay as long as the timeline. One owner at a time.
 */
#ifndef BROKER_AUDIT_TIMELINE_H
#define BROKER_AUDIT_TIMELINE_H

#include "broker/audit/audit_leaf.h"

struct timeline;

/* federation is not copied. NULL when memory is out, or for a threshold that these keys cannot reach. */
struct timeline *timeline_new(const char *federation, const struct sign_public *authority, size_t n_authority,
                              uint32_t threshold);
/* Takes NULL. */
void timeline_free(struct timeline *timeline);
CLEANUP_POINTER(struct timeline, timeline_free)

/* The next leaf: sets directory and device_key, takes in what it changes, adds findings. Fails only for what is the
 * fault of this machine. */
enum status timeline_advance(struct timeline *timeline, struct audit_leaf *leaf);

/* The newest version; empty before the first entry. */
const struct directory *timeline_newest(const struct timeline *timeline);

#endif
