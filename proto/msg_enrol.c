/*
 * Tables of EVALUATE, OPEN_ENROLMENT and ATTEST.
 */
#include "proto/msg_enrol.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field evaluate_rows[] = {
    CODEC_ROW_U32(msg_evaluate, key_version, 1, UINT32_MAX),
    CODEC_ROW_FIXED_LIST(msg_evaluate, blinded, struct voprf_element, 1, LIMIT_EVALUATE_BATCH),
};
CODEC_DEFINE(msg_evaluate, "Evaluate", msg_evaluate, sluss__evaluate__descriptor, evaluate_rows)

static const struct codec_field evaluated_rows[] = {
    CODEC_ROW_FIXED_LIST(msg_evaluated, evaluated, struct voprf_element, 1, LIMIT_EVALUATE_BATCH),
    CODEC_ROW_FIXED(msg_evaluated, proof),
};
CODEC_DEFINE(msg_evaluated, "Evaluated", msg_evaluated, sluss__evaluated__descriptor, evaluated_rows)

static const struct codec_field open_enrolment_rows[] = {
    CODEC_ROW_FIXED(msg_open_enrolment, enrolment),
    CODEC_ROW_U64(msg_open_enrolment, expires_ms, 1, LIMIT_TIME_MS),
};
CODEC_DEFINE(msg_open_enrolment, "OpenEnrolment", msg_open_enrolment, sluss__open_enrolment__descriptor,
             open_enrolment_rows)

static const struct codec_field attest_rows[] = {
    CODEC_ROW_BYTES(msg_attest, attestation, 1, LIMIT_ATTESTATION_BYTES),
};
CODEC_DEFINE(msg_attest, "Attest", msg_attest, sluss__attest__descriptor, attest_rows)
