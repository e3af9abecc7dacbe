/*
 * Tables of the directory's records.
 */
#include "proto/record.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

extern const struct codec record_text_codec;
extern const struct codec record_sign_key_codec;
extern const struct codec record_unit_codec;
extern const struct codec record_purpose_codec;

static const struct codec_field text_rows[] = {
    CODEC_ROW_TEXT(text, lang, 1, LIMIT_LANG_BYTES),
    CODEC_ROW_TEXT(text, text, 1, LIMIT_TEXT_BYTES),
};
CODEC_DEFINE(record_text, "Text", text, sluss__text__descriptor, text_rows)

static const struct codec_field sign_key_rows[] = {
    CODEC_ROW_FIXED(sign_key, key),
    CODEC_ROW_ENUM(sign_key, state, enum key_state, KEY_REVOKED),
};
CODEC_DEFINE(record_sign_key, "SignKey", sign_key, sluss__sign_key__descriptor, sign_key_rows)

static const struct codec_field unit_rows[] = {
    CODEC_ROW_NAME(unit, id, LIMIT_UNIT_BYTES, ids_is_unit),
    CODEC_ROW_MESSAGES(unit, names, text, record_text_codec, 1, LIMIT_LANGUAGES),
    CODEC_ROW_FIXED(unit, seal_key),
};
CODEC_DEFINE(record_unit, "Unit", unit, sluss__unit__descriptor, unit_rows)

static const struct codec_field member_rows[] = {
    CODEC_ROW_VERSION(member_record),
    CODEC_ROW_FEDERATION(member_record),
    CODEC_ROW_NAME(member_record, member, LIMIT_MEMBER_BYTES, ids_is_member),
    CODEC_ROW_U64(member_record, revision, 1, UINT64_MAX),
    CODEC_ROW_MESSAGES(member_record, names, text, record_text_codec, 1, LIMIT_LANGUAGES),
    CODEC_ROW_MESSAGES(member_record, units, unit, record_unit_codec, 1, LIMIT_UNITS),
    CODEC_ROW_MESSAGES(member_record, sign_keys, sign_key, record_sign_key_codec, 1, LIMIT_SIGN_KEYS),
    CODEC_ROW_FIXED_LIST(member_record, link_certs, struct hash, 1, LIMIT_LINK_CERTS),
    CODEC_ROW_TEXT(member_record, witness, 0, LIMIT_VKEY_BYTES),
    CODEC_ROW_BOOL(member_record, identifies_people),
    CODEC_ROW_TEXT(member_record, contact, 0, LIMIT_CONTACT_BYTES),
};
CODEC_DEFINE(record_member, "MemberRecord", member_record, sluss__member_record__descriptor, member_rows)

static const struct codec_field agreement_rows[] = {
    CODEC_ROW_VERSION(agreement),
    CODEC_ROW_FEDERATION(agreement),
    CODEC_ROW_FIXED(agreement, id),
    CODEC_ROW_U64(agreement, revision, 1, UINT64_MAX),
    CODEC_ROW_NAME_LIST(agreement, units, LIMIT_UNIT_BYTES, ids_is_unit, CODEC_ASCENDING, 2, LIMIT_UNITS),
    CODEC_ROW_KINDS(agreement, kinds, CODEC_ASCENDING, 1),
    CODEC_ROW_NAME_LIST(agreement, purposes, LIMIT_CODE_BYTES, ids_is_code, CODEC_ANY_ORDER, 1, LIMIT_PURPOSES),
    CODEC_ROW_U64(agreement, longest_consent_s, 1, LIMIT_SECONDS),
    CODEC_ROW_NAME_LIST(agreement, attesters, LIMIT_MEMBER_BYTES, ids_is_member, CODEC_ANY_ORDER, 1, LIMIT_ATTESTERS),
    CODEC_ROW_NAME_LIST(agreement, self_read_attesters, LIMIT_MEMBER_BYTES, ids_is_member, CODEC_ANY_ORDER, 0,
                        LIMIT_ATTESTERS),
    CODEC_ROW_BOOL(agreement, recipient_may_attest),
    CODEC_ROW_TEXT(agreement, legal_note, 0, LIMIT_TEXT_BYTES),
    CODEC_ROW_U64(agreement, valid_from_ms, 0, LIMIT_TIME_MS),
    CODEC_ROW_U64(agreement, valid_until_ms, 0, LIMIT_TIME_MS),
};
CODEC_DEFINE(record_agreement, "Agreement", agreement, sluss__agreement__descriptor, agreement_rows)

