/*
 * The formats that the fragment schema asserts. Pure; any thread; time linear in the length.
 */
#ifndef PROTO_SCHEMA_SCHEMA_FORMAT_H
#define PROTO_SCHEMA_SCHEMA_FORMAT_H

#include "base/bytes.h"

enum schema_format {
    SCHEMA_FORMAT_NONE,
    /* full-date of RFC 3339 section 5.6, of a day that exists in the Gregorian calendar. */
    SCHEMA_FORMAT_DATE,
    /* date-time of RFC 3339 section 5.6 with offset; second 60 only where UTC can have one (section 5.7). */
    SCHEMA_FORMAT_DATE_TIME,
    /* A mailbox of RFC 5321 section 4.1.2 without quoting, comments or address literals; the domain has a dot. */
    SCHEMA_FORMAT_EMAIL,
    /* RFC 3986 section 3, with a scheme; IP literals in brackets are taken as they are. */
    SCHEMA_FORMAT_URI,
};

/* SCHEMA_FORMAT_NONE for a name that is not known. */
enum schema_format schema_format_find(const char *name);

/* What the text must be, as in "must be a date (YYYY-MM-DD)". */
const char *schema_format_text(enum schema_format format);

/* STATUS_INVALID when the text does not have the format. */
enum status schema_format_check(enum schema_format format, struct bytes text);

#endif
