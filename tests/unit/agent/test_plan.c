/*
 * The joint plan: what stays, in which order, and what is named as missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/plan.h"
#include "base/json.h"
#include "support/alloc_fail.h"

#define ARENA_BYTES (8u << 20)
#define GIVEN_MAX   12

/* A fragment as a test writes it; an id of NULL ends a list. */
struct given {
    const char *id;
    const char *unit;
    uint32_t revision;
    enum plan_state state;
    const char *content;
};

struct plan {
    struct arena *arena;
    struct plan_fragment fragments[GIVEN_MAX];
    json_t *json;
};

static void plan_clear(struct plan *plan) {
    for (size_t i = 0; i < GIVEN_MAX; i++)
        json_decref((json_t *)plan->fragments[i].content);
    json_decref(plan->json);
    arena_free(plan->arena);
}

static size_t read_given(const struct given *given, struct plan *plan) {
    size_t count = 0;
    for (; count < GIVEN_MAX && given[count].id; count++) {
        json_t *content = json_loads(given[count].content, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(content);
        plan->fragments[count] = (struct plan_fragment){.content = content,
                                                        .unit = given[count].unit,
                                                        .id = given[count].id,
                                                        .revision = given[count].revision,
                                                        .state = given[count].state,
                                                        .receipt = "r"};
    }
    return count;
}

static void assemble(const struct given *given, const struct plan_gap *gaps, size_t gap_count, struct plan *plan) {
    plan->arena = arena_new(ARENA_BYTES);
    struct plan_input input = {plan->fragments, read_given(given, plan), gaps, gap_count};
    assert_int_equal(plan_assemble(&input, plan->arena, &plan->json), STATUS_OK);
}

/* The members `name` of a list, one after another; "-" for null. */
static const char *listed(const struct plan *plan, const char *list, const char *name) {
    const json_t *entries = json_object_get(plan->json, list);
    const char *text = "";
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const char *value = json_string_value(json_object_get(json_array_get(entries, i), name));
        text = arena_printf(plan->arena, "%s%s%s", text, i ? " " : "", value ? value : "-");
    }
    return text;
}

#define GOAL(rest)   "{\"kind\":\"goal\"" rest "}"
#define ACT(rest)    "{\"kind\":\"activity\"" rest "}"
#define AT(time)     ",\"start\":\"" time "\""
#define LINKS(links) ",\"links\":[" links "]"
#define TO(rel, id)  "{\"rel\":\"" rel "\",\"target\":\"" id "\"}"