static const struct codec_field agreement_end_rows[] = {
    CODEC_ROW_VERSION(agreement_end),
    CODEC_ROW_FEDERATION(agreement_end),
    CODEC_ROW_FIXED(agreement_end, id),
    CODEC_ROW_NAME(agreement_end, member, LIMIT_MEMBER_BYTES, ids_is_member),
};
CODEC_DEFINE(record_agreement_end, "AgreementEnd", agreement_end, sluss__agreement_end__descriptor, agreement_end_rows)

static const struct codec_field purpose_rows[] = {
    CODEC_ROW_NAME(purpose, code, LIMIT_CODE_BYTES, ids_is_code),
    CODEC_ROW_MESSAGES(purpose, texts, text, record_text_codec, 1, LIMIT_LANGUAGES),
};
CODEC_DEFINE(record_purpose, "Purpose", purpose, sluss__purpose__descriptor, purpose_rows)

static const struct codec_field rules_rows[] = {
    CODEC_ROW_VERSION(rules),
    CODEC_ROW_FEDERATION(rules),
    CODEC_ROW_U64(rules, revision, 1, UINT64_MAX),
    CODEC_ROW_MESSAGES(rules, purposes, purpose, record_purpose_codec, 1, LIMIT_PURPOSES),
    CODEC_ROW_U64(rules, longest_consent_s, 1, LIMIT_SECONDS),
    CODEC_ROW_U32(rules, most_sources, 1, LIMIT_SOURCES),
    CODEC_ROW_U32(rules, most_pending, 1, UINT32_MAX),
    CODEC_ROW_U32(rules, cosignatures, 0, LIMIT_WITNESSES),
    CODEC_ROW_NAME_LIST(rules, witnesses, LIMIT_VKEY_BYTES, NULL, CODEC_ANY_ORDER, 0, LIMIT_WITNESSES),
};
CODEC_DEFINE(record_rules, "Rules", rules, sluss__rules__descriptor, rules_rows)

static const struct codec_field epoch_rows[] = {
    CODEC_ROW_VERSION(epoch),
    CODEC_ROW_FEDERATION(epoch),
    CODEC_ROW_U64(epoch, epoch, 1, UINT64_MAX),
    CODEC_ROW_TEXT(epoch, log_vkey, 1, LIMIT_VKEY_BYTES),
    CODEC_ROW_FIXED(epoch, status_key),
    CODEC_ROW_U32(epoch, pseudonym_version, 1, UINT32_MAX),
    CODEC_ROW_FIXED(epoch, pseudonym_key),
    CODEC_ROW_U32(epoch, authority_threshold, 1, LIMIT_AUTHORITY_KEYS),
    CODEC_ROW_FIXED_LIST(epoch, authority_keys, struct sign_public, 1, LIMIT_AUTHORITY_KEYS),
    CODEC_ROW_BYTES(epoch, previous_checkpoint, 0, LIMIT_OLD_CHECKPOINT_BYTES),
    CODEC_ROW_U64(epoch, restored_size, 0, UINT64_MAX),
};
CODEC_DEFINE(record_epoch, "Epoch", epoch, sluss__epoch__descriptor, epoch_rows)

static const struct codec_field removal_rows[] = {
    CODEC_ROW_VERSION(member_removal),
    CODEC_ROW_FEDERATION(member_removal),
    CODEC_ROW_NAME(member_removal, member, LIMIT_MEMBER_BYTES, ids_is_member),
    CODEC_ROW_TEXT(member_removal, reason, 0, LIMIT_REASON_BYTES),
};
CODEC_DEFINE(record_removal, "MemberRemoval", member_removal, sluss__member_removal__descriptor, removal_rows)

static const struct codec_field entry_rows[] = {
    CODEC_ROW_VERSION(directory_entry),
    CODEC_ROW_FEDERATION(directory_entry),
    CODEC_ROW_U64(directory_entry, sequence, 1, UINT64_MAX),
    CODEC_ROW_FIXED(directory_entry, previous),
    CODEC_ROW_ENUM(directory_entry, type, enum directory_type, DIRECTORY_RULES),
    CODEC_ROW_BYTES(directory_entry, object, 1, LIMIT_DIRECTORY_OBJECT_BYTES),
};
CODEC_DEFINE(record_entry, "DirectoryEntry", directory_entry, sluss__directory_entry__descriptor, entry_rows)
