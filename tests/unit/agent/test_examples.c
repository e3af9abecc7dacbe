/*
 * docs/examples: every file is valid, the set is complete, and no identity number stands in any of it (P6).
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/natid.h"
#include "base/file.h"
#include "base/json.h"
#include "proto/fragment_schema.h"

#define EXAMPLES    TEST_SOURCE_DIR "/docs/examples"
#define ARENA_BYTES (4u << 20)
#define FILE_MAX    (1u << 20)
/* 2026-03-01T00:00:00Z */
#define NOW_MS 1772323200000u

struct example {
    char name[256];
    struct bytes text;
    json_t *content;
};

struct examples {
    struct arena *arena;
    struct example items[64];
    size_t count;
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct example *)a)->name, ((const struct example *)b)->name);
}

static void add_example(struct examples *examples, const char *name) {
    size_t len = strlen(name);
    if (len < 5 || strcmp(name + len - 5, ".json") != 0) return;
    assert_true(examples->count < sizeof examples->items / sizeof examples->items[0]);
    struct example *example = &examples->items[examples->count++];
    assert_true(snprintf(example->name, sizeof example->name, "%s", name) < (int)sizeof example->name);
    const char *path = arena_printf(examples->arena, "%s/%s", EXAMPLES, name);
    assert_int_equal(file_read(path, FILE_MAX, examples->arena, &example->text), STATUS_OK);
    assert_int_equal(json_read(example->text, FILE_MAX, &example->content), STATUS_OK);
}

static int set_up(void **state) {
    static struct examples examples;
    examples.arena = arena_new(ARENA_BYTES);
    DIR *dir = opendir(EXAMPLES);
    if (!dir || !examples.arena) return -1;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        add_example(&examples, entry->d_name);
    (void)closedir(dir);
    qsort(examples.items, examples.count, sizeof examples.items[0], compare_names);
    *state = &examples;
    return 0;
}

static int tear_down(void **state) {
    struct examples *examples = *state;
    for (size_t i = 0; i < examples->count; i++)
        json_decref(examples->items[i].content);
    arena_free(examples->arena);
    return 0;
}

static const char *text_of(const struct example *example, const char *name) {
    const char *text = NULL;
    assert_int_equal(json_get_text(example->content, name, &text), STATUS_OK);
    return text;
}

static void test_every_example_is_valid(void **state) {
    struct examples *examples = *state;
    struct fragment_schema *schema CLEANUP(fragment_schema_free_cleanup) = NULL;
    assert_int_equal(fragment_schema_load(&schema), STATUS_OK);
    for (size_t i = 0; i < examples->count; i++) {
        struct fragment_problems problems = {.count = 0};
        print_message("  %s\n", examples->items[i].name);
        IGNORE(fragment_schema_check(schema, examples->items[i].content, examples->arena, &problems));
        for (size_t k = 0; k < problems.count; k++)
            print_message("    %s %s\n", problems.items[k].pointer, problems.items[k].text);
        assert_int_equal(problems.count, 0);
    }
}

static void test_the_set_is_complete(void **state) {
    static const char *const kinds[] = {"assessment", "goal",  "activity",   "study_plan", "decision",
                                        "referral",   "event", "validation", "follow_up"};
    static const char *const units[] = {"guidance", "adult-education", "labour-market", "career"};
    struct examples *examples = *state;
    size_t of_kind[9] = {0};
    size_t of_unit[4] = {0};
    size_t revised = 0;
    for (size_t i = 0; i < examples->count; i++) {
        const json_t *content = examples->items[i].content;
        for (size_t k = 0; k < 9; k++)
            of_kind[k] += strcmp(text_of(&examples->items[i], "kind"), kinds[k]) == 0;
        const char *unit = json_string_value(json_object_get(json_object_get(content, "owner"), "unit"));
        assert_non_null(unit);
        for (size_t k = 0; k < 4; k++)
            of_unit[k] += strcmp(unit, units[k]) == 0;
        revised += json_object_get(content, "replaces") != NULL;
    }
    assert_true(examples->count >= 16);
    assert_true(revised >= 1);
    for (size_t k = 0; k < 9; k++)
        assert_true(of_kind[k] >= 1);
    for (size_t k = 0; k < 4; k++)
        assert_true(of_unit[k] >= 4);
}

static bool holds_fragment(const struct examples *examples, const char *id) {
    for (size_t i = 0; i < examples->count; i++)
        if (strcmp(text_of(&examples->items[i], "id"), id) == 0) return true;
    return false;
}

static void test_links_lead_to_examples(void **state) {
    struct examples *examples = *state;
    for (size_t i = 0; i < examples->count; i++) {
        const json_t *links = json_object_get(examples->items[i].content, "links");
        for (size_t k = 0; k < json_array_size(links); k++) {
            const json_t *target = json_object_get(json_array_get(links, k), "target");
            assert_true(holds_fragment(examples, json_string_value(target)));
        }
    }
}

static struct bytes next_line(struct bytes *rest) {
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    assert_non_null(end);
    struct bytes line = BYTES(rest->data, (size_t)(end - rest->data));
    *rest = BYTES(end + 1, rest->len - line.len - 1);
    return line;
}

/* The number as it is written anywhere: its last ten digits, with or without a separator. */
static void expect_absent(const struct examples *examples, const struct natid *id) {
    const char *digits = id->text + strlen(id->text) - 10;
    char parted[12];
    assert_int_equal(snprintf(parted, sizeof parted, "%.6s-%.4s", digits, digits + 6), 11);
    for (size_t i = 0; i < examples->count; i++) {
        struct bytes text = examples->items[i].text;
        assert_null(memmem(text.data, text.len, digits, 10));
        assert_null(memmem(text.data, text.len, parted, 11));
    }
}

static void test_p6_persons_are_synthetic_and_in_no_fragment(void **state) {
    struct examples *examples = *state;
    struct bytes rest;
    assert_int_equal(file_read(EXAMPLES "/persons.txt", FILE_MAX, examples->arena, &rest), STATUS_OK);
    size_t persons = 0;
    while (rest.len > 0) {
        struct bytes line = next_line(&rest);
        if (line.len == 0 || line.data[0] == '#') continue;
        const uint8_t *space = memchr(line.data, ' ', line.len);
        assert_non_null(space);
        struct natid id;
        enum natid_fault fault;
        struct bytes number = BYTES(line.data, (size_t)(space - line.data));
        assert_int_equal(natid_parse(number, NOW_MS, &fault, &id), STATUS_OK);
        assert_true(bytes_equal_text(number, id.text));
        assert_true(number.data[0] == 'S' || id.origin == NATID_SYNTHETIC);
        expect_absent(examples, &id);
        persons++;
    }
    assert_true(persons >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_example_is_valid),
        cmocka_unit_test(test_the_set_is_complete),
        cmocka_unit_test(test_links_lead_to_examples),
        cmocka_unit_test(test_p6_persons_are_synthetic_and_in_no_fragment),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
