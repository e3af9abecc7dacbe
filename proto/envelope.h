/*
 * The envelope of a request over the link: a Signed Envelope, label SIGNED_ENVELOPE, by a signing key of the sender's
 * member (docs/protocol.md section 7). Any thread.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/codec.h"
#include "proto/ids.h"
#include "proto/signed.h"

enum message_type {
    MESSAGE_NONE = 0,
    MESSAGE_PUBLISH = 1,
    MESSAGE_WITHDRAW = 2,
    MESSAGE_REQUEST_CONSENT = 3,
    MESSAGE_RELEASE = 4,
    MESSAGE_FETCH = 5,
    MESSAGE_UPLOAD_GRANTS = 6,
    MESSAGE_STATE = 7,
    MESSAGE_REVOKE = 8,
    MESSAGE_ACKNOWLEDGE = 9,
    MESSAGE_EVENTS = 10,
    MESSAGE_EVALUATE = 11,
    MESSAGE_OPEN_ENROLMENT = 12,
    MESSAGE_ATTEST = 13,
    MESSAGE_CHECKPOINT = 14,
    MESSAGE_COSIGN = 15,
    MESSAGE_DIRECTORY = 16,
    MESSAGE_REQUEST_STATE = 17,
    MESSAGE_ERASE = 18,
    MESSAGE_CONSENTS = 19,
};

#define MESSAGE_LAST MESSAGE_CONSENTS

struct envelope {
    uint32_t version;
    const char *federation;
    enum message_type type;
    const char *sender;   /* unit */
    const char *official; /* pseudonym, or empty */
    struct id16 message;
    uint64_t time_ms;
    struct bytes body; /* the message of this type; may be empty */
};

extern const struct codec envelope_codec;
CODEC_DECLARE_ENCODE(envelope, envelope)

/* Signs an envelope; out_whole lies in the arena. Errors of codec_encode and signed_make. */
enum status envelope_sign(struct arena *arena, const struct envelope *envelope, const struct sign_private *key,
                          struct bytes *out_whole);

/* A signing key and the member whose record lists it. */
struct envelope_key {
    struct sign_public key;
    const char *member;
};

/* Finds the key that a key id stands for; anything but STATUS_OK ends envelope_open with that status. Called on the
 * thread of envelope_open; out_key->member must live as long as its arena. */
typedef enum status envelope_find_key(void *arg, const struct hash *key_id, struct envelope_key *out_key);

/* An envelope whose signature holds. */
struct envelope_opened {
    struct envelope envelope;
    struct signed_object object; /* whole, key id */
    const char *member;          /* of the sender, as find named it */
};

/* Parses Signed, asks for the key, verifies, then parses. STATUS_SIGNATURE when it does not verify, STATUS_DENIED when
 * the sender is no unit of the key's member; errors of codec_parse and of find. The time is not judged here. */
enum status envelope_open(struct arena *arena, const char *federation, struct bytes whole, envelope_find_key *find,
                          void *arg, struct envelope_opened *out);

/* STATUS_TIME unless the envelope's time is within 120 s of now. */
enum status envelope_check_time(const struct envelope *envelope, uint64_t now_ms);

/* "PUBLISH", ...; NULL for a number that is no type. */
const char *envelope_type_name(enum message_type type);

#endif
