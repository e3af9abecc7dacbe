/*
 * Consent requests: the table and the names of access and basis.
 */
#include "proto/consent_request.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field request_rows[] = {
    CODEC_ROW_VERSION(consent_request),
    CODEC_ROW_FEDERATION(consent_request),
    CODEC_ROW_FIXED(consent_request, request),
    CODEC_ROW_FIXED(consent_request, subject),
    CODEC_ROW_NAME(consent_request, recipient, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_NAME(consent_request, purpose, LIMIT_CODE_BYTES, ids_is_code),
    CODEC_ROW_KINDS(consent_request, kinds, CODEC_ASCENDING, 1),
    CODEC_ROW_FIXED_LIST(consent_request, sources, struct hash, 1, LIMIT_SOURCES),
    CODEC_ROW_U64(consent_request, duration_s, 1, LIMIT_SECONDS),
    CODEC_ROW_ENUM(consent_request, access, enum access, ACCESS_REPEATED),
    CODEC_ROW_ENUM(consent_request, basis, enum basis, BASIS_BOTH),
    CODEC_ROW_U64(consent_request, created_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_U64(consent_request, expires_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_ABSENT_OR(consent_request, group, IDS_ID16_BYTES),
};
CODEC_DEFINE(consent_request, "ConsentRequest", consent_request, sluss__consent_request__descriptor, request_rows)

static const char *const access_names[] = {NULL, "once", "repeated"};
static const char *const basis_names[] = {NULL, "secrecy_waiver", "gdpr_consent", "both"};

const char *consent_request_access_name(enum access access) {
    return (unsigned)access <= ACCESS_REPEATED ? access_names[access] : NULL;
}

const char *consent_request_basis_name(enum basis basis) {
    return (unsigned)basis <= BASIS_BOTH ? basis_names[basis] : NULL;
}

/* Index of a name from 1 on; 0 when none is equal. */
static unsigned consent_request_index(const char *const *names, unsigned last, struct bytes name) {
    for (unsigned i = 1; i <= last; i++) {
        if (bytes_equal_text(name, names[i])) return i;
    }
    return 0;
}

enum status consent_request_access_from(struct bytes name, enum access *out_access) {
    unsigned i = consent_request_index(access_names, ACCESS_REPEATED, name);
    ENSURE(i > 0, STATUS_MALFORMED);
    *out_access = (enum access)i;
    return STATUS_OK;
}

enum status consent_request_basis_from(struct bytes name, enum basis *out_basis) {
    unsigned i = consent_request_index(basis_names, BASIS_BOTH, name);
    ENSURE(i > 0, STATUS_MALFORMED);
    *out_basis = (enum basis)i;
    return STATUS_OK;
}
