/*
 * From a schema's JSON to its nodes. Internal to the fragment schema; callers use proto/fragment_schema.h.
 */
#ifndef PROTO_SCHEMA_SCHEMA_COMPILE_H
#define PROTO_SCHEMA_SCHEMA_COMPILE_H

#include <jansson.h>

#include "proto/fragment_schema.h"
#include "proto/schema/schema_node.h"

/* What a compilation makes besides the root node. Lives as long as the nodes. */
struct schema_parts {
    /* Holds the nodes. */
    struct arena *arena;
    struct schema_pattern *patterns;
};

/* Compiles root, which must outlive the nodes. On STATUS_UNSUPPORTED and STATUS_MALFORMED *out_fault says where in
 * the schema and why, allocated in fault_arena. Patterns made so far hang on parts in any case. */
enum status schema_compile(const json_t *root, struct schema_parts *parts, struct arena *fault_arena,
                           struct fragment_problem *out_fault, struct schema_node **out_root);

/* Frees the patterns' regular expressions. */
void schema_compile_clear(struct schema_parts *parts);

#endif
