/*
 * Text forms of bytes: hex, base64url without padding (ids, keys and hashes in JSON and claims; RFC 4648 section 5),
 * standard base64 with padding (signed notes; RFC 4648 section 4). Decoders accept only the canonical form: no white
 * space, no non-zero trailing bits, padding exactly as the standard says. Constant time is not promised.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"

/* NUL-terminated text in the arena; NULL when the arena is full. */
const char *text_hex(struct arena *arena, struct bytes from);
const char *text_base64url(struct arena *arena, struct bytes from);
const char *text_base64(struct arena *arena, struct bytes from);

/* STATUS_MALFORMED when not canonical, STATUS_MEMORY when the arena is full. Upper case hex is not accepted. */
enum status text_from_hex(struct arena *arena, struct bytes text, struct bytes *out_bytes);
enum status text_from_base64url(struct arena *arena, struct bytes text, struct bytes *out_bytes);
enum status text_from_base64(struct arena *arena, struct bytes text, struct bytes *out_bytes);

/* Exactly len bytes into out, otherwise STATUS_MALFORMED. */
enum status text_fixed_base64url(struct bytes text, void *out, size_t len);
enum status text_fixed_base64(struct bytes text, void *out, size_t len);
enum status text_fixed_hex(struct bytes text, void *out, size_t len);

/* Unsigned decimal without sign, leading zeros or white space. */
enum status text_to_u64(struct bytes text, uint64_t *out_value);

#endif
