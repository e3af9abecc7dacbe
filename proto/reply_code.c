/*
 * One table for names and for both directions between codes and statuses.
 */
#include "proto/reply_code.h"

#include <stddef.h>

struct row {
    enum reply_code code;
    enum status status;
    const char *name;
};

/* The first row of a status is the code it is told by. */
static const struct row rows[] = {
    {REPLY_DONE, STATUS_OK, "done"},
    {REPLY_MALFORMED, STATUS_MALFORMED, "malformed"},
    {REPLY_VERSION, STATUS_VERSION, "version"},
    {REPLY_FEDERATION, STATUS_FEDERATION, "federation"},
    {REPLY_SIGNATURE, STATUS_SIGNATURE, "signature"},
    {REPLY_TOO_LARGE, STATUS_TOO_LARGE, "too_large"},
    {REPLY_TIME, STATUS_TIME, "time"},
    {REPLY_UNSUPPORTED, STATUS_UNSUPPORTED, "unsupported"},
    {REPLY_INVALID, STATUS_INVALID, "invalid"},
    {REPLY_INVALID, STATUS_PROOF, "invalid"},
    {REPLY_NOT_AVAILABLE, STATUS_REFUSED, "not_available"},
    {REPLY_CONSENT_REQUIRED, STATUS_REFUSED, "consent_required"},
    {REPLY_CONSENT_ENDED, STATUS_EXPIRED, "consent_ended"},
    {REPLY_TRY_LATER, STATUS_RETRY, "try_later"},
    {REPLY_NOT_FOUND, STATUS_NOT_FOUND, "not_found"},
    {REPLY_CONFLICT, STATUS_CONFLICT, "conflict"},
    {REPLY_DENIED, STATUS_DENIED, "denied"},
    {REPLY_EXPIRED, STATUS_EXPIRED, "expired"},
    {REPLY_LIMIT, STATUS_LIMIT, "limit"},
    {REPLY_TIMEOUT, STATUS_TIMEOUT, "timeout"},
    {REPLY_UNAVAILABLE, STATUS_UNREACHABLE, "unavailable"},
    {REPLY_DISK_FULL, STATUS_DISK_FULL, "disk_full"},
    {REPLY_INTEGRITY, STATUS_INTEGRITY, "integrity"},
};

const char *reply_code_name(enum reply_code code) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code) return rows[i].name;
    }
    return "unknown";
}

enum reply_code reply_code_of(enum status status) {
    if (status == STATUS_EXPIRED) return REPLY_EXPIRED;
    if (status_class(status) == CLASS_INTEGRITY) return REPLY_INTEGRITY;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) return rows[i].code;
    }
    return REPLY_UNAVAILABLE;
}

enum status reply_code_status(enum reply_code code) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code) return rows[i].status;
    }
    return STATUS_MALFORMED;
}
