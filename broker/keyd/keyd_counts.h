/*
 * Evaluations of pseudonyms a day: for each member, and in all for the last days. Kept in a small file, so that a
 * restart gives nobody a new allowance. The number is on disk before the evaluation leaves.
 */
#ifndef BROKER_KEYD_KEYD_COUNTS_H
#define BROKER_KEYD_KEYD_COUNTS_H

#include <stdint.h>

#include "base/status.h"

#define KEYD_COUNTS_MEMBERS_MAX 4096

struct keyd_counts;

/* Opens or creates. A row cut short at the end (a crash while it was first written) was never counted on and is
 * dropped. STATUS_INTEGRITY for more rows than there can be. */
enum status keyd_counts_open(const char *path, struct keyd_counts **out_counts);
void keyd_counts_close(struct keyd_counts *counts);

/* Adds to a member's count of the day. STATUS_LIMIT, with nothing added, when it would exceed `most`. */
enum status keyd_counts_add(struct keyd_counts *counts, const char *member, uint32_t day, uint32_t by, uint32_t most);

/* All members' evaluations of that day; 0 when it is no longer known. */
uint64_t keyd_counts_total(const struct keyd_counts *counts, uint32_t day);

#endif
