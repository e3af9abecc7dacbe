/*
 * What link, gate and core say to each other before the first message of nng passes.
 *
 *   hello          link -> gate, first bytes in the TLS connection: which protocol versions, which instance
 *   preface        gate -> core, first request on the pipe that the gate opens: the hello, and who the peer is
 *   preface answer core -> gate: the verdict
 *   hello answer   gate -> link: the same verdict, also when admitted; nng's bytes follow only then
 *
 * Layouts (integers big-endian; docs/protocol.md, "Link"):
 *   hello           "SLUS", u16 lowest, u16 highest version, instance id 16, u64 key-store epoch            32 bytes
 *   hello answer    "SLUA", u8 verdict, u32 retry after (ms)                                                 9 bytes
 *   preface         u8 1, 'P', certificate SHA-256 32, u8 length and text of the peer's address,
 *                   u16 lowest, u16 highest version, instance id 16, u64 key-store epoch                at most 127
 *   preface answer  u8 1, u8 verdict, u32 retry after (ms)                                                   6 bytes
 *
 * Strict: other lengths, other values, trailing bytes are STATUS_MALFORMED, another layout version is STATUS_VERSION.
 * Core takes a preface only as the first request of a pipe: later ones come from the peer, not from the gate. Pure;
 * any thread.
 */
#ifndef PROTO_PREFACE_H
#define PROTO_PREFACE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    PREFACE_INSTANCE_BYTES = 16,
    PREFACE_FINGERPRINT_BYTES = 32,
    PREFACE_ADDRESS_MAX_BYTES = 64,
    PREFACE_HELLO_BYTES = 32,
    PREFACE_HELLO_ANSWER_BYTES = 9,
    PREFACE_ANSWER_BYTES = 6,
    PREFACE_MAX_BYTES =
        1 + 1 + PREFACE_FINGERPRINT_BYTES + 1 + PREFACE_ADDRESS_MAX_BYTES + 2 + 2 + PREFACE_INSTANCE_BYTES + 8,
    /* Request id of the preface in nng's REQ framing; the peer's own ids are answered on the same pipe later. */
    PREFACE_REQUEST_ID_BYTES = 4,
};
#define PREFACE_REQUEST_ID 0x80000001u

enum preface_verdict {
    PREFACE_ADMITTED,
    PREFACE_UNKNOWN_CERTIFICATE,
    PREFACE_REMOVED,
    PREFACE_OLDER_INSTANCE,
    PREFACE_TOO_MANY,
    PREFACE_PROTOCOL_VERSION,
    PREFACE_NOT_NOW, /* core cannot be reached; made by the gate itself */
    PREFACE_VERDICT_COUNT,
};

/* Lower-case name for logs, e.g. "older_instance". */
const char *preface_verdict_name(enum preface_verdict verdict);

/* What an agent says of itself. 1 <= lowest <= highest. Of two instances of one member, the one with the higher epoch
 * of its key store, then the newer, wins. */
struct preface_hello {
    uint16_t lowest_version;
    uint16_t highest_version;
    uint8_t instance[PREFACE_INSTANCE_BYTES];
    uint64_t epoch;
};

struct preface_answer {
    enum preface_verdict verdict;
    uint32_t retry_after_ms;
};

struct preface {
    uint8_t fingerprint[PREFACE_FINGERPRINT_BYTES]; /* SHA-256 of the link certificate's DER */
    char address[PREFACE_ADDRESS_MAX_BYTES + 1];    /* the peer's, as text, 1 to 64 bytes of UTF-8 */
    struct preface_hello hello;
};

void preface_hello_encode(const struct preface_hello *hello, uint8_t out_bytes[static PREFACE_HELLO_BYTES]);
enum status preface_hello_parse(struct bytes from, struct preface_hello *out_hello);

void preface_hello_answer_encode(struct preface_answer answer, uint8_t out_bytes[static PREFACE_HELLO_ANSWER_BYTES]);
enum status preface_hello_answer_parse(struct bytes from, struct preface_answer *out_answer);

/* Into `memory` of at least PREFACE_MAX_BYTES; out_written is a view of it. STATUS_INVALID for a preface that
 * preface_parse would not take. */
enum status preface_encode(const struct preface *preface, void *memory, struct bytes *out_written);
enum status preface_parse(struct bytes from, struct preface *out_preface);

void preface_answer_encode(struct preface_answer answer, uint8_t out_bytes[static PREFACE_ANSWER_BYTES]);
enum status preface_answer_parse(struct bytes from, struct preface_answer *out_answer);

#endif
