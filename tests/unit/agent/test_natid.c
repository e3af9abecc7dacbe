/*
 * Identity numbers: what is refused and why, what is accepted and in which form. The Swedish numbers are from
 * Skatteverket's published test numbers or from the series that it keeps for tests (980-999); the Norwegian ones are
 * synthetic, or of a person born in 1854.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/natid.h"

/* 2024-03-01T12:00:00Z */
#define NOW_MS 1709294400000u
/* 2025-01-01T00:00:00+01:00 */
#define MIDNIGHT_MS 1735686000000u

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        enum natid_fault fault;
    } cases[] = {
        {"nothing", "", NATID_FAULT_FORM},
        {"a prefix alone", "SE:", NATID_FAULT_FORM},
        {"a word", "tolvan", NATID_FAULT_FORM},
        {"nine digits", "900101238", NATID_FAULT_FORM},
        {"thirteen digits", "1990010123850", NATID_FAULT_FORM},
        {"a letter among digits", "19900101238A", NATID_FAULT_FORM},
        {"digits beyond ASCII", "19900101238\xD9\xA5", NATID_FAULT_FORM},
        {"a space in front", " 199001012385", NATID_FAULT_FORM},
        {"a newline behind", "199001012385\n", NATID_FAULT_FORM},
        {"a sign in front", "-9001012385", NATID_FAULT_FORM},
        {"a sign behind", "199001012385-", NATID_FAULT_FORM},
        {"two signs", "19900101--2385", NATID_FAULT_FORM},
        {"a sign in the wrong place", "1990010-12385", NATID_FAULT_FORM},
        {"a short one with the sign in the wrong place", "90010-12385", NATID_FAULT_FORM},
        {"a plus sign after twelve digits", "19900101+2385", NATID_FAULT_FORM},
        {"a space in a Swedish number", "900101 2385", NATID_FAULT_FORM},
        {"a hyphen in a Norwegian number", "178582-96439", NATID_FAULT_FORM},
        {"a space in the wrong place", "1785829 6439", NATID_FAULT_FORM},
        {"a Swedish number called Norwegian", "NO:199001012385", NATID_FAULT_FORM},
        {"a Norwegian number called Swedish", "SE:17858296439", NATID_FAULT_FORM},
        {"a lower-case prefix", "se:199001012385", NATID_FAULT_FORM},
        {"two prefixes", "SE:SE:9001012385", NATID_FAULT_FORM},
        {"text without end", "1990010123851990010123851990010123851990", NATID_FAULT_FORM},
        {"ten digits without a sign", "9001012385", NATID_FAULT_CENTURY},
        {"ten digits without a sign, prefixed", "SE:9001012385", NATID_FAULT_CENTURY},
        {"29 February of a common year", "199002299809", NATID_FAULT_DATE},
        {"29 February of 1900", "190002299808", NATID_FAULT_DATE},
        {"month 13", "199013019808", NATID_FAULT_DATE},
        {"month 0", "199000019800", NATID_FAULT_DATE},
        {"day 32", "199001329805", NATID_FAULT_DATE},
        {"day 0", "199001009800", NATID_FAULT_DATE},
        {"coordination day 92", "199000929803", NATID_FAULT_DATE},
        {"coordination day 90 of February", "199002909800", NATID_FAULT_DATE},
        {"a year before any number", "179912319804", NATID_FAULT_DATE},
        {"tomorrow", "202403029800", NATID_FAULT_FUTURE},
        {"tomorrow in ten digits", "240302-9800", NATID_FAULT_FUTURE},
        {"a coordination number of tomorrow", "202403629807", NATID_FAULT_FUTURE},
        {"a wrong check digit", "199001012386", NATID_FAULT_CHECK},
        {"two digits exchanged", "199001013285", NATID_FAULT_CHECK},
        {"another person's century alone leaves the check digit", "900101-2386", NATID_FAULT_CHECK},
        {"Norwegian day 32", "32819000029", NATID_FAULT_DATE},
        {"Norwegian day 72", "72019000029", NATID_FAULT_DATE},
        {"Norwegian month 0", "01009000093", NATID_FAULT_DATE},
        {"Norwegian month 53", "01539000094", NATID_FAULT_DATE},
        {"Norwegian month 65", "01659000012", NATID_FAULT_DATE},
        {"Norwegian month 93", "01939000077", NATID_FAULT_DATE},
        {"Norwegian 29 February of 1900", "29820000100", NATID_FAULT_DATE},
        {"a Norwegian series that was not given out", "01816075080", NATID_FAULT_DATE},
        {"a Norwegian birth in 2039", "01813950061", NATID_FAULT_FUTURE},
        {"a wrong first control digit", "17858296449", NATID_FAULT_CHECK},
        {"a wrong second control digit", "17858296438", NATID_FAULT_CHECK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct natid id = {.text = "untouched"};
        enum natid_fault fault = NATID_FAULT_NONE;
        print_message("  %s\n", cases[i].name);
        assert_int_equal(natid_parse(bytes_text(cases[i].text), NOW_MS, &fault, &id), STATUS_INVALID);
        assert_int_equal(fault, cases[i].fault);
        assert_string_equal(id.text, "untouched");
    }
}

