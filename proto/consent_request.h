/*
 * A consent request: a Signed ConsentRequest, label SIGNED_REQUEST, by a key of the recipient's member. Sources stand
 * in it as commitments (proto/derive.h), so that none learns of another. Any thread.
 */
#ifndef PROTO_CONSENT_REQUEST_H
#define PROTO_CONSENT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "keys/hash.h"
#include "proto/codec.h"
#include "proto/ids.h"

enum access {
    ACCESS_NONE = 0,
    ACCESS_ONCE = 1,
    ACCESS_REPEATED = 2,
};

enum basis {
    BASIS_NONE = 0,
    BASIS_SECRECY_WAIVER = 1,
    BASIS_GDPR_CONSENT = 2,
    BASIS_BOTH = 3,
};

struct consent_request {
    uint32_t version;
    const char *federation;
    struct id16 request;
    struct hash subject;
    const char *recipient; /* unit */
    const char *purpose;
    const uint32_t *kinds; /* enum kind, ascending */
    size_t n_kinds;
    const struct hash *sources; /* commitments */
    size_t n_sources;
    uint64_t duration_s;
    enum access access;
    enum basis basis;
    uint64_t created_ms;
    uint64_t expires_ms; /* undecided until then: gone */
    struct bytes group;  /* 16 bytes shared by requests to be shown as one; or empty */
};

CODEC_DECLARE_BOUND(consent_request, consent_request)

/* "once", "repeated"; "secrecy_waiver", "gdpr_consent", "both": as tokens and JSON have them. NULL for others. */
const char *consent_request_access_name(enum access access);
const char *consent_request_basis_name(enum basis basis);
/* STATUS_MALFORMED for another name. */
enum status consent_request_access_from(struct bytes name, enum access *out_access);
enum status consent_request_basis_from(struct bytes name, enum basis *out_basis);

#endif
