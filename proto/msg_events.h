/*
 * The mailbox: EVENTS and what it brings (docs/protocol.md section 10), and the answer to CONSENTS, which has the same
 * form.
 */
#ifndef PROTO_MSG_EVENTS_H
#define PROTO_MSG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "keys/hash.h"
#include "proto/codec.h"

struct msg_events {
    uint64_t after; /* sequence of the last event handled */
    uint32_t most;
    uint32_t wait_ms;
    uint64_t witnessed; /* size of the checkpoint cosigned last; only with ready_to_witness */
    bool ready_to_witness;
};

enum event_type {
    EVENT_NONE = 0,
    EVENT_CONSENT_GRANTED = 1,
    EVENT_CONSENT_REFUSED = 2,
    EVENT_CONSENT_ENDED = 3,
    EVENT_CONSENT_SUSPENDED = 4,
    EVENT_CONSENT_RESUMED = 5,
    EVENT_PUBLISHED = 6,
    EVENT_WITHDRAWN = 7,
    EVENT_REGISTRATION = 8,
    EVENT_DEVICE_ENROLLED = 9,
    EVENT_READ_REQUESTED = 10,
    EVENT_USED_ONCE = 11,
    EVENT_ERASED = 12,
};

#define EVENT_LAST EVENT_ERASED

/* By type, most fields are empty: docs/protocol.md says which are set. */
struct msg_mail_event {
    uint64_t sequence;
    enum event_type type;
    const char *unit;             /* whose mailbox */
    struct bytes subject;         /* 32 or empty */
    const struct bytes *receipts; /* the leaf of this event first, then those it relies on */
    size_t n_receipts;
    struct bytes consent;     /* 16 or empty */
    struct bytes token;       /* compact JWS */
    struct bytes request;     /* Signed ConsentRequest */
    struct bytes salt;        /* 32 or empty */
    struct bytes attestation; /* Signed Attestation */
    struct bytes statement;   /* compact JWS, or the registration */
    struct bytes fragment;    /* 16 or empty */
    uint32_t revision;
    uint32_t state;             /* enum consent_state after this event */
    struct bytes release_event; /* 16 or empty */
    struct bytes header;        /* Signed FragmentHeader */
};

struct msg_events_answer {
    const struct msg_mail_event *events;
    size_t n_events;
    struct bytes offer; /* a checkpoint to cosign, or empty */
    const struct hash *consistency;
    size_t n_consistency; /* from `witnessed` to the offer */
    uint64_t directory_sequence;
};

/* As CONSENT_GRANTED events, with the state now. */
struct msg_consents_answer {
    const struct msg_mail_event *consents;
    size_t n_consents;
};

CODEC_DECLARE(msg_events, msg_events)
CODEC_DECLARE(msg_mail_event, msg_mail_event)
CODEC_DECLARE(msg_events_answer, msg_events_answer)
CODEC_DECLARE(msg_consents_answer, msg_consents_answer)

/* "CONSENT_GRANTED", ...; NULL for a number that is no type. */
const char *msg_event_name(enum event_type type);

#endif
