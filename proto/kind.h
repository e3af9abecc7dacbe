/*
 * Kinds of fragment: numbers on the wire (object.proto, Kind), names in tokens and JSON. Any thread.
 */
#ifndef PROTO_KIND_H
#define PROTO_KIND_H

#include "base/bytes.h"
#include "base/status.h"

enum kind {
    KIND_NONE = 0,
    KIND_ASSESSMENT = 1,
    KIND_GOAL = 2,
    KIND_ACTIVITY = 3,
    KIND_STUDY_PLAN = 4,
    KIND_DECISION = 5,
    KIND_REFERRAL = 6,
    KIND_EVENT = 7,
    KIND_VALIDATION = 8,
    KIND_FOLLOW_UP = 9,
};

#define KIND_LAST KIND_FOLLOW_UP

/* "assessment", "study_plan", ...; NULL for KIND_NONE and numbers that are no kind. */
const char *kind_name(enum kind kind);
/* STATUS_MALFORMED when no kind has this name. */
enum status kind_from_name(struct bytes name, enum kind *out_kind);

#endif
