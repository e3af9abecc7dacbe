/*
 * The compiled form of a JSON Schema: one node for each subschema, made by schema_compile.c, walked by
 * schema_check.c. Nodes live in the schema's own arena; JSON values are borrowed from the parsed schema, which lives
 * as long. Immutable once compiled.
 */
#ifndef PROTO_SCHEMA_SCHEMA_NODE_H
#define PROTO_SCHEMA_SCHEMA_NODE_H

#include <jansson.h>
#include <regex.h>
#include <stddef.h>

#include "proto/schema/schema_format.h"

/* Bits of schema_node.types. */
enum schema_type {
    SCHEMA_TYPE_OBJECT = 1,
    SCHEMA_TYPE_ARRAY = 2,
    SCHEMA_TYPE_STRING = 4,
    SCHEMA_TYPE_INTEGER = 8,
    SCHEMA_TYPE_NUMBER = 16,
    SCHEMA_TYPE_BOOLEAN = 32,
    SCHEMA_TYPE_NULL = 64,
};

/* What becomes of members that a keyword does not cover. */
enum schema_extras {
    SCHEMA_EXTRAS_OPEN,
    SCHEMA_EXTRAS_CLOSED,
};

enum schema_repeats {
    SCHEMA_REPEATS_ALLOWED,
    SCHEMA_REPEATS_REFUSED,
};

struct schema_node;

struct schema_property {
    const char *name;
    struct schema_node *node;
};

struct schema_list {
    struct schema_node **nodes;
    size_t count;
};

/* Owned by the schema, freed with regfree. */
struct schema_pattern {
    struct schema_pattern *next;
    const char *text;
    regex_t regex;
};

struct schema_node {
    /* 0: any type. */
    unsigned types;
    const json_t *constant;
    const json_t *choices;
    const json_t *required;
    struct schema_property *properties;
    size_t property_count;
    enum schema_extras additional;
    enum schema_extras unevaluated;
    const struct schema_node *ref;
    struct schema_list all_of;
    struct schema_list any_of;
    struct schema_node *condition;
    struct schema_node *consequence;
    struct schema_pattern *pattern;
    enum schema_format format;
    /* Code points and items; SIZE_MAX is no upper bound. */
    size_t min_length;
    size_t max_length;
    size_t min_items;
    size_t max_items;
    double minimum;
    double maximum;
    struct schema_node *items;
    enum schema_repeats repeats;
    /* Completes "must be ..."; NULL when the schema says nothing. */
    const char *description;
};

#endif
