/* Hello, preface and their answers: what is refused first, then that each goes there and back. Guards P11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/preface.h"

static const struct preface sample = {
    .fingerprint = {0xf1, 2, 3},
    .address = "192.0.2.7",
    .hello = {.lowest_version = 1, .highest_version = 2, .instance = {9, 8, 7}, .epoch = 0x0102030405060708},
};

struct bad_case {
    const char *name;
    size_t at;     /* byte that is changed */
    uint8_t value; /* to this */
    int extra;     /* bytes added or cut off at the end */
    enum status expected;
};

enum { ADDRESS_AT = 34, VERSIONS_AT = ADDRESS_AT + 1 + 9, SAMPLE_BYTES = VERSIONS_AT + 4 + 16 + 8 };

static const struct bad_case bad_prefaces[] = {
    {"empty", 0, 1, -SAMPLE_BYTES, STATUS_MALFORMED},
    {"layout 0", 0, 0, 0, STATUS_VERSION},
    {"layout 2", 0, 2, 0, STATUS_VERSION},
    {"letter", 1, 'p', 0, STATUS_MALFORMED},
    {"no address", ADDRESS_AT, 0, 0, STATUS_MALFORMED},
    {"address longer than all", ADDRESS_AT, 255, 0, STATUS_MALFORMED},
    {"address one shorter", ADDRESS_AT, 8, 0, STATUS_MALFORMED},
    {"control character in the address", ADDRESS_AT + 1, '\n', 0, STATUS_MALFORMED},
    {"zero byte in the address", ADDRESS_AT + 1, 0, 0, STATUS_MALFORMED},
    {"lowest above highest", VERSIONS_AT, 1, 0, STATUS_MALFORMED},
    {"lowest is 0", VERSIONS_AT + 1, 0, 0, STATUS_MALFORMED},
    {"one byte short", 0, 1, -1, STATUS_MALFORMED},
    {"one byte more", 0, 1, 1, STATUS_MALFORMED},
};

static void test_bad_prefaces(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_prefaces / sizeof *bad_prefaces; i++) {
        const struct bad_case *bad = &bad_prefaces[i];
        uint8_t memory[PREFACE_MAX_BYTES + 1] = {0};
        struct bytes written = BYTES_EMPTY;
        assert_int_equal(preface_encode(&sample, memory, &written), STATUS_OK);
        assert_int_equal(written.len, SAMPLE_BYTES);
        memory[bad->at] = bad->value;
        written.len += (size_t)(ptrdiff_t)bad->extra;
        struct preface parsed = {.address = "untouched"};
        if (preface_parse(written, &parsed) != bad->expected) fail_msg("case '%s'", bad->name);
        assert_string_equal(parsed.address, "untouched");
    }
}

static void test_preface_there_and_back(void **state) {
    (void)state;
    uint8_t memory[PREFACE_MAX_BYTES];
    struct bytes written = BYTES_EMPTY;
    struct preface parsed;
    assert_int_equal(preface_encode(&sample, memory, &written), STATUS_OK);
    assert_int_equal(preface_parse(written, &parsed), STATUS_OK);
    assert_memory_equal(&parsed, &sample, sizeof parsed);
}

static void test_preface_longest_address(void **state) {
    (void)state;
    uint8_t memory[PREFACE_MAX_BYTES];
    struct bytes written = BYTES_EMPTY;
    struct preface longest = sample;
    struct preface parsed;
    memset(longest.address, 'a', PREFACE_ADDRESS_MAX_BYTES);
    assert_int_equal(preface_encode(&longest, memory, &written), STATUS_OK);
    assert_int_equal(written.len, PREFACE_MAX_BYTES);
    assert_int_equal(preface_parse(written, &parsed), STATUS_OK);
    longest.address[PREFACE_ADDRESS_MAX_BYTES] = 'a';
    assert_int_equal(preface_encode(&longest, memory, &written), STATUS_INVALID);
    longest.address[0] = '\0';
    assert_int_equal(preface_encode(&longest, memory, &written), STATUS_INVALID);
}

static void test_hello(void **state) {
    (void)state;
    uint8_t memory[PREFACE_HELLO_BYTES + 1] = {0};
    struct preface_hello parsed;
    preface_hello_encode(&sample.hello, memory);
    assert_int_equal(preface_hello_parse(BYTES(memory, PREFACE_HELLO_BYTES - 1), &parsed), STATUS_MALFORMED);
    assert_int_equal(preface_hello_parse(BYTES(memory, PREFACE_HELLO_BYTES + 1), &parsed), STATUS_MALFORMED);
    memory[3] = 'A';
    assert_int_equal(preface_hello_parse(BYTES(memory, PREFACE_HELLO_BYTES), &parsed), STATUS_MALFORMED);
    memory[3] = 'S';
    assert_int_equal(preface_hello_parse(BYTES(memory, PREFACE_HELLO_BYTES), &parsed), STATUS_OK);
    assert_memory_equal(&parsed, &sample.hello, sizeof parsed);
    const uint8_t head[] = {'S', 'L', 'U', 'S', 0, 1, 0, 2, 9, 8, 7};
    assert_memory_equal(memory, head, sizeof head);
}

static void test_answers(void **state) {
    (void)state;
    for (unsigned verdict = 0; verdict <= PREFACE_VERDICT_COUNT; verdict++) {
        const uint8_t hello_answer[] = {'S', 'L', 'U', 'A', (uint8_t)verdict, 0, 0, 1, 2};
        const uint8_t answer[] = {1, (uint8_t)verdict, 0, 0, 1, 2};
        const enum status expected = verdict < PREFACE_VERDICT_COUNT ? STATUS_OK : STATUS_MALFORMED;
        struct preface_answer from_hello = {.retry_after_ms = 7};
        struct preface_answer from_core = {.retry_after_ms = 7};
        assert_int_equal(preface_hello_answer_parse(BYTES_ARRAY(hello_answer), &from_hello), expected);
        assert_int_equal(preface_answer_parse(BYTES_ARRAY(answer), &from_core), expected);
        if (expected != STATUS_OK) continue;
        uint8_t written[PREFACE_HELLO_ANSWER_BYTES];
        assert_int_equal(from_hello.verdict, verdict);
        assert_int_equal(from_core.retry_after_ms, 258);
        preface_hello_answer_encode(from_hello, written);
        assert_memory_equal(written, hello_answer, sizeof hello_answer);
        preface_answer_encode(from_core, written);
        assert_memory_equal(written, answer, sizeof answer);
    }
    const uint8_t other_layout[] = {2, 0, 0, 0, 0, 0};
    struct preface_answer parsed;
    assert_int_equal(preface_answer_parse(BYTES_ARRAY(other_layout), &parsed), STATUS_VERSION);
    assert_int_equal(preface_answer_parse(BYTES(other_layout, 0), &parsed), STATUS_MALFORMED);
}

static void test_verdict_names(void **state) {
    (void)state;
    assert_string_equal(preface_verdict_name(PREFACE_OLDER_INSTANCE), "older_instance");
    assert_string_equal(preface_verdict_name(PREFACE_NOT_NOW), "not_now");
    assert_string_equal(preface_verdict_name(PREFACE_VERDICT_COUNT), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_prefaces),
        cmocka_unit_test(test_preface_there_and_back),
        cmocka_unit_test(test_preface_longest_address),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_verdict_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
