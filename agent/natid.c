/*
 * Owns the reading of identity numbers. Trusts nothing about the text.
 *
 * Invariants: the digits are copied to the result only after form, date and check digits hold; no comparison is made
 * on text, only on digits.
 */
#include "agent/natid.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SE_DIGITS           12
#define SE_SHORT_DIGITS     10
#define NO_DIGITS           11
#define COORDINATION_OFFSET 60
#define D_NUMBER_OFFSET     40
/* Nobody born earlier was alive when numbers were first given out (1947). */
#define SE_FIRST_YEAR 1800
/* The standard time of both countries: exact at the turn of the year, where the century is decided. */
#define ZONE_MS (60u * 60 * 1000)

/* Digits of a number, and what stood between them. */
struct digits {
    unsigned value[SE_DIGITS];
    size_t count;
    /* '-', '+', ' ' or 0, and how many digits stood before it. */
    char sign;
    size_t sign_at;
};

/* Month and day 0: not known. */
struct date {
    unsigned year;
    unsigned month;
    unsigned day;
};

const char *natid_fault_text(enum natid_fault fault) {
    static const char *const texts[] = {
#define X(name, text) text,
        NATID_FAULT_TABLE(X)
#undef X
    };
    return texts[fault];
}

/* -- Dates -------------------------------------------------------------------------------------------------------- */

static unsigned month_days(unsigned year, unsigned month) {
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool date_exists(struct date date) {
    return date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= month_days(date.year, date.month);
}

/* As date_exists, but month, day or both may be unknown. */
static bool date_may_exist(struct date date) {
    if (date.month == 0) return date.day <= 31;
    return date.month <= 12 && date.day <= month_days(date.year, date.month);
}

static bool date_is_after(struct date a, struct date b) {
    if (a.year != b.year) return a.year > b.year;
    if (a.month != b.month) return a.month > b.month;
    return a.day > b.day;
}

static struct date date_of(uint64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm broken = {.tm_year = 0};
    if (!gmtime_r(&seconds, &broken)) return (struct date){0, 0, 0};
    return (struct date){(unsigned)broken.tm_year + 1900, (unsigned)broken.tm_mon + 1, (unsigned)broken.tm_mday};
}

/* -- Reading ------------------------------------------------------------------------------------------------------ */

/* One sign at most, never first or last. */
static enum natid_fault read_digits(struct bytes text, struct digits *out_digits) {
    struct digits digits = {.count = 0};
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c >= '0' && c <= '9') {
            if (digits.count == SE_DIGITS) return NATID_FAULT_FORM;
            digits.value[digits.count++] = (unsigned)(c - '0');
        } else {
            if (digits.sign || digits.count == 0 || i + 1 == text.len) return NATID_FAULT_FORM;
            if (c != '-' && c != '+' && c != ' ') return NATID_FAULT_FORM;
            digits.sign = c;
            digits.sign_at = digits.count;
        }
    }
    *out_digits = digits;
    return NATID_FAULT_NONE;
}

static unsigned number_at(const struct digits *digits, size_t at, size_t count) {
    unsigned number = 0;
    for (size_t i = at; i < at + count; i++)
        number = number * 10 + digits->value[i];
    return number;
}

/* Weighted sum of the first count digits. */
static unsigned weigh(const struct digits *digits, const unsigned *weights, size_t count) {
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += digits->value[i] * weights[i];
    return sum;
}

static void write_text(const struct digits *digits, const char *prefix, char *out) {
    memcpy(out, prefix, 3);
    for (size_t i = 0; i < digits->count; i++)
        out[3 + i] = (char)('0' + digits->value[i]);
    out[3 + digits->count] = '\0';
}

/* -- Sweden ------------------------------------------------------------------------------------------------------- */

/* Luhn over the last ten digits (ISO/IEC 7812-1, annex B). */
static bool se_check(const struct digits *digits) {
    unsigned sum = 0;
    for (size_t i = 2; i < SE_DIGITS; i++) {
        unsigned product = digits->value[i] * (i % 2 == 0 ? 2 : 1);
        sum += product > 9 ? product - 9 : product;
    }
    return sum % 10 == 0;
}

/* Puts the century in front of ten digits: with '-' the latest year that is not to come, with '+' the one a hundred
 * years before it. */
static void se_add_century(struct digits *digits, unsigned this_year) {
    unsigned year = this_year - (this_year + 100 - number_at(digits, 0, 2)) % 100;
    if (digits->sign == '+') year -= 100;
    memmove(&digits->value[2], &digits->value[0], SE_SHORT_DIGITS * sizeof digits->value[0]);
    digits->value[0] = year / 1000;
    digits->value[1] = year / 100 % 10;
    digits->count = SE_DIGITS;
}

static enum natid_fault se_shape(struct digits *digits, unsigned this_year) {
    if (digits->count == SE_DIGITS) {
        bool plain = !digits->sign || (digits->sign == '-' && digits->sign_at == 8);
        return plain ? NATID_FAULT_NONE : NATID_FAULT_FORM;
    }
    if (!digits->sign) return NATID_FAULT_CENTURY;
    if (digits->sign == ' ' || digits->sign_at != 6) return NATID_FAULT_FORM;
    se_add_century(digits, this_year);
    return NATID_FAULT_NONE;
}

