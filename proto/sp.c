/*
 * nng's ipc framing. Trusts nothing of the bytes; lengths are compared before they are used, so no sum can overflow.
 */
#include "proto/sp.h"

#include <assert.h>
#include <string.h>

enum { SP_TYPE_MESSAGE = 1 };

void sp_header_encode(uint16_t protocol, uint8_t out_header[static SP_HEADER_BYTES]) {
    const uint8_t header[SP_HEADER_BYTES] = {0, 'S', 'P', 0, (uint8_t)(protocol >> 8), (uint8_t)protocol, 0, 0};
    memcpy(out_header, header, sizeof header);
}

enum status sp_header_check(struct bytes header, uint16_t protocol) {
    uint8_t expected[SP_HEADER_BYTES];
    sp_header_encode(protocol, expected);
    ENSURE(bytes_equal(header, BYTES_ARRAY(expected)), STATUS_MALFORMED);
    return STATUS_OK;
}

void sp_head_encode(uint64_t payload_bytes, uint8_t out_head[static SP_HEAD_BYTES]) {
    out_head[0] = SP_TYPE_MESSAGE;
    for (unsigned i = 0; i < 8; i++) {
        out_head[1 + i] = (uint8_t)(payload_bytes >> (56 - 8 * i));
    }
}

enum status sp_head_parse(struct bytes head, size_t max_bytes, size_t *out_payload_bytes) {
    struct reader reader = reader_init(head);
    uint8_t type = reader_u8(&reader);
    uint64_t len = reader_u64(&reader);
    TRY(reader_end(&reader));
    ENSURE(type == SP_TYPE_MESSAGE, STATUS_MALFORMED);
    ENSURE(len <= max_bytes, STATUS_TOO_LARGE);
    *out_payload_bytes = (size_t)len;
    return STATUS_OK;
}

struct sp_scan sp_scan_init(uint16_t protocol, size_t max_bytes) {
    return (struct sp_scan){.phase = SP_PHASE_HEADER, .protocol = protocol, .max_bytes = max_bytes};
}

struct sp_scan sp_scan_init_frames(size_t max_bytes) {
    return (struct sp_scan){.phase = SP_PHASE_HEAD, .max_bytes = max_bytes};
}

size_t sp_scan_need(const struct sp_scan *scan) {
    switch (scan->phase) {
    case SP_PHASE_HEADER:
        return SP_HEADER_BYTES;
    case SP_PHASE_HEAD:
        return SP_HEAD_BYTES;
    case SP_PHASE_BODY:
        break;
    }
    return 0;
}

enum status sp_scan_peek(const struct sp_scan *scan, struct bytes first, size_t *out_unit_bytes) {
    size_t payload = 0;
    if (scan->phase == SP_PHASE_HEADER) {
        TRY(sp_header_check(first, scan->protocol));
        *out_unit_bytes = SP_HEADER_BYTES;
        return STATUS_OK;
    }
    TRY(sp_head_parse(first, scan->max_bytes, &payload));
    *out_unit_bytes = SP_HEAD_BYTES + payload;
    return STATUS_OK;
}

void sp_scan_enter(struct sp_scan *scan, size_t unit_bytes) {
    assert(scan->phase != SP_PHASE_BODY && unit_bytes > 0);
    scan->unit_is_frame = scan->phase == SP_PHASE_HEAD;
    scan->phase = SP_PHASE_BODY;
    scan->left_bytes = unit_bytes;
}

bool sp_scan_pass(struct sp_scan *scan, size_t count) {
    assert(scan->phase == SP_PHASE_BODY && count <= scan->left_bytes);
    scan->left_bytes -= count;
    if (scan->left_bytes > 0) return false;
    scan->phase = SP_PHASE_HEAD;
    if (scan->unit_is_frame) scan->frame_count++;
    return true;
}
