/* The notice: facts without words are refused first; then that every language is complete and the text stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/hash.h"
#include "proto/notice.h"

static const uint32_t kinds[] = {KIND_GOAL, KIND_ACTIVITY};
static const uint32_t no_kind[] = {KIND_NONE};
static const uint32_t beyond[] = {KIND_LAST + 1};
static const struct notice_party from[] = {{"Vuxenutbildningen", "Exempelköping"}, {"Karriärcentrum", "Exempelköping"}};

static struct notice_facts sample(void) {
    return (struct notice_facts){.to = {"Kontoret i Norr", "Arbetsförmedlingen"},
                                 .from = from,
                                 .n_from = 2,
                                 .purpose_text = "Gemensam planering",
                                 .kinds = kinds,
                                 .n_kinds = 2,
                                 .exp_s = 1795315395,
                                 .access = ACCESS_REPEATED,
                                 .basis = BASIS_SECRECY_WAIVER};
}

static void test_refuses_what_has_no_words(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
    struct bytes text = BYTES_EMPTY;
    struct notice_facts facts = sample();
    assert_int_equal(notice_write(arena, "xx", &facts, &text), STATUS_UNSUPPORTED);
    facts.access = ACCESS_NONE;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts = sample();
    facts.basis = BASIS_NONE;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts = sample();
    facts.kinds = no_kind;
    facts.n_kinds = 1;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts.kinds = beyond;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts = sample();
    facts.exp_s = UINT64_MAX;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    assert_int_equal(text.len, 0);
}

/* Every word for every fact, in every language: an empty line would be a missing text. */
static void test_languages_are_complete(void **state) {
    (void)state;
    uint32_t all[KIND_LAST];
    for (uint32_t i = 0; i < KIND_LAST; i++) {
        all[i] = i + 1;
    }
    for (const char *const *lang = notice_languages(); *lang; lang++) {
        for (uint32_t choice = 0; choice < 6; choice++) {
            struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
            struct bytes text;
            struct notice_facts facts = sample();
            facts.kinds = all;
            facts.n_kinds = KIND_LAST;
            facts.access = (enum access)(1 + choice % 2);
            facts.basis = (enum basis)(1 + choice / 2);
            assert_int_equal(notice_write(arena, *lang, &facts, &text), STATUS_OK);
            assert_true(bytes_is_text(BYTES(text.data, 1)) || text.data[0] >= 0x80);
            assert_null(memmem(text.data, text.len, "\n\n", 2));
            assert_null(memmem(text.data, text.len, "- \n", 3));
            assert_int_equal(text.data[text.len - 1], '\n');
        }
    }
}

static void test_text_stands_still(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
    struct bytes text;
    struct notice_facts facts = sample();
    assert_int_equal(notice_write(arena, "en", &facts, &text), STATUS_OK);
    static const char expected[] =
        "Consent to share parts of your plan\n"
        "Recipient: Kontoret i Norr, Arbetsförmedlingen\n"
        "This is what the recipient may read:\n- Goals\n- Activities\n"
        "The information comes from:\n- Vuxenutbildningen, Exempelköping\n- Karriärcentrum, Exempelköping\n"
        "Purpose: Gemensam planering\n"
        "Valid until: 2026-11-22 02:43:15 UTC\n"
        "The recipient may read several times until then, including what is added later.\n"
        "You waive secrecy for exactly this.\n"
        "You can withdraw at any time: with your key, with the revocation code, or by telling one of the bodies. What "
        "has been read cannot be made unread.\n"
        "It is voluntary. If you say no, the recipient reads nothing and is not told that you answered.\n";
    assert_int_equal(text.len, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.len);
}

static void test_name_falls_back_to_the_first_code(void **state) {
    (void)state;
    static const struct text texts[] = {{"sv", "svenska"}, {"en", "English"}, {"nb", "bokmål"}};
    assert_string_equal(notice_name(texts, 3, "nb"), "bokmål");
    assert_string_equal(notice_name(texts, 3, "ar"), "English");
    assert_null(notice_name(texts, 0, "sv"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_has_no_words),
        cmocka_unit_test(test_languages_are_complete),
        cmocka_unit_test(test_text_stands_still),
        cmocka_unit_test(test_name_falls_back_to_the_first_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
