/*
 * Tables of the messages inside the broker and of the parts of an export.
 */
#include "proto/internal_msg.h"

#include <stdint.h>

#include "base/secret.h"
#include "internal.pb-c.h"
#include "proto/codec_table.h"
#include "proto/reply_code.h"

static const struct codec_field portal_ask_rows[] = {
    CODEC_ROW_ENUM(portal_ask, op, enum portal_op, PORTAL_LAST),
    CODEC_ROW_TEXT(portal_ask, method, 0, LIMIT_METHOD_BYTES),
    CODEC_ROW_TEXT(portal_ask, url, 0, LIMIT_URL_BYTES),
    CODEC_ROW_BYTES(portal_ask, proof, 0, LIMIT_JWS_BYTES),
    CODEC_ROW_BYTES(portal_ask, id, 0, LIMIT_PATH_ID_BYTES),
    CODEC_ROW_BYTES(portal_ask, body, 0, LIMIT_PORTAL_BODY_BYTES),
    CODEC_ROW_U64(portal_ask, a, 0, UINT64_MAX),
    CODEC_ROW_U64(portal_ask, b, 0, UINT64_MAX),
    CODEC_ROW_U32(portal_ask, width, 0, LIMIT_TILE_WIDTH - 1),
};
CODEC_DEFINE(internal_portal_ask, "PortalAsk", portal_ask, sluss__portal_ask__descriptor, portal_ask_rows)

static const struct codec_field portal_reply_rows[] = {
    CODEC_ROW_U32(portal_reply, status, 100, 599),
    CODEC_ROW_TEXT(portal_reply, content_type, 0, LIMIT_MEDIA_TYPE_BYTES),
    CODEC_ROW_BYTES(portal_reply, body, 0, LIMIT_REPLY_BODY_BYTES),
    CODEC_ROW_BYTES(portal_reply, nonce, 0, LIMIT_NONCE_BYTES),
    CODEC_ROW_U32(portal_reply, max_age_s, 0, LIMIT_MAX_AGE_S),
};
CODEC_DEFINE(internal_portal_reply, "PortalReply", portal_reply, sluss__portal_reply__descriptor, portal_reply_rows)

static const struct codec_field operator_ask_rows[] = {
    CODEC_ROW_ENUM(operator_ask, verb, enum operator_verb, OPERATOR_LAST),
    CODEC_ROW_BYTES(operator_ask, body, 0, LIMIT_MULTI_SIGNED_BYTES),
    CODEC_ROW_U64(operator_ask, a, 0, UINT64_MAX),
    CODEC_ROW_U64(operator_ask, b, 0, UINT64_MAX),
};
CODEC_DEFINE(internal_operator_ask, "OperatorAsk", operator_ask, sluss__operator_ask__descriptor, operator_ask_rows)

static const struct codec_field operator_reply_rows[] = {
    CODEC_ROW_U32(operator_reply, code, 0, REPLY_INTEGRITY),
    CODEC_ROW_TEXT(operator_reply, text, 0, LIMIT_REPLY_TEXT_BYTES),
    CODEC_ROW_BYTES(operator_reply, body, 0, LIMIT_REPLY_BODY_BYTES),
};
CODEC_DEFINE(internal_operator_reply, "OperatorReply", operator_reply, sluss__operator_reply__descriptor,
             operator_reply_rows)

extern const struct codec internal_export_leaf_codec;
static const struct codec_field export_leaf_rows[] = {
    CODEC_ROW_BYTES(export_leaf, leaf, 1, LIMIT_LEAF_BYTES),
    CODEC_ROW_ABSENT_OR(export_leaf, nonce, HASH_BYTES),
    CODEC_ROW_U64(export_leaf, slot, 0, UINT64_MAX),
    CODEC_ROW_BYTES(export_leaf, opening, 0, LIMIT_SEALED_OPENING_BYTES),
};
CODEC_DEFINE(internal_export_leaf, "ExportLeaf", export_leaf, sluss__export_leaf__descriptor, export_leaf_rows)

static const struct codec_field export_part_rows[] = {
    CODEC_ROW_MESSAGES(export_part, leaves, export_leaf, internal_export_leaf_codec, 0, LIMIT_TILE_WIDTH),
    CODEC_ROW_BYTES(export_part, checkpoint, 0, LIMIT_CHECKPOINT_BYTES),
};
CODEC_DEFINE(internal_export_part, "ExportPart", export_part, sluss__export_part__descriptor, export_part_rows)

extern const struct codec internal_evidence_item_codec;
static const struct codec_field evidence_item_rows[] = {
    CODEC_ROW_FIXED(evidence_item, hash),
    CODEC_ROW_U64(evidence_item, slot, 0, UINT64_MAX),
    CODEC_ROW_BYTES(evidence_item, content, 0, LIMIT_EVIDENCE_BYTES),
};
CODEC_DEFINE(internal_evidence_item, "EvidenceItem", evidence_item, sluss__evidence_item__descriptor,
             evidence_item_rows)

static const struct codec_field evidence_part_rows[] = {
    CODEC_ROW_MESSAGES(evidence_part, items, evidence_item, internal_evidence_item_codec, 0, LIMIT_EVIDENCE_ITEMS),
};
CODEC_DEFINE(internal_evidence_part, "EvidencePart", evidence_part, sluss__evidence_part__descriptor,
             evidence_part_rows)

extern const struct codec internal_slot_key_codec;
static const struct codec_field slot_key_rows[] = {
    CODEC_ROW_U64(slot_key, slot, 0, UINT64_MAX),
    CODEC_ROW_BYTES(slot_key, key, 32, 32),
};
CODEC_DEFINE(internal_slot_key, "SlotKey", slot_key, sluss__slot_key__descriptor, slot_key_rows)

static const struct codec_field slot_keys_rows[] = {
    CODEC_ROW_MESSAGES(slot_keys, keys, slot_key, internal_slot_key_codec, 0, LIMIT_SLOT_KEYS),
};
CODEC_DEFINE(internal_slot_keys, "SlotKeys", slot_keys, sluss__slot_keys__descriptor, slot_keys_rows)

void internal_slot_keys_wipe(struct slot_keys *keys) {
    for (size_t i = 0; i < keys->n_keys; i++) {
        secret_wipe((void *)keys->keys[i].key.data, keys->keys[i].key.len);
    }
    keys->n_keys = 0;
}
