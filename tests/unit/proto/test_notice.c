/* The notice: facts without words are refused first; then that every language is complete and the text stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "keys/hash.h"
#include "proto/notice.h"
#include "support/federation.h"
#include "support/vectors.h"

static const uint32_t kinds[] = {KIND_GOAL, KIND_ACTIVITY};
static const uint32_t no_kind[] = {KIND_NONE};
static const uint32_t beyond[] = {KIND_LAST + 1};
static const uint32_t descending[] = {KIND_ACTIVITY, KIND_GOAL};
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
    facts = sample();
    facts.n_kinds = 0;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts = sample();
    facts.kinds = descending;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    facts = sample();
    facts.n_from = 0;
    assert_int_equal(notice_write(arena, "sv", &facts, &text), STATUS_INVALID);
    assert_int_equal(text.len, 0);
}

/* A name that would end its line could add a line of its own. */
static void test_names_are_lines(void **state) {
    (void)state;
    static const char *const bad[] = {"", "A\nRecipient: B", "A\r", "A\tB", "A\x7f", "A\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (unsigned place = 0; place < 5; place++) {
            struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
            struct bytes text = BYTES_EMPTY;
            struct notice_facts facts = sample();
            struct notice_party parties[2] = {from[0], from[1]};
            const char **const places[] = {&facts.to.unit_name, &facts.to.member_name, &facts.purpose_text,
                                           &parties[1].unit_name, &parties[0].member_name};
            facts.from = parties;
            *places[place] = bad[i];
            if (notice_write(arena, "sv", &facts, &text) != STATUS_INVALID) fail_msg("text %zu, place %u", i, place);
        }
    }
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

/* ---- from the directory ---- */

static void read_token(const json_t *one, struct token *out_token) {
    *out_token = (struct token){.to = vectors_text(one, "to"),
                                .purpose = vectors_text(one, "purpose"),
                                .exp_s = vectors_number(one, "exp"),
                                .n_kinds = json_array_size(json_object_get(one, "kinds"))};
    for (size_t i = 0; i < out_token->n_kinds; i++) {
        out_token->kinds[i] = (uint32_t)json_integer_value(json_array_get(json_object_get(one, "kinds"), i));
    }
    assert_int_equal(consent_request_access_from(bytes_text(vectors_text(one, "access")), &out_token->access),
                     STATUS_OK);
    assert_int_equal(consent_request_basis_from(bytes_text(vectors_text(one, "basis")), &out_token->basis), STATUS_OK);
}

/* Whole texts in every language that is offered, twice, as an independent template makes them. */
static void test_p2_golden(void **state) {
    (void)state;
    struct federation *federation = federation_new();
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("notice.json");
    const json_t *languages = json_object_get(vectors, "languages");
    for (size_t i = 0; i < json_array_size(languages); i++) {
        assert_string_equal(notice_languages()[i], json_string_value(json_array_get(languages, i)));
    }
    assert_null(notice_languages()[json_array_size(languages)]);
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "cases"), index, one) {
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 18);
        const json_t *from_names = json_object_get(one, "from");
        const char *sources[8];
        for (size_t i = 0; i < json_array_size(from_names); i++) {
            sources[i] = json_string_value(json_array_get(from_names, i));
        }
        struct token token;
        read_token(one, &token);
        for (unsigned again = 0; again < 2; again++) {
            struct bytes text = BYTES_EMPTY;
            assert_int_equal(notice_make(arena, vectors_text(one, "lang"), federation->directory, &token, sources,
                                         json_array_size(from_names), &text),
                             STATUS_OK);
            assert_string_equal(arena_printf(arena, "%.*s", (int)text.len, (const char *)text.data),
                                vectors_text(one, "text"));
            struct hash hash = hash_sha256(text);
            assert_true(bytes_equal(vectors_hex(arena, one, "sha256"), hash_bytes(&hash)));
        }
    }
    assert_int_equal(index, 9);
    federation_free(federation);
}

static void test_directory_lacks_something(void **state) {
    (void)state;
    struct federation *federation = federation_new();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    const struct token good = {.to = FEDERATION_GUIDANCE,
                               .purpose = FEDERATION_PURPOSE,
                               .kinds = {KIND_GOAL},
                               .n_kinds = 1,
                               .access = ACCESS_ONCE,
                               .basis = BASIS_BOTH,
                               .exp_s = 1};
    static const char *const sources[] = {FEDERATION_EDUCATION, FEDERATION_LABOUR};
    static const char *const unknown[] = {FEDERATION_EDUCATION, FEDERATION_CITY "/zoo"};
    static const char *const unsorted[] = {FEDERATION_LABOUR, FEDERATION_EDUCATION};
    static const char *const twice[] = {FEDERATION_LABOUR, FEDERATION_LABOUR};
    const struct directory *directory = federation->directory;
    struct bytes text = BYTES_EMPTY;
    struct token token = good;
    assert_int_equal(notice_make(arena, "xx", directory, &token, sources, 2, &text), STATUS_UNSUPPORTED);
    assert_int_equal(notice_make(arena, "SV", directory, &token, sources, 2, &text), STATUS_UNSUPPORTED);
    assert_int_equal(notice_make(arena, "sv", directory, &token, unknown, 2, &text), STATUS_NOT_FOUND);
    assert_int_equal(notice_make(arena, "sv", directory, &token, unsorted, 2, &text), STATUS_INVALID);
    assert_int_equal(notice_make(arena, "sv", directory, &token, twice, 2, &text), STATUS_INVALID);
    assert_int_equal(notice_make(arena, "sv", directory, &token, sources, 0, &text), STATUS_INVALID);
    token.to = FEDERATION_SERVICE "/zoo";
    assert_int_equal(notice_make(arena, "sv", directory, &token, sources, 2, &text), STATUS_NOT_FOUND);
    token = good;
    token.purpose = "unknown";
    assert_int_equal(notice_make(arena, "sv", directory, &token, sources, 2, &text), STATUS_NOT_FOUND);
    assert_int_equal(text.len, 0);
    assert_int_equal(notice_make(arena, "sv", directory, &good, sources, 2, &text), STATUS_OK);
    federation_free(federation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_has_no_words),
        cmocka_unit_test(test_names_are_lines),
        cmocka_unit_test(test_directory_lacks_something),
        cmocka_unit_test(test_p2_golden),
        cmocka_unit_test(test_languages_are_complete),
        cmocka_unit_test(test_text_stands_still),
        cmocka_unit_test(test_name_falls_back_to_the_first_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
