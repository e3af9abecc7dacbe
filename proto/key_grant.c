/*
 * Key grants: the table, and the frame that binds the sealed key to what it was granted for.
 */
#include "proto/key_grant.h"

#include "keys/frame.h"
#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field grant_rows[] = {
    CODEC_ROW_VERSION(key_grant),
    CODEC_ROW_FEDERATION(key_grant),
    CODEC_ROW_ABSENT_OR(key_grant, token, IDS_ID16_BYTES),
    CODEC_ROW_FIXED(key_grant, fragment),
    CODEC_ROW_U32(key_grant, revision, 1, UINT32_MAX),
    CODEC_ROW_ENUM(key_grant, kind, enum kind, KIND_LAST),
    CODEC_ROW_NAME_OR_NONE(key_grant, purpose, LIMIT_CODE_BYTES, ids_is_code),
    CODEC_ROW_FIXED(key_grant, header_hash),
    CODEC_ROW_TEXT(key_grant, recipient, 1, LIMIT_UNIT_BYTES),
    CODEC_ROW_FIXED(key_grant, recipient_key_id),
    CODEC_ROW_FIXED(key_grant, enc),
    CODEC_ROW_FIXED(key_grant, sealed),
    CODEC_ROW_BYTES(key_grant, state, 0, LIMIT_STATE_BYTES),
    CODEC_ROW_ABSENT_OR(key_grant, release_event, IDS_ID16_BYTES),
};
CODEC_DEFINE(key_grant, "KeyGrant", key_grant, sluss__key_grant__descriptor, grant_rows)

enum status key_grant_info(struct arena *arena, const struct key_grant *grant, struct bytes *out_info) {
    uint8_t revision[4];
    struct writer writer = writer_init(revision, sizeof revision);
    writer_u32(&writer, grant->revision);
    uint8_t kind = (uint8_t)grant->kind;
    const struct bytes fields[] = {
        grant->token,
        ids_bytes(&grant->fragment),
        BYTES_ARRAY(revision),
        BYTES(&kind, 1),
        bytes_text(grant->purpose),
        bytes_text(grant->recipient),
        hash_bytes(&grant->recipient_key_id),
    };
    return frame_encode("sluss grant info v1", grant->federation, fields, sizeof fields / sizeof fields[0], arena,
                        out_info);
}
