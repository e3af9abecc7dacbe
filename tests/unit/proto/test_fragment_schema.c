/*
 * The fragment schema against tests/vectors/fragment-cases.json (the same cases that tests/vectors/fragment-cases.mjs
 * gives to another implementation), against schemas with faults, and against the published examples. Guards P11: a
 * refusal names pointer and rule, and never repeats what a person wrote.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "proto/fragment_schema.h"
#include "proto/schema/schema_format.h"
#include "support/alloc_fail.h"
#include "support/vectors.h"

#define ARENA_BYTES (256u << 10)

/* RFC 7396. Returns a new reference. */
static json_t *merge_patch(const json_t *target, const json_t *patch) {
    if (!json_is_object(patch)) return json_deep_copy(patch);
    json_t *result = json_is_object(target) ? json_deep_copy(target) : json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)patch, name, value) {
        if (json_is_null(value)) {
            (void)json_object_del(result, name);
        } else {
            assert_int_equal(json_object_set_new(result, name, merge_patch(json_object_get(result, name), value)), 0);
        }
    }
    return result;
}

static json_t *case_content(const json_t *vectors, const json_t *test) {
    const json_t *content = json_object_get(test, "content");
    if (content) return json_deep_copy(content);
    const char *base = json_string_value(json_object_get(test, "base"));
    return merge_patch(json_object_get(json_object_get(vectors, "bases"), base), json_object_get(test, "patch"));
}

static void expect_problems(const json_t *test, const struct fragment_problems *problems) {
    const json_t *expected = json_object_get(test, "problems");
    const json_t *text = json_object_get(test, "text");
    assert_int_equal(problems->count, json_array_size(expected));
    for (size_t i = 0; i < problems->count; i++) {
        assert_string_equal(problems->items[i].pointer, json_string_value(json_array_get(expected, i)));
        if (text) assert_string_equal(problems->items[i].text, json_string_value(text));
        assert_true(strlen(problems->items[i].text) > 0);
    }
}

static void check_case(const struct fragment_schema *schema, const json_t *vectors, const json_t *test) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    json_t *content CLEANUP(json_cleanup) = case_content(vectors, test);
    struct fragment_problems problems = {.count = 0};
    print_message("  %s\n", json_string_value(json_object_get(test, "name")));
    enum status status = fragment_schema_check(schema, content, arena, &problems);
    size_t expected = json_array_size(json_object_get(test, "problems"));
    assert_int_equal(status, expected == 0 ? STATUS_OK : STATUS_INVALID);
    expect_problems(test, &problems);
}

static void test_cases(void **state) {
    const struct fragment_schema *schema = *state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("fragment-cases.json");
    const json_t *cases = json_object_get(vectors, "cases");
    assert_true(json_array_size(cases) >= 60);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(schema, vectors, json_array_get(cases, i));
}

/* Values placed where each rule refuses them: none of them may come back. */
static void test_p11_problems_never_repeat_values(void **state) {
    static const char *const contents[] = {
        "{\"schema\":\"19900101SECRET\",\"id\":\"19900101SECRET\",\"revision\":-19900101,\"kind\":\"19900101SECRET\"}",
        "{\"19900101SECRET\":1,\"owner\":{\"id\":\"19900101SECRET\",\"x/"
        "19900101SECRET\":2},\"lang\":\"19900101SECRET\"}",
        "{\"contact\":{\"email\":\"19900101SECRET\",\"19900101SECRET\":{}},\"updated\":\"19900101SECRET\"}",
        "{\"codes\":[{\"system\":\"19900101SECRET\",\"19900101SECRET\":0}],\"start\":\"19900101SECRET\"}",
        "{\"kind\":\"goal\",\"detail\":{\"kind\":\"19900101SECRET\",\"a19900101SECRET\":1,\"targetDate\":"
        "\"19900101SECRET\"}}",
    };
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
        json_t *content CLEANUP(json_cleanup) = NULL;
        assert_int_equal(json_read(bytes_text(contents[i]), 1024, &content), STATUS_OK);
        struct fragment_problems problems;
        assert_int_equal(fragment_schema_check(*state, content, arena, &problems), STATUS_INVALID);
        assert_true(problems.count > 0);
        for (size_t k = 0; k < problems.count; k++) {
            assert_null(strstr(problems.items[k].pointer, "19900101"));
            assert_null(strstr(problems.items[k].text, "19900101"));
            assert_null(strstr(problems.items[k].text, "SECRET"));
        }
    }
}

