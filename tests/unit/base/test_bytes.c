#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static const struct {
    const char *name;
    const char *text;
} bad_texts[] = {
    {"tab", "\t"},
    {"newline", "\n"},
    {"unit separator", "\x1f"},
    {"delete", "\x7f"},
    {"continuation alone", "\x80"},
    {"overlong two bytes", "\xc0\x80"},
    {"overlong slash", "\xc1\xaf"},
    {"two bytes cut", "\xc3"},
    {
        "two bytes, ASCII second",
        "\xc3(",
    },
    {"overlong three bytes", "\xe0\x9f\xbf"},
    {"first surrogate", "\xed\xa0\x80"},
    {"last surrogate", "\xed\xbf\xbf"},
    {"three bytes cut", "\xe2\x82"},
    {"three bytes, bad third", "\xe2\x82\x28"},
    {"overlong four bytes", "\xf0\x8f\xbf\xbf"},
    {"beyond U+10FFFF", "\xf4\x90\x80\x80"},
    {"lead byte F5", "\xf5\x80\x80\x80"},
    {"lead byte FF", "\xff"},
    {"four bytes cut", "\xf0\x9f\x98"},
    {"four bytes, bad fourth", "\xf0\x9f\x98\xc0"},
};

static const char *const good_texts[] = {
    "",
    " ",
    "~",
    "plain ASCII that is longer than one word",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "sm\xc3\xb6rg\xc3\xa5s, 12345678 \xd8\xaf\xd8\xb1\xdb\x8c \xf0\x9f\x98\x80",
};

/* Each case alone and at every place of a longer text, since whole words of plain text take a short way. */
static void assert_text_everywhere(const char *name, const char *text, bool expected) {
    char padded[64];
    size_t len = strlen(text);
    for (size_t before = 0; before <= 20; before++) {
        memset(padded, 'a', sizeof padded);
        memcpy(padded + before, text, len);
        if (bytes_is_text(BYTES(padded, sizeof padded)) != expected) fail_msg("%s at %zu", name, before);
        if (bytes_is_text(BYTES(padded, before + len)) != expected) fail_msg("%s at the end", name);
    }
}

static void test_text(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        assert_text_everywhere(bad_texts[i].name, bad_texts[i].text, false);
    }
    assert_false(bytes_is_text(BYTES("a\0b", 3)));
    for (size_t i = 0; i < sizeof good_texts / sizeof good_texts[0]; i++) {
        if (!bytes_is_text(bytes_text(good_texts[i]))) fail_msg("refused '%s'", good_texts[i]);
        if (strlen(good_texts[i]) <= 4) assert_text_everywhere(good_texts[i], good_texts[i], true);
    }
    assert_true(bytes_is_text(BYTES_EMPTY));
}

static void test_every_single_byte(void **state) {
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t one[9];
        memset(one, 'x', sizeof one);
        one[3] = (uint8_t)byte;
        assert_int_equal(bytes_is_text(BYTES(one + 3, 1)), byte >= 0x20 && byte < 0x7f);
        assert_int_equal(bytes_is_text(BYTES_ARRAY(one)), byte >= 0x20 && byte < 0x7f);
    }
}

static void test_comparisons(void **state) {
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        int order;
    } cases[] = {
        {"", "", 0},     {"", "a", -1},  {"a", "", 1},         {"a", "b", -1},      {"b", "a", 1},
        {"a", "aa", -1}, {"aa", "a", 1}, {"\x7f", "\x80", -1}, {"same", "same", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes a = bytes_text(cases[i].a);
        struct bytes b = bytes_text(cases[i].b);
        int order = bytes_compare(a, b);
        assert_int_equal((order > 0) - (order < 0), cases[i].order);
        assert_int_equal(bytes_equal(a, b), cases[i].order == 0);
        assert_int_equal(bytes_equal_ct(a, b), cases[i].order == 0);
        assert_int_equal(bytes_equal_text(a, cases[i].b), cases[i].order == 0);
    }
    assert_true(bytes_equal(BYTES_EMPTY, bytes_text("")));
    assert_true(bytes_equal_ct(BYTES_EMPTY, bytes_text("")));
    assert_int_equal(bytes_compare(BYTES_EMPTY, BYTES_EMPTY), 0);
}

static const uint8_t wire[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 2, 'h', 'i', 'e', 'n', 'd'};

