/*
 * The directory: what is admitted, what is refused, what is found. P2 rests on it: whose keys count is decided here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/multi_signed.h"
#include "proto/signed.h"
#include "support/federation.h"

static int setup(void **state) {
    *state = federation_new();
    return 0;
}

static int teardown(void **state) {
    federation_free(*state);
    return 0;
}

static enum status try_entry(struct federation *f, struct bytes entry) {
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    return directory_copy_with(f->directory, entry, &next);
}

static struct bytes at_head(struct federation *f, enum directory_type type, struct bytes object, size_t signers) {
    return federation_entry(f, type, object, directory_sequence(f->directory) + 1, directory_head(f->directory),
                            signers);
}

static void sequence_and_previous_are_enforced(void **state) {
    struct federation *f = *state;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    struct hash head = directory_head(f->directory);
    struct hash other = {{1}};
    uint64_t next = directory_sequence(f->directory) + 1;
    assert_int_equal(try_entry(f, federation_entry(f, DIRECTORY_RULES, body, next + 1, head, 2)), STATUS_CONFLICT);
    assert_int_equal(try_entry(f, federation_entry(f, DIRECTORY_RULES, body, next - 1, head, 2)), STATUS_CONFLICT);
    assert_int_equal(try_entry(f, federation_entry(f, DIRECTORY_RULES, body, next, other, 2)), STATUS_CONFLICT);
    assert_int_equal(try_entry(f, federation_entry(f, DIRECTORY_RULES, body, next, head, 2)), STATUS_OK);
}

static void one_of_two_authority_keys_is_not_enough(void **state) {
    struct federation *f = *state;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_RULES, body, 1)), STATUS_SIGNATURE);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_RULES, body, 3)), STATUS_OK);
}

static void an_altered_entry_is_refused_at_every_byte(void **state) {
    struct federation *f = *state;
    struct bytes entry = f->entries[2];
    struct directory *base CLEANUP(directory_unref_cleanup) = federation_empty_directory(f);
    for (size_t i = 0; i < 2; i++) {
        struct directory *next = NULL;
        assert_int_equal(directory_copy_with(base, f->entries[i], &next), STATUS_OK);
        directory_unref(base);
        base = next;
    }
    uint8_t *copy = arena_alloc(f->arena, entry.len);
    for (size_t i = 0; i < entry.len; i++) {
        memcpy(copy, entry.data, entry.len);
        copy[i] ^= 1;
        struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
        assert_int_not_equal(directory_copy_with(base, BYTES(copy, entry.len), &next), STATUS_OK);
    }
}

static void a_member_is_changed_by_its_own_key_only(void **state) {
    struct federation *f = *state;
    struct member_record record = federation_member_record(f, MEMBER_CITY, 2);
    struct bytes stolen = federation_sign_member(f, &record, MEMBER_COUNTY);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_MEMBER, stolen, 2)), STATUS_SIGNATURE);
    struct bytes own = federation_sign_member(f, &record, MEMBER_CITY);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_MEMBER, own, 2)), STATUS_OK);
    record.revision = 3;
    struct bytes skipped = federation_sign_member(f, &record, MEMBER_CITY);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_MEMBER, skipped, 2)), STATUS_CONFLICT);
}

static void a_certificate_is_one_members(void **state) {
    struct federation *f = *state;
    struct member_record record = federation_member_record(f, MEMBER_CITY, 2);
    record.link_certs = &f->members[MEMBER_COUNTY].certificate;
    struct bytes object = federation_sign_member(f, &record, MEMBER_CITY);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_MEMBER, object, 2)), STATUS_CONFLICT);
}

static void an_agreement_needs_every_party(void **state) {
    struct federation *f = *state;
    struct agreement agreement = federation_agreement(f, 2);
    struct bytes body;
    struct bytes object;
    assert_int_equal(record_agreement_encode(f->arena, &agreement, &body), STATUS_OK);
    assert_int_equal(multi_signed_make(f->arena, SIGNED_AGREEMENT, FEDERATION_NAME, body, f->members[0].sign, &object),
                     STATUS_OK);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_AGREEMENT, object, 2)), STATUS_SIGNATURE);
    object = federation_sign_agreement(f, &agreement);
    assert_int_equal(try_entry(f, at_head(f, DIRECTORY_AGREEMENT, object, 2)), STATUS_OK);
}

static struct bytes sign_end(struct federation *f, enum federation_member party, enum federation_member signer) {
    const struct agreement_end end = {
        .version = 1, .federation = FEDERATION_NAME, .id = f->agreement, .member = f->members[party].id};
    struct bytes body;
    struct bytes object;
    assert_int_equal(record_agreement_end_encode(f->arena, &end, &body), STATUS_OK);
    assert_int_equal(
        multi_signed_make(f->arena, SIGNED_AGREEMENT_END, FEDERATION_NAME, body, f->members[signer].sign, &object),
        STATUS_OK);
    return object;
}

static struct bytes entry_by_member(struct federation *f, struct bytes object, enum federation_member signer) {
    const struct directory_entry entry = {.version = 1,
                                          .federation = FEDERATION_NAME,
                                          .sequence = directory_sequence(f->directory) + 1,
                                          .previous = directory_head(f->directory),
                                          .type = DIRECTORY_AGREEMENT_ENDED,
                                          .object = object};
    struct bytes body;
    struct bytes whole;
    assert_int_equal(record_entry_encode(f->arena, &entry, &body), STATUS_OK);
    assert_int_equal(
        multi_signed_make(f->arena, SIGNED_DIRECTORY, FEDERATION_NAME, body, f->members[signer].sign, &whole),
        STATUS_OK);
    return whole;
}

static void one_party_ends_an_agreement(void **state) {
    struct federation *f = *state;
    struct bytes forged = sign_end(f, MEMBER_COUNTY, MEMBER_CITY);
    assert_int_equal(try_entry(f, entry_by_member(f, forged, MEMBER_CITY)), STATUS_SIGNATURE);
    struct bytes own = sign_end(f, MEMBER_COUNTY, MEMBER_COUNTY);
    assert_int_equal(try_entry(f, entry_by_member(f, own, MEMBER_CITY)), STATUS_SIGNATURE);
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    assert_int_equal(directory_copy_with(f->directory, entry_by_member(f, own, MEMBER_COUNTY), &next), STATUS_OK);
    assert_int_equal(directory_agreement_count(next), 0);
    assert_int_equal(directory_agreement_count(f->directory), 1);
}

static void an_ended_agreement_stays_ended(void **state) {
    struct federation *f = *state;
    struct agreement agreement = federation_agreement(f, 1);
    struct bytes once_signed = federation_sign_agreement(f, &agreement);
    struct directory *ended CLEANUP(directory_unref_cleanup) = NULL;
    struct directory *next CLEANUP(directory_unref_cleanup) = NULL;
    struct bytes end = sign_end(f, MEMBER_COUNTY, MEMBER_COUNTY);
    assert_int_equal(directory_copy_with(f->directory, entry_by_member(f, end, MEMBER_COUNTY), &ended), STATUS_OK);
    struct bytes again =
        federation_entry(f, DIRECTORY_AGREEMENT, once_signed, directory_sequence(ended) + 1, directory_head(ended), 2);
    assert_int_equal(directory_copy_with(ended, again, &next), STATUS_CONFLICT);
}

static void a_signing_key_is_one_members(void **state) {
    struct federation *f = *state;
    struct sign_public city = sign_public_of(f->members[MEMBER_CITY].sign);
    struct sign_public county = sign_public_of(f->members[MEMBER_COUNTY].sign);
    struct sign_key foreign[] = {{city, KEY_ACTIVE}, {county, KEY_REVOKED}};
    struct sign_key twice[] = {{city, KEY_ACTIVE}, {city, KEY_REVOKED}};
    struct sign_key *const cases[] = {foreign, twice};
    for (size_t i = 0; i < 2; i++) {
        struct member_record record = federation_member_record(f, MEMBER_CITY, 2);
        record.sign_keys = cases[i];
        record.n_sign_keys = 2;
        struct bytes object = federation_sign_member(f, &record, MEMBER_CITY);
        assert_int_equal(try_entry(f, at_head(f, DIRECTORY_MEMBER, object, 2)), STATUS_CONFLICT);
    }
}

static void a_member_key_signs_nothing_but_the_end_of_an_agreement(void **state) {
    struct federation *f = *state;
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    const struct directory_entry entry = {.version = 1,
                                          .federation = FEDERATION_NAME,
                                          .sequence = directory_sequence(f->directory) + 1,
                                          .previous = directory_head(f->directory),
                                          .type = DIRECTORY_RULES,
                                          .object = body};
    struct bytes encoded;
    struct bytes whole;
    assert_int_equal(record_entry_encode(f->arena, &entry, &encoded), STATUS_OK);
    assert_int_equal(
        multi_signed_make(f->arena, SIGNED_DIRECTORY, FEDERATION_NAME, encoded, f->members[0].sign, &whole), STATUS_OK);
    assert_int_equal(try_entry(f, whole), STATUS_SIGNATURE);
}

static void a_removed_member_is_not_found(void **state) {
    struct federation *f = *state;
    const struct member_removal removal = {
        .version = 1, .federation = FEDERATION_NAME, .member = FEDERATION_COUNTY, .reason = "left"};
    struct bytes body;
    assert_int_equal(record_removal_encode(f->arena, &removal, &body), STATUS_OK);
    struct hash id = sign_key_id(FEDERATION_NAME, &(struct sign_public){{0}});
    struct sign_public own = sign_public_of(f->members[MEMBER_COUNTY].sign);
    id = sign_key_id(FEDERATION_NAME, &own);
    struct sign_public key;
    const char *member = NULL;
    assert_int_equal(directory_find_key(f->directory, &id, &key, &member), STATUS_OK);
    assert_string_equal(member, FEDERATION_COUNTY);
    (void)federation_admit(f, DIRECTORY_MEMBER_REMOVED, body);
    assert_null(directory_member(f->directory, FEDERATION_COUNTY));
    assert_null(directory_unit(f->directory, FEDERATION_CAREER, NULL));
    assert_null(directory_member_by_cert(f->directory, f->members[MEMBER_COUNTY].certificate.b));
    assert_int_equal(directory_find_key(f->directory, &id, &key, &member), STATUS_NOT_FOUND);
}

static void a_retired_key_is_denied(void **state) {
    struct federation *f = *state;
    struct sign_private *fresh CLEANUP(sign_free_cleanup) = NULL;
    assert_int_equal(sign_generate(&fresh), STATUS_OK);
    struct sign_key keys[] = {{sign_public_of(f->members[MEMBER_CITY].sign), KEY_RETIRED},
                              {sign_public_of(fresh), KEY_ACTIVE}};
    struct member_record record = federation_member_record(f, MEMBER_CITY, 2);
    record.sign_keys = keys;
    record.n_sign_keys = 2;
    struct bytes object = federation_sign_member(f, &record, MEMBER_CITY);
    (void)federation_admit(f, DIRECTORY_MEMBER, object);
    struct hash old_id = sign_key_id(FEDERATION_NAME, &keys[0].key);
    struct hash new_id = sign_key_id(FEDERATION_NAME, &keys[1].key);
    struct sign_public key;
    assert_int_equal(directory_sign_key(f->directory, FEDERATION_CITY, old_id.b, &key), STATUS_DENIED);
    assert_int_equal(directory_sign_key(f->directory, FEDERATION_CITY, new_id.b, &key), STATUS_OK);
    assert_int_equal(directory_sign_key(f->directory, FEDERATION_SERVICE, new_id.b, &key), STATUS_NOT_FOUND);
}

struct covering_case {
    const char *name;
    struct directory_ask ask;
    bool covered;
};

static void covering_is_strict(void **state) {
    struct federation *f = *state;
    static const uint32_t kinds[] = {3, 7};
    const struct directory_ask good = {.to = FEDERATION_CAREER,
                                       .from = FEDERATION_EDUCATION,
                                       .purpose = FEDERATION_PURPOSE,
                                       .kinds = kinds,
                                       .n_kinds = 2,
                                       .duration_s = 86400,
                                       .attester = FEDERATION_SERVICE,
                                       .at_ms = 1000};
    struct covering_case cases[] = {
        {"all in order", good, true},       {"another unit", good, false},
        {"another purpose", good, false},   {"too long", good, false},
        {"not yet in force", good, false},  {"unaccepted attester", good, false},
        {"attester not asked", good, true}, {"recipient's own member attests", good, false},
    };
    cases[1].ask.from = FEDERATION_CITY "/other";
    cases[2].ask.purpose = "statistics_free";
    cases[3].ask.duration_s = 180ULL * 86400 + 1;
    cases[4].ask.at_ms = 0;
    cases[5].ask.attester = FEDERATION_COUNTY;
    cases[6].ask.attester = NULL;
    cases[7].ask.to = FEDERATION_GUIDANCE;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if ((directory_covering(f->directory, &cases[i].ask) != NULL) != cases[i].covered)
            fail_msg("%s", cases[i].name);
    }
}

static void self_read_accepts_itself_and_those_named(void **state) {
    struct federation *f = *state;
    assert_true(directory_accepts_self_read(f->directory, FEDERATION_GUIDANCE, FEDERATION_SERVICE, 1000));
    assert_true(directory_accepts_self_read(f->directory, FEDERATION_CAREER, FEDERATION_SERVICE, 1000));
    assert_false(directory_accepts_self_read(f->directory, FEDERATION_CAREER, FEDERATION_CITY, 1000));
    assert_true(directory_accepts_self_read(f->directory, FEDERATION_CAREER, FEDERATION_COUNTY, 1000));
}

static void older_versions_outlive_newer_ones(void **state) {
    struct federation *f = *state;
    struct directory *held = directory_ref(f->directory);
    struct rules rules = federation_rules(f, 2);
    struct bytes body;
    assert_int_equal(record_rules_encode(f->arena, &rules, &body), STATUS_OK);
    (void)federation_admit(f, DIRECTORY_RULES, body);
    assert_int_equal(directory_rules(held)->revision, 1);
    assert_int_equal(directory_rules(f->directory)->revision, 2);
    directory_unref(held);
    assert_string_equal(directory_member(f->directory, FEDERATION_CITY)->member, FEDERATION_CITY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sequence_and_previous_are_enforced),
        TEST(one_of_two_authority_keys_is_not_enough),
        TEST(an_altered_entry_is_refused_at_every_byte),
        TEST(a_member_is_changed_by_its_own_key_only),
        TEST(a_certificate_is_one_members),
        TEST(an_agreement_needs_every_party),
        TEST(one_party_ends_an_agreement),
        TEST(an_ended_agreement_stays_ended),
        TEST(a_signing_key_is_one_members),
        TEST(a_member_key_signs_nothing_but_the_end_of_an_agreement),
        TEST(a_removed_member_is_not_found),
        TEST(a_retired_key_is_denied),
        TEST(covering_is_strict),
        TEST(self_read_accepts_itself_and_those_named),
        TEST(older_versions_outlive_newer_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
