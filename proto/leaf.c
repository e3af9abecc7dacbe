/*
 * Tables of leaves, openings and receipts' extra, and the names of leaf types.
 */
#include "proto/leaf.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field leaf_rows[] = {
    CODEC_ROW_VERSION(leaf),
    CODEC_ROW_ENUM(leaf, type, enum leaf_type, LEAF_LAST),
    CODEC_ROW_FIXED(leaf, event),
    CODEC_ROW_U64(leaf, time_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_FIXED(leaf, subject_tag),
    CODEC_ROW_FIXED(leaf, commitment),
};
CODEC_DEFINE(leaf, "Leaf", leaf, sluss__leaf__descriptor, leaf_rows)

extern const struct codec leaf_opening_item_codec;
static const struct codec_field item_rows[] = {
    CODEC_ROW_FIXED(opening_item, fragment),
    CODEC_ROW_U32(opening_item, revision, 1, UINT32_MAX),
    CODEC_ROW_FIXED(opening_item, header_hash),
    CODEC_ROW_FIXED(opening_item, ciphertext_hash),
    CODEC_ROW_ABSENT_OR(opening_item, grant_hash, HASH_BYTES),
    CODEC_ROW_U32(opening_item, clause, 0, LIMIT_CLAUSE),
};
CODEC_DEFINE(leaf_opening_item, "OpeningItem", opening_item, sluss__opening_item__descriptor, item_rows)

static const struct codec_field opening_rows[] = {
    CODEC_ROW_VERSION(opening),
    CODEC_ROW_ENUM(opening, type, enum leaf_type, LEAF_LAST),
    CODEC_ROW_U32(opening, stage, 0, LIMIT_STAGE),
    CODEC_ROW_U32(opening, clause, 0, LIMIT_CLAUSE),
    CODEC_ROW_U64(opening, now_ms, 1, LIMIT_TIME_MS),
    CODEC_ROW_ABSENT_OR(opening, slot_commitment, HASH_BYTES),
    CODEC_ROW_ABSENT_OR(opening, subject, HASH_BYTES),
    CODEC_ROW_TEXT(opening, actor, 0, LIMIT_UNIT_BYTES),
    CODEC_ROW_ABSENT_OR(opening, cause, HASH_BYTES),
    CODEC_ROW_ABSENT_OR(opening, request, IDS_ID16_BYTES),
    CODEC_ROW_ABSENT_OR(opening, consent, IDS_ID16_BYTES),
    CODEC_ROW_ABSENT_OR(opening, token, IDS_ID16_BYTES),
    CODEC_ROW_ABSENT_OR(opening, device, HASH_BYTES),
    CODEC_ROW_U64(opening, directory_sequence, 0, UINT64_MAX),
    CODEC_ROW_MESSAGES(opening, items, opening_item, leaf_opening_item_codec, 0, LIMIT_ITEMS),
    CODEC_ROW_FIXED_LIST(opening, evidence, struct hash, 0, LIMIT_EVIDENCE),
    CODEC_ROW_NAME_OR_NONE(opening, purpose, LIMIT_CODE_BYTES, ids_is_code),
    CODEC_ROW_KINDS(opening, kinds, CODEC_ANY_ORDER, 0),
    CODEC_ROW_TEXT(opening, recipient, 0, LIMIT_UNIT_BYTES),
    CODEC_ROW_TEXT(opening, source, 0, LIMIT_UNIT_BYTES),
    CODEC_ROW_U64(opening, number, 0, UINT64_MAX),
    CODEC_ROW_U64(opening, prior_leaf, 0, UINT64_MAX),
};
CODEC_DEFINE(leaf_opening, "Opening", opening, sluss__opening__descriptor, opening_rows)

static const struct codec_field extra_rows[] = {
    CODEC_ROW_BYTES(receipt_extra, leaf, 1, LIMIT_LEAF_BYTES),
    CODEC_ROW_FIXED(receipt_extra, nonce),
    CODEC_ROW_BYTES(receipt_extra, opening, 1, LIMIT_OPENING_BYTES),
};
CODEC_DEFINE(leaf_receipt_extra, "ReceiptExtra", receipt_extra, sluss__receipt_extra__descriptor, extra_rows)

static const char *const type_names[] = {
    [LEAF_EPOCH] = "EPOCH",
    [LEAF_MEMBER] = "MEMBER",
    [LEAF_MEMBER_REMOVED] = "MEMBER_REMOVED",
    [LEAF_AGREEMENT] = "AGREEMENT",
    [LEAF_AGREEMENT_ENDED] = "AGREEMENT_ENDED",
    [LEAF_RULES] = "RULES",
    [LEAF_DEVICE_ENROLLED] = "DEVICE_ENROLLED",
    [LEAF_DEVICE_REMOVED] = "DEVICE_REMOVED",
    [LEAF_READ_REQUESTED] = "READ_REQUESTED",
    [LEAF_PUBLISHED] = "PUBLISHED",
    [LEAF_WITHDRAWN] = "WITHDRAWN",
    [LEAF_GRANTED_KEY] = "GRANTED_KEY",
    [LEAF_CONSENT_REQUESTED] = "CONSENT_REQUESTED",
    [LEAF_CONSENT_GRANTED] = "CONSENT_GRANTED",
    [LEAF_CONSENT_REFUSED] = "CONSENT_REFUSED",
    [LEAF_CONSENT_SUSPENDED] = "CONSENT_SUSPENDED",
    [LEAF_CONSENT_RESUMED] = "CONSENT_RESUMED",
    [LEAF_CONSENT_REVOKED] = "CONSENT_REVOKED",
    [LEAF_CONSENT_EXPIRED] = "CONSENT_EXPIRED",
    [LEAF_CONSENT_SUPERSEDED] = "CONSENT_SUPERSEDED",
    [LEAF_RELEASED] = "RELEASED",
    [LEAF_REFUSED] = "REFUSED",
    [LEAF_ACKNOWLEDGED] = "ACKNOWLEDGED",
    [LEAF_ERASED] = "ERASED",
    [LEAF_EVALUATIONS] = "EVALUATIONS",
    [LEAF_PORTAL_ASSETS] = "PORTAL_ASSETS",
    [LEAF_AUDITED] = "AUDITED",
};

const char *leaf_type_name(enum leaf_type type) { return (unsigned)type <= LEAF_LAST ? type_names[type] : NULL; }
