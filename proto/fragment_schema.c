/*
 * Owns a compiled schema: its JSON, its nodes and its regular expressions, freed together. The schema's text comes
 * from the build (proto/schema/embed.cmake) and stands in no other file.
 */
#include "proto/fragment_schema.h"

#include <stdlib.h>

#include "base/json.h"
#include "proto/schema/schema_check.h"
#include "proto/schema/schema_compile.h"

#define SCHEMA_MAX_BYTES (256u << 10)
/* Nodes of a few hundred bytes each; the shipped schema has some 300. */
#define NODES_MAX_BYTES (4u << 20)
#define FAULT_MAX_BYTES (64u << 10)

/* Made by the build from proto/schema/fragment.schema.json. */
extern const unsigned char fragment_schema_text[];
extern const size_t fragment_schema_text_len;

struct fragment_schema {
    json_t *json;
    struct schema_parts parts;
    struct schema_node *root;
};

struct bytes fragment_schema_source(void) {
    return BYTES(fragment_schema_text, fragment_schema_text_len);
}

void fragment_schema_free(struct fragment_schema *schema) {
    if (!schema) return;
    schema_compile_clear(&schema->parts);
    arena_free(schema->parts.arena);
    json_decref(schema->json);
    free(schema);
}

enum status fragment_schema_compile(struct bytes text, struct arena *arena, struct fragment_problem *out_fault,
                                    struct fragment_schema **out_schema) {
    struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = calloc(1, sizeof *schema);
    ENSURE(schema, STATUS_MEMORY);
    schema->parts.arena = arena_new(NODES_MAX_BYTES);
    ENSURE(schema->parts.arena, STATUS_MEMORY);
    enum status status = json_read(text, SCHEMA_MAX_BYTES, &schema->json);
    if (status == STATUS_MALFORMED) *out_fault = (struct fragment_problem){"", "is not JSON"};
    TRY(status);
    TRY(schema_compile(schema->json, &schema->parts, arena, out_fault, &schema->root));
    *out_schema = MOVE(schema);
    return STATUS_OK;
}

enum status fragment_schema_load(struct fragment_schema **out_schema) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(FAULT_MAX_BYTES);
    ENSURE(arena, STATUS_MEMORY);
    struct fragment_problem fault;
    return fragment_schema_compile(fragment_schema_source(), arena, &fault, out_schema);
}

enum status fragment_schema_check(const struct fragment_schema *schema, const json_t *content, struct arena *arena,
                                  struct fragment_problems *out_problems) {
    return schema_check(schema->root, content, arena, out_problems);
}
