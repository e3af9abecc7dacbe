#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/content.h"
#include "support/vectors.h"

static const char federation[] = "plan.example";

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static struct bytes pattern(struct arena *arena, size_t len) {
    uint8_t *memory = arena_alloc(arena, len);
    assert_non_null(memory);
    for (size_t i = 0; i < len; i++)
        memory[i] = (uint8_t)(31 * i + 7);
    return BYTES(memory, len);
}

static void test_lengths_are_checked(void **state) {
    (void)state;
    uint8_t bytes[33] = {1};
    struct secret *key = secret_random(32);
    struct secret *shorter = secret_random(31);
    struct secret *out = NULL;
    struct bytes id = BYTES(bytes, 16);
    struct bytes random = BYTES(bytes, 32);
    assert_int_equal(content_derive_key(shorter, federation, id, 1, random, &out), STATUS_MALFORMED);
    assert_int_equal(content_derive_key(key, federation, BYTES(bytes, 15), 1, random, &out), STATUS_MALFORMED);
    assert_int_equal(content_derive_key(key, federation, id, 1, BYTES(bytes, 33), &out), STATUS_MALFORMED);
    assert_null(out);
    secret_free(key);
    secret_free(shorter);
}

/* A sealed content of two full segments and a short one, to be damaged. */
struct sealed {
    struct secret *key;
    struct hash commitment;
    struct bytes core;
    struct bytes bytes;
};

static struct sealed sealed_make(struct arena *arena, size_t len) {
    struct sealed sealed = {secret_random(CONTENT_KEY_BYTES), {{0}}, bytes_text("core"), BYTES_EMPTY};
    sealed.commitment = content_commitment(federation, sealed.key);
    assert_int_equal(content_seal(sealed.key, federation, sealed.core, pattern(arena, len), arena, &sealed.bytes),
                     STATUS_OK);
    return sealed;
}

static enum status open_all(struct arena *arena, const struct sealed *sealed, struct bytes bytes) {
    struct bytes out;
    return content_open(sealed->key, federation, &sealed->commitment, sealed->core, bytes, 1 << 20, arena, &out);
}

#define SEALED_SEGMENT (CONTENT_SEGMENT_BYTES + CONTENT_TAG_BYTES)

