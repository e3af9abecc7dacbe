#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "support/alloc_fail.h"

static json_t *read_ok(const char *text) {
    json_t *value = NULL;
    if (json_read(bytes_text(text), 10000, &value) != STATUS_OK) fail_msg("refused %s", text);
    return value;
}

/* P11: bad input is refused at the boundary. */
static const struct {
    const char *name;
    const char *text;
    enum status status;
} bad_cases[] = {
    {"nothing", "", STATUS_MALFORMED},
    {"white space", " ", STATUS_MALFORMED},
    {"bare string", "\"a\"", STATUS_MALFORMED},
    {"bare number", "1", STATUS_MALFORMED},
    {"bare null", "null", STATUS_MALFORMED},
    {"more after it", "{}{}", STATUS_MALFORMED},
    {"text after it", "{} x", STATUS_MALFORMED},
    {"duplicate", "{\"a\":1,\"a\":2}", STATUS_MALFORMED},
    {"duplicate inside", "{\"b\":[{\"a\":1,\"a\":1}]}", STATUS_MALFORMED},
    {"duplicate by escape", "{\"a\":1,\"\\u0061\":2}", STATUS_MALFORMED},
    {"not closed", "{\"a\":1", STATUS_MALFORMED},
    {"string not closed", "{\"a", STATUS_MALFORMED},
    {"backslash at the end", "{\"a\\", STATUS_MALFORMED},
    {"trailing comma", "[1,]", STATUS_MALFORMED},
    {"comment", "{}//", STATUS_MALFORMED},
    {"overlong UTF-8", "[\"\xc0\x80\"]", STATUS_MALFORMED},
    {"surrogate in UTF-8", "[\"\xed\xa0\x80\"]", STATUS_MALFORMED},
    {"lone surrogate escape", "[\"\\ud800\"]", STATUS_MALFORMED},
    {"NUL escape", "[\"\\u0000\"]", STATUS_MALFORMED},
    {"raw control character", "[\"\n\"]", STATUS_MALFORMED},
    {"number beyond int64", "[18446744073709551616]", STATUS_MALFORMED},
    {"infinite real", "[1e999]", STATUS_MALFORMED},
    {"leading zero", "[01]", STATUS_MALFORMED},
    {"NaN", "[NaN]", STATUS_MALFORMED},
    {"byte order mark", "\xef\xbb\xbf{}", STATUS_MALFORMED},
};

static void test_read_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        json_t *value = NULL;
        enum status read = json_read(bytes_text(bad_cases[i].text), 10000, &value);
        if (read != bad_cases[i].status || value) fail_msg("%s: %s", bad_cases[i].name, status_name(read));
    }
}