static enum natid_fault se_parse(struct digits *digits, struct date today, struct natid *out_id) {
    enum natid_fault fault = se_shape(digits, today.year);
    if (fault != NATID_FAULT_NONE) return fault;
    struct date birth = {number_at(digits, 0, 4), number_at(digits, 4, 2), number_at(digits, 6, 2)};
    bool coordination = birth.day >= COORDINATION_OFFSET;
    if (coordination) birth.day -= COORDINATION_OFFSET;
    if (birth.year < SE_FIRST_YEAR) return NATID_FAULT_DATE;
    if (coordination ? !date_may_exist(birth) : !date_exists(birth)) return NATID_FAULT_DATE;
    if (date_is_after(birth, today)) return NATID_FAULT_FUTURE;
    if (!se_check(digits)) return NATID_FAULT_CHECK;
    *out_id =
        (struct natid){.kind = coordination ? NATID_SAMORDNINGSNUMMER : NATID_PERSONNUMMER, .origin = NATID_ORDINARY};
    write_text(digits, "SE:", out_id->text);
    return NATID_FAULT_NONE;
}

/* -- Norway ------------------------------------------------------------------------------------------------------- */

/* Each sum with its control digit (weight 1) is a multiple of 11. */
static bool no_check(const struct digits *digits) {
    static const unsigned first[] = {3, 7, 6, 1, 8, 9, 4, 5, 2, 1};
    static const unsigned second[] = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1};
    return weigh(digits, first, NO_DIGITS - 1) % 11 == 0 && weigh(digits, second, NO_DIGITS) % 11 == 0;
}

/* The individual number places the two digits of the year; 0 where no series was given out. */
static unsigned no_year(unsigned yy, unsigned individual) {
    if (individual < 500) return 1900 + yy;
    if (individual < 750 && yy >= 54) return 1800 + yy;
    if (individual >= 900 && yy >= 40) return 1900 + yy;
    return yy < 40 ? 2000 + yy : 0;
}

/* Takes what marks a synthetic number off the month. The ranges do not meet. */
static enum natid_origin no_origin(unsigned *month) {
    static const unsigned offsets[] = {40, 65, 80};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        if (*month <= offsets[i] || *month > offsets[i] + 12) continue;
        *month -= offsets[i];
        return NATID_SYNTHETIC;
    }
    return NATID_ORDINARY;
}

static enum natid_fault no_parse(struct digits *digits, struct date today, struct natid *out_id) {
    if (digits->sign && (digits->sign != ' ' || digits->sign_at != 6)) return NATID_FAULT_FORM;
    struct date birth = {no_year(number_at(digits, 4, 2), number_at(digits, 6, 3)), number_at(digits, 2, 2),
                         number_at(digits, 0, 2)};
    enum natid_kind kind = birth.day > D_NUMBER_OFFSET ? NATID_D_NUMBER : NATID_FODSELSNUMMER;
    if (kind == NATID_D_NUMBER) birth.day -= D_NUMBER_OFFSET;
    enum natid_origin origin = no_origin(&birth.month);
    if (birth.year == 0 || !date_exists(birth)) return NATID_FAULT_DATE;
    if (date_is_after(birth, today)) return NATID_FAULT_FUTURE;
    if (!no_check(digits)) return NATID_FAULT_CHECK;
    *out_id = (struct natid){.kind = kind, .origin = origin};
    write_text(digits, "NO:", out_id->text);
    return NATID_FAULT_NONE;
}

/* -- Either ------------------------------------------------------------------------------------------------------- */

enum country {
    COUNTRY_UNSAID,
    COUNTRY_SWEDEN,
    COUNTRY_NORWAY,
};

static enum country take_prefix(struct bytes *text) {
    enum country country = COUNTRY_UNSAID;
    if (text->len >= 3 && memcmp(text->data, "SE:", 3) == 0) country = COUNTRY_SWEDEN;
    if (text->len >= 3 && memcmp(text->data, "NO:", 3) == 0) country = COUNTRY_NORWAY;
    if (country != COUNTRY_UNSAID) *text = BYTES(text->data + 3, text->len - 3);
    return country;
}

static enum natid_fault parse(struct bytes text, struct date today, struct natid *out_id) {
    if (text.len > NATID_TEXT_MAX_BYTES) return NATID_FAULT_FORM;
    enum country said = take_prefix(&text);
    struct digits digits;
    enum natid_fault fault = read_digits(text, &digits);
    if (fault != NATID_FAULT_NONE) return fault;
    bool norway = digits.count == NO_DIGITS;
    bool sweden = digits.count == SE_DIGITS || digits.count == SE_SHORT_DIGITS;
    if (norway && said != COUNTRY_SWEDEN) return no_parse(&digits, today, out_id);
    if (sweden && said != COUNTRY_NORWAY) return se_parse(&digits, today, out_id);
    return NATID_FAULT_FORM;
}

enum status natid_parse(struct bytes text, uint64_t now_ms, enum natid_fault *out_fault, struct natid *out_id) {
    *out_fault = parse(text, date_of(now_ms + ZONE_MS), out_id);
    return *out_fault == NATID_FAULT_NONE ? STATUS_OK : STATUS_INVALID;
}