static void test_p3_segments_do_not_move(void **state) {
    struct sealed sealed = sealed_make(*state, 2 * CONTENT_SEGMENT_BYTES + 100);
    const uint8_t *from = sealed.bytes.data;
    uint8_t *swapped = arena_alloc(*state, sealed.bytes.len);
    memcpy(swapped, from + SEALED_SEGMENT, SEALED_SEGMENT);
    memcpy(swapped + SEALED_SEGMENT, from, SEALED_SEGMENT);
    memcpy(swapped + 2 * SEALED_SEGMENT, from + 2 * SEALED_SEGMENT, 116);
    const struct {
        const char *name;
        struct bytes bytes;
        enum status expected;
    } cases[] = {
        {"two segments swapped", BYTES(swapped, sealed.bytes.len), STATUS_PROOF},
        {"cut after the first segment", BYTES(from, SEALED_SEGMENT), STATUS_PROOF},
        {"cut after the second segment", BYTES(from, 2 * SEALED_SEGMENT), STATUS_PROOF},
        {"cut within the last", BYTES(from, sealed.bytes.len - 1), STATUS_PROOF},
        {"first segment missing", BYTES(from + SEALED_SEGMENT, sealed.bytes.len - SEALED_SEGMENT), STATUS_PROOF},
        {"last segment alone", BYTES(from + 2 * SEALED_SEGMENT, 116), STATUS_PROOF},
        {"an empty segment at the end", BYTES(from, 2 * SEALED_SEGMENT + 16), STATUS_MALFORMED},
        {"less than a tag at the end", BYTES(from, 2 * SEALED_SEGMENT + 15), STATUS_MALFORMED},
        {"less than a tag", BYTES(from, 15), STATUS_MALFORMED},
        {"nothing", BYTES(from, 0), STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status status = open_all(*state, &sealed, cases[i].bytes);
        if (status != cases[i].expected) fail_msg("%s: %s", cases[i].name, status_name(status));
    }
    assert_int_equal(open_all(*state, &sealed, sealed.bytes), STATUS_OK);
    secret_free(sealed.key);
}

/* P3: content opens only under the committed key, with its core, in its federation, within the bound. */
static void test_p3_content_is_bound(void **state) {
    struct sealed sealed = sealed_make(*state, 1000);
    struct bytes out = BYTES("untouched", 9);
    struct secret *other = secret_random(CONTENT_KEY_BYTES);
    struct hash other_commitment = content_commitment(federation, other);
    struct hash elsewhere = content_commitment("other.example", sealed.key);
    assert_int_equal(content_open(other, federation, &sealed.commitment, sealed.core, sealed.bytes, 1000, *state, &out),
                     STATUS_PROOF);
    assert_int_equal(
        content_open(sealed.key, federation, &other_commitment, sealed.core, sealed.bytes, 1000, *state, &out),
        STATUS_PROOF);
    assert_int_equal(content_open(other, federation, &other_commitment, sealed.core, sealed.bytes, 1000, *state, &out),
                     STATUS_PROOF);
    assert_int_equal(
        content_open(sealed.key, federation, &sealed.commitment, bytes_text("corf"), sealed.bytes, 1000, *state, &out),
        STATUS_PROOF);
    assert_int_equal(
        content_open(sealed.key, "other.example", &elsewhere, sealed.core, sealed.bytes, 1000, *state, &out),
        STATUS_PROOF);
    assert_int_equal(
        content_open(sealed.key, federation, &sealed.commitment, sealed.core, sealed.bytes, 999, *state, &out),
        STATUS_TOO_LARGE);
    assert_true(bytes_equal_text(out, "untouched"));
    assert_int_equal(
        content_open(sealed.key, federation, &sealed.commitment, sealed.core, sealed.bytes, 1000, *state, &out),
        STATUS_OK);
    secret_free(other);
    secret_free(sealed.key);
}

static void check_vector(struct arena *arena, const json_t *one) {
    struct secret *subject = vectors_secret(arena, one, "subject_key");
    struct secret *key = NULL;
    assert_int_equal(content_derive_key(subject, federation, vectors_hex(arena, one, "fragment"),
                                        (uint32_t)vectors_number(one, "revision"), vectors_hex(arena, one, "random"),
                                        &key),
                     STATUS_OK);
    assert_true(bytes_equal(secret_bytes(key), vectors_hex(arena, one, "key")));
    struct hash commitment = content_commitment(federation, key);
    assert_true(bytes_equal(hash_bytes(&commitment), vectors_hex(arena, one, "commitment")));
    struct bytes plain = pattern(arena, vectors_number(one, "plain_len"));
    struct bytes core = vectors_hex(arena, one, "core");
    struct bytes sealed;
    assert_int_equal(content_seal(key, federation, core, plain, arena, &sealed), STATUS_OK);
    assert_int_equal(sealed.len, vectors_number(one, "sealed_len"));
    struct hash digest = hash_sha256(sealed);
    if (!bytes_equal(hash_bytes(&digest), vectors_hex(arena, one, "sealed_sha256")))
        fail_msg("%s", vectors_text(one, "name"));
    struct bytes opened;
    assert_int_equal(content_open(key, federation, &commitment, core, sealed, plain.len, arena, &opened), STATUS_OK);
    assert_true(bytes_equal(opened, plain));
    secret_free(subject);
    secret_free(key);
}

static void test_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "contents"), index, one) check_vector(*state, one);
    assert_true(index >= 7);
    json_decref(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_checked),
        cmocka_unit_test(test_p3_segments_do_not_move),
        cmocka_unit_test(test_p3_content_is_bound),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
