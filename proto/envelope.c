/*
 * Envelopes. Order matters: the signature is checked before a byte of the body is read.
 */
#include "proto/envelope.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field envelope_rows[] = {
    CODEC_ROW_VERSION(envelope),
    CODEC_ROW_FEDERATION(envelope),
    CODEC_ROW_ENUM(envelope, type, enum message_type, MESSAGE_LAST),
    CODEC_ROW_NAME(envelope, sender, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_TEXT(envelope, official, 0, LIMIT_OFFICIAL_BYTES),
    CODEC_ROW_FIXED(envelope, message),
    CODEC_ROW_U64(envelope, time_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_BYTES(envelope, body, 0, LIMIT_ENVELOPE_BODY_BYTES),
};
CODEC_DEFINE(envelope, "Envelope", envelope, sluss__envelope__descriptor, envelope_rows)

enum status envelope_sign(struct arena *arena, const struct envelope *envelope, const struct sign_private *key,
                          struct bytes *out_whole) {
    struct bytes body = BYTES_EMPTY;
    TRY(envelope_encode(arena, envelope, &body));
    return signed_make(arena, SIGNED_ENVELOPE, envelope->federation, body, key, out_whole);
}

enum status envelope_open(struct arena *arena, const char *federation, struct bytes whole, envelope_find_key *find,
                          void *arg, struct envelope_opened *out) {
    struct envelope_opened opened = {0};
    struct envelope_key key = {0};
    TRY(signed_parse(arena, whole, &opened.object));
    TRY(find(arg, &opened.object.key_id, &key));
    TRY(signed_verify(SIGNED_ENVELOPE, federation, &opened.object, &key.key));
    TRY(codec_parse(&envelope_codec, arena, federation, opened.object.body, &opened.envelope));
    ENSURE(ids_unit_belongs(opened.envelope.sender, key.member), STATUS_DENIED);
    opened.member = key.member;
    *out = opened;
    return STATUS_OK;
}

enum status envelope_check_time(const struct envelope *envelope, uint64_t now_ms) {
    uint64_t time_ms = envelope->time_ms;
    uint64_t apart_ms = time_ms > now_ms ? time_ms - now_ms : now_ms - time_ms;
    return apart_ms <= LIMIT_ENVELOPE_WINDOW_MS ? STATUS_OK : STATUS_TIME;
}

static const char *const type_names[] = {
    [MESSAGE_PUBLISH] = "PUBLISH",
    [MESSAGE_WITHDRAW] = "WITHDRAW",
    [MESSAGE_REQUEST_CONSENT] = "REQUEST_CONSENT",
    [MESSAGE_RELEASE] = "RELEASE",
    [MESSAGE_FETCH] = "FETCH",
    [MESSAGE_UPLOAD_GRANTS] = "UPLOAD_GRANTS",
    [MESSAGE_STATE] = "STATE",
    [MESSAGE_REVOKE] = "REVOKE",
    [MESSAGE_ACKNOWLEDGE] = "ACKNOWLEDGE",
    [MESSAGE_EVENTS] = "EVENTS",
    [MESSAGE_EVALUATE] = "EVALUATE",
    [MESSAGE_OPEN_ENROLMENT] = "OPEN_ENROLMENT",
    [MESSAGE_ATTEST] = "ATTEST",
    [MESSAGE_CHECKPOINT] = "CHECKPOINT",
    [MESSAGE_COSIGN] = "COSIGN",
    [MESSAGE_DIRECTORY] = "DIRECTORY",
    [MESSAGE_REQUEST_STATE] = "REQUEST_STATE",
    [MESSAGE_ERASE] = "ERASE",
    [MESSAGE_CONSENTS] = "CONSENTS",
};

const char *envelope_type_name(enum message_type type) {
    return (unsigned)type <= MESSAGE_LAST ? type_names[type] : NULL;
}
