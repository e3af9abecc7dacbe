/*
 * Codes of answers on the link. docs/protocol.md section 7. Numbers never change.
 */
#ifndef PROTO_REPLY_CODE_H
#define PROTO_REPLY_CODE_H

#include "base/status.h"

enum reply_code {
    REPLY_DONE = 0,
    REPLY_MALFORMED = 1,
    REPLY_VERSION = 2,
    REPLY_FEDERATION = 3,
    REPLY_SIGNATURE = 4,
    REPLY_TOO_LARGE = 5,
    REPLY_TIME = 6,
    REPLY_UNSUPPORTED = 7,
    REPLY_INVALID = 8,
    REPLY_NOT_AVAILABLE = 16,
    REPLY_CONSENT_REQUIRED = 17,
    REPLY_CONSENT_ENDED = 18,
    REPLY_TRY_LATER = 19,
    REPLY_NOT_FOUND = 20,
    REPLY_CONFLICT = 21,
    REPLY_DENIED = 22,
    REPLY_EXPIRED = 23,
    REPLY_LIMIT = 32,
    REPLY_TIMEOUT = 33,
    REPLY_UNAVAILABLE = 48,
    REPLY_DISK_FULL = 49,
    REPLY_INTEGRITY = 64,
};

/* "consent_required" and the like; "unknown" for a number that is not listed. */
const char *reply_code_name(enum reply_code code);

/* The code that tells a caller about a status. Local faults say no more than "unavailable". */
enum reply_code reply_code_of(enum status status);

/* The status that an answer's code means to the caller; STATUS_MALFORMED for a number that is not listed. */
enum status reply_code_status(enum reply_code code);

#endif
