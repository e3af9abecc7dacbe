/*
 * The release rule. Guards P2, P3 and P5: whatever is wrong, nothing is released; and the first thing that is wrong
 * decides what is said about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "proto/rule.h"
#include "support/vectors.h"

#define NOW_MS  1795315395123ULL
#define CLAUSES 17

static const struct rule_facts all_right = {
    .members_admitted = true,
    .units_listed = true,
    .envelope_key_active = true,
    .recipient_matches = true,
    .consent_known = true,
    .consent_active = true,
    .nbf_ms = NOW_MS,
    .exp_ms = NOW_MS + 1,
    .device_valid = true,
    .purpose_matches = true,
    .agreement_covers = true,
    .caps_hold = true,
    .unused = true,
    .source_matches = true,
    .kind_matches = true,
    .grant_present = true,
    .fragment_current = true,
};

/* Makes exactly one clause fail. */
static void spoil(struct rule_facts *facts, unsigned clause) {
    bool *const switches[CLAUSES + 1] = {
        [RULE_MEMBER_ADMITTED] = &facts->members_admitted,
        [RULE_UNIT_LISTED] = &facts->units_listed,
        [RULE_ENVELOPE_KEY] = &facts->envelope_key_active,
        [RULE_RECIPIENT] = &facts->recipient_matches,
        [RULE_CONSENT_KNOWN] = &facts->consent_known,
        [RULE_CONSENT_ACTIVE] = &facts->consent_active,
        [RULE_DEVICE] = &facts->device_valid,
        [RULE_SOURCE] = &facts->source_matches,
        [RULE_PURPOSE] = &facts->purpose_matches,
        [RULE_KIND] = &facts->kind_matches,
        [RULE_AGREEMENT] = &facts->agreement_covers,
        [RULE_CAPS] = &facts->caps_hold,
        [RULE_UNUSED] = &facts->unused,
        [RULE_GRANT] = &facts->grant_present,
        [RULE_FRAGMENT] = &facts->fragment_current,
    };
    if (clause == RULE_NOT_BEFORE) facts->nbf_ms = NOW_MS + 1;
    if (clause == RULE_NOT_EXPIRED) facts->exp_ms = NOW_MS;
    if (switches[clause]) *switches[clause] = false;
}

static unsigned clause_by_name(const char *name) {
    for (unsigned clause = 1; clause <= CLAUSES; clause++) {
        if (strcmp(rule_clause_name((enum rule_clause)clause), name) == 0) return clause;
    }
    fail_msg("no clause %s", name);
    return 0;
}

static void test_nothing_passes_by_default(void **state) {
    (void)state;
    const struct rule_facts none = {0};
    assert_int_equal(rule_release(&none, RULE_STAGE_GRANT, 0), RULE_MEMBER_ADMITTED);
    assert_int_equal(rule_token(&none, RULE_STAGE_RELEASE, 0), RULE_MEMBER_ADMITTED);
}

/* A stage that was never written, or a number from elsewhere. */
static void test_no_stage_no_release(void **state) {
    (void)state;
    static const unsigned stages[] = {RULE_STAGE_NONE, 3, 31, 32, 33, UINT32_MAX};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        assert_int_equal(rule_release(&all_right, (enum rule_stage)stages[i], NOW_MS), RULE_MEMBER_ADMITTED);
        assert_int_equal(rule_token(&all_right, (enum rule_stage)stages[i], NOW_MS), RULE_MEMBER_ADMITTED);
    }
    assert_int_equal(rule_outward((enum rule_clause)(CLAUSES + 1)), REPLY_NOT_AVAILABLE);
    assert_int_equal(rule_outward((enum rule_clause) - 1), REPLY_NOT_AVAILABLE);
    assert_string_equal(rule_clause_name((enum rule_clause)(CLAUSES + 1)), "unknown");
}

