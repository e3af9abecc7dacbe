/*
 * Messages about persons and their devices: EVALUATE, OPEN_ENROLMENT, ATTEST. ATTEST is answered by a receipt
 * (proto/msg_publish.h), OPEN_ENROLMENT by an empty body.
 */
#ifndef PROTO_MSG_ENROL_H
#define PROTO_MSG_ENROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keys/voprf.h"
#include "proto/codec.h"
#include "proto/ids.h"

struct msg_evaluate {
    uint32_t key_version;
    const struct voprf_element *blinded;
    size_t n_blinded;
};

struct msg_evaluated {
    const struct voprf_element *evaluated;
    size_t n_evaluated;
    struct voprf_proof proof;
};

struct msg_open_enrolment {
    struct id16 enrolment; /* the code's id */
    uint64_t expires_ms;
};

struct msg_attest {
    struct bytes attestation; /* Signed Attestation */
};

CODEC_DECLARE(msg_evaluate, msg_evaluate)
CODEC_DECLARE(msg_evaluated, msg_evaluated)
CODEC_DECLARE(msg_open_enrolment, msg_open_enrolment)
CODEC_DECLARE(msg_attest, msg_attest)

#endif