static void test_pointers_are_escaped(void **state) {
    (void)state;
    static const char schema_text[] = "{\"properties\":{\"a/b~c\":{\"items\":{\"type\":\"null\"}}}}";
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = NULL;
    struct fragment_problem fault;
    assert_int_equal(fragment_schema_compile(bytes_text(schema_text), arena, &fault, &schema), STATUS_OK);
    json_t *content CLEANUP(json_cleanup) = NULL;
    assert_int_equal(json_read(bytes_text("{\"a/b~c\":[null,1]}"), 1024, &content), STATUS_OK);
    struct fragment_problems problems;
    assert_int_equal(fragment_schema_check(schema, content, arena, &problems), STATUS_INVALID);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].pointer, "/a~1b~0c/1");
}

static void test_small_arena_is_a_memory_fault(void **state) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16);
    json_t *content CLEANUP(json_cleanup) = json_object();
    struct fragment_problems problems = {.count = 77};
    assert_int_equal(fragment_schema_check(*state, content, arena, &problems), STATUS_MEMORY);
    assert_int_equal(problems.count, 77);
}

/* unevaluatedProperties sees what applies in the same place and holds, and nothing else. */
static void test_unevaluated(void **state) {
    (void)state;
    static const char schema_text[] =
        "{\"unevaluatedProperties\":false,\"properties\":{\"a\":{}},\"$ref\":\"#/$defs/r\","
        "\"allOf\":[{\"properties\":{\"all\":{}}}],"
        "\"anyOf\":[{\"required\":[\"x\"],\"properties\":{\"x\":{},\"withx\":{}}},{\"properties\":{\"a\":{}}}],"
        "\"if\":{\"required\":[\"c\"],\"properties\":{\"c\":{\"const\":1}}},\"then\":{\"properties\":{\"t\":{}}},"
        "\"$defs\":{\"r\":{\"properties\":{\"ref\":{}}}}}";
    static const struct {
        const char *content;
        enum status expected;
    } cases[] = {
        {"{\"b\":1}", STATUS_INVALID},    {"{\"withx\":1}", STATUS_INVALID},     {"{\"t\":1}", STATUS_INVALID},
        {"{\"c\":2}", STATUS_INVALID},    {"{\"c\":2,\"t\":1}", STATUS_INVALID}, {"{}", STATUS_OK},
        {"{\"a\":1}", STATUS_OK},         {"{\"ref\":1,\"all\":2}", STATUS_OK},  {"{\"x\":1,\"withx\":1}", STATUS_OK},
        {"{\"c\":1,\"t\":1}", STATUS_OK},
    };
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = NULL;
    struct fragment_problem fault;
    assert_int_equal(fragment_schema_compile(bytes_text(schema_text), arena, &fault, &schema), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *content CLEANUP(json_cleanup) = NULL;
        struct fragment_problems problems;
        print_message("  %s\n", cases[i].content);
        assert_int_equal(json_read(bytes_text(cases[i].content), 1024, &content), STATUS_OK);
        assert_int_equal(fragment_schema_check(schema, content, arena, &problems), cases[i].expected);
    }
}

