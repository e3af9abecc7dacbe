/*
 * Owns the evaluation of compiled nodes against content, and the wording of problems. Trusts the nodes; nothing about
 * the content but that jansson parsed it (valid UTF-8, no NUL in text, bounded depth).
 *
 * Invariants: a problem's text is made of the schema's own words only, and its pointer of member names that the
 * schema knows or that look harmless: what a person wrote is never repeated. Work stops at the last problem that
 * fits. The depth of recursion is bounded by the schema.
 */
#include "proto/schema/schema_check.h"

#include <string.h>

#include "base/json.h"
#include "proto/schema/schema_path.h"

/* Longest name of an unknown member that is repeated in a pointer. */
#define SHOWN_NAME_MAX_BYTES 40

struct check {
    struct arena *arena;
    /* NULL: only the verdict is asked for. */
    struct fragment_problems *problems;
    /* STATUS_MEMORY once a text did not fit. */
    enum status status;
};

static bool check_node(struct check *check, const struct schema_node *node, const json_t *value,
                       const struct schema_path *path);

static bool quietly(const struct schema_node *node, const json_t *value) {
    struct check quiet = {NULL, NULL, STATUS_OK};
    struct schema_path root = {NULL, NULL, 0};
    return check_node(&quiet, node, value, &root);
}

/* True when no further problem can be taken, so that looking for more is idle. */
static bool check_is_full(const struct check *check) {
    return check->status != STATUS_OK || !check->problems || check->problems->count == FRAGMENT_PROBLEMS_MAX;
}

/* -- Problems ----------------------------------------------------------------------------------------------------- */

static bool is_reported(const struct fragment_problems *problems, const char *pointer, const char *text) {
    for (size_t i = 0; i < problems->count; i++)
        if (strcmp(problems->items[i].pointer, pointer) == 0 && strcmp(problems->items[i].text, text) == 0) return true;
    return false;
}

static void report_text(struct check *check, const struct schema_path *path, const char *text) {
    const char *pointer = schema_path_text(check->arena, path);
    if (!pointer || !text) {
        check->status = STATUS_MEMORY;
    } else if (!is_reported(check->problems, pointer, text)) {
        check->problems->items[check->problems->count++] = (struct fragment_problem){pointer, text};
    }
}

/* Takes a problem; always false, the verdict. The format's arguments are the schema's words, never the content's. */
static bool __attribute__((format(printf, 3, 4)))
report(struct check *check, const struct schema_path *path, const char *format, ...) {
    if (check_is_full(check)) return false;
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report_text(check, path, arena_string(check->arena, text));
    return false;
}

/* "a", "b", "c": values of the schema as JSON. */
static const char *choices_text(struct check *check, const json_t *choices) {
    const char *text = "";
    for (size_t i = 0; i < json_array_size(choices); i++) {
        char shown[80] = "";
        size_t len = json_dumpb(json_array_get(choices, i), shown, sizeof shown - 1, JSON_ENCODE_ANY);
        if (len >= sizeof shown) shown[0] = '\0';
        text = arena_printf(check->arena, "%s%s%s", text, i ? ", " : "", shown);
        if (!text) return NULL;
    }
    return text;
}

static bool report_choices(struct check *check, const struct schema_path *path, const json_t *choices) {
    if (check_is_full(check)) return false;
    const char *text = choices_text(check, choices);
    if (!text) {
        check->status = STATUS_MEMORY;
        return false;
    }
    return report(check, path, "must be one of %s", text);
}

static bool name_is_harmless(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len > SHOWN_NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !strchr("_-$", c)) return false;
    }
    return true;
}

static bool report_unknown(struct check *check, const struct schema_path *path, const char *name) {
    struct schema_path member = {path, name, 0};
    if (name_is_harmless(name)) return report(check, &member, "is not a member that the schema knows");
    return report(check, path, "must not hold members that the schema does not know");
}

/* -- Any type ----------------------------------------------------------------------------------------------------- */

/* A number without a fraction is an integer however it is written (JSON Schema Core, section 4.2.3); from 2^53 on no
 * double has one. */
static bool is_integral(const json_t *value) {
    if (!json_is_real(value)) return json_is_integer(value);
    double number = json_real_value(value);
    return number <= -0x1p53 || number >= 0x1p53 || (double)(long long)number == number;
}

static unsigned types_of(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return SCHEMA_TYPE_OBJECT;
    case JSON_ARRAY:
        return SCHEMA_TYPE_ARRAY;
    case JSON_STRING:
        return SCHEMA_TYPE_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return SCHEMA_TYPE_NUMBER | (is_integral(value) ? (unsigned)SCHEMA_TYPE_INTEGER : 0);
    case JSON_TRUE:
    case JSON_FALSE:
        return SCHEMA_TYPE_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return SCHEMA_TYPE_NULL;
}