static void test_order(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct given given[GIVEN_MAX];
        const char *items;
        const char *goals;
    } cases[] = {
        {"nothing", {{NULL, NULL, 0, PLAN_STATE_OWN, NULL}}, "", ""},
        {"phases of the nine kinds, at one time",
         {{"a", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"follow_up\"}"},
          {"b", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"event\"}"},
          {"c", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"activity\"}"},
          {"d", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"referral\"}"},
          {"e", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"decision\"}"},
          {"f", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"study_plan\"}"},
          {"g", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"validation\"}"},
          {"h", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"assessment\"}"}},
         "h g d e f a b c",
         ""},
        {"a phase of its own",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT("")}, {"b", "u", 1, PLAN_STATE_OWN, ACT(",\"phase\":\"discover\"")}},
         "b a",
         ""},
        {"time, a day before its hours",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-02-01T09:00"))},
          {"b", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-02-01"))},
          {"c", "u", 1, PLAN_STATE_OWN, ACT(",\"updated\":\"2025-01-31T23:00:00Z\"")},
          {"d", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"follow_up\",\"detail\":{\"date\":\"2025-01-01\"}}"}},
         "d c b a",
         ""},
        {"source and id at the same time",
         {{"b", "v", 1, PLAN_STATE_OWN, ACT("")},
          {"c", "u", 1, PLAN_STATE_OWN, ACT("")},
          {"a", "v", 1, PLAN_STATE_OWN, ACT("")}},
         "c a b",
         ""},
        {"goals by time, without a goal last",
         {{"x", "u", 1, PLAN_STATE_OWN, ACT(AT("2020-01-01"))},
          {"g2", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-02-01"))},
          {"g1", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-01-01"))},
          {"a2", "u", 1, PLAN_STATE_OWN, ACT(LINKS(TO("supports_goal", "g2")))},
          {"a1", "u", 1, PLAN_STATE_OWN, ACT(AT("2030-01-01") LINKS(TO("supports_goal", "g1")))}},
         "g1 a1 g2 a2 x",
         "g1 g2"},
        {"a goal under a goal comes after it, before the next",
         {{"g1", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-03-01"))},
          {"g2", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-01-01") LINKS(TO("supports_goal", "g1")))},
          {"g3", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-04-01"))}},
         "g1 g2 g3",
         "g1 g2 g3"},
        {"a goal by way of what it belongs to",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT(LINKS(TO("part_of", "b")))},
          {"b", "u", 1, PLAN_STATE_OWN, "{\"kind\":\"study_plan\"" LINKS(TO("supports_goal", "g")) "}"},
          {"c", "u", 1, PLAN_STATE_OWN, ACT(LINKS(TO("concerns", "a")))},
          {"g", "u", 1, PLAN_STATE_OWN, GOAL("")}},
         "b g a c",
         "g"},
        {"after what it depends on, whatever the time",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-01-01") LINKS(TO("depends_on", "b")))},
          {"b", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-02-01") LINKS(TO("follows", "c")))},
          {"c", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-03-01"))},
          {"d", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-04-01"))}},
         "c b a d",
         ""},
        {"what concerns something does not wait for it",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-01-01") LINKS(TO("concerns", "b")))},
          {"b", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-02-01"))}},
         "a b",
         ""},
        {"a ring of dependence falls back to time",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-02-01") LINKS(TO("depends_on", "b")))},
          {"b", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-01-01") LINKS(TO("depends_on", "a")))},
          {"c", "u", 1, PLAN_STATE_OWN, ACT(AT("2025-03-01") LINKS(TO("depends_on", "c")))}},
         "c b a",
         ""},
        {"a ring of goals",
         {{"g1", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-02-01") LINKS(TO("supports_goal", "g2")))},
          {"g2", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-01-01") LINKS(TO("supports_goal", "g1")))},
          {"g3", "u", 1, PLAN_STATE_OWN, GOAL(AT("2025-05-01") LINKS(TO("supports_goal", "g3")))}},
         "g3 g2 g1",
         "g3 g2 g1"},
        {"contents of any shape",
         {{"a", "u", 1, PLAN_STATE_OWN, "{\"kind\":7,\"phase\":[],\"start\":{},\"links\":{},\"detail\":[]}"},
          {"b", "u", 1, PLAN_STATE_OWN, "{\"links\":[1,null,{\"rel\":2,\"target\":3},{\"target\":\"a\"}]}"},
          {"c", "u", 1, PLAN_STATE_OWN, "{}"}},
         "a b c",
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan plan CLEANUP(plan_clear) = {.arena = NULL};
        print_message("  %s\n", cases[i].name);
        assemble(cases[i].given, NULL, 0, &plan);
        assert_string_equal(listed(&plan, "items", "id"), cases[i].items);
        assert_string_equal(listed(&plan, "goals", "id"), cases[i].goals);
    }
}

static void test_what_stays(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct given given[GIVEN_MAX];
        const char *items;
        const char *states;
    } cases[] = {
        {"an older revision goes",
         {{"a", "u", 1, PLAN_STATE_RELEASED, ACT("")}, {"a", "u", 2, PLAN_STATE_RELEASED, ACT("")}},
         "a",
         "released"},
        {"one's own copy stays",
         {{"a", "u", 1, PLAN_STATE_RELEASED, ACT("")}, {"a", "u", 1, PLAN_STATE_OWN, ACT("")}},
         "a",
         "own"},
        {"a newer released one before one's own",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT("")}, {"a", "u", 2, PLAN_STATE_RELEASED, ACT("")}},
         "a",
         "released"},
        {"the same id at two sources",
         {{"a", "v", 1, PLAN_STATE_QUEUED, ACT("")}, {"a", "u", 2, PLAN_STATE_RELEASED, ACT("")}},
         "a a",
         "released queued"},
        {"replaced by another of its source",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT("")}, {"b", "u", 2, PLAN_STATE_OWN, ACT(",\"replaces\":\"a\"")}},
         "b",
         "own"},
        {"not replaced by another source",
         {{"a", "u", 1, PLAN_STATE_OWN, ACT("")}, {"b", "v", 2, PLAN_STATE_RELEASED, ACT(",\"replaces\":\"a\"")}},
         "a b",
         "own released"},
        {"not replaced by an equal revision",
         {{"a", "u", 2, PLAN_STATE_OWN, ACT(",\"replaces\":\"b\"")},
          {"b", "u", 2, PLAN_STATE_OWN, ACT(",\"replaces\":\"a\"")}},
         "a b",
         "own own"},
        {"what is no object is not shown", {{"a", "u", 1, PLAN_STATE_OWN, "[]"}}, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan plan CLEANUP(plan_clear) = {.arena = NULL};
        print_message("  %s\n", cases[i].name);
        assemble(cases[i].given, NULL, 0, &plan);
        assert_string_equal(listed(&plan, "items", "id"), cases[i].items);
        assert_string_equal(listed(&plan, "items", "state"), cases[i].states);
    }
}

static void test_what_is_missing_is_named(void **state) {
    (void)state;
    static const struct given given[] = {
        {"a", "u", 1, PLAN_STATE_OWN,
         ACT(LINKS(TO("follows", "gone") "," TO("part_of", "gone") "," TO("concerns", "old") "," TO(
             "external", "https://exempel.se/")))},
        {"b", "u", 1, PLAN_STATE_OWN, ACT(LINKS(TO("result_of", "gone") "," TO("result_of", "broken")))},
        {"broken", "v", 1, PLAN_STATE_RELEASED, "\"text\""},
        {"old", "u", 1, PLAN_STATE_OWN, ACT("")},
        {"new", "u", 2, PLAN_STATE_OWN, ACT(",\"replaces\":\"old\"")},
        {NULL, NULL, 0, PLAN_STATE_OWN, NULL},
    };
    static const struct plan_gap gaps[] = {
        {"w", NULL, PLAN_REASON_NO_ANSWER},     {"w", NULL, PLAN_REASON_NO_ANSWER},
        {"z", NULL, PLAN_REASON_CONSENT_ENDED}, {"v", "lost", PLAN_REASON_UNREADABLE},
        {"y", NULL, PLAN_REASON_CONSENT_ENDED},
    };
    struct plan plan CLEANUP(plan_clear) = {.arena = NULL};
    assemble(given, gaps, sizeof gaps / sizeof gaps[0], &plan);
    assert_string_equal(
        json_compact(plan.arena, json_object_get(plan.json, "missing")),
        "[{\"source\":\"y\",\"reason\":\"consent_ended\"},{\"source\":\"z\",\"reason\":\"consent_ended\"},"
        "{\"source\":\"w\",\"reason\":\"no_answer\"},"
        "{\"source\":\"v\",\"fragment\":\"broken\",\"reason\":\"unreadable\"},"
        "{\"source\":\"v\",\"fragment\":\"lost\",\"reason\":\"unreadable\"},"
        "{\"fragment\":\"gone\",\"reason\":\"linked\",\"named_by\":[\"a\",\"b\"]}]");
}

static void test_an_item_says_where_it_is_from(void **state) {
    (void)state;
    static const struct given given[] = {
        {"g", "u", 1, PLAN_STATE_OWN, GOAL(",\"title\":\"M\xC3\xA5l\"")},
        {"a", "v", 3, PLAN_STATE_RELEASED, ACT(AT("2025-01-01") LINKS(TO("supports_goal", "g")))},
        {NULL, NULL, 0, PLAN_STATE_OWN, NULL},
    };
    struct plan plan CLEANUP(plan_clear) = {.arena = NULL};
    assemble(given, NULL, 0, &plan);
    json_t *item = json_array_get(json_object_get(plan.json, "items"), 1);
    assert_true(json_object_get(item, "content") == plan.fragments[1].content);
    (void)json_object_del(item, "content");
    assert_string_equal(json_compact(plan.arena, item),
                        "{\"id\":\"a\",\"revision\":3,\"kind\":\"activity\",\"phase\":\"act\",\"goal\":\"g\","
                        "\"time\":\"2025-01-01\",\"source\":\"v\",\"state\":\"released\",\"receipt\":\"r\"}");
    assert_string_equal(json_compact(plan.arena, json_object_get(plan.json, "goals")),
                        "[{\"id\":\"g\",\"title\":\"M\xC3\xA5l\",\"source\":\"u\",\"under\":null}]");
}

/* A chain as long as a plan may be, and all of it goals: the deepest that links can lead. */
static void test_the_longest_chain(void **state) {
    (void)state;
    static struct plan_fragment fragments[PLAN_FRAGMENTS_MAX];
    static char ids[PLAN_FRAGMENTS_MAX][8];
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < PLAN_FRAGMENTS_MAX; i++)
        (void)snprintf(ids[i], sizeof ids[i], "n%zu", i);
    for (size_t i = 0; i < PLAN_FRAGMENTS_MAX; i++) {
        json_t *content = json_pack("{s:s, s:[{s:s, s:s}]}", "kind", "goal", "links", "rel", "supports_goal", "target",
                                    ids[(i + 1) % PLAN_FRAGMENTS_MAX]);
        fragments[i] = (struct plan_fragment){.content = content, .unit = "u", .id = ids[i], .revision = 1};
    }
    struct plan_input input = {.fragments = fragments, .fragment_count = PLAN_FRAGMENTS_MAX};
    json_t *plan CLEANUP(json_cleanup) = NULL;
    assert_int_equal(plan_assemble(&input, arena, &plan), STATUS_OK);
    assert_int_equal(json_array_size(json_object_get(plan, "items")), PLAN_FRAGMENTS_MAX);
    assert_int_equal(json_array_size(json_object_get(plan, "goals")), PLAN_FRAGMENTS_MAX);
    for (size_t i = 0; i < PLAN_FRAGMENTS_MAX; i++)
        json_decref((json_t *)fragments[i].content);
}

static void test_bounds(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1024);
    json_t *plan = NULL;
    struct plan_input many = {.fragment_count = PLAN_FRAGMENTS_MAX + 1};
    assert_int_equal(plan_assemble(&many, arena, &plan), STATUS_TOO_LARGE);
    struct plan_input gaps = {.gap_count = PLAN_FRAGMENTS_MAX + 1};
    assert_int_equal(plan_assemble(&gaps, arena, &plan), STATUS_TOO_LARGE);
    static struct plan_fragment fragments[PLAN_FRAGMENTS_MAX];
    struct plan_input full = {.fragments = fragments, .fragment_count = PLAN_FRAGMENTS_MAX};
    assert_int_equal(plan_assemble(&full, arena, &plan), STATUS_MEMORY);
    assert_null(plan);
}

/* -- The examples: every kind, two goals, one plan in two revisions --------------------------------------------------
 */

/* Names of the files in the order of the plan; the first revision of the study plan is not in it. */
static const char *const example_order[] = {
    "01-adult-education-assessment",
    "08-adult-education-validation",
    "02-guidance-goal",
    "12-adult-education-decision-admission",
    "04-guidance-referral-labour-market",
    "10-adult-education-study-plan-revised",
    "05-guidance-decision-work-placement",
    "18-career-referral-adult-education",
    "07-adult-education-activity-sfi",
    "03-guidance-event-three-party-talk",
    "11-adult-education-activity-language-and-maths",
    "14-labour-market-activity-work-placement",
    "15-labour-market-event-start",
    "16-labour-market-follow-up-mid-term",
    "17-labour-market-follow-up-final",
    "06-guidance-activity-job-search",
    "13-adult-education-event-exam",
    "21-career-validation",
    "20-career-goal-authorisation",
    "19-career-activity-guidance",
    "23-career-follow-up",
    "22-career-event-meeting",
};
#define EXAMPLE_COUNT (sizeof example_order / sizeof example_order[0])

static json_t *load_example(const char *name) {
    char path[512];
    assert_true(snprintf(path, sizeof path, "%s/docs/examples/%s.json", TEST_SOURCE_DIR, name) < (int)sizeof path);
    json_t *content = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(content);
    return content;
}

static struct plan_fragment example_fragment(const char *name) {
    json_t *content = load_example(name);
    const json_t *unit = json_object_get(json_object_get(content, "owner"), "unit");
    return (struct plan_fragment){.content = content,
                                  .unit = json_string_value(unit),
                                  .id = json_string_value(json_object_get(content, "id")),
                                  .revision = (uint32_t)json_integer_value(json_object_get(content, "revision")),
                                  .state = PLAN_STATE_RELEASED};
}

static void expect_example_order(const json_t *items) {
    assert_int_equal(json_array_size(items), EXAMPLE_COUNT);
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        json_t *expected CLEANUP(json_cleanup) = load_example(example_order[i]);
        const json_t *item = json_array_get(items, i);
        assert_string_equal(json_string_value(json_object_get(json_object_get(item, "content"), "title")),
                            json_string_value(json_object_get(expected, "title")));
        assert_int_equal(json_integer_value(json_object_get(item, "revision")),
                         json_integer_value(json_object_get(expected, "revision")));
    }
}

/* Whatever order the fragments come in. */
static void test_examples_make_one_plan(void **state) {
    (void)state;
    struct plan_fragment fragments[EXAMPLE_COUNT + 1];
    struct plan_fragment turned[EXAMPLE_COUNT + 1];
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < EXAMPLE_COUNT; i++)
        fragments[i] = example_fragment(example_order[i]);
    fragments[EXAMPLE_COUNT] = example_fragment("09-adult-education-study-plan");
    for (size_t turn = 0; turn <= EXAMPLE_COUNT; turn++) {
        for (size_t i = 0; i <= EXAMPLE_COUNT; i++)
            turned[i] = fragments[(i * 5 + turn) % (EXAMPLE_COUNT + 1)];
        struct plan_input input = {.fragments = turned, .fragment_count = EXAMPLE_COUNT + 1};
        json_t *plan CLEANUP(json_cleanup) = NULL;
        arena_reset(arena);
        assert_int_equal(plan_assemble(&input, arena, &plan), STATUS_OK);
        expect_example_order(json_object_get(plan, "items"));
        assert_int_equal(json_array_size(json_object_get(plan, "goals")), 2);
        assert_int_equal(json_array_size(json_object_get(plan, "missing")), 0);
    }
    for (size_t i = 0; i <= EXAMPLE_COUNT; i++)
        json_decref((json_t *)fragments[i].content);
}

/* Each allocation fails once, jansson's too: no crash, no leak, no half-made plan. */
static void test_without_memory(void **state) {
    (void)state;
    struct plan_fragment fragments[] = {example_fragment(example_order[0]), example_fragment(example_order[1])};
    struct plan_gap gap = {"u", NULL, PLAN_REASON_NO_ANSWER};
    struct plan_input input = {fragments, 2, &gap, 1};
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ARENA_BYTES);
    int happened = 1;
    for (unsigned nth = 1; happened; nth++) {
        json_t *plan CLEANUP(json_cleanup) = NULL;
        alloc_fail_at(nth);
        enum status status = plan_assemble(&input, arena, &plan);
        happened = alloc_fail_happened();
        alloc_fail_at(0);
        assert_int_equal(status, happened ? STATUS_MEMORY : STATUS_OK);
        assert_true(happened == (plan == NULL));
    }
    json_decref((json_t *)fragments[0].content);
    json_decref((json_t *)fragments[1].content);
}

int main(void) {
    json_set_alloc_funcs(malloc, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_what_is_missing_is_named),
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_an_item_says_where_it_is_from),
        cmocka_unit_test(test_the_longest_chain),
        cmocka_unit_test(test_examples_make_one_plan),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
