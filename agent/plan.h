/*
 * The joint plan: what several units know about one person's way to a goal, put into one order. Pure: the caller has
 * verified and opened every fragment, and says which sources gave nothing and why.
 *
 * Order: by goal (a goal before the goals that support it; at the same level by time; what leads to no known goal
 * last), then by phase (discover, inventory, decide, act), then by time, but never before what it depends on within
 * the same goal and phase (links depends_on, follows, result_of, part_of; a ring of links falls back to time), then by
 * source and id. The same fragments give the same plan whatever order they come in.
 *
 * Phase: the content's own `phase`, otherwise by kind: assessment discover; validation inventory; goal, study_plan,
 * decision, referral decide; activity, event, follow_up act; an unknown kind act.
 *
 * Goal: the first link supports_goal to a goal that is at hand; without one the goal of what the fragment is linked
 * to by part_of, result_of, depends_on, concerns or follows.
 *
 * Time: the day of a decision (detail.decisionDate), or start, or detail.date, or created, or updated; compared as
 * written, to the minute.
 *
 * Superseded revisions are left out: of one source's fragment only the highest revision stays, and a fragment that
 * another of the same source and of a higher revision `replaces` does not. What is missing is named: sources that
 * gave nothing, fragments that could not be read, and fragments that others link to.
 */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Bounds of one plan: a person has tens of fragments, not thousands. Links beyond the bound are ignored. */
#define PLAN_FRAGMENTS_MAX 1000
#define PLAN_LINKS_MAX     40

/* How the reader came by a fragment. Of two copies of one revision the one with the lower state stays. */
#define PLAN_STATE_TABLE(X)                                                                                            \
    X(OWN, "own")                                                                                                      \
    X(QUEUED, "queued")                                                                                                \
    X(RELEASED, "released")

enum plan_state {
#define X(name, text) PLAN_STATE_##name,
    PLAN_STATE_TABLE(X)
#undef X
};

/* Why something is not in the plan. The first four are the broker's outward codes (docs/protocol.md). */
#define PLAN_REASON_TABLE(X)                                                                                           \
    X(NOT_AVAILABLE, "not_available")                                                                                  \
    X(CONSENT_REQUIRED, "consent_required")                                                                            \
    X(CONSENT_ENDED, "consent_ended")                                                                                  \
    X(TRY_LATER, "try_later")                                                                                          \
    X(NO_ANSWER, "no_answer")                                                                                          \
    X(UNREADABLE, "unreadable")                                                                                        \
    X(LINKED, "linked")

enum plan_reason {
#define X(name, text) PLAN_REASON_##name,
    PLAN_REASON_TABLE(X)
#undef X
};

/* One opened fragment. Everything is borrowed for the call. Unit, id and revision are the signed header's. */
struct plan_fragment {
    /* Anything but an object is named as unreadable. */
    const json_t *content;
    const char *unit;
    const char *id;
    uint32_t revision;
    enum plan_state state;
    /* What the receipt can be asked for by; NULL while there is none. */
    const char *receipt;
};

/* A source that gave nothing (id NULL), or one of its fragments that cannot be shown. */
struct plan_gap {
    const char *unit;
    const char *id;
    enum plan_reason reason;
};

struct plan_input {
    const struct plan_fragment *fragments;
    size_t fragment_count;
    const struct plan_gap *gaps;
    size_t gap_count;
};

/* *out_plan, owned by the caller:
 *   goals:   [{id, title, source, under}], in order; under is a goal's id or null
 *   items:   [{id, revision, kind, phase, goal, time, source, state, receipt, content}], in order
 *   missing: [{source?, fragment?, reason, named_by?}]
 * Contents are shared with the input by reference count: nobody may change them afterwards, and both stay in one
 * thread. STATUS_TOO_LARGE above PLAN_FRAGMENTS_MAX fragments or gaps, STATUS_MEMORY. */
enum status plan_assemble(const struct plan_input *input, struct arena *arena, json_t **out_plan);

#endif