static void test_reader_in_order(void **state) {
    (void)state;
    struct reader reader = reader_init(BYTES_ARRAY(wire));
    assert_int_equal(reader_u8(&reader), 0x01);
    assert_int_equal(reader_u16(&reader), 0x0203);
    assert_int_equal(reader_u32(&reader), 0x04050607);
    assert_true(reader_u64(&reader) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(bytes_equal_text(reader_vector(&reader, 2), "hi"));
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
    char end[3] = {0};
    reader_copy(&reader, end, sizeof end);
    assert_memory_equal(end, "end", 3);
    assert_int_equal(reader_end(&reader), STATUS_OK);
    assert_int_equal(reader_take(&reader, 0).len, 0);
    assert_int_equal(reader_end(&reader), STATUS_OK);
}

/* Whatever prefix is there, a straight list of reads never reads beyond it and fails at the end. */
static void test_reader_cut_anywhere(void **state) {
    (void)state;
    for (size_t len = 0; len < sizeof wire; len++) {
        struct reader reader = reader_init(BYTES(wire, len));
        (void)reader_u8(&reader);
        (void)reader_u16(&reader);
        (void)reader_u32(&reader);
        (void)reader_u64(&reader);
        (void)reader_vector(&reader, 2);
        uint8_t end[3] = {1, 1, 1};
        reader_copy(&reader, end, sizeof end);
        assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
        assert_memory_equal(end, "\0\0\0", 3);
    }
}

static void test_reader_keeps_its_first_error(void **state) {
    (void)state;
    struct reader reader = reader_init(BYTES(wire + 15, 9));
    assert_int_equal(reader_vector(&reader, 1).len, 0);
    assert_int_equal(reader_u8(&reader), 0);
    assert_int_equal(reader_take(&reader, 1).len, 0);
    reader_fail(&reader, STATUS_VERSION);
    assert_int_equal(reader_end(&reader), STATUS_TOO_LARGE);

    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1};
    reader = reader_init(BYTES_ARRAY(huge));
    assert_int_equal(reader_vector(&reader, SIZE_MAX).len, 0);
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);

    reader = reader_init(BYTES_ARRAY(wire));
    reader_fail(&reader, STATUS_VERSION);
    assert_int_equal(reader_u64(&reader), 0);
    assert_int_equal(reader_end(&reader), STATUS_VERSION);
}

static void test_writer_gives_what_the_reader_reads(void **state) {
    (void)state;
    uint8_t memory[sizeof wire];
    struct writer writer = writer_init(memory, sizeof memory);
    writer_u8(&writer, 0x01);
    writer_u16(&writer, 0x0203);
    writer_u32(&writer, 0x04050607);
    writer_u64(&writer, UINT64_C(0x08090a0b0c0d0e0f));
    writer_vector(&writer, bytes_text("hi"));
    writer_put(&writer, bytes_text("end"));
    writer_put(&writer, BYTES_EMPTY);
    struct bytes written = BYTES_EMPTY;
    assert_int_equal(writer_end(&writer, &written), STATUS_OK);
    assert_true(bytes_equal(written, BYTES_ARRAY(wire)));
}

static void test_writer_stops_at_its_cap(void **state) {
    (void)state;
    uint8_t memory[8] = {0};
    struct writer writer = writer_init(memory, 7);
    writer_u32(&writer, 0x01020304);
    writer_u32(&writer, 0x05060708);
    /* Sticky: what would fit is not written any more. */
    writer_u8(&writer, 9);
    struct bytes written = bytes_text("untouched");
    assert_int_equal(writer_end(&writer, &written), STATUS_TOO_LARGE);
    assert_true(bytes_equal_text(written, "untouched"));
    assert_memory_equal(memory, "\1\2\3\4\0\0\0\0", 8);

    writer = writer_init(NULL, 0);
    writer_put(&writer, BYTES_EMPTY);
    assert_int_equal(writer_end(&writer, &written), STATUS_OK);
    writer_vector(&writer, BYTES(memory, (size_t)UINT32_MAX + 1));
    assert_int_equal(writer_end(&writer, &written), STATUS_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_single_byte),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_reader_in_order),
        cmocka_unit_test(test_reader_cut_anywhere),
        cmocka_unit_test(test_reader_keeps_its_first_error),
        cmocka_unit_test(test_writer_gives_what_the_reader_reads),
        cmocka_unit_test(test_writer_stops_at_its_cap),
    };
    return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
