/*
 * Owns the meaning of the keywords: one row of the table for each, one small function that reads its value into the
 * node. Trusts nothing: the schema is part of the build, but a slip in it must stop the start with its place named,
 * never weaken a check in silence.
 *
 * Invariants: a keyword that is not in the table is refused; references never form a cycle; every array that
 * asks for unique items also bounds their number, so that comparing pairs stays cheap.
 */
#include "proto/schema/schema_compile.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "proto/schema/schema_path.h"

/* Largest number of items that are compared in pairs. */
#define UNIQUE_ITEMS_MAX 64
#define REF_PREFIX       "#/$defs/"

enum def_state {
    DEF_UNTOUCHED,
    DEF_IN_PROGRESS,
    DEF_DONE,
};

struct def {
    const char *name;
    const json_t *source;
    struct schema_node *node;
    enum def_state state;
};

struct compiler {
    struct schema_parts *parts;
    struct arena *fault_arena;
    struct fragment_problem *fault;
    struct def *defs;
    size_t def_count;
};

/* Where a keyword stands and what it says. */
struct place {
    const struct schema_path *path;
    const json_t *value;
};

static enum status compile_node(struct compiler *compiler, struct place place, struct schema_node **out_node);

/* Names the fault's place; the first fault is the only one. */
static enum status compile_fail(struct compiler *compiler, struct place place, enum status status, const char *text) {
    const char *pointer = schema_path_text(compiler->fault_arena, place.path);
    ENSURE(pointer, STATUS_MEMORY);
    *compiler->fault = (struct fragment_problem){pointer, text};
    return status;
}

static enum status compile_unsupported(struct compiler *compiler, struct place place, const char *text) {
    return compile_fail(compiler, place, STATUS_UNSUPPORTED, text);
}