static void test_accepted(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *expected;
        enum natid_kind kind;
        enum natid_origin origin;
    } cases[] = {
        {"twelve digits", "199001012385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"with hyphen", "19900101-2385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"the normal form itself", "SE:199001012385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"the longest form", "SE:19900101-2385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"ten digits", "900101-2385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"ten digits, prefixed", "SE:900101-2385", "SE:199001012385", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"ten digits of a person over a hundred", "900101+9802", "SE:189001019802", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"born this year", "240301-9801", "SE:202403019801", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"a hundred this year", "240101+9803", "SE:192401019803", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"ninety-nine this year", "250101-9802", "SE:192501019802", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"29 February of a leap year", "200002299808", "SE:200002299808", NATID_PERSONNUMMER, NATID_ORDINARY},
        {"a coordination number", "199001619809", "SE:199001619809", NATID_SAMORDNINGSNUMMER, NATID_ORDINARY},
        {"a coordination number of unknown month", "191500882392", "SE:191500882392", NATID_SAMORDNINGSNUMMER,
         NATID_ORDINARY},
        {"a coordination number of unknown date", "199000609801", "SE:199000609801", NATID_SAMORDNINGSNUMMER,
         NATID_ORDINARY},
        {"a synthetic number of Skatteetaten", "17858296439", "NO:17858296439", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"with space", "178582 96439", "NO:17858296439", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"with prefix", "NO:178582 96439", "NO:17858296439", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"a synthetic number of Dolly", "15507600333", "NO:15507600333", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"a synthetic D-number of Dolly", "55507608360", "NO:55507608360", NATID_D_NUMBER, NATID_SYNTHETIC},
        {"29 February of 2020", "29422059278", "NO:29422059278", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"a synthetic number of NAV", "01669000002", "NO:01669000002", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"a synthetic number of 1940", "01814090082", "NO:01814090082", NATID_FODSELSNUMMER, NATID_SYNTHETIC},
        {"an ordinary number of 1854", "01015450068", "NO:01015450068", NATID_FODSELSNUMMER, NATID_ORDINARY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct natid id;
        enum natid_fault fault = NATID_FAULT_FORM;
        print_message("  %s\n", cases[i].name);
        assert_int_equal(natid_parse(bytes_text(cases[i].text), NOW_MS, &fault, &id), STATUS_OK);
        assert_int_equal(fault, NATID_FAULT_NONE);
        assert_string_equal(id.text, cases[i].expected);
        assert_int_equal(id.kind, cases[i].kind);
        assert_int_equal(id.origin, cases[i].origin);
    }
}

/* Ten digits with '-' must not move to another person a moment before the year turns where the person lives. */
static void test_century_turns_at_midnight(void **state) {
    (void)state;
    enum natid_fault fault;
    struct natid id;
    assert_int_equal(natid_parse(bytes_text("250101-9802"), MIDNIGHT_MS - 1, &fault, &id), STATUS_OK);
    assert_string_equal(id.text, "SE:192501019802");
    assert_int_equal(natid_parse(bytes_text("250101-9802"), MIDNIGHT_MS, &fault, &id), STATUS_OK);
    assert_string_equal(id.text, "SE:202501019802");
}

/* Every single wrong digit is found: Luhn and the control digits promise that. */
static void test_every_changed_digit_is_found(void **state) {
    (void)state;
    static const char *const numbers[] = {"199001012385", "17858296439"};
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        size_t first = strlen(numbers[n]) == 12 ? 2 : 0;
        for (size_t at = first; numbers[n][at]; at++) {
            for (char digit = '0'; digit <= '9'; digit++) {
                char text[16];
                strcpy(text, numbers[n]);
                if (text[at] == digit) continue;
                text[at] = digit;
                enum natid_fault fault;
                struct natid id;
                assert_int_equal(natid_parse(bytes_text(text), NOW_MS, &fault, &id), STATUS_INVALID);
            }
        }
    }
}

static void test_p6_faults_hold_no_digits(void **state) {
    (void)state;
    for (int fault = NATID_FAULT_NONE; fault <= NATID_FAULT_CHECK; fault++) {
        const char *text = natid_fault_text((enum natid_fault)fault);
        assert_true(strlen(text) > 0);
        assert_null(strpbrk(text, "0123456789"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_century_turns_at_midnight),
        cmocka_unit_test(test_every_changed_digit_is_found),
        cmocka_unit_test(test_p6_faults_hold_no_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