static const char *types_text(unsigned types) {
    switch (types) {
    case SCHEMA_TYPE_OBJECT:
        return "an object";
    case SCHEMA_TYPE_ARRAY:
        return "a list";
    case SCHEMA_TYPE_STRING:
        return "text";
    case SCHEMA_TYPE_INTEGER:
        return "a whole number";
    case SCHEMA_TYPE_NUMBER:
        return "a number";
    case SCHEMA_TYPE_BOOLEAN:
        return "true or false";
    default:
        return "of another type";
    }
}

/* Equal as JSON Schema says: numbers by value (Core, section 4.2.2). */
static bool is_equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) == 1;
}

static bool is_choice(const json_t *choices, const json_t *value) {
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (is_equal(json_array_get(choices, i), value)) return true;
    return false;
}

static bool check_constant(struct check *check, const struct schema_node *node, const json_t *value,
                           const struct schema_path *path) {
    if (!node->constant || is_equal(node->constant, value)) return true;
    char shown[80] = "";
    size_t len = json_dumpb(node->constant, shown, sizeof shown - 1, JSON_ENCODE_ANY);
    return report(check, path, "must be %s", len < sizeof shown ? shown : "the fixed value");
}

/* -- Text and numbers --------------------------------------------------------------------------------------------- */

static size_t code_points(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static bool check_pattern(struct check *check, const struct schema_node *node, const char *text,
                          const struct schema_path *path) {
    if (!node->pattern || regexec(&node->pattern->regex, text, 0, NULL, 0) == 0) return true;
    if (node->description) return report(check, path, "must be %s", node->description);
    return report(check, path, "must match the pattern %s", node->pattern->text);
}

static bool check_format(struct check *check, const struct schema_node *node, const json_t *value,
                         const struct schema_path *path) {
    struct bytes text = BYTES(json_string_value(value), json_string_length(value));
    if (schema_format_check(node->format, text) == STATUS_OK) return true;
    return report(check, path, "must be %s", schema_format_text(node->format));
}

/* Length first: an expression never sees text that is too long anyway. */
static bool check_text(struct check *check, const struct schema_node *node, const json_t *value,
                       const struct schema_path *path) {
    size_t length = code_points(json_string_value(value));
    if (length > node->max_length) return report(check, path, "must have at most %zu characters", node->max_length);
    if (length < node->min_length)
        return report(check, path, "must have at least %zu character%s", node->min_length,
                      node->min_length == 1 ? "" : "s");
    bool valid = check_pattern(check, node, json_string_value(value), path);
    return check_format(check, node, value, path) && valid;
}

static bool check_number(struct check *check, const struct schema_node *node, const json_t *value,
                         const struct schema_path *path) {
    double number = json_number_value(value);
    if (number < node->minimum) return report(check, path, "must be at least %.15g", node->minimum);
    if (number > node->maximum) return report(check, path, "must be at most %.15g", node->maximum);
    return true;
}

/* -- Lists -------------------------------------------------------------------------------------------------------- */

static bool is_repeated(const json_t *list, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (is_equal(json_array_get(list, i), json_array_get(list, at))) return true;
    return false;
}

static bool check_repeats(struct check *check, const struct schema_node *node, const json_t *list,
                          const struct schema_path *path) {
    if (node->repeats == SCHEMA_REPEATS_ALLOWED) return true;
    for (size_t i = 1; i < json_array_size(list); i++)
        if (is_repeated(list, i)) return report(check, path, "must not hold the same item twice");
    return true;
}

static bool check_items(struct check *check, const struct schema_node *node, const json_t *list,
                        const struct schema_path *path) {
    bool valid = true;
    for (size_t i = 0; node->items && i < json_array_size(list); i++) {
        struct schema_path item = {path, NULL, i};
        if (!check_node(check, node->items, json_array_get(list, i), &item)) valid = false;
        if (!valid && check_is_full(check)) return false;
    }
    return valid;
}

static bool check_list(struct check *check, const struct schema_node *node, const json_t *list,
                       const struct schema_path *path) {
    size_t size = json_array_size(list);
    if (size > node->max_items) return report(check, path, "must hold at most %zu items", node->max_items);
    if (size < node->min_items)
        return report(check, path, "must hold at least %zu item%s", node->min_items, node->min_items == 1 ? "" : "s");
    bool valid = check_items(check, node, list, path);
    return check_repeats(check, node, list, path) && valid;
}

/* -- Objects ------------------------------------------------------------------------------------------------------ */

static bool check_required(struct check *check, const struct schema_node *node, const json_t *object,
                           const struct schema_path *path) {
    bool valid = true;
    for (size_t i = 0; i < json_array_size(node->required); i++) {
        const char *name = json_string_value(json_array_get(node->required, i));
        struct schema_path member = {path, name, 0};
        if (!json_object_get(object, name)) valid = report(check, &member, "is required");
    }
    return valid;
}

static const struct schema_node *find_property(const struct schema_node *node, const char *name) {
    for (size_t i = 0; i < node->property_count; i++)
        if (strcmp(node->properties[i].name, name) == 0) return node->properties[i].node;
    return NULL;
}

/* In the schema's order, so that the same faults always read the same. */
static bool check_properties(struct check *check, const struct schema_node *node, const json_t *object,
                             const struct schema_path *path) {
    bool valid = true;
    for (size_t i = 0; i < node->property_count; i++) {
        const json_t *value = json_object_get(object, node->properties[i].name);
        struct schema_path member = {path, node->properties[i].name, 0};
        if (value && !check_node(check, node->properties[i].node, value, &member)) valid = false;
    }
    return valid;
}

static bool any_evaluates(const struct schema_list *list, const json_t *object, const char *name);

/* Whether a member is looked at by this schema or by one that applies in the same place and holds (JSON Schema Core,
 * section 11.3). */
static bool evaluates(const struct schema_node *node, const json_t *object, const char *name) {
    if (node->additional == SCHEMA_EXTRAS_CLOSED || find_property(node, name)) return true;
    if (node->ref && evaluates(node->ref, object, name)) return true;
    if (any_evaluates(&node->all_of, object, name) || any_evaluates(&node->any_of, object, name)) return true;
    if (!node->condition || !quietly(node->condition, object)) return false;
    return evaluates(node->condition, object, name) || evaluates(node->consequence, object, name);
}

static bool any_evaluates(const struct schema_list *list, const json_t *object, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (evaluates(list->nodes[i], object, name) && quietly(list->nodes[i], object)) return true;
    return false;
}

static bool is_known(const struct schema_node *node, const json_t *object, const char *name) {
    if (find_property(node, name)) return true;
    if (node->additional == SCHEMA_EXTRAS_CLOSED) return false;
    return node->unevaluated == SCHEMA_EXTRAS_OPEN || evaluates(node, object, name);
}

static bool check_extras(struct check *check, const struct schema_node *node, const json_t *object,
                         const struct schema_path *path) {
    if (node->additional == SCHEMA_EXTRAS_OPEN && node->unevaluated == SCHEMA_EXTRAS_OPEN) return true;
    bool valid = true;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        if (is_known(node, object, name)) continue;
        valid = report_unknown(check, path, name);
        if (check_is_full(check)) return false;
    }
    return valid;
}

