/*
 * The table of attestations.
 */
#include "proto/attestation.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field attestation_rows[] = {
    CODEC_ROW_VERSION(attestation),
    CODEC_ROW_FEDERATION(attestation),
    CODEC_ROW_NAME(attestation, member, LIMIT_MEMBER_BYTES, ids_is_member),
    CODEC_ROW_FIXED(attestation, subject),
    CODEC_ROW_FIXED(attestation, sign_key),
    CODEC_ROW_FIXED(attestation, read_key),
    CODEC_ROW_U32(attestation, assurance, ASSURANCE_LOW, ASSURANCE_HIGH),
    CODEC_ROW_TEXT(attestation, how, 0, LIMIT_HOW_BYTES),
    CODEC_ROW_FIXED(attestation, enrolment),
    CODEC_ROW_FIXED(attestation, registration_hash),
    CODEC_ROW_U64(attestation, time_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_BOOL(attestation, others_lost),
};
CODEC_DEFINE(attestation, "Attestation", attestation, sluss__attestation__descriptor, attestation_rows)