static enum status read_nested(size_t depth, char open, char close) {
    char text[20000];
    assert_true(2 * depth <= sizeof text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    json_t *value CLEANUP(json_cleanup) = NULL;
    return json_read(BYTES(text, 2 * depth), sizeof text, &value);
}

static void test_depth(void **state) {
    (void)state;
    assert_int_equal(read_nested(32, '[', ']'), STATUS_OK);
    assert_int_equal(read_nested(33, '[', ']'), STATUS_TOO_LARGE);
    assert_int_equal(read_nested(10000, '[', ']'), STATUS_TOO_LARGE);
    assert_int_equal(read_nested(33, '{', '}'), STATUS_TOO_LARGE);
    /* Brackets in strings and after escapes do not count, nor do siblings. */
    json_decref(read_ok("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\\\\\"]"));
    json_decref(
        read_ok("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
}

static void test_size(void **state) {
    (void)state;
    json_t *value CLEANUP(json_cleanup) = NULL;
    assert_int_equal(json_read(bytes_text("[1]"), 2, &value), STATUS_TOO_LARGE);
    assert_int_equal(json_read(bytes_text("[1]"), 3, &value), STATUS_OK);
}

static void test_printed_forms(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1000);
    json_t *value CLEANUP(json_cleanup) = read_ok("{ \"b\" : [1, true], \"a\" : {\"d\":\"\\u00e5\", \"c\":null} }");
    assert_string_equal(json_canonical(arena, value), "{\"a\":{\"c\":null,\"d\":\"\xc3\xa5\"},\"b\":[1,true]}");
    assert_string_equal(json_compact(arena, value), "{\"b\":[1,true],\"a\":{\"d\":\"\xc3\xa5\",\"c\":null}}");
    struct arena *small CLEANUP(arena_free_cleanup) = arena_new(8);
    assert_null(json_canonical(small, value));
}

static void test_only(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", NULL};
    json_t *good CLEANUP(json_cleanup) = read_ok("{\"b\":1}");
    json_t *more CLEANUP(json_cleanup) = read_ok("{\"b\":1,\"c\":2}");
    json_t *array CLEANUP(json_cleanup) = read_ok("[]");
    assert_int_equal(json_only(more, names), STATUS_MALFORMED);
    assert_int_equal(json_only(array, names), STATUS_MALFORMED);
    assert_int_equal(json_only(NULL, names), STATUS_MALFORMED);
    assert_int_equal(json_only(good, names), STATUS_OK);
}

static void test_members(void **state) {
    (void)state;
    json_t *object CLEANUP(json_cleanup) =
        read_ok("{\"t\":\"x\",\"n\":9223372036854775807,\"m\":-1,\"r\":1.0,\"z\":null,\"f\":\"Zm9v\"}");
    const char *text = "untouched";
    uint64_t number = 5;
    uint8_t fixed[3] = {1, 1, 1};
    assert_int_equal(json_get_text(object, "absent", &text), STATUS_MALFORMED);
    assert_int_equal(json_get_text(object, "n", &text), STATUS_MALFORMED);
    assert_int_equal(json_opt_text(object, "z", &text), STATUS_MALFORMED);
    assert_int_equal(json_opt_text(NULL, "z", &text), STATUS_MALFORMED);
    assert_string_equal(text, "untouched");
    assert_int_equal(json_get_u64(object, "m", &number), STATUS_MALFORMED);
    assert_int_equal(json_get_u64(object, "r", &number), STATUS_MALFORMED);
    assert_int_equal(json_get_u64(object, "t", &number), STATUS_MALFORMED);
    assert_int_equal(number, 5);
    assert_int_equal(json_get_fixed(object, "t", fixed, 3), STATUS_MALFORMED);
    assert_int_equal(json_get_fixed(object, "n", fixed, 3), STATUS_MALFORMED);
    assert_memory_equal(fixed, "\1\1\1", 3);

    assert_int_equal(json_get_text(object, "t", &text), STATUS_OK);
    assert_string_equal(text, "x");
    assert_int_equal(json_opt_text(object, "absent", &text), STATUS_OK);
    assert_null(text);
    assert_int_equal(json_get_u64(object, "n", &number), STATUS_OK);
    assert_true(number == INT64_MAX);
    assert_int_equal(json_get_fixed(object, "f", fixed, 3), STATUS_OK);
    assert_memory_equal(fixed, "foo", 3);
}

static void test_set_bytes(void **state) {
    (void)state;
    uint8_t long_value[40000] = {0xff};
    uint8_t back[40000] = {0};
    json_t *object CLEANUP(json_cleanup) = json_object();
    assert_int_equal(json_set_bytes(object, "e", BYTES_EMPTY), STATUS_OK);
    assert_int_equal(json_set_bytes(object, "v", BYTES_ARRAY(long_value)), STATUS_OK);
    assert_int_equal(json_get_fixed(object, "e", back, 0), STATUS_OK);
    assert_int_equal(json_get_fixed(object, "v", back, sizeof back), STATUS_OK);
    assert_memory_equal(back, long_value, sizeof back);
}

/* jansson is told to take its memory from here too, and every step may be the one that gets none. */
static void test_memory_is_out(void **state) {
    (void)state;
    json_set_alloc_funcs(malloc, free);
    enum status read = STATUS_MEMORY;
    for (unsigned nth = 1; read != STATUS_OK; nth++) {
        json_t *value CLEANUP(json_cleanup) = NULL;
        alloc_fail_at(nth);
        read = json_read(bytes_text("{\"a\":[1,\"text\",{\"b\":2.5}]}"), 100, &value);
        if (read == STATUS_OK) read = json_set_bytes(value, "c", bytes_text("bytes"));
        assert_int_equal(read != STATUS_OK, alloc_fail_happened());
        assert_true(read == STATUS_OK || read == STATUS_MEMORY || read == STATUS_MALFORMED);
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
    json_t *value CLEANUP(json_cleanup) = read_ok("[{\"a\":1}]");
    const char *text = NULL;
    for (unsigned nth = 1; !text; nth++) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(100);
        alloc_fail_at(nth);
        text = json_canonical(arena, value);
        assert_int_equal(!text, alloc_fail_happened());
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_refuses),  cmocka_unit_test(test_depth),         cmocka_unit_test(test_size),
        cmocka_unit_test(test_printed_forms), cmocka_unit_test(test_only),          cmocka_unit_test(test_members),
        cmocka_unit_test(test_set_bytes),     cmocka_unit_test(test_memory_is_out),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
