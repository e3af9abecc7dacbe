/*
 * Validation of a plan fragment's content against the one schema file (proto/schema/fragment.schema.json), which the
 * binary carries and compiles once at start. No rule of the schema stands in C a second time.
 *
 * Supported of JSON Schema 2020-12 (Core and Validation drafts of 2022-06): type, enum, const, required, properties,
 * additionalProperties (false), unevaluatedProperties (false), allOf, anyOf, if/then, $ref to #/$defs/NAME, pattern,
 * minLength and maxLength in code points, minimum, maximum, items, minItems, maxItems, uniqueItems, format (date,
 * date-time, email, uri; asserted). $schema, $id, $comment, title and description are annotations; the
 * description beside a pattern or an anyOf completes the sentence "must be ..." of an error. Any other keyword stops
 * the start. Not supported on purpose: recursive references, so that the depth of a check is bounded by the schema;
 * boolean schemas.
 *
 * A compiled schema is immutable: any thread may check with it, each with its own arena.
 */
#ifndef PROTO_FRAGMENT_SCHEMA_H
#define PROTO_FRAGMENT_SCHEMA_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

/* One answer names at most this many problems: enough to mend a form, too few to cost much. */
#define FRAGMENT_PROBLEMS_MAX 16

struct fragment_schema;

/* What is wrong and where. Neither field ever repeats a value of the content, which may be personal data; a member
 * that the schema does not know is named only when it looks like a programmer's name (letters, '_', '-', '$'; at most
 * 40), otherwise the pointer ends at the object that holds it. */
struct fragment_problem {
    /* RFC 6901; "" is the whole content. */
    const char *pointer;
    /* A predicate in English, e.g. "is required". */
    const char *text;
};

struct fragment_problems {
    struct fragment_problem items[FRAGMENT_PROBLEMS_MAX];
    size_t count;
};

/* Compiles the schema that the binary carries. A failure is a fault of the build: STATUS_UNSUPPORTED (a keyword or
 * form outside the subset), STATUS_MALFORMED, STATUS_MEMORY. The caller owns *out_schema. */
enum status fragment_schema_load(struct fragment_schema **out_schema);

/* As fragment_schema_load for any schema text of at most 256 KiB. With STATUS_UNSUPPORTED and STATUS_MALFORMED
 * *out_fault says where and why, allocated in the arena; otherwise it is untouched. */
enum status fragment_schema_compile(struct bytes text, struct arena *arena, struct fragment_problem *out_fault,
                                    struct fragment_schema **out_schema);

/* Takes NULL. */
void fragment_schema_free(struct fragment_schema *schema);
CLEANUP_POINTER(struct fragment_schema, fragment_schema_free)

/* STATUS_OK when the content is valid; STATUS_INVALID with 1 to FRAGMENT_PROBLEMS_MAX problems in *out_problems, in
 * the order of the schema, their texts in the arena; STATUS_MEMORY when the arena is full. Time is linear in the size
 * of the content. */
enum status fragment_schema_check(const struct fragment_schema *schema, const json_t *content, struct arena *arena,
                                  struct fragment_problems *out_problems);

/* The exact bytes of the schema file, to be served and shown. */
struct bytes fragment_schema_source(void);

#endif
