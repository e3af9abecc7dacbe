/*
 * Where a walk through JSON stands: frames on the stack, written out as a pointer (RFC 6901) only when a problem is
 * reported. Pure.
 */
#ifndef PROTO_SCHEMA_SCHEMA_PATH_H
#define PROTO_SCHEMA_SCHEMA_PATH_H

#include <stddef.h>

#include "base/arena.h"

struct schema_path {
    /* NULL at the root, whose other fields mean nothing. */
    const struct schema_path *parent;
    /* NULL: an array's item, named by its index. */
    const char *key;
    size_t index;
};

/* The pointer in the arena; NULL when the arena is full. A NULL path is the root: "". */
const char *schema_path_text(struct arena *arena, const struct schema_path *path);

#endif
