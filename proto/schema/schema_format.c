/*
 * Owns the four format assertions. Trusts nothing about the text but its length.
 */
#include "proto/schema/schema_format.h"

#include <stdbool.h>
#include <string.h>

#define EMAIL_LOCAL_MAX_BYTES 64
#define EMAIL_MAX_BYTES       254
#define LABEL_MAX_BYTES       63

static bool format_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool format_is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool format_is_word(uint8_t c) { return format_is_digit(c) || format_is_letter(c); }

/* Exactly count digits; the reader fails on anything else. */
static unsigned format_number(struct reader *reader, size_t count) {
    struct bytes digits = reader_take(reader, count);
    unsigned value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!format_is_digit(digits.data[i])) reader_fail(reader, STATUS_INVALID);
        value = value * 10 + (unsigned)(digits.data[i] - '0');
    }
    return value;
}

static uint8_t format_one_of(struct reader *reader, const char *accepted) {
    uint8_t c = reader_u8(reader);
    if (c == 0 || !strchr(accepted, c)) reader_fail(reader, STATUS_INVALID);
    return c;
}

static unsigned format_month_days(unsigned year, unsigned month) {
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static void format_read_date(struct reader *reader) {
    unsigned year = format_number(reader, 4);
    (void)format_one_of(reader, "-");
    unsigned month = format_number(reader, 2);
    (void)format_one_of(reader, "-");
    unsigned day = format_number(reader, 2);
    if (month < 1 || month > 12 || day < 1 || day > format_month_days(year, month)) reader_fail(reader, STATUS_INVALID);
}

static void format_read_fraction(struct reader *reader) {
    if (reader->rest.len == 0 || reader->rest.data[0] != '.') return;
    (void)reader_u8(reader);
    (void)format_number(reader, 1);
    while (reader->rest.len > 0 && format_is_digit(reader->rest.data[0]))
        (void)reader_u8(reader);
}

/* Minutes east of UTC. */
static int format_read_offset(struct reader *reader) {
    uint8_t sign = format_one_of(reader, "Zz+-");
    if (sign == 'Z' || sign == 'z') return 0;
    unsigned hours = format_number(reader, 2);
    (void)format_one_of(reader, ":");
    unsigned minutes = format_number(reader, 2);
    if (hours > 23 || minutes > 59) reader_fail(reader, STATUS_INVALID);
    int offset = (int)(hours * 60 + minutes);
    return sign == '-' ? -offset : offset;
}

static void format_read_time(struct reader *reader) {
    unsigned hour = format_number(reader, 2);
    (void)format_one_of(reader, ":");
    unsigned minute = format_number(reader, 2);
    (void)format_one_of(reader, ":");
    unsigned second = format_number(reader, 2);
    if (hour > 23 || minute > 59 || second > 60) reader_fail(reader, STATUS_INVALID);
    format_read_fraction(reader);
    int utc_minute = ((int)(hour * 60 + minute) - format_read_offset(reader) + 2 * 1440) % 1440;
    if (second == 60 && utc_minute != 23 * 60 + 59) reader_fail(reader, STATUS_INVALID);
}

static bool format_is_date(struct bytes text) {
    struct reader reader = reader_init(text);
    format_read_date(&reader);
    return reader_end(&reader) == STATUS_OK;
}

static bool format_is_date_time(struct bytes text) {
    struct reader reader = reader_init(text);
    format_read_date(&reader);
    (void)format_one_of(&reader, "Tt");
    format_read_time(&reader);
    return reader_end(&reader) == STATUS_OK;
}

/* Dot-separated parts, none empty, each at most max_bytes of letters, digits and what is in extra. */
static bool format_is_dotted(struct bytes text, const char *extra, size_t max_bytes) {
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '.') {
            if (len == 0) return false;
            len = 0;
            continue;
        }
        if (!format_is_word(c) && (c == 0 || !strchr(extra, c))) return false;
        if (++len > max_bytes) return false;
    }
    return len > 0;
}