/* Of an independent implementation: nothing, one and two things wrong, at both stages. */
static void test_p2_vectors(void **state) {
    (void)state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("rule.json");
    assert_int_equal(vectors_number(vectors, "clauses"), CLAUSES);
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "cases"), index, one) {
        struct rule_facts facts = all_right;
        const json_t *wrong = json_object_get(one, "wrong");
        for (size_t i = 0; i < json_array_size(wrong); i++) {
            spoil(&facts, clause_by_name(json_string_value(json_array_get(wrong, i))));
        }
        bool at_source = strcmp(vectors_text(one, "stage"), "G") == 0;
        enum rule_stage stage = at_source ? RULE_STAGE_GRANT : RULE_STAGE_RELEASE;
        enum rule_clause clause = rule_release(&facts, stage, NOW_MS);
        if (clause != vectors_number(one, "release")) fail_msg("case %zu: %s", index, rule_clause_name(clause));
        assert_string_equal(rule_clause_name(clause), vectors_text(one, "name"));
        assert_string_equal(reply_code_name(rule_outward(clause)), vectors_text(one, "outward"));
        assert_int_equal(rule_token(&facts, stage, NOW_MS), vectors_number(one, "token"));
    }
    assert_int_equal(index, 2 * (1 + CLAUSES + CLAUSES * (CLAUSES - 1) / 2));
}

/* Every set of things that are wrong: the least number decides, at the source without the grant. */
static void test_p2_least_clause_decides(void **state) {
    (void)state;
    for (uint32_t wrong = 0; wrong < 1U << CLAUSES; wrong++) {
        struct rule_facts facts = all_right;
        for (unsigned clause = 1; clause <= CLAUSES; clause++) {
            if (wrong >> (clause - 1) & 1) spoil(&facts, clause);
        }
        uint32_t at_source = wrong & ~(1U << (RULE_GRANT - 1));
        unsigned least = wrong ? (unsigned)__builtin_ctz(wrong) + 1 : RULE_PASS;
        unsigned least_at_source = at_source ? (unsigned)__builtin_ctz(at_source) + 1 : RULE_PASS;
        assert_int_equal(rule_release(&facts, RULE_STAGE_RELEASE, NOW_MS), least);
        assert_int_equal(rule_release(&facts, RULE_STAGE_GRANT, NOW_MS), least_at_source);
    }
}

/* A stranger gets one answer, whatever the state of the consent, its times, its device or the fragment. */
static void test_p6_stranger_learns_nothing(void **state) {
    (void)state;
    for (unsigned clause = RULE_CONSENT_KNOWN; clause <= CLAUSES; clause++) {
        struct rule_facts facts = all_right;
        spoil(&facts, RULE_RECIPIENT);
        spoil(&facts, clause);
        enum rule_clause found = rule_release(&facts, RULE_STAGE_RELEASE, NOW_MS);
        assert_int_equal(found, RULE_RECIPIENT);
        assert_int_equal(rule_outward(found), REPLY_CONSENT_REQUIRED);
    }
}

struct time_case {
    uint64_t nbf_ms;
    uint64_t exp_ms;
    uint64_t now_ms;
    enum rule_clause expected;
};

static const struct time_case time_cases[] = {
    {1000, 2000, 999, RULE_NOT_BEFORE},
    {1000, 2000, 2000, RULE_NOT_EXPIRED},
    {1000, 2000, 0, RULE_NOT_BEFORE},
    {1000, 2000, UINT64_MAX, RULE_NOT_EXPIRED},
    {2000, 1000, 1500, RULE_NOT_BEFORE},
    {1000, 1000, 1000, RULE_NOT_EXPIRED},
    {1000, 2000, 1000, RULE_PASS},
    {1000, 2000, 1999, RULE_PASS},
    {0, UINT64_MAX, UINT64_MAX - 1, RULE_PASS},
};

static void test_times(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof time_cases / sizeof time_cases[0]; i++) {
        struct rule_facts facts = all_right;
        facts.nbf_ms = time_cases[i].nbf_ms;
        facts.exp_ms = time_cases[i].exp_ms;
        if (rule_release(&facts, RULE_STAGE_RELEASE, time_cases[i].now_ms) != time_cases[i].expected ||
            rule_token(&facts, RULE_STAGE_GRANT, time_cases[i].now_ms) != time_cases[i].expected)
            fail_msg("case %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_passes_by_default),
        cmocka_unit_test(test_no_stage_no_release),
        cmocka_unit_test(test_p2_vectors),
        cmocka_unit_test(test_p2_least_clause_decides),
        cmocka_unit_test(test_p6_stranger_learns_nothing),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
