/*
 * Tables of PUBLISH, WITHDRAW, ERASE and of the answer that is only a receipt.
 */
#include "proto/msg_publish.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field publish_rows[] = {
    CODEC_ROW_BYTES(msg_publish, header, 1, LIMIT_HEADER_BYTES),
    CODEC_ROW_BYTES(msg_publish, ciphertext, LIMIT_CIPHERTEXT_MIN_BYTES, LIMIT_CIPHERTEXT_BYTES),
    CODEC_ROW_BYTES_LIST(msg_publish, grants, LIMIT_GRANT_BYTES, 0, LIMIT_GRANTS),
};
CODEC_DEFINE(msg_publish, "Publish", msg_publish, sluss__publish__descriptor, publish_rows)

static const struct codec_field withdraw_rows[] = {
    CODEC_ROW_FIXED(msg_withdraw, fragment),
};
CODEC_DEFINE(msg_withdraw, "Withdraw", msg_withdraw, sluss__withdraw__descriptor, withdraw_rows)

static const struct codec_field erase_rows[] = {
    CODEC_ROW_FIXED(msg_erase, subject),
    CODEC_ROW_TEXT(msg_erase, reason, 0, LIMIT_REASON_BYTES),
};
CODEC_DEFINE(msg_erase, "Erase", msg_erase, sluss__erase__descriptor, erase_rows)

static const struct codec_field receipted_rows[] = {
    CODEC_ROW_BYTES(msg_receipted, receipt, 1, LIMIT_RECEIPT_BYTES),
};
CODEC_DEFINE(msg_receipted, "Receipted", msg_receipted, sluss__receipted__descriptor, receipted_rows)
