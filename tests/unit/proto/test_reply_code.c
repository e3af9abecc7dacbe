/* Reply codes: the numbers of docs/protocol.md section 7, and that no local fault is told in detail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/reply_code.h"

struct code_case {
    unsigned code;
    const char *name;
    enum status status; /* what it means to the caller */
};

static const struct code_case code_cases[] = {
    {0, "done", STATUS_OK},
    {1, "malformed", STATUS_MALFORMED},
    {2, "version", STATUS_VERSION},
    {3, "federation", STATUS_FEDERATION},
    {4, "signature", STATUS_SIGNATURE},
    {5, "too_large", STATUS_TOO_LARGE},
    {6, "time", STATUS_TIME},
    {7, "unsupported", STATUS_UNSUPPORTED},
    {8, "invalid", STATUS_INVALID},
    {16, "not_available", STATUS_REFUSED},
    {17, "consent_required", STATUS_REFUSED},
    {18, "consent_ended", STATUS_EXPIRED},
    {19, "try_later", STATUS_RETRY},
    {20, "not_found", STATUS_NOT_FOUND},
    {21, "conflict", STATUS_CONFLICT},
    {22, "denied", STATUS_DENIED},
    {23, "expired", STATUS_EXPIRED},
    {32, "limit", STATUS_LIMIT},
    {33, "timeout", STATUS_TIMEOUT},
    {48, "unavailable", STATUS_UNREACHABLE},
    {49, "disk_full", STATUS_DISK_FULL},
    {64, "integrity", STATUS_INTEGRITY},
};
static const size_t code_count = sizeof code_cases / sizeof code_cases[0];

static const struct code_case *find(unsigned code) {
    for (size_t i = 0; i < code_count; i++) {
        if (code_cases[i].code == code) return &code_cases[i];
    }
    return NULL;
}

/* Every number that is not listed is refused, and none of them means "done". */
static void test_numbers(void **state) {
    (void)state;
    for (unsigned code = 0; code < 300; code++) {
        const struct code_case *one = find(code);
        assert_int_equal(reply_code_status((enum reply_code)code), one ? one->status : STATUS_MALFORMED);
        assert_string_equal(reply_code_name((enum reply_code)code), one ? one->name : "unknown");
    }
}

/* What a caller is told about a status: its own number for what is the caller's to know, else no detail. */
static void test_statuses(void **state) {
    (void)state;
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        enum status status = (enum status)i;
        enum reply_code code = reply_code_of(status);
        assert_non_null(find(code));
        assert_int_equal(code == REPLY_DONE, status == STATUS_OK);
        if (status_class(status) == CLASS_INTEGRITY) assert_int_equal(code, REPLY_INTEGRITY);
        if (status_class(status) == CLASS_LOCAL && status != STATUS_DISK_FULL) {
            assert_int_equal(code, REPLY_UNAVAILABLE);
        }
        if (status_class(status) == CLASS_PEER && status != STATUS_PROOF) {
            assert_string_equal(reply_code_name(code), status_name(status));
        }
        /* What comes back is of the same class, so that both sides react alike. */
        if (status_class(status) != CLASS_LOCAL) {
            assert_int_equal(status_class(reply_code_status(code)), status_class(status));
        }
    }
    assert_int_equal(reply_code_of(STATUS_EXPIRED), REPLY_EXPIRED);
    assert_int_equal(reply_code_of(STATUS_REFUSED), REPLY_NOT_AVAILABLE);
    assert_int_equal(reply_code_of(STATUS_PROOF), REPLY_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