/* -- Keywords with a plain value ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned bits;
} type_names[] = {
    {"object", SCHEMA_TYPE_OBJECT},   {"array", SCHEMA_TYPE_ARRAY},   {"string", SCHEMA_TYPE_STRING},
    {"integer", SCHEMA_TYPE_INTEGER}, {"number", SCHEMA_TYPE_NUMBER}, {"boolean", SCHEMA_TYPE_BOOLEAN},
    {"null", SCHEMA_TYPE_NULL},
};

static unsigned type_bits(const json_t *name) {
    for (size_t i = 0; json_is_string(name) && i < sizeof type_names / sizeof type_names[0]; i++)
        if (strcmp(type_names[i].name, json_string_value(name)) == 0) return type_names[i].bits;
    return 0;
}

static enum status keyword_type(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (json_is_array(place.value)) {
        for (size_t i = 0; i < json_array_size(place.value); i++) {
            unsigned bits = type_bits(json_array_get(place.value, i));
            if (!bits) return compile_unsupported(compiler, place, "is not a list of types");
            node->types |= bits;
        }
    } else {
        node->types = type_bits(place.value);
    }
    if (!node->types) return compile_unsupported(compiler, place, "is not a type");
    return STATUS_OK;
}

static enum status keyword_enum(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (!json_is_array(place.value) || json_array_size(place.value) == 0)
        return compile_unsupported(compiler, place, "is not a list with values");
    node->choices = place.value;
    return STATUS_OK;
}

static enum status keyword_const(struct compiler *compiler, struct place place, struct schema_node *node) {
    (void)compiler;
    node->constant = place.value;
    return STATUS_OK;
}

static enum status keyword_required(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (!json_is_array(place.value)) return compile_unsupported(compiler, place, "is not a list of names");
    for (size_t i = 0; i < json_array_size(place.value); i++)
        if (!json_is_string(json_array_get(place.value, i)))
            return compile_unsupported(compiler, place, "is not a list of names");
    node->required = place.value;
    return STATUS_OK;
}

static enum status closed(struct compiler *compiler, struct place place, enum schema_extras *out_extras) {
    if (!json_is_false(place.value)) return compile_unsupported(compiler, place, "may only be false");
    *out_extras = SCHEMA_EXTRAS_CLOSED;
    return STATUS_OK;
}

static enum status keyword_additional(struct compiler *compiler, struct place place, struct schema_node *node) {
    return closed(compiler, place, &node->additional);
}

static enum status keyword_unevaluated(struct compiler *compiler, struct place place, struct schema_node *node) {
    return closed(compiler, place, &node->unevaluated);
}

static enum status count(struct compiler *compiler, struct place place, size_t *out_count) {
    if (!json_is_integer(place.value) || json_integer_value(place.value) < 0)
        return compile_unsupported(compiler, place, "is not a count");
    *out_count = (size_t)json_integer_value(place.value);
    return STATUS_OK;
}

static enum status keyword_min_length(struct compiler *compiler, struct place place, struct schema_node *node) {
    return count(compiler, place, &node->min_length);
}

static enum status keyword_max_length(struct compiler *compiler, struct place place, struct schema_node *node) {
    return count(compiler, place, &node->max_length);
}

static enum status keyword_min_items(struct compiler *compiler, struct place place, struct schema_node *node) {
    return count(compiler, place, &node->min_items);
}

static enum status keyword_max_items(struct compiler *compiler, struct place place, struct schema_node *node) {
    return count(compiler, place, &node->max_items);
}

static enum status number(struct compiler *compiler, struct place place, double *out_number) {
    if (!json_is_number(place.value)) return compile_unsupported(compiler, place, "is not a number");
    *out_number = json_number_value(place.value);
    return STATUS_OK;
}

static enum status keyword_minimum(struct compiler *compiler, struct place place, struct schema_node *node) {
    return number(compiler, place, &node->minimum);
}

static enum status keyword_maximum(struct compiler *compiler, struct place place, struct schema_node *node) {
    return number(compiler, place, &node->maximum);
}

static enum status keyword_unique(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (!json_is_true(place.value)) return compile_unsupported(compiler, place, "may only be true");
    node->repeats = SCHEMA_REPEATS_REFUSED;
    return STATUS_OK;
}

static enum status keyword_format(struct compiler *compiler, struct place place, struct schema_node *node) {
    node->format =
        json_is_string(place.value) ? schema_format_find(json_string_value(place.value)) : SCHEMA_FORMAT_NONE;
    if (node->format == SCHEMA_FORMAT_NONE) return compile_unsupported(compiler, place, "is not a supported format");
    return STATUS_OK;
}

static enum status keyword_description(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (!json_is_string(place.value)) return compile_unsupported(compiler, place, "is not text");
    node->description = json_string_value(place.value);
    return STATUS_OK;
}

static enum status keyword_annotation(struct compiler *compiler, struct place place, struct schema_node *node) {
    (void)node;
    if (!json_is_string(place.value)) return compile_unsupported(compiler, place, "is not text");
    return STATUS_OK;
}

/* -- Patterns ----------------------------------------------------------------------------------------------------- */

/* What ECMA-262 and POSIX extended expressions read alike: printable ASCII, no escapes, no '.', no group modifiers,
 * no lazy or doubled quantifiers, no complemented and no named classes. glibc matches these without backtracking. */
static bool pattern_is_common(const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c < ' ' || *c > '~' || *c == '\\' || *c == '.') return false;
        if (*c == '(' && c[1] == '?') return false;
        if (*c == '[' && (c[1] == '^' || c[1] == ':' || c[1] == '.' || c[1] == '=' || c[1] == ']')) return false;
        if (strchr("*+?}", *c) && c[1] && strchr("*+?{", c[1])) return false;
    }
    return true;
}

static enum status keyword_pattern(struct compiler *compiler, struct place place, struct schema_node *node) {
    const char *text = json_string_value(place.value);
    if (!text || !pattern_is_common(text)) return compile_unsupported(compiler, place, "is not a supported pattern");
    struct schema_pattern *pattern = ARENA_NEW(compiler->parts->arena, struct schema_pattern);
    ENSURE(pattern, STATUS_MEMORY);
    int error = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB);
    ENSURE(error != REG_ESPACE, STATUS_MEMORY);
    if (error != 0) return compile_unsupported(compiler, place, "is not a supported pattern");
    pattern->text = text;
    pattern->next = compiler->parts->patterns;
    compiler->parts->patterns = pattern;
    node->pattern = pattern;
    return STATUS_OK;
}

/* -- Keywords that hold schemas ----------------------------------------------------------------------------------- */

