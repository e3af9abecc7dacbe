/*
 * A stream of nng's framing, cut by its first byte: in whatever pieces it comes, the same units and the same verdict.
 * Guards P11.
 */
#include <stdlib.h>

#include "proto/sp.h"

struct outcome {
    uint64_t frames;
    size_t consumed;
    enum status status;
};

enum { MAX = 1 << 16 };

static struct outcome follow(struct bytes stream, size_t piece) {
    struct sp_scan scan = sp_scan_init(SP_PROTOCOL_REQ, MAX);
    struct outcome outcome = {.status = STATUS_OK};
    size_t known = 0;
    for (;;) {
        size_t need = sp_scan_need(&scan);
        size_t waiting = known - outcome.consumed;
        if (waiting == 0 || waiting < need) {
            if (known == stream.len) break;
            known = stream.len - known < piece ? stream.len : known + piece;
            continue;
        }
        if (need > 0) {
            size_t unit = 0;
            outcome.status = sp_scan_peek(&scan, BYTES(stream.data + outcome.consumed, need), &unit);
            if (outcome.status != STATUS_OK) break;
            if (unit > MAX + SP_HEAD_BYTES) abort();
            sp_scan_enter(&scan, unit);
        }
        size_t count = waiting < scan.left_bytes ? waiting : scan.left_bytes;
        (void)sp_scan_pass(&scan, count);
        outcome.consumed += count;
    }
    outcome.frames = scan.frame_count;
    return outcome;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    if (size == 0) return 0;
    struct bytes stream = BYTES(data + 1, size - 1);
    struct outcome whole = follow(stream, stream.len + 1);
    struct outcome pieces = follow(stream, (size_t)data[0] + 1);
    if (whole.frames != pieces.frames || whole.consumed != pieces.consumed || whole.status != pieces.status) abort();
    return 0;
}
