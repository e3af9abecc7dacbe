/*
 * This agent as a recipient: asks core for what active consents release to a unit, and opens it only when receipt,
 * witnesses, signatures and bindings all hold (P3, P4). Any thread; blocks on the link.
 */
#ifndef AGENT_CONSUMER_H
#define AGENT_CONSUMER_H

#include <stddef.h>

#include "agent/agent.h"
#include "agent/consent_store.h"
#include "agent/plan.h"
#include "base/arena.h"
#include "base/status.h"

/* What is gathered for one plan. Contents are owned: consumer_harvest_clear. Texts live in the arena. */
struct consumer_harvest {
    struct arena *arena;
    struct plan_fragment fragments[PLAN_FRAGMENTS_MAX];
    json_t *contents[PLAN_FRAGMENTS_MAX];
    size_t n_fragments;
    struct plan_gap gaps[PLAN_FRAGMENTS_MAX];
    const char *gap_receipts[PLAN_FRAGMENTS_MAX]; /* text of a REFUSED receipt, or NULL */
    size_t n_gaps;
};

void consumer_harvest_clear(struct consumer_harvest *harvest);

/* Takes over the content. STATUS_TOO_LARGE when the harvest is full. */
enum status consumer_add(struct consumer_harvest *harvest, const struct plan_fragment *fragment, json_t *content);
/* Names a gap; nothing when the harvest is full. */
void consumer_gap(struct consumer_harvest *harvest, const char *unit, const char *id, enum plan_reason reason,
                  const char *receipt);

/* Everything that one consent releases now: fragments and gaps. What fails is a gap, not a failure of the call; only
 * STATUS_MEMORY and the like end it. */
enum status consumer_take(struct agent *agent, struct consumer_harvest *harvest, const struct agent_caller *caller,
                          const struct consent_row *consent);

#endif