/* A host name's labels neither begin nor end with a hyphen (RFC 1123 section 2.1). */
static bool format_is_domain(struct bytes text) {
    if (!memchr(text.data, '.', text.len) || !format_is_dotted(text, "-", LABEL_MAX_BYTES)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '-') continue;
        bool first = i == 0 || text.data[i - 1] == '.';
        bool last = i + 1 == text.len || text.data[i + 1] == '.';
        if (first || last) return false;
    }
    return true;
}

static bool format_is_email(struct bytes text) {
    if (text.len == 0 || text.len > EMAIL_MAX_BYTES) return false;
    const uint8_t *at = memchr(text.data, '@', text.len);
    if (!at) return false;
    size_t local = (size_t)(at - text.data);
    if (local == 0 || local > EMAIL_LOCAL_MAX_BYTES || local + 1 == text.len) return false;
    return format_is_dotted(BYTES(text.data, local), "!#$%&'*+/=?^_`{|}~-", EMAIL_LOCAL_MAX_BYTES) &&
           format_is_domain(BYTES(at + 1, text.len - local - 1));
}

static size_t format_scheme_len(struct bytes text) {
    size_t len = 0;
    while (len < text.len && (format_is_word(text.data[len]) || (text.data[len] && strchr("+-.", text.data[len]))))
        len++;
    return len > 0 && format_is_letter(text.data[0]) ? len : 0;
}

static bool format_is_hex(uint8_t c) { return format_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool format_is_escape(struct bytes text, size_t at) {
    return text.len - at >= 3 && format_is_hex(text.data[at + 1]) && format_is_hex(text.data[at + 2]);
}

/* unreserved, sub-delims and the delimiters of RFC 3986 but '#' and brackets, or a percent-encoded byte. */
static bool format_is_uri_rest(struct bytes text, size_t from) {
    bool fragment = false;
    for (size_t i = from; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%' && !format_is_escape(text, i)) return false;
        if (c == '#') {
            if (fragment) return false;
            fragment = true;
            continue;
        }
        if (!format_is_word(c) && (c == 0 || !strchr("-._~!$&'()*+,;=:@/?%", c))) return false;
    }
    return true;
}

/* Where the part after an IP literal's closing bracket begins, or from when there is none. */
static size_t format_skip_literal(struct bytes text, size_t from) {
    if (text.len - from < 3 || memcmp(text.data + from, "//[", 3) != 0) return from;
    size_t at = from + 3;
    while (at < text.len && (format_is_hex(text.data[at]) || text.data[at] == ':' || text.data[at] == '.'))
        at++;
    return at > from + 3 && at < text.len && text.data[at] == ']' ? at + 1 : from;
}

static bool format_is_uri(struct bytes text) {
    size_t scheme = format_scheme_len(text);
    if (scheme == 0 || scheme + 1 >= text.len || text.data[scheme] != ':') return false;
    return format_is_uri_rest(text, format_skip_literal(text, scheme + 1));
}

static const struct {
    const char *name;
    const char *text;
    bool (*is)(struct bytes text);
} formats[] = {
    [SCHEMA_FORMAT_NONE] = {"", "anything", NULL},
    [SCHEMA_FORMAT_DATE] = {"date", "a date (YYYY-MM-DD)", format_is_date},
    [SCHEMA_FORMAT_DATE_TIME] = {"date-time", "a time with offset (YYYY-MM-DDThh:mm:ssZ or +hh:mm)",
                                 format_is_date_time},
    [SCHEMA_FORMAT_EMAIL] = {"email", "an e-mail address", format_is_email},
    [SCHEMA_FORMAT_URI] = {"uri", "an address (URI) with its scheme", format_is_uri},
};

enum schema_format schema_format_find(const char *name) {
    for (size_t i = SCHEMA_FORMAT_DATE; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0) return (enum schema_format)i;
    return SCHEMA_FORMAT_NONE;
}

const char *schema_format_text(enum schema_format format) { return formats[format].text; }

enum status schema_format_check(enum schema_format format, struct bytes text) {
    ENSURE(format == SCHEMA_FORMAT_NONE || formats[format].is(text), STATUS_INVALID);
    return STATUS_OK;
}
