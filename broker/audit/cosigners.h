/*
 * Who cosigned a checkpoint: the members' witnesses and the outside ones that the rules list. A cosignature that does
 * not verify, fewer than the rules ask for, or a first one more than 120 s from the last leaf, are findings.
 */
#ifndef BROKER_AUDIT_COSIGNERS_H
#define BROKER_AUDIT_COSIGNERS_H

#include "broker/audit/mirror.h"
#include "broker/audit/report.h"
#include "proto/directory.h"

struct cosigners_ask {
    const struct mirror_federation *federation;
    const struct directory *directory; /* the newest */
    struct bytes note;                 /* whose log signature holds */
    uint64_t last_leaf_ms;
};

/* STATUS_MEMORY. */
enum status cosigners_check(const struct cosigners_ask *ask, struct report *report);

#endif
