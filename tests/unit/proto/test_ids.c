#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "proto/consent_request.h"
#include "proto/ids.h"
#include "proto/kind.h"
#include "proto/leaf.h"
#include "proto/msg_events.h"

struct form_case {
    const char *text;
    bool (*check)(struct bytes text);
    bool good;
};

#define X32 "abcdefghijklmnopqrstuvwxyz-01234"
#define X63 X32 "abcdefghijklmnopqrstuvwxyz-0123"

static const struct form_case forms[] = {
    {"", ids_is_federation, false},
    {".", ids_is_federation, false},
    {"a.", ids_is_federation, false},
    {".a", ids_is_federation, false},
    {"a..b", ids_is_federation, false},
    {"A.b", ids_is_federation, false},
    {"a_b", ids_is_federation, false},
    {"a b", ids_is_federation, false},
    {"a/b", ids_is_federation, false},
    {X63 "." X63 "." X63 "." X63 ".", ids_is_federation, false},
    {X63 "." X63 "." X63 "." X63, ids_is_federation, false},
    {X63 "." X63 "." X63, ids_is_federation, true},
    {"a", ids_is_federation, true},
    {"plan.sluss-2.example", ids_is_federation, true},
    {"", ids_is_member, false},
    {"0007:", ids_is_member, false},
    {"0007:123456789", ids_is_member, false},
    {"0007:12345678901", ids_is_member, false},
    {"0007:123456789a", ids_is_member, false},
    {"0192:1234567890", ids_is_member, false},
    {"0192:12345678", ids_is_member, false},
    {"0088:1234567890", ids_is_member, false},
    {"0007;1234567890", ids_is_member, false},
    {" 0007:1234567890", ids_is_member, false},
    {"0007:1234567890", ids_is_member, true},
    {"0192:123456789", ids_is_member, true},
    {"0007:1234567890", ids_is_unit, false},
    {"0007:1234567890/", ids_is_unit, false},
    {"/a", ids_is_unit, false},
    {"0007:123456789/a", ids_is_unit, false},
    {"0007:1234567890/A", ids_is_unit, false},
    {"0007:1234567890/a/b", ids_is_unit, false},
    {"0007:1234567890/a_b", ids_is_unit, false},
    {"0007:1234567890/" X32 "a", ids_is_unit, false},
    {"0007:1234567890/" X32, ids_is_unit, true},
    {"0192:123456789/a", ids_is_unit, true},
    {"", ids_is_code, false},
    {"a-b", ids_is_code, false},
    {"A", ids_is_code, false},
    {"abcdefghijklmnopqrstuvwxyz_0123456789abcd", ids_is_code, false},
    {"abcdefghijklmnopqrstuvwxyz_0123456789abc", ids_is_code, true},
};

static void test_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].check(bytes_text(forms[i].text)) != forms[i].good) fail_msg("'%s'", forms[i].text);
    }
    assert_false(ids_is_unit(BYTES_EMPTY));
}

static void test_units_of_members(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    const char *unit = "0007:1234567890/skola";
    assert_true(bytes_equal_text(ids_member_of(unit), "0007:1234567890"));
    assert_string_equal(ids_member_text(arena, unit), "0007:1234567890");
    assert_true(ids_unit_belongs(unit, "0007:1234567890"));
    assert_false(ids_unit_belongs(unit, "0007:1234567891"));
    assert_false(ids_unit_belongs(unit, "0007:123456789"));
    assert_false(ids_unit_belongs("0007:1234567890", "0007:1234567890"));
    assert_false(ids_unit_belongs(unit, ""));
}

static void test_id16(void **state) {
    (void)state;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    assert_int_equal(secret_setup(), STATUS_OK);
    struct id16 zero = {0};
    struct id16 id = ids_random();
    struct id16 again = zero;
    assert_true(ids_is_zero(&zero));
    assert_false(ids_is_zero(&id));
    assert_false(ids_equal(&id, &zero));
    const char *text = ids_text(arena, &id);
    assert_int_equal(strlen(text), 22);
    assert_int_equal(ids_from_text(bytes_text("AAAAAAAAAAAAAAAAAAAAAB"), &again), STATUS_MALFORMED);
    assert_int_equal(ids_from_text(bytes_text("AAAA"), &again), STATUS_MALFORMED);
    assert_int_equal(ids_from_text(bytes_text(text), &again), STATUS_OK);
    assert_true(ids_equal(&id, &again));
    assert_int_equal(ids_from_bytes(BYTES("short", 5), &again), STATUS_MALFORMED);
    assert_int_equal(ids_from_bytes(ids_bytes(&zero), &again), STATUS_OK);
    assert_true(ids_is_zero(&again));
}

static void test_names_of_numbers(void **state) {
    (void)state;
    enum kind kind = KIND_NONE;
    enum access access = ACCESS_NONE;
    enum basis basis = BASIS_NONE;
    for (unsigned i = 1; i <= KIND_LAST; i++) {
        assert_int_equal(kind_from_name(bytes_text(kind_name((enum kind)i)), &kind), STATUS_OK);
        assert_int_equal(kind, i);
    }
    assert_null(kind_name(KIND_NONE));
    assert_null(kind_name((enum kind)(KIND_LAST + 1)));
    assert_int_equal(kind_from_name(bytes_text("plan"), &kind), STATUS_MALFORMED);
    assert_int_equal(kind_from_name(bytes_text(""), &kind), STATUS_MALFORMED);
    assert_int_equal(consent_request_access_from(bytes_text("once"), &access), STATUS_OK);
    assert_int_equal(access, ACCESS_ONCE);
    assert_int_equal(consent_request_access_from(bytes_text("twice"), &access), STATUS_MALFORMED);
    assert_int_equal(consent_request_basis_from(bytes_text("both"), &basis), STATUS_OK);
    assert_int_equal(basis, BASIS_BOTH);
    assert_int_equal(consent_request_basis_from(bytes_text(""), &basis), STATUS_MALFORMED);
    assert_string_equal(consent_request_access_name(ACCESS_REPEATED), "repeated");
    assert_null(consent_request_access_name(ACCESS_NONE));
    assert_string_equal(consent_request_basis_name(BASIS_GDPR_CONSENT), "gdpr_consent");
    assert_null(consent_request_basis_name((enum basis)4));
    for (unsigned i = 1; i <= LEAF_LAST; i++) {
        assert_non_null(leaf_type_name((enum leaf_type)i));
    }
    assert_null(leaf_type_name((enum leaf_type)(LEAF_LAST + 1)));
    for (unsigned i = 1; i <= EVENT_LAST; i++) {
        assert_non_null(msg_event_name((enum event_type)i));
    }
    assert_null(msg_event_name(EVENT_NONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_units_of_members),
        cmocka_unit_test(test_id16),
        cmocka_unit_test(test_names_of_numbers),
    };
    return cmocka_run_group_tests_name("proto/ids", tests, NULL, NULL);
}
