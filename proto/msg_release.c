/*
 * Tables of RELEASE, FETCH and UPLOAD_GRANTS with their answers.
 */
#include "proto/msg_release.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field release_rows[] = {
    CODEC_ROW_FIXED(msg_release, token),
    CODEC_ROW_NAME(msg_release, purpose, LIMIT_CODE_BYTES, ids_is_code),
    CODEC_ROW_KINDS(msg_release, kinds, CODEC_ASCENDING, 1),
    CODEC_ROW_ABSENT_OR(msg_release, fragment, IDS_ID16_BYTES),
    CODEC_ROW_BYTES(msg_release, cursor, 0, LIMIT_CURSOR_BYTES),
    CODEC_ROW_U32(msg_release, most, 1, LIMIT_ITEMS),
};
CODEC_DEFINE(msg_release, "Release", msg_release, sluss__release__descriptor, release_rows)

extern const struct codec msg_released_item_codec;
static const struct codec_field item_rows[] = {
    CODEC_ROW_BYTES(msg_released_item, header, 1, LIMIT_HEADER_BYTES),
    CODEC_ROW_BYTES(msg_released_item, grant, 0, LIMIT_GRANT_BYTES),
    CODEC_ROW_BYTES(msg_released_item, ciphertext, 0, LIMIT_INLINE_BYTES),
};
CODEC_DEFINE(msg_released_item, "ReleasedItem", msg_released_item, sluss__released_item__descriptor, item_rows)

static const struct codec_field released_rows[] = {
    CODEC_ROW_BYTES(msg_released, receipt, 1, LIMIT_RECEIPT_BYTES),
    CODEC_ROW_MESSAGES(msg_released, items, msg_released_item, msg_released_item_codec, 0, LIMIT_ITEMS),
    CODEC_ROW_BYTES(msg_released, cursor, 0, LIMIT_CURSOR_BYTES),
};
CODEC_DEFINE(msg_released, "Released", msg_released, sluss__released__descriptor, released_rows)

static const struct codec_field fetch_rows[] = {
    CODEC_ROW_FIXED(msg_fetch, event),
    CODEC_ROW_FIXED(msg_fetch, fragment),
    CODEC_ROW_U64(msg_fetch, offset, 0, LIMIT_CIPHERTEXT_BYTES),
    CODEC_ROW_U32(msg_fetch, length, 1, LIMIT_FETCH_BYTES),
};
CODEC_DEFINE(msg_fetch, "Fetch", msg_fetch, sluss__fetch__descriptor, fetch_rows)

static const struct codec_field fetched_rows[] = {
    CODEC_ROW_BYTES(msg_fetched, ciphertext, 0, LIMIT_FETCH_BYTES),
    CODEC_ROW_BYTES(msg_fetched, grant, 0, LIMIT_GRANT_BYTES),
};
CODEC_DEFINE(msg_fetched, "Fetched", msg_fetched, sluss__fetched__descriptor, fetched_rows)

static const struct codec_field upload_rows[] = {
    CODEC_ROW_BYTES_LIST(msg_upload_grants, grants, LIMIT_GRANT_BYTES, 1, LIMIT_GRANTS),
};
CODEC_DEFINE(msg_upload_grants, "UploadGrants", msg_upload_grants, sluss__upload_grants__descriptor, upload_rows)

static const struct codec_field uploaded_rows[] = {
    CODEC_ROW_BYTES(msg_uploaded_grants, receipt, 0, LIMIT_RECEIPT_BYTES),
    CODEC_ROW_U32_LIST(msg_uploaded_grants, clauses, CODEC_ANY_ORDER, 0, LIMIT_CLAUSE, 0, LIMIT_GRANTS),
};
CODEC_DEFINE(msg_uploaded_grants, "UploadedGrants", msg_uploaded_grants, sluss__uploaded_grants__descriptor,
             uploaded_rows)
