#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static int setup(void **state) {
    *state = arena_new(1 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

typedef enum status decode_fn(struct arena *arena, struct bytes text, struct bytes *out_bytes);

struct bad_case {
    const char *name;
    decode_fn *decode;
    const char *text;
};

static const struct bad_case bad_cases[] = {
    {"hex: odd length", text_from_hex, "abc"},
    {"hex: upper case", text_from_hex, "AB"},
    {"hex: no digit", text_from_hex, "0g"},
    {"hex: white space", text_from_hex, "00 1"},
    {"url: one digit", text_from_base64url, "A"},
    {"url: five digits", text_from_base64url, "AAAAA"},
    {"url: padding", text_from_base64url, "Zg=="},
    {"url: standard digit", text_from_base64url, "ab+/"},
    {"url: newline", text_from_base64url, "Zm9v\n"},
    {"url: bits left over after one byte", text_from_base64url, "Zh"},
    {"url: bits left over after two bytes", text_from_base64url, "Zm9"},
    {"standard: no padding", text_from_base64, "Zg"},
    {"standard: padding too short", text_from_base64, "Zg="},
    {"standard: padding too long", text_from_base64, "Zm8=="},
    {"standard: padding only", text_from_base64, "===="},
    {"standard: three signs", text_from_base64, "Z==="},
    {"standard: padding inside", text_from_base64, "Zg==Zg=="},
    {"standard: url digit", text_from_base64, "ab-_"},
    {"standard: bits left over", text_from_base64, "Zh=="},
    {"standard: high byte", text_from_base64, "\xff\xff\xff\xff"},
};

static void test_decoders_refuse(void **state) {
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct bytes out = BYTES("untouched", 9);
        if (bad->decode(*state, bytes_text(bad->text), &out) != STATUS_MALFORMED) fail_msg("%s", bad->name);
        assert_true(bytes_equal_text(out, "untouched"));
    }
}

/* RFC 4648 section 10, with each form. */
static const struct good_case {
    const char *plain;
    const char *hex;
    const char *url;
    const char *standard;
} good_cases[] = {
    {"", "", "", ""},
    {"f", "66", "Zg", "Zg=="},
    {"fo", "666f", "Zm8", "Zm8="},
    {"foo", "666f6f", "Zm9v", "Zm9v"},
    {"foob", "666f6f62", "Zm9vYg", "Zm9vYg=="},
    {"fooba", "666f6f6261", "Zm9vYmE", "Zm9vYmE="},
    {"foobar", "666f6f626172", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "fbffbf", "-_-_", "+/+/"},
};

static void assert_decodes(struct arena *arena, decode_fn *decode, const char *text, const char *plain) {
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(decode(arena, bytes_text(text), &out), STATUS_OK);
    assert_true(bytes_equal_text(out, plain));
}

static void test_forms_of_rfc4648(void **state) {
    for (size_t i = 0; i < sizeof good_cases / sizeof good_cases[0]; i++) {
        const struct good_case *good = &good_cases[i];
        assert_string_equal(text_hex(*state, bytes_text(good->plain)), good->hex);
        assert_string_equal(text_base64url(*state, bytes_text(good->plain)), good->url);
        assert_string_equal(text_base64(*state, bytes_text(good->plain)), good->standard);
        assert_decodes(*state, text_from_hex, good->hex, good->plain);
        assert_decodes(*state, text_from_base64url, good->url, good->plain);
        assert_decodes(*state, text_from_base64, good->standard, good->plain);
    }
}

static void test_every_length_and_byte_round_trips(void **state) {
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    for (size_t len = 0; len <= sizeof all; len++) {
        arena_reset(*state);
        struct bytes from = {all + sizeof all - len, len};
        struct bytes out = BYTES_EMPTY;
        assert_int_equal(text_from_hex(*state, bytes_text(text_hex(*state, from)), &out), STATUS_OK);
        assert_true(bytes_equal(out, from));
        assert_int_equal(text_from_base64url(*state, bytes_text(text_base64url(*state, from)), &out), STATUS_OK);
        assert_true(bytes_equal(out, from));
        assert_int_equal(text_from_base64(*state, bytes_text(text_base64(*state, from)), &out), STATUS_OK);
        assert_true(bytes_equal(out, from));
    }
}

static void test_fixed_wants_the_exact_length(void **state) {
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    assert_int_equal(text_fixed_base64url(bytes_text("Zm9v"), out, 4), STATUS_MALFORMED);
    assert_int_equal(text_fixed_base64url(bytes_text("Zm9vYg"), out, 3), STATUS_MALFORMED);
    assert_int_equal(text_fixed_base64url(bytes_text("Zm9vYh"), out, 4), STATUS_MALFORMED);
    assert_int_equal(text_fixed_base64(bytes_text("Zm9vYg"), out, 4), STATUS_MALFORMED);
    assert_int_equal(text_fixed_base64(bytes_text("Zm9vYg=="), out, 3), STATUS_MALFORMED);
    assert_int_equal(text_fixed_hex(bytes_text("666f6f"), out, 4), STATUS_MALFORMED);
    assert_int_equal(text_fixed_hex(bytes_text("666f6f620"), out, 4), STATUS_MALFORMED);
    assert_int_equal(text_fixed_hex(bytes_text("666f6f6x"), out, 4), STATUS_MALFORMED);
    assert_memory_equal(out, "\x09\x09\x09\x09", 4);
    assert_int_equal(text_fixed_base64url(bytes_text("Zm9vYg"), out, 4), STATUS_OK);
    assert_memory_equal(out, "foob", 4);
    assert_int_equal(text_fixed_base64(bytes_text("L2JhLw=="), out, 4), STATUS_OK);
    assert_memory_equal(out, "/ba/", 4);
    assert_int_equal(text_fixed_hex(bytes_text("62617263"), out, 4), STATUS_OK);
    assert_memory_equal(out, "barc", 4);
}

static void test_decimal(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "00",
                                      "01",
                                      " 1",
                                      "1 ",
                                      "18446744073709551616",
                                      "1e3",
                                      "99999999999999999999",
                                      "0x1",
                                      "1\n",
                                      "184467440737095516150"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t value = 7;
        if (text_to_u64(bytes_text(bad[i]), &value) != STATUS_MALFORMED || value != 7)
            fail_msg("accepted '%s'", bad[i]);
    }
    uint64_t value = 7;
    assert_int_equal(text_to_u64(bytes_text("0"), &value), STATUS_OK);
    assert_int_equal(value, 0);
    assert_int_equal(text_to_u64(bytes_text("18446744073709551615"), &value), STATUS_OK);
    assert_true(value == UINT64_MAX);
}

static void test_full_arena(void **state) {
    (void)state;
    struct arena *arena = arena_new(8);
    struct bytes out = BYTES_EMPTY;
    assert_null(text_hex(arena, bytes_text("four")));
    assert_null(text_base64(arena, bytes_text("foobar")));
    assert_null(text_base64url(arena, bytes_text("foobar")));
    assert_int_equal(text_from_hex(arena, bytes_text("001122334455667788"), &out), STATUS_MEMORY);
    assert_int_equal(text_from_base64(arena, bytes_text("AAAAAAAAAAAA"), &out), STATUS_MEMORY);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decoders_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forms_of_rfc4648, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_length_and_byte_round_trips, setup, teardown),
        cmocka_unit_test(test_fixed_wants_the_exact_length),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_full_arena),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
