/*
 * What is done once a day: the number of yesterday's evaluations, which keyd counts, becomes a leaf.
 *
 * The row "core/evaluations_day" of meta holds the last day (since 1970) that is done; a new store begins with the day
 * before its first.
 */
#ifndef BROKER_CORE_DAILY_H
#define BROKER_CORE_DAILY_H

#include "broker/core/core.h"

/* Looks whether a day is to be closed, at most once a minute until it is. Main thread. */
void daily_tick(struct core *core);

#endif
