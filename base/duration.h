/*
 * Durations in ISO 8601's form, as consents have them: "PT2H", "P30D", "P2W", "P1DT12H". Pure; any thread.
 *
 * A day is 86,400 seconds. Years and months are refused, since their length depends on when they begin; so are
 * fractions, signs and an empty duration. Source: ISO 8601-1:2019, 5.5.2; RFC 3339 appendix A.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* A hundred years: longer than any bound above. */
#define DURATION_MAX_S UINT64_C(3155760000)

/* STATUS_MALFORMED for another form, STATUS_TOO_LARGE above DURATION_MAX_S. */
enum status duration_parse(struct bytes text, uint64_t *out_seconds);

/* The shortest form in days, hours, minutes and seconds; "PT0S" for zero. NULL when the arena is full. */
const char *duration_text(struct arena *arena, uint64_t seconds);

#endif
