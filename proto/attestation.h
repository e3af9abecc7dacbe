/*
 * An attestation of a person's device: a Signed Attestation, label SIGNED_ATTESTATION, by a key of the attesting
 * member, which identified the person.
 */
#ifndef PROTO_ATTESTATION_H
#define PROTO_ATTESTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "proto/codec.h"
#include "proto/ids.h"

/* eIDAS */
enum assurance {
    ASSURANCE_NONE = 0,
    ASSURANCE_LOW = 1,
    ASSURANCE_SUBSTANTIAL = 2,
    ASSURANCE_HIGH = 3,
};

struct attestation {
    uint32_t version;
    const char *federation;
    const char *member;
    struct hash subject;
    struct sign_public sign_key;
    struct seal_public read_key;
    uint32_t assurance; /* enum assurance */
    const char *how;
    struct id16 enrolment;
    struct hash registration_hash; /* of the registration JWS */
    uint64_t time_ms;
    bool others_lost; /* the person says that all other devices are lost */
};

CODEC_DECLARE_BOUND(attestation, attestation)

#endif
