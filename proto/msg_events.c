/*
 * Tables of the mailbox, and the names of its events.
 */
#include "proto/msg_events.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"
#include "proto/state_statement.h"

static const struct codec_field events_rows[] = {
    CODEC_ROW_U64(msg_events, after, 0, UINT64_MAX),      CODEC_ROW_U32(msg_events, most, 1, LIMIT_EVENTS),
    CODEC_ROW_U32(msg_events, wait_ms, 0, LIMIT_WAIT_MS), CODEC_ROW_U64(msg_events, witnessed, 0, UINT64_MAX),
    CODEC_ROW_BOOL(msg_events, ready_to_witness),
};
CODEC_DEFINE(msg_events, "Events", msg_events, sluss__events__descriptor, events_rows)

static const struct codec_field mail_event_rows[] = {
    CODEC_ROW_U64(msg_mail_event, sequence, 0, UINT64_MAX),
    CODEC_ROW_ENUM(msg_mail_event, type, enum event_type, EVENT_LAST),
    CODEC_ROW_NAME(msg_mail_event, unit, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_ABSENT_OR(msg_mail_event, subject, HASH_BYTES),
    CODEC_ROW_BYTES_LIST(msg_mail_event, receipts, LIMIT_RECEIPT_BYTES, 0, LIMIT_EVENT_RECEIPTS),
    CODEC_ROW_ABSENT_OR(msg_mail_event, consent, IDS_ID16_BYTES),
    CODEC_ROW_BYTES(msg_mail_event, token, 0, LIMIT_JWS_BYTES),
    CODEC_ROW_BYTES(msg_mail_event, request, 0, LIMIT_REQUEST_BYTES),
    CODEC_ROW_ABSENT_OR(msg_mail_event, salt, HASH_BYTES),
    CODEC_ROW_BYTES(msg_mail_event, attestation, 0, LIMIT_ATTESTATION_BYTES),
    CODEC_ROW_BYTES(msg_mail_event, statement, 0, LIMIT_JWS_BYTES),
    CODEC_ROW_ABSENT_OR(msg_mail_event, fragment, IDS_ID16_BYTES),
    CODEC_ROW_U32(msg_mail_event, revision, 0, UINT32_MAX),
    CODEC_ROW_U32(msg_mail_event, state, 0, CONSENT_STATE_LAST),
    CODEC_ROW_ABSENT_OR(msg_mail_event, release_event, IDS_ID16_BYTES),
    CODEC_ROW_BYTES(msg_mail_event, header, 0, LIMIT_HEADER_BYTES),
};
CODEC_DEFINE(msg_mail_event, "MailEvent", msg_mail_event, sluss__mail_event__descriptor, mail_event_rows)

static const struct codec_field answer_rows[] = {
    CODEC_ROW_MESSAGES(msg_events_answer, events, msg_mail_event, msg_mail_event_codec, 0, LIMIT_EVENTS),
    CODEC_ROW_BYTES(msg_events_answer, offer, 0, LIMIT_CHECKPOINT_BYTES),
    CODEC_ROW_FIXED_LIST(msg_events_answer, consistency, struct hash, 0, LIMIT_PROOF_HASHES),
    CODEC_ROW_U64(msg_events_answer, directory_sequence, 0, UINT64_MAX),
};
CODEC_DEFINE(msg_events_answer, "EventsAnswer", msg_events_answer, sluss__events_answer__descriptor, answer_rows)

static const struct codec_field consents_rows[] = {
    CODEC_ROW_MESSAGES(msg_consents_answer, consents, msg_mail_event, msg_mail_event_codec, 0, LIMIT_EVENTS),
};
CODEC_DEFINE(msg_consents_answer, "ConsentsAnswer", msg_consents_answer, sluss__consents_answer__descriptor,
             consents_rows)

static const char *const event_names[] = {
    [EVENT_CONSENT_GRANTED] = "CONSENT_GRANTED",
    [EVENT_CONSENT_REFUSED] = "CONSENT_REFUSED",
    [EVENT_CONSENT_ENDED] = "CONSENT_ENDED",
    [EVENT_CONSENT_SUSPENDED] = "CONSENT_SUSPENDED",
    [EVENT_CONSENT_RESUMED] = "CONSENT_RESUMED",
    [EVENT_PUBLISHED] = "PUBLISHED",
    [EVENT_WITHDRAWN] = "WITHDRAWN",
    [EVENT_REGISTRATION] = "REGISTRATION",
    [EVENT_DEVICE_ENROLLED] = "DEVICE_ENROLLED",
    [EVENT_READ_REQUESTED] = "READ_REQUESTED",
    [EVENT_USED_ONCE] = "USED_ONCE",
    [EVENT_ERASED] = "ERASED",
};

const char *msg_event_name(enum event_type type) { return (unsigned)type <= EVENT_LAST ? event_names[type] : NULL; }
