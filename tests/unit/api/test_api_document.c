/*
 * docs/openapi.json and docs/errors.md against what is served: the same routes with the same rights, parameters and
 * answers, the same members of bodies, the same problems.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/api/api_problem.h"
#include "agent/api/api_route.h"
#include "base/file.h"
#include "base/json.h"

static json_t *document;
static struct arena *arena;

static const char *docs(const char *name) {
    struct bytes text;
    const char *out = NULL;
    assert_int_equal(file_read(arena_printf(arena, "%s/docs/%s", TEST_SOURCE_DIR, name), 1 << 20, arena, &text),
                     STATUS_OK);
    assert_int_equal(arena_text(arena, text, &out), STATUS_OK);
    return out;
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new(1 << 22);
    return json_read(bytes_text(docs("openapi.json")), 1 << 20, &document) == STATUS_OK ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(document);
    arena_free(arena);
    return 0;
}

/* Follows "#/a/b/c". */
static const json_t *resolve(const json_t *value) {
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    if (!reference) return value;
    const json_t *at = document;
    char *rest = arena_string(arena, reference + 2);
    for (char *part = strtok(rest, "/"); part; part = strtok(NULL, "/")) {
        at = json_object_get(at, part);
    }
    if (!at) fail_msg("%s leads nowhere", reference);
    return at;
}

static const json_t *operation_of(const struct api_route *route) {
    static const char *const methods[] = {[HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_DELETE] = "delete"};
    const json_t *path = json_object_get(json_object_get(document, "paths"), route->pattern);
    return json_object_get(path, methods[route->method]);
}

static unsigned right_of(const char *name) {
    static const struct {
        const char *name;
        unsigned right;
    } rights[] = {{"publish", AGENT_MAY_PUBLISH}, {"read", AGENT_MAY_READ},     {"request", AGENT_MAY_REQUEST},
                  {"enrol", AGENT_MAY_ENROL},     {"revoke", AGENT_MAY_REVOKE}, {"erase", AGENT_MAY_ERASE}};
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        if (strcmp(rights[i].name, name) == 0) return rights[i].right;
    }
    fail_msg("there is no right '%s'", name);
    return 0;
}

static unsigned rights_of(const json_t *operation) {
    unsigned rights = 0;
    size_t i;
    json_t *right;
    json_array_foreach(json_object_get(operation, "x-rights"), i, right) {
        rights |= right_of(json_string_value(right));
    }
    return rights;
}

static size_t check_parameters(const struct api_route *route, const json_t *operation) {
    size_t queries = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(operation, "parameters"), i, item) {
        const json_t *parameter = resolve(item);
        const char *name = json_string_value(json_object_get(parameter, "name"));
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0) continue;
        if (!api_route_takes(route, name)) fail_msg("%s does not take %s", route->pattern, name);
        queries++;
    }
    return queries;
}

static void test_routes(void **state) {
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        const json_t *operation = operation_of(route);
        if (!operation) fail_msg("%s is not documented", route->pattern);
        if (rights_of(operation) != route->rights) fail_msg("rights of %s", route->pattern);
        const char *unit = json_string_value(json_object_get(operation, "x-unit"));
        if ((strcmp(unit, "needed") == 0) != (route->unit == API_UNIT_NEEDED)) fail_msg("unit of %s", route->pattern);
        size_t taken = 0;
        for (const char *const *name = route->query; name && *name; name++) {
            taken++;
        }
        if (check_parameters(route, operation) != taken) fail_msg("parameters of %s", route->pattern);
        assert_int_equal(json_object_get(operation, "requestBody") != NULL, route->method == HTTP_POST);
    }
}

static void test_nothing_else_is_documented(void **state) {
    (void)state;
    size_t operations = 0;
    const char *path;
    json_t *methods;
    json_object_foreach(json_object_get(document, "paths"), path, methods) { operations += json_object_size(methods); }
    assert_int_equal(operations, api_route_count);
}

/* Every reference leads somewhere. */
static void check_references(const json_t *value) {
    const char *key;
    json_t *member;
    size_t i;
    if (json_object_get(value, "$ref")) (void)resolve(value);
    json_object_foreach((json_t *)(uintptr_t)value, key, member) { check_references(member); }
    json_array_foreach(value, i, member) { check_references(member); }
}

static void test_references(void **state) {
    (void)state;
    check_references(document);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
}

static void test_problems(void **state) {
    (void)state;
    const char *errors = docs("errors.md");
    for (int i = API_PROBLEM_NONE + 1; i < API_PROBLEM_COUNT; i++) {
        const char *name = api_problem_type((enum api_problem)i) + strlen(API_PROBLEM_URN);
        const char *row = arena_printf(arena, "\n| `%s` | %d |", name, api_problem_code((enum api_problem)i));
        if (!strstr(errors, row)) fail_msg("docs/errors.md lacks '%s'", row + 1);
    }
    size_t rows = 0;
    for (const char *at = strstr(errors, "\n| `"); at; at = strstr(at + 1, "\n| `")) {
        rows++;
    }
    assert_int_equal(rows, API_PROBLEM_COUNT - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_nothing_else_is_documented),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_problems),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
