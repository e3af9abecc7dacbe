/*
 * Tables of the messages about consents.
 */
#include "proto/msg_consent.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"
#include "proto/state_statement.h"

static const struct codec_field salt_rows[] = {
    CODEC_ROW_NAME(msg_source_salt, unit, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_FIXED(msg_source_salt, salt),
};
CODEC_DEFINE(msg_source_salt, "SourceSalt", msg_source_salt, sluss__source_salt__descriptor, salt_rows)

static const struct codec_field request_rows[] = {
    CODEC_ROW_BYTES(msg_request_consent, request, 1, LIMIT_REQUEST_BYTES),
    CODEC_ROW_MESSAGES(msg_request_consent, sources, msg_source_salt, msg_source_salt_codec, 1, LIMIT_SOURCES),
};
CODEC_DEFINE(msg_request_consent, "RequestConsent", msg_request_consent, sluss__request_consent__descriptor,
             request_rows)

static const struct codec_field request_state_ask_rows[] = {
    CODEC_ROW_FIXED(msg_request_state_ask, request),
};
CODEC_DEFINE(msg_request_state_ask, "RequestStateAsk", msg_request_state_ask, sluss__request_state_ask__descriptor,
             request_state_ask_rows)

static const struct codec_field request_state_answer_rows[] = {
    CODEC_ROW_U32(msg_request_state_answer, state, REQUEST_PENDING, REQUEST_REFUSED),
    CODEC_ROW_BYTES_LIST(msg_request_state_answer, tokens, LIMIT_JWS_BYTES, 0, LIMIT_TOKENS),
};
CODEC_DEFINE(msg_request_state_answer, "RequestStateAnswer", msg_request_state_answer,
             sluss__request_state_answer__descriptor, request_state_answer_rows)

static const struct codec_field state_rows[] = {
    CODEC_ROW_FIXED(msg_state, token),
};
CODEC_DEFINE(msg_state, "State", msg_state, sluss__state__descriptor, state_rows)

static const struct codec_field state_answer_rows[] = {
    CODEC_ROW_BYTES(msg_state_answer, state, 1, LIMIT_STATE_BYTES),
};
CODEC_DEFINE(msg_state_answer, "StateAnswer", msg_state_answer, sluss__state_answer__descriptor, state_answer_rows)

static const struct codec_field revoke_rows[] = {
    CODEC_ROW_FIXED(msg_revoke, consent),
    CODEC_ROW_TEXT(msg_revoke, reason, 0, LIMIT_REASON_BYTES),
    CODEC_ROW_ABSENT_OR(msg_revoke, code, IDS_ID16_BYTES),
};
CODEC_DEFINE(msg_revoke, "Revoke", msg_revoke, sluss__revoke__descriptor, revoke_rows)

static const struct codec_field acknowledge_rows[] = {
    CODEC_ROW_FIXED(msg_acknowledge, consent),
    CODEC_ROW_U32(msg_acknowledge, ending, 1, CONSENT_STATE_LAST),
    CODEC_ROW_U64(msg_acknowledge, purged, 0, UINT64_MAX),
};
CODEC_DEFINE(msg_acknowledge, "Acknowledge", msg_acknowledge, sluss__acknowledge__descriptor, acknowledge_rows)

static const struct codec_field consents_ask_rows[] = {
    CODEC_ROW_FIXED(msg_consents_ask, subject),
};
CODEC_DEFINE(msg_consents_ask, "ConsentsAsk", msg_consents_ask, sluss__consents_ask__descriptor, consents_ask_rows)
