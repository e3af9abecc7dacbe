/*
 * nng's framing on an ipc connection, as far as a splicer must know it: nothing of the messages inside.
 *
 * Each side first sends the 8-byte SP header 00 53 50 00 PP PP 00 00 (PP PP = protocol, big-endian; REQ 0x30, REP
 * 0x31), then frames: 01, u64 big-endian length, payload. A REQ or REP payload begins with a u32 request id with its
 * top bit set. Source: nng 1.5 ipc transport (nng_ipc(7)) and the SP mappings it follows; docs/protocol.md, "Link".
 *
 * A unit is the SP header or one whole frame, head included. struct sp_scan follows a stream of units: look at the
 * first bytes that wait (sp_scan_peek), decide, enter the unit, pass its bytes in pieces. Pure; any thread.
 */
#ifndef PROTO_SP_H
#define PROTO_SP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_HEADER_BYTES = 8,
    SP_HEAD_BYTES = 9,
    SP_PROTOCOL_REQ = 0x30,
    SP_PROTOCOL_REP = 0x31,
    /* A request of 1 MiB of ciphertext with its envelope fits; nng's RECVMAXSZ is the same at both ends. */
    SP_FRAME_MAX_BYTES = 2 << 20,
};

/* The eight bytes that a side with this protocol sends first. */
void sp_header_encode(uint16_t protocol, uint8_t out_header[static SP_HEADER_BYTES]);

/* STATUS_MALFORMED unless `header` is exactly an SP header of this protocol. */
enum status sp_header_check(struct bytes header, uint16_t protocol);

/* The head of a frame whose payload has payload_bytes. */
void sp_head_encode(uint64_t payload_bytes, uint8_t out_head[static SP_HEAD_BYTES]);

/* Length of the payload that a head announces. STATUS_MALFORMED for a wrong length of `head` or another message type,
 * STATUS_TOO_LARGE above max_bytes. */
enum status sp_head_parse(struct bytes head, size_t max_bytes, size_t *out_payload_bytes);

enum sp_phase { SP_PHASE_HEADER, SP_PHASE_HEAD, SP_PHASE_BODY };

struct sp_scan {
    enum sp_phase phase;
    uint16_t protocol;    /* that the SP header must name */
    size_t max_bytes;     /* of one payload */
    size_t left_bytes;    /* of the unit entered; more than 0 exactly while it is not passed completely */
    bool unit_is_frame;   /* of the unit entered last */
    uint64_t frame_count; /* passed completely */
};

/* At the start of a connection, where the SP header comes first. */
struct sp_scan sp_scan_init(uint16_t protocol, size_t max_bytes);

/* After an SP header that was read elsewhere. */
struct sp_scan sp_scan_init_frames(size_t max_bytes);

/* Bytes that must wait before the next unit can be judged; 0 inside a unit. */
size_t sp_scan_need(const struct sp_scan *scan);

/* Whole size of the next unit, judged by its first sp_scan_need() bytes, which `first` holds exactly. Changes
 * nothing. Errors of sp_header_check and sp_head_parse. */
enum status sp_scan_peek(const struct sp_scan *scan, struct bytes first, size_t *out_unit_bytes);

/* Begins the unit that sp_scan_peek judged. Not inside a unit. */
void sp_scan_enter(struct sp_scan *scan, size_t unit_bytes);

/* Counts bytes of the unit as passed, at most left_bytes; true when that was its end. */
bool sp_scan_pass(struct sp_scan *scan, size_t count);

#endif
