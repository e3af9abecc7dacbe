/*
 * Writes the log as an auditor gets it: C2SP tiles and entry bundles, sealed openings and evidence, the checkpoint,
 * what the verifier must know of the federation; and, only when asked for, the keys that open it all. docs/protocol.md
 * section 14.
 */
#ifndef BROKER_OPERATOR_EXPORT_H
#define BROKER_OPERATOR_EXPORT_H

#include <stdio.h>

#include "base/status.h"
#include "proto/link_client.h"

enum export_keys { EXPORT_WITHOUT_KEYS, EXPORT_WITH_KEYS };

/* Exports the tree of the checkpoint that core has when it begins; the checkpoint file is written last, so that a
 * directory with one is whole. Asking for keys appends an AUDITED leaf, which this export does not hold. progress may
 * be NULL. */
enum status operator_export_run(struct link_client *client, const char *dir, enum export_keys keys, FILE *progress);

#endif
