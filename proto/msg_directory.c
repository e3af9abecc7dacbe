/*
 * Tables of CHECKPOINT, COSIGN and DIRECTORY.
 */
#include "proto/msg_directory.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field checkpoint_ask_rows[] = {
    CODEC_ROW_U64(msg_checkpoint_ask, have, 0, UINT64_MAX),
    CODEC_ROW_BOOL(msg_checkpoint_ask, cosigned),
};
CODEC_DEFINE(msg_checkpoint_ask, "CheckpointAsk", msg_checkpoint_ask, sluss__checkpoint_ask__descriptor,
             checkpoint_ask_rows)

static const struct codec_field checkpoint_answer_rows[] = {
    CODEC_ROW_BYTES(msg_checkpoint_answer, checkpoint, 1, LIMIT_CHECKPOINT_BYTES),
    CODEC_ROW_FIXED_LIST(msg_checkpoint_answer, consistency, struct hash, 0, LIMIT_PROOF_HASHES),
};
CODEC_DEFINE(msg_checkpoint_answer, "CheckpointAnswer", msg_checkpoint_answer, sluss__checkpoint_answer__descriptor,
             checkpoint_answer_rows)

static const struct codec_field cosign_rows[] = {
    CODEC_ROW_BYTES(msg_cosign, cosigned, 1, LIMIT_CHECKPOINT_BYTES),
};
CODEC_DEFINE(msg_cosign, "Cosign", msg_cosign, sluss__cosign__descriptor, cosign_rows)

static const struct codec_field directory_ask_rows[] = {
    CODEC_ROW_U64(msg_directory_ask, after, 0, UINT64_MAX),
    CODEC_ROW_U32(msg_directory_ask, most, 1, LIMIT_ITEMS),
};
CODEC_DEFINE(msg_directory_ask, "DirectoryAsk", msg_directory_ask, sluss__directory_ask__descriptor, directory_ask_rows)

static const struct codec_field directory_answer_rows[] = {
    CODEC_ROW_BYTES_LIST(msg_directory_answer, entries, LIMIT_MULTI_SIGNED_BYTES, 0, LIMIT_ITEMS),
    CODEC_ROW_BYTES_LIST(msg_directory_answer, receipts, LIMIT_RECEIPT_BYTES, 0, LIMIT_ITEMS),
    CODEC_ROW_BYTES(msg_directory_answer, head, 1, LIMIT_STATE_BYTES),
};
CODEC_DEFINE(msg_directory_answer, "DirectoryAnswer", msg_directory_answer, sluss__directory_answer__descriptor,
             directory_answer_rows)
