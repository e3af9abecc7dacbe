/*
 * JSON by jansson, always with JSON_REJECT_DUPLICATES and strict UTF-8, with bounds on size and depth, and RFC 6901
 * pointers for error messages. Values are reference counted as jansson says; use CLEANUP(json_cleanup).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

void json_cleanup(json_t **value);

/* One object or array, nothing after it, at most max_bytes, at most 32 levels deep. STATUS_TOO_LARGE,
 * STATUS_MALFORMED, STATUS_MEMORY (jansson says malformed for some allocations that fail). The caller owns *out
 * (json_decref). */
enum status json_read(struct bytes text, size_t max_bytes, json_t **out);

/* Compact and with sorted keys: the form that is hashed and signed. NULL when the arena is full. */
const char *json_canonical(struct arena *arena, const json_t *value);
/* Compact, keys in insertion order. */
const char *json_compact(struct arena *arena, const json_t *value);

/* Refuses members of an object that are not in the NULL-ended list: STATUS_MALFORMED. */
enum status json_only(const json_t *object, const char *const *names);

/* Required members; STATUS_MALFORMED when absent or of another type. Views live as long as the object. */
enum status json_get_text(const json_t *object, const char *name, const char **out_text);
enum status json_get_u64(const json_t *object, const char *name, uint64_t *out_value);
/* Exactly len bytes in base64url. */
enum status json_get_fixed(const json_t *object, const char *name, void *out, size_t len);
/* Absent gives NULL. */
enum status json_opt_text(const json_t *object, const char *name, const char **out_text);

/* Sets a member to base64url of bytes. */
enum status json_set_bytes(json_t *object, const char *name, struct bytes value);

#endif
