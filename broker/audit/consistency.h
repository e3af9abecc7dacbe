/*
 * Whether a log has only grown: the tree of an older checkpoint is the beginning of the tree that a mirror holds.
 */
#ifndef BROKER_AUDIT_CONSISTENCY_H
#define BROKER_AUDIT_CONSISTENCY_H

#include "broker/audit/mirror.h"
#include "broker/audit/report.h"

/* older: a mirror directory, or a file that holds a checkpoint. newer: a mirror directory; federation is that of it.
 * Both checkpoints must be signed by the log's key. What is wrong are findings; fails as replay_run does. */
enum status consistency_run(const char *older, const char *newer, const struct mirror_federation *federation,
                            struct report *report);

#endif