static enum status keyword_properties(struct compiler *compiler, struct place place, struct schema_node *node) {
    if (!json_is_object(place.value)) return compile_unsupported(compiler, place, "is not an object of schemas");
    size_t size = json_object_size(place.value);
    node->properties = ARENA_ARRAY(compiler->parts->arena, struct schema_property, size);
    ENSURE(node->properties, STATUS_MEMORY);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)place.value, name, value) {
        struct schema_path frame = {place.path, name, 0};
        struct schema_property *property = &node->properties[node->property_count];
        property->name = name;
        TRY(compile_node(compiler, (struct place){&frame, value}, &property->node));
        node->property_count++;
    }
    return STATUS_OK;
}

static enum status compile_list(struct compiler *compiler, struct place place, struct schema_list *out_list) {
    size_t size = json_array_size(place.value);
    if (size == 0) return compile_unsupported(compiler, place, "is not a list of schemas");
    struct schema_list list = {ARENA_ARRAY(compiler->parts->arena, struct schema_node *, size), size};
    ENSURE(list.nodes, STATUS_MEMORY);
    for (size_t i = 0; i < size; i++) {
        struct schema_path frame = {place.path, NULL, i};
        TRY(compile_node(compiler, (struct place){&frame, json_array_get(place.value, i)}, &list.nodes[i]));
    }
    *out_list = list;
    return STATUS_OK;
}

static enum status keyword_all_of(struct compiler *compiler, struct place place, struct schema_node *node) {
    return compile_list(compiler, place, &node->all_of);
}

static enum status keyword_any_of(struct compiler *compiler, struct place place, struct schema_node *node) {
    return compile_list(compiler, place, &node->any_of);
}

static enum status keyword_if(struct compiler *compiler, struct place place, struct schema_node *node) {
    return compile_node(compiler, place, &node->condition);
}

static enum status keyword_then(struct compiler *compiler, struct place place, struct schema_node *node) {
    return compile_node(compiler, place, &node->consequence);
}

static enum status keyword_items(struct compiler *compiler, struct place place, struct schema_node *node) {
    return compile_node(compiler, place, &node->items);
}

static struct def *find_def(struct compiler *compiler, const char *name) {
    for (size_t i = 0; i < compiler->def_count; i++)
        if (strcmp(compiler->defs[i].name, name) == 0) return &compiler->defs[i];
    return NULL;
}

/* Compiles a definition once; one that is reached again while it is being compiled refers to itself. */
static enum status compile_def(struct compiler *compiler, struct place at, struct def *def) {
    if (def->state == DEF_DONE) return STATUS_OK;
    if (def->state == DEF_IN_PROGRESS) return compile_unsupported(compiler, at, "refers to itself");
    def->state = DEF_IN_PROGRESS;
    struct schema_path root = {NULL, NULL, 0};
    struct schema_path defs = {&root, "$defs", 0};
    struct schema_path frame = {&defs, def->name, 0};
    TRY(compile_node(compiler, (struct place){&frame, def->source}, &def->node));
    def->state = DEF_DONE;
    return STATUS_OK;
}

static enum status keyword_ref(struct compiler *compiler, struct place place, struct schema_node *node) {
    const char *text = json_string_value(place.value);
    struct def *def = NULL;
    if (text && strncmp(text, REF_PREFIX, strlen(REF_PREFIX)) == 0) def = find_def(compiler, text + strlen(REF_PREFIX));
    if (!def) return compile_unsupported(compiler, place, "is not a reference to a definition");
    TRY(compile_def(compiler, place, def));
    node->ref = def->node;
    return STATUS_OK;
}

/* Read before all else, see compile_defs. */
static enum status keyword_defs(struct compiler *compiler, struct place place, struct schema_node *node) {
    (void)node;
    if (place.path->parent->parent) return compile_unsupported(compiler, place, "may only stand at the root");
    return STATUS_OK;
}

