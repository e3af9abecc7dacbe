/*
 * Replies: the table, and what a status becomes in an answer.
 */
#include "proto/reply.h"

#include "message.pb-c.h"
#include "proto/codec_table.h"

/* How long a caller is asked to wait by a code that says so. */
#define REPLY_WAIT_MS 1000

static const struct codec_field reply_rows[] = {
    CODEC_ROW_U32(reply, code, 0, REPLY_INTEGRITY),
    CODEC_ROW_U32(reply, clause, 0, LIMIT_CLAUSE),
    CODEC_ROW_TEXT(reply, text, 0, LIMIT_REPLY_TEXT_BYTES),
    CODEC_ROW_U64(reply, retry_after_ms, 0, LIMIT_RETRY_AFTER_MS),
    CODEC_ROW_BYTES(reply, body, 0, LIMIT_REPLY_BODY_BYTES),
};
CODEC_DEFINE(reply, "Reply", reply, sluss__reply__descriptor, reply_rows)

enum status reply_parse(struct arena *arena, struct bytes from, struct reply *out) {
    struct reply reply = {0};
    TRY(codec_parse(&reply_codec, arena, NULL, from, &reply));
    enum reply_code code = (enum reply_code)reply.code;
    ENSURE(code == REPLY_MALFORMED || reply_code_status(code) != STATUS_MALFORMED, STATUS_MALFORMED);
    *out = reply;
    return STATUS_OK;
}

static bool reply_waits(enum reply_code code) {
    return code == REPLY_TRY_LATER || code == REPLY_LIMIT || code == REPLY_TIMEOUT || code == REPLY_UNAVAILABLE;
}

struct reply reply_from_status(enum status status) {
    enum reply_code code = reply_code_of(status);
    bool local = status_class(status) == CLASS_LOCAL || status_class(status) == CLASS_INTEGRITY;
    return (struct reply){
        .code = code,
        .text = status == STATUS_OK ? ""
                : local             ? "the broker cannot answer now"
                                    : status_text(status),
        .retry_after_ms = reply_waits(code) ? REPLY_WAIT_MS : 0,
    };
}
