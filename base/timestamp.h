/*
 * Points in time as text in RFC 3339's form, for JSON and for people. Pure; any thread.
 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* "2026-11-22T02:43:15Z", with milliseconds only when there are any. NULL when the arena is full or the year is above
 * 9999. */
const char *timestamp_text(struct arena *arena, uint64_t time_ms);

/* Date, "T", time to the second or a fraction of up to nine digits, "Z" or an offset; years 1970 to 9999. The fraction
 * is cut to milliseconds. STATUS_MALFORMED, also for a day that does not exist and for a leap second. */
enum status timestamp_parse(struct bytes text, uint64_t *out_time_ms);

#endif
