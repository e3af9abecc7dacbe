#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "proto/shred_slot.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

enum { SUM_AT = SHRED_RECORD_BYTES - HASH_BYTES };

/* Changes one byte of a good record, then sets the checksum right when asked. */
struct change {
    const char *name;
    size_t at;
    uint8_t value;
    enum { SUM_LEFT, SUM_REPAIRED } sum;
    enum status expected;
};

static void apply(const struct change *change, uint8_t record[static SHRED_RECORD_BYTES]) {
    record[change->at] = change->value;
    if (change->sum == SUM_LEFT) return;
    struct hash sum = hash_sha256(BYTES(record, SUM_AT));
    memcpy(record + SUM_AT, sum.b, HASH_BYTES);
}

static void check_status(const struct change *change, enum status found) {
    if (found != change->expected) fail_msg("%s: %s", change->name, status_name(found));
}

static struct shred_slot some_slot(void) {
    struct shred_slot slot = {.state = SHRED_KEY, .slot = 7, .generation = 3};
    memset(slot.sealed, 0xa5, sizeof slot.sealed);
    return slot;
}

static const struct change slot_changes[] = {
    {"one bit of the key", 20, 0xa4, SUM_LEFT, STATUS_INTEGRITY},
    {"one bit of the checksum", SHRED_RECORD_BYTES - 1, 0, SUM_LEFT, STATUS_INTEGRITY},
    {"version 0", 0, 0, SUM_REPAIRED, STATUS_VERSION},
    {"version 2", 0, 2, SUM_REPAIRED, STATUS_VERSION},
    {"state 0", 1, 0, SUM_REPAIRED, STATUS_INTEGRITY},
    {"state 3", 1, 3, SUM_REPAIRED, STATUS_INTEGRITY},
    {"not zero after the state", 3, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"not zero after the generation", 12, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"not zero after the key", 95, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"destroyed", 1, SHRED_DESTROYED, SUM_REPAIRED, STATUS_OK},
    {"another slot", 7, 9, SUM_REPAIRED, STATUS_OK},
};

static void test_slot_changes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof slot_changes / sizeof slot_changes[0]; i++) {
        struct shred_slot slot = some_slot();
        struct shred_slot found = {.slot = 99};
        uint8_t record[SHRED_RECORD_BYTES];
        shred_slot_encode(&slot, record);
        apply(&slot_changes[i], record);
        check_status(&slot_changes[i], shred_slot_parse(BYTES_ARRAY(record), &found));
        if (slot_changes[i].expected != STATUS_OK) assert_int_equal(found.slot, 99);
    }
}

static const struct change header_changes[] = {
    {"one bit of the count", 27, 1, SUM_LEFT, STATUS_INTEGRITY},
    {"another magic", 0, 's', SUM_REPAIRED, STATUS_INTEGRITY},
    {"version 0", 9, 0, SUM_REPAIRED, STATUS_VERSION},
    {"version 2", 9, 2, SUM_REPAIRED, STATUS_VERSION},
    {"not zero after the version", 10, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"not zero after the count", 31, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"not zero after the check", 80, 1, SUM_REPAIRED, STATUS_INTEGRITY},
    {"another count", 27, 1, SUM_REPAIRED, STATUS_OK},
};

static void test_header_changes(void **state) {
    (void)state;
    struct shred_header header = {.generation = 1, .sequence = 2, .slot_count = 1024};
    for (size_t i = 0; i < sizeof header_changes / sizeof header_changes[0]; i++) {
        struct shred_header found;
        uint8_t record[SHRED_RECORD_BYTES];
        shred_header_encode(&header, record);
        apply(&header_changes[i], record);
        check_status(&header_changes[i], shred_header_parse(BYTES_ARRAY(record), &found));
    }
}

