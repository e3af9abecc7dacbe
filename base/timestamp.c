/*
 * RFC 3339 section 5.6. Days are counted by the rule of the Gregorian calendar, not by the system's time zone tables.
 */
#include "base/timestamp.h"

#include <stdbool.h>
#include <time.h>

enum { DAY_S = 86400, FRACTION_DIGITS_MAX = 9, YEAR_FIRST = 1970 };
#define TIMESTAMP_MAX_MS UINT64_C(253402300799999)

const char *timestamp_text(struct arena *arena, uint64_t time_ms) {
    time_t seconds = (time_t)(time_ms / 1000);
    unsigned ms = (unsigned)(time_ms % 1000);
    struct tm utc;
    char text[32];
    if (time_ms > TIMESTAMP_MAX_MS || !gmtime_r(&seconds, &utc)) return NULL;
    if (strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) == 0) return NULL;
    return ms ? arena_printf(arena, "%s.%03uZ", text, ms) : arena_printf(arena, "%sZ", text);
}

/* Fixed digits; fails the reader for anything else. */
static unsigned take_digits(struct reader *reader, size_t count) {
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = reader_u8(reader);
        if (byte < '0' || byte > '9') reader_fail(reader, STATUS_MALFORMED);
        value = value * 10 + (unsigned)(byte - '0') % 10;
    }
    return value;
}

static void take_mark(struct reader *reader, char mark) {
    if (reader_u8(reader) != (uint8_t)mark) reader_fail(reader, STATUS_MALFORMED);
}

static bool is_leap(unsigned year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static unsigned days_in(unsigned year, unsigned month) {
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

static uint64_t days_before(unsigned year, unsigned month, unsigned day) {
    unsigned past = year - 1;
    uint64_t days = (uint64_t)(year - YEAR_FIRST) * 365;
    days += (past / 4 - past / 100 + past / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    for (unsigned m = 1; m < month; m++) {
        days += days_in(year, m);
    }
    return days + day - 1;
}

static uint64_t take_date(struct reader *reader) {
    unsigned year = take_digits(reader, 4);
    take_mark(reader, '-');
    unsigned month = take_digits(reader, 2);
    take_mark(reader, '-');
    unsigned day = take_digits(reader, 2);
    bool exists = year >= YEAR_FIRST && month >= 1 && month <= 12 && day >= 1 && day <= days_in(year, month);
    if (!exists) reader_fail(reader, STATUS_MALFORMED);
    return exists ? days_before(year, month, day) : 0;
}

static uint64_t take_seconds(struct reader *reader) {
    unsigned hour = take_digits(reader, 2);
    take_mark(reader, ':');
    unsigned minute = take_digits(reader, 2);
    take_mark(reader, ':');
    unsigned second = take_digits(reader, 2);
    if (hour > 23 || minute > 59 || second > 59) reader_fail(reader, STATUS_MALFORMED);
    return hour * UINT64_C(3600) + minute * UINT64_C(60) + second;
}

static unsigned take_fraction_ms(struct reader *reader) {
    if (reader->rest.len == 0 || *reader->rest.data != '.') return 0;
    (void)reader_u8(reader);
    unsigned ms = 0;
    size_t digits = 0;
    while (reader->rest.len > 0 && *reader->rest.data >= '0' && *reader->rest.data <= '9') {
        unsigned digit = take_digits(reader, 1);
        if (digits < 3) ms = ms * 10 + digit;
        digits++;
    }
    if (digits == 0 || digits > FRACTION_DIGITS_MAX) reader_fail(reader, STATUS_MALFORMED);
    for (; digits < 3; digits++) {
        ms *= 10;
    }
    return ms;
}

/* Seconds that local time is ahead of UTC. */
static int64_t take_offset(struct reader *reader) {
    uint8_t sign = reader_u8(reader);
    if (sign == 'Z') return 0;
    if (sign != '+' && sign != '-') reader_fail(reader, STATUS_MALFORMED);
    unsigned hour = take_digits(reader, 2);
    take_mark(reader, ':');
    unsigned minute = take_digits(reader, 2);
    if (hour > 23 || minute > 59) reader_fail(reader, STATUS_MALFORMED);
    int64_t seconds = (int64_t)hour * 3600 + (int64_t)minute * 60;
    return sign == '-' ? -seconds : seconds;
}

enum status timestamp_parse(struct bytes text, uint64_t *out_time_ms) {
    struct reader reader = reader_init(text);
    uint64_t days = take_date(&reader);
    take_mark(&reader, 'T');
    uint64_t seconds = take_seconds(&reader);
    unsigned ms = take_fraction_ms(&reader);
    int64_t offset = take_offset(&reader);
    TRY(reader_end(&reader));
    int64_t at = (int64_t)(days * DAY_S + seconds) - offset;
    ENSURE(at >= 0 && (uint64_t)at <= TIMESTAMP_MAX_MS / 1000, STATUS_MALFORMED);
    *out_time_ms = (uint64_t)at * 1000 + ms;
    return STATUS_OK;
}