static void test_schemas_with_faults(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *schema;
        enum status expected;
        const char *pointer;
    } cases[] = {
        {"not JSON", "{", STATUS_MALFORMED, ""},
        {"a list", "[]", STATUS_MALFORMED, ""},
        {"a boolean schema", "{\"properties\":{\"a\":true}}", STATUS_MALFORMED, "/properties/a"},
        {"an unknown keyword", "{\"properties\":{\"a\":{\"oneOf\":[{}]}}}", STATUS_UNSUPPORTED, "/properties/a/oneOf"},
        {"a mistyped keyword", "{\"maxlength\":3}", STATUS_UNSUPPORTED, "/maxlength"},
        {"an unknown keyword in an unused definition", "{\"$defs\":{\"a\":{\"not\":{}}}}", STATUS_UNSUPPORTED,
         "/$defs/a/not"},
        {"an unknown type", "{\"type\":\"text\"}", STATUS_UNSUPPORTED, "/type"},
        {"an unknown format", "{\"format\":\"ipv4\"}", STATUS_UNSUPPORTED, "/format"},
        {"a negative length", "{\"minLength\":-1}", STATUS_UNSUPPORTED, "/minLength"},
        {"a length with fraction", "{\"maxLength\":1.5}", STATUS_UNSUPPORTED, "/maxLength"},
        {"an empty enum", "{\"enum\":[]}", STATUS_UNSUPPORTED, "/enum"},
        {"a bound in words", "{\"minimum\":\"1\"}", STATUS_UNSUPPORTED, "/minimum"},
        {"additional members allowed by name", "{\"additionalProperties\":true}", STATUS_UNSUPPORTED,
         "/additionalProperties"},
        {"a schema for unevaluated members", "{\"unevaluatedProperties\":{}}", STATUS_UNSUPPORTED,
         "/unevaluatedProperties"},
        {"required that is no list", "{\"required\":\"a\"}", STATUS_UNSUPPORTED, "/required"},
        {"required numbers", "{\"required\":[1]}", STATUS_UNSUPPORTED, "/required"},
        {"an empty allOf", "{\"allOf\":[]}", STATUS_UNSUPPORTED, "/allOf"},
        {"if without then", "{\"if\":{}}", STATUS_UNSUPPORTED, ""},
        {"then without if", "{\"then\":{}}", STATUS_UNSUPPORTED, ""},
        {"a reference elsewhere", "{\"$ref\":\"https://exempel.se/\"}", STATUS_UNSUPPORTED, "/$ref"},
        {"a reference to nothing", "{\"$ref\":\"#/$defs/a\"}", STATUS_UNSUPPORTED, "/$ref"},
        {"a reference to itself", "{\"$defs\":{\"a\":{\"items\":{\"$ref\":\"#/$defs/a\"}}}}", STATUS_UNSUPPORTED,
         "/$defs/a/items/$ref"},
        {"references in a ring", "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}",
         STATUS_UNSUPPORTED, "/$defs/b/$ref"},
        {"definitions below the root", "{\"items\":{\"$defs\":{}}}", STATUS_UNSUPPORTED, "/items/$defs"},
        {"definitions that are no object", "{\"$defs\":[]}", STATUS_MALFORMED, "/$defs"},
        {"unique items without bound", "{\"uniqueItems\":true}", STATUS_UNSUPPORTED, ""},
        {"unique items with a wide bound", "{\"uniqueItems\":true,\"maxItems\":65}", STATUS_UNSUPPORTED, ""},
        {"repeats allowed by name", "{\"uniqueItems\":false}", STATUS_UNSUPPORTED, "/uniqueItems"},
        {"a pattern with an escape", "{\"pattern\":\"^\\\\d+$\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern with any character", "{\"pattern\":\"a.b\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern with a look-ahead", "{\"pattern\":\"(?=a)\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern with a lazy quantifier", "{\"pattern\":\"a+?\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern with a complement", "{\"pattern\":\"[^a]\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern with an open bracket", "{\"pattern\":\"[a\"}", STATUS_UNSUPPORTED, "/pattern"},
        {"a pattern beyond ASCII", "{\"pattern\":\"\xC3\xA5\"}", STATUS_UNSUPPORTED, "/pattern"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
        struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = NULL;
        struct fragment_problem fault = {NULL, NULL};
        print_message("  %s\n", cases[i].name);
        assert_int_equal(fragment_schema_compile(bytes_text(cases[i].schema), arena, &fault, &schema),
                         cases[i].expected);
        assert_null(schema);
        assert_string_equal(fault.pointer, cases[i].pointer);
        assert_non_null(fault.text);
    }
}

/* Text of the largest fragment that a loose pattern sees in full. */
static void test_p11_long_text_costs_little(void **state) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    static char text[(1u << 20) + 1];
    memset(text, '0', sizeof text - 1);
    json_t *content CLEANUP(json_cleanup) =
        json_pack("{s:s, s:s, s:{s:s}}", "start", text, "lang", text, "contact", "phone", text);
    assert_non_null(content);
    struct fragment_problems problems;
    assert_int_equal(fragment_schema_check(*state, content, arena, &problems), STATUS_INVALID);
}

/* Each allocation of a start fails once: no crash, no leak, no half-made schema. */
static void test_load_without_memory(void **state) {
    (void)state;
    for (unsigned nth = 1;; nth++) {
        struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = NULL;
        alloc_fail_at(nth);
        enum status status = fragment_schema_load(&schema);
        int happened = alloc_fail_happened();
        alloc_fail_at(0);
        if (!happened) {
            assert_int_equal(status, STATUS_OK);
            break;
        }
        assert_int_equal(status, STATUS_MEMORY);
        assert_null(schema);
    }
}

static int set_up(void **state) {
    struct fragment_schema *schema = NULL;
    if (fragment_schema_load(&schema) != STATUS_OK) return -1;
    *state = schema;
    return 0;
}

static int tear_down(void **state) {
    fragment_schema_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas_with_faults),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_p11_problems_never_repeat_values),
        cmocka_unit_test(test_pointers_are_escaped),
        cmocka_unit_test(test_unevaluated),
        cmocka_unit_test(test_small_arena_is_a_memory_fault),
        cmocka_unit_test(test_load_without_memory),
        cmocka_unit_test(test_p11_long_text_costs_little),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
