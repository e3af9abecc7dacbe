/*
 * Identifiers: 16-byte ids, and the forms of federation, member, unit and code names (docs/protocol.md section 2).
 * Any thread.
 */
#ifndef PROTO_IDS_H
#define PROTO_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

#define IDS_ID16_BYTES 16

/* A fragment, request, consent, token, agreement, enrolment, message or event. */
struct id16 {
    uint8_t b[IDS_ID16_BYTES];
};

/* 16 bytes from the system's generator. */
struct id16 ids_random(void);
/* A view of the 16 bytes; valid as long as the id. */
struct bytes ids_bytes(const struct id16 *id);
bool ids_equal(const struct id16 *a, const struct id16 *b);
bool ids_is_zero(const struct id16 *id);
/* Exactly 16 bytes, otherwise STATUS_MALFORMED. */
enum status ids_from_bytes(struct bytes from, struct id16 *out_id);
/* Text form: 22 characters of base64url. NULL when the arena is full. */
const char *ids_text(struct arena *arena, const struct id16 *id);
/* From the text form; STATUS_MALFORMED unless canonical. */
enum status ids_from_text(struct bytes text, struct id16 *out_id);

/* Labels of [a-z0-9-] with dots between, at most 253 bytes. */
bool ids_is_federation(struct bytes text);
/* "0007:" and 10 digits, or "0192:" and 9 digits. */
bool ids_is_member(struct bytes text);
/* A member, "/" and [a-z0-9-]{1,32}. */
bool ids_is_unit(struct bytes text);
/* [a-z0-9_]{1,40}: code of a purpose. */
bool ids_is_code(struct bytes text);

/* The part of a unit before the slash; all of it where there is no slash. A view of the text. */
struct bytes ids_member_of(const char *unit);
/* The same as a string in the arena; NULL when it is full. */
const char *ids_member_text(struct arena *arena, const char *unit);
/* Whether unit is of the form of a unit and belongs to this member. */
bool ids_unit_belongs(const char *unit, const char *member);

#endif
