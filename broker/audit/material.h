/*
 * The objects that a leaf was decided on: found among the evidence by hash, opened, compared with their hash, parsed.
 * Which there are is a table by type of leaf (docs/protocol.md section 9). Any thread, as prepare.h.
 */
#ifndef BROKER_AUDIT_MATERIAL_H
#define BROKER_AUDIT_MATERIAL_H

#include "broker/audit/prepare.h"

/* Fills leaf->material from leaf->opening. Errors as prepare_leaf. */
enum status material_read(const struct prepare *prepare, const struct bundle *bundle, struct audit_leaf *leaf);

#endif
