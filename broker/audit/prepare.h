/*
 * Opens a leaf: its form, its opening under the slot's key, the commitment, and the objects that it was decided on, by
 * hash and parsed, but not yet verified (docs/protocol.md section 9). Any thread, one for each group of a bundle.
 */
#ifndef BROKER_AUDIT_PREPARE_H
#define BROKER_AUDIT_PREPARE_H

#include "broker/audit/audit_leaf.h"
#include "broker/audit/bundle.h"
#include "broker/audit/slot_keys.h"

/* How much is wanted of the openings. */
enum prepare_depth {
    PREPARE_DIRECTORY, /* only what is in clear and of the directory: no keys are needed */
    PREPARE_ALL,
};

struct prepare {
    const char *federation;
    const struct slot_keys_ring *keys;
    enum prepare_depth depth;
};

/* Fills a leaf whose entry and exported are set. What is wrong becomes findings of the leaf; fails only for what is the
 * fault of this machine (STATUS_MEMORY, STATUS_CRYPTO). */
enum status prepare_leaf(const struct prepare *prepare, const struct bundle *bundle, struct audit_leaf *leaf);

/* The leaf's type is one that this version does not know: a replay stops there. */
bool prepare_unknown_type(struct bytes entry);

#endif
