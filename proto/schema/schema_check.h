/*
 * Walks content along compiled nodes. Internal to the fragment schema; callers use proto/fragment_schema.h.
 */
#ifndef PROTO_SCHEMA_SCHEMA_CHECK_H
#define PROTO_SCHEMA_SCHEMA_CHECK_H

#include <jansson.h>

#include "proto/fragment_schema.h"
#include "proto/schema/schema_node.h"

/* As fragment_schema_check. */
enum status schema_check(const struct schema_node *root, const json_t *content, struct arena *arena,
                         struct fragment_problems *out_problems);

#endif
