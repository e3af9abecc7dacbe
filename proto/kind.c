/*
 * Names of the kinds.
 */
#include "proto/kind.h"

#include <stddef.h>

static const char *const kind_names[] = {
    [KIND_ASSESSMENT] = "assessment", [KIND_GOAL] = "goal",
    [KIND_ACTIVITY] = "activity",     [KIND_STUDY_PLAN] = "study_plan",
    [KIND_DECISION] = "decision",     [KIND_REFERRAL] = "referral",
    [KIND_EVENT] = "event",           [KIND_VALIDATION] = "validation",
    [KIND_FOLLOW_UP] = "follow_up",
};

const char *kind_name(enum kind kind) { return (unsigned)kind <= KIND_LAST ? kind_names[kind] : NULL; }

enum status kind_from_name(struct bytes name, enum kind *out_kind) {
    for (unsigned i = 1; i <= KIND_LAST; i++) {
        if (!bytes_equal_text(name, kind_names[i])) continue;
        *out_kind = (enum kind)i;
        return STATUS_OK;
    }
    return STATUS_MALFORMED;
}
