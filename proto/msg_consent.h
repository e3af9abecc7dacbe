/*
 * Messages about consents: REQUEST_CONSENT, REQUEST_STATE, STATE, REVOKE, ACKNOWLEDGE, CONSENTS, with their answers.
 * The answer to CONSENTS is in proto/msg_events.h.
 */
#ifndef PROTO_MSG_CONSENT_H
#define PROTO_MSG_CONSENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/codec.h"
#include "proto/ids.h"

/* What opens a source commitment of a consent request (proto/derive.h). */
struct msg_source_salt {
    const char *unit;
    struct hash salt;
};

struct msg_request_consent {
    struct bytes request;                  /* Signed ConsentRequest */
    const struct msg_source_salt *sources; /* in the order of the commitments */
    size_t n_sources;
};

struct msg_request_state_ask {
    struct id16 request;
};

enum request_state {
    REQUEST_STATE_NONE = 0,
    REQUEST_PENDING = 1,
    REQUEST_GRANTED = 2,
    REQUEST_EXPIRED = 3,
    REQUEST_REFUSED = 4, /* only when the person chose to tell */
};

struct msg_request_state_answer {
    uint32_t state; /* enum request_state */
    const struct bytes *tokens;
    size_t n_tokens;
};

struct msg_state {
    struct id16 token;
};

struct msg_state_answer {
    struct bytes state; /* Signed StateStatement */
};

struct msg_revoke {
    struct id16 consent;
    const char *reason;
    struct bytes code; /* 16 bytes shown by the person, or empty */
};

struct msg_acknowledge {
    struct id16 consent;
    uint32_t ending; /* enum consent_state */
    uint64_t purged; /* opened copies deleted */
};

struct msg_consents_ask {
    struct hash subject;
};

/* A source salt also stands by itself: it is evidence of CONSENT_GRANTED. */
CODEC_DECLARE(msg_source_salt, msg_source_salt)
CODEC_DECLARE(msg_request_consent, msg_request_consent)
CODEC_DECLARE(msg_request_state_ask, msg_request_state_ask)
CODEC_DECLARE(msg_request_state_answer, msg_request_state_answer)
CODEC_DECLARE(msg_state, msg_state)
CODEC_DECLARE(msg_state_answer, msg_state_answer)
CODEC_DECLARE(msg_revoke, msg_revoke)
CODEC_DECLARE(msg_acknowledge, msg_acknowledge)
CODEC_DECLARE(msg_consents_ask, msg_consents_ask)

#endif
