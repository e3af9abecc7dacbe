/*
 * The answer to an envelope, (docs/protocol.md section 7); its codes are in proto/reply_code.h. A Reply is not signed:
 * what matters is in receipts. Any thread.
 */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "proto/codec.h"
#include "proto/reply_code.h"

struct reply {
    uint32_t code;   /* enum reply_code */
    uint32_t clause; /* of the release rule, only where the caller may know it */
    const char *text;
    uint64_t retry_after_ms;
    struct bytes body; /* the answer of the request's type */
};

extern const struct codec reply_codec;
CODEC_DECLARE_ENCODE(reply, reply)
/* Errors of codec_parse; STATUS_MALFORMED also for a code that the list does not have. */
enum status reply_parse(struct arena *arena, struct bytes from, struct reply *out);

/* A reply for a call that ended with this status: its code, its text, and a time to wait where the code takes one. */
struct reply reply_from_status(enum status status);
#endif
