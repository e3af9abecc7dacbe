/*
 * Tables of what keyd signs with the status key.
 */
#include "proto/state_statement.h"

#include "object.pb-c.h"
#include "proto/codec_table.h"

static const struct codec_field state_rows[] = {
    CODEC_ROW_VERSION(state_statement),
    CODEC_ROW_FEDERATION(state_statement),
    CODEC_ROW_FIXED(state_statement, token),
    CODEC_ROW_ENUM(state_statement, state, enum consent_state, CONSENT_STATE_LAST),
    CODEC_ROW_U64(state_statement, tree_size, 0, UINT64_MAX),
    CODEC_ROW_U64(state_statement, time_ms, 1, LIMIT_TIME_MS),
};
CODEC_DEFINE(state_statement, "StateStatement", state_statement, sluss__state_statement__descriptor, state_rows)

static const struct codec_field head_rows[] = {
    CODEC_ROW_VERSION(directory_head),
    CODEC_ROW_FEDERATION(directory_head),
    CODEC_ROW_U64(directory_head, sequence, 1, UINT64_MAX),
    CODEC_ROW_FIXED(directory_head, head),
    CODEC_ROW_U64(directory_head, time_ms, 1, LIMIT_TIME_MS),
};
CODEC_DEFINE(state_statement_head, "DirectoryHead", directory_head, sluss__directory_head__descriptor, head_rows)