static void test_lengths(void **state) {
    (void)state;
    static const uint8_t zeros[SHRED_RECORD_BYTES + 1];
    static const size_t lengths[] = {0, 1, SHRED_RECORD_BYTES - 1, SHRED_RECORD_BYTES, SHRED_RECORD_BYTES + 1};
    struct shred_header header;
    struct shred_slot slot;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(shred_header_parse(BYTES(zeros, lengths[i]), &header), STATUS_INTEGRITY);
        assert_int_equal(shred_slot_parse(BYTES(zeros, lengths[i]), &slot), STATUS_INTEGRITY);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    struct shred_header header = {
        .generation = 0x01020304, .sequence = 0x0102030405060708, .slot_count = 2048, .check = "check"};
    header.federation = shred_federation_hash("test.example");
    struct shred_header header_found;
    uint8_t record[SHRED_RECORD_BYTES];
    shred_header_encode(&header, record);
    OK(shred_header_parse(BYTES_ARRAY(record), &header_found));
    assert_int_equal(header_found.generation, header.generation);
    assert_int_equal(header_found.sequence, header.sequence);
    assert_int_equal(header_found.slot_count, header.slot_count);
    assert_true(hash_equal(&header_found.federation, &header.federation));
    assert_memory_equal(header_found.check, header.check, SHRED_CHECK_BYTES);
    struct shred_slot slot = some_slot();
    struct shred_slot slot_found;
    shred_slot_encode(&slot, record);
    OK(shred_slot_parse(BYTES_ARRAY(record), &slot_found));
    assert_int_equal(slot_found.state, slot.state);
    assert_int_equal(slot_found.slot, slot.slot);
    assert_int_equal(slot_found.generation, slot.generation);
    assert_memory_equal(slot_found.sealed, slot.sealed, sizeof slot.sealed);
}

/* A sealed key opens only in its place, generation and federation, and under its key-encryption key. */
static void test_seal_is_bound(void **state) {
    (void)state;
    struct secret *kek CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    struct secret *other CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    struct secret *key CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    struct secret *found CLEANUP(secret_free_cleanup) = NULL;
    struct shred_slot slot;
    OK(shred_slot_seal(kek, "test.example", 7, 3, key, &slot));
    struct shred_slot moved = slot;
    moved.slot = 8;
    assert_int_equal(shred_slot_open(kek, "test.example", &moved, &found), STATUS_INTEGRITY);
    moved = slot;
    moved.generation = 4;
    assert_int_equal(shred_slot_open(kek, "test.example", &moved, &found), STATUS_INTEGRITY);
    assert_int_equal(shred_slot_open(kek, "other.example", &slot, &found), STATUS_INTEGRITY);
    assert_int_equal(shred_slot_open(other, "test.example", &slot, &found), STATUS_INTEGRITY);
    assert_null(found);
    OK(shred_slot_open(kek, "test.example", &slot, &found));
    assert_true(bytes_equal(secret_bytes(found), secret_bytes(key)));
}

static void test_destroyed_has_no_key(void **state) {
    (void)state;
    struct secret *kek CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    struct secret *found = NULL;
    struct shred_slot one;
    struct shred_slot two;
    shred_slot_destroyed(7, 3, &one);
    shred_slot_destroyed(7, 3, &two);
    assert_memory_not_equal(one.sealed, two.sealed, sizeof one.sealed);
    assert_int_equal(shred_slot_open(kek, "test.example", &one, &found), STATUS_NOT_FOUND);
}

static void test_key_length(void **state) {
    (void)state;
    struct secret *kek CLEANUP(secret_free_cleanup) = secret_random(SHRED_KEY_BYTES);
    struct secret *key CLEANUP(secret_free_cleanup) = secret_random(31);
    struct shred_slot slot;
    assert_int_equal(shred_slot_seal(kek, "test.example", 7, 3, key, &slot), STATUS_MALFORMED);
}

int main(void) {
    if (secret_setup() != STATUS_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot_changes),
        cmocka_unit_test(test_header_changes),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_key_length),
        cmocka_unit_test(test_seal_is_bound),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_destroyed_has_no_key),
    };
    return cmocka_run_group_tests_name("shred_slot", tests, NULL, NULL);
}