static bool check_object(struct check *check, const struct schema_node *node, const json_t *object,
                         const struct schema_path *path) {
    bool valid = check_required(check, node, object, path);
    if (!check_properties(check, node, object, path)) valid = false;
    return check_extras(check, node, object, path) && valid;
}

/* -- Schemas that apply in the same place ------------------------------------------------------------------------- */

static bool check_any_of(struct check *check, const struct schema_node *node, const json_t *value,
                         const struct schema_path *path) {
    if (node->any_of.count == 0) return true;
    for (size_t i = 0; i < node->any_of.count; i++)
        if (quietly(node->any_of.nodes[i], value)) return true;
    return report(check, path, "must be %s", node->description ? node->description : "of one of the permitted forms");
}

static bool check_applied(struct check *check, const struct schema_node *node, const json_t *value,
                          const struct schema_path *path) {
    bool valid = !node->ref || check_node(check, node->ref, value, path);
    for (size_t i = 0; i < node->all_of.count; i++)
        if (!check_node(check, node->all_of.nodes[i], value, path)) valid = false;
    if (!check_any_of(check, node, value, path)) valid = false;
    if (node->condition && quietly(node->condition, value) && !check_node(check, node->consequence, value, path))
        valid = false;
    return valid;
}

static bool check_by_type(struct check *check, const struct schema_node *node, const json_t *value,
                          const struct schema_path *path) {
    if (json_is_object(value)) return check_object(check, node, value, path);
    if (json_is_array(value)) return check_list(check, node, value, path);
    if (json_is_string(value)) return check_text(check, node, value, path);
    if (json_is_number(value)) return check_number(check, node, value, path);
    return true;
}

/* A value of the wrong type gets that one problem, not its consequences too. */
static bool check_node(struct check *check, const struct schema_node *node, const json_t *value,
                       const struct schema_path *path) {
    if (node->types && !(node->types & types_of(value)))
        return report(check, path, "must be %s", types_text(node->types));
    if (node->choices && !is_choice(node->choices, value)) return report_choices(check, path, node->choices);
    if (!check_constant(check, node, value, path)) return false;
    bool valid = check_by_type(check, node, value, path);
    return check_applied(check, node, value, path) && valid;
}

enum status schema_check(const struct schema_node *root, const json_t *content, struct arena *arena,
                         struct fragment_problems *out_problems) {
    struct fragment_problems problems = {.count = 0};
    struct check check = {arena, &problems, STATUS_OK};
    struct schema_path path = {NULL, NULL, 0};
    if (check_node(&check, root, content, &path)) return STATUS_OK;
    TRY(check.status);
    *out_problems = problems;
    return STATUS_INVALID;
}