/* -- The table and the walk --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum status (*read)(struct compiler *compiler, struct place place, struct schema_node *node);
} keywords[] = {
    {"$schema", keyword_annotation},
    {"$id", keyword_annotation},
    {"$comment", keyword_annotation},
    {"title", keyword_annotation},
    {"description", keyword_description},
    {"$defs", keyword_defs},
    {"$ref", keyword_ref},
    {"type", keyword_type},
    {"enum", keyword_enum},
    {"const", keyword_const},
    {"required", keyword_required},
    {"properties", keyword_properties},
    {"additionalProperties", keyword_additional},
    {"unevaluatedProperties", keyword_unevaluated},
    {"allOf", keyword_all_of},
    {"anyOf", keyword_any_of},
    {"if", keyword_if},
    {"then", keyword_then},
    {"pattern", keyword_pattern},
    {"minLength", keyword_min_length},
    {"maxLength", keyword_max_length},
    {"minimum", keyword_minimum},
    {"maximum", keyword_maximum},
    {"items", keyword_items},
    {"minItems", keyword_min_items},
    {"maxItems", keyword_max_items},
    {"uniqueItems", keyword_unique},
    {"format", keyword_format},
};

static enum status compile_keyword(struct compiler *compiler, struct place place, struct schema_node *node) {
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i].name, place.path->key) == 0) return keywords[i].read(compiler, place, node);
    return compile_unsupported(compiler, place, "is not a supported keyword");
}

static enum status check_whole(struct compiler *compiler, struct place place, const struct schema_node *node) {
    if (node->repeats == SCHEMA_REPEATS_REFUSED && node->max_items > UNIQUE_ITEMS_MAX)
        return compile_unsupported(compiler, place, "asks for unique items without a small bound on their number");
    if ((node->condition == NULL) != (node->consequence == NULL))
        return compile_unsupported(compiler, place, "has one of 'if' and 'then' without the other");
    return STATUS_OK;
}

static enum status compile_node(struct compiler *compiler, struct place place, struct schema_node **out_node) {
    if (!json_is_object(place.value)) return compile_fail(compiler, place, STATUS_MALFORMED, "is not a schema");
    struct schema_node *node = ARENA_NEW(compiler->parts->arena, struct schema_node);
    ENSURE(node, STATUS_MEMORY);
    *node =
        (struct schema_node){.max_length = SIZE_MAX, .max_items = SIZE_MAX, .minimum = -INFINITY, .maximum = INFINITY};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)place.value, name, value) {
        struct schema_path frame = {place.path, name, 0};
        TRY(compile_keyword(compiler, (struct place){&frame, value}, node));
    }
    TRY(check_whole(compiler, place, node));
    *out_node = node;
    return STATUS_OK;
}

static enum status list_defs(struct compiler *compiler, const json_t *root) {
    json_t *defs = json_object_get(root, "$defs");
    if (!defs) return STATUS_OK;
    struct schema_path top = {NULL, NULL, 0};
    struct schema_path frame = {&top, "$defs", 0};
    if (!json_is_object(defs))
        return compile_fail(compiler, (struct place){&frame, defs}, STATUS_MALFORMED, "is not an object of schemas");
    compiler->defs = ARENA_ARRAY(compiler->parts->arena, struct def, json_object_size(defs));
    ENSURE(compiler->defs, STATUS_MEMORY);
    const char *name;
    json_t *value;
    json_object_foreach(defs, name, value) {
        compiler->defs[compiler->def_count++] = (struct def){.name = name, .source = value, .state = DEF_UNTOUCHED};
    }
    return STATUS_OK;
}

/* Also those that nothing refers to: a fault in them is a fault. */
static enum status compile_defs(struct compiler *compiler) {
    for (size_t i = 0; i < compiler->def_count; i++)
        TRY(compile_def(compiler, (struct place){NULL, compiler->defs[i].source}, &compiler->defs[i]));
    return STATUS_OK;
}

enum status schema_compile(const json_t *root, struct schema_parts *parts, struct arena *fault_arena,
                           struct fragment_problem *out_fault, struct schema_node **out_root) {
    struct compiler compiler = {.parts = parts, .fault_arena = fault_arena, .fault = out_fault};
    TRY(list_defs(&compiler, root));
    TRY(compile_defs(&compiler));
    struct schema_path frame = {NULL, NULL, 0};
    return compile_node(&compiler, (struct place){&frame, root}, out_root);
}

void schema_compile_clear(struct schema_parts *parts) {
    for (struct schema_pattern *pattern = parts->patterns; pattern; pattern = pattern->next)
        regfree(&pattern->regex);
    parts->patterns = NULL;
}
