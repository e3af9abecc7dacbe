/*
 * Signed and MultiSigned objects: the independent vectors, and what must not verify.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/multi_signed.h"
#include "proto/signed.h"
#include "support/vectors.h"

#define FED       "test.sluss.example"
#define MOST_KEYS 3

struct fixture {
    struct arena *arena;
    json_t *vectors;
};

static int setup(void **state) {
    static struct fixture fixture;
    if (secret_setup() != STATUS_OK) return -1;
    fixture = (struct fixture){.arena = arena_new(8 << 20), .vectors = vectors_load("objects.json")};
    *state = &fixture;
    return fixture.arena ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    arena_free(fixture->arena);
    json_decref(fixture->vectors);
    return 0;
}

static struct bytes hex_bytes(struct arena *arena, const json_t *text) {
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(text_from_hex(arena, bytes_text(json_string_value(text)), &out), STATUS_OK);
    return out;
}

static struct bytes hex_member(struct arena *arena, const json_t *object, const char *name) {
    return hex_bytes(arena, json_object_get(object, name));
}

static struct sign_private *key_of_seed(struct bytes seed) {
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(seed);
    struct sign_private *key = NULL;
    assert_int_equal(sign_from_seed(secret, &key), STATUS_OK);
    return key;
}

static struct sign_private *key_of_case(struct arena *arena, const json_t *test, size_t i) {
    return key_of_seed(hex_bytes(arena, json_array_get(json_object_get(test, "seeds"), i)));
}

static void check_signed(struct arena *arena, const json_t *test) {
    const char *label = json_string_value(json_object_get(test, "label"));
    struct bytes body = hex_member(arena, test, "body");
    struct bytes whole = hex_member(arena, test, "whole");
    struct sign_private *key CLEANUP(sign_free_cleanup) = key_of_case(arena, test, 0);
    struct sign_public public = sign_public_of(key);
    struct signed_object object = {0};
    struct bytes made = BYTES_EMPTY;
    assert_int_equal(signed_parse(arena, whole, &object), STATUS_OK);
    assert_true(bytes_equal(object.body, body));
    assert_int_equal(signed_verify(label, FED, &object, &public), STATUS_OK);
    struct hash hash = signed_hash(&object);
    assert_true(bytes_equal(hash_bytes(&hash), hex_member(arena, test, "hash")));
    assert_int_equal(signed_make(arena, label, FED, body, key, &made), STATUS_OK);
    assert_true(bytes_equal(made, whole));
    assert_int_equal(signed_verify("sluss other v1", FED, &object, &public), STATUS_SIGNATURE);
    assert_int_equal(signed_verify(label, "other.example", &object, &public), STATUS_SIGNATURE);
}

static void test_signed_vectors(void **state) {
    struct fixture *fixture = *state;
    const json_t *tests = json_object_get(fixture->vectors, "signed");
    assert_int_equal(json_array_size(tests), 7);
    for (size_t i = 0; i < json_array_size(tests); i++) {
        check_signed(fixture->arena, json_array_get(tests, i));
    }
}

static void test_signed_refuses(void **state) {
    struct arena *arena = ((struct fixture *)*state)->arena;
    struct sign_private *key CLEANUP(sign_free_cleanup) = key_of_seed(BYTES("0123456789abcdef0123456789abcdef", 32));
    struct sign_private *stranger CLEANUP(sign_free_cleanup) =
        key_of_seed(BYTES("0123456789abcdef0123456789abcdeF", 32));
    struct sign_public public = sign_public_of(key);
    struct sign_public strange = sign_public_of(stranger);
    struct bytes whole = BYTES_EMPTY;
    struct signed_object object = {0};
    assert_int_equal(signed_make(arena, SIGNED_GRANT, FED, BYTES_EMPTY, key, &whole), STATUS_MALFORMED);
    assert_int_equal(signed_make(arena, SIGNED_GRANT, FED, BYTES("body", 4), key, &whole), STATUS_OK);
    assert_int_equal(signed_parse(arena, whole, &object), STATUS_OK);
    assert_int_equal(signed_verify(SIGNED_GRANT, FED, &object, &public), STATUS_OK);
    assert_int_equal(signed_verify(SIGNED_GRANT, FED, &object, &strange), STATUS_SIGNATURE);
    struct signed_object changed = object;
    changed.body = BYTES("bodY", 4);
    assert_int_equal(signed_verify(SIGNED_GRANT, FED, &changed, &public), STATUS_SIGNATURE);
    changed = object;
    changed.key_id = sign_key_id(FED, &strange);
    assert_int_equal(signed_verify(SIGNED_GRANT, FED, &changed, &public), STATUS_SIGNATURE);
    changed = object;
    changed.signature.b[0] ^= 1;
    assert_int_equal(signed_verify(SIGNED_GRANT, FED, &changed, &public), STATUS_SIGNATURE);
    for (size_t len = 0; len < whole.len; len++) {
        assert_int_equal(signed_parse(arena, BYTES(whole.data, len), &changed), STATUS_MALFORMED);
    }
}

/* Makes the object by adding the signatures one by one, last key first. */
static struct bytes sign_by_all(struct arena *arena, const json_t *test, const char *label, size_t count) {
    struct bytes whole = BYTES_EMPTY;
    for (size_t i = count; i-- > 0;) {
        struct sign_private *key CLEANUP(sign_free_cleanup) = key_of_case(arena, test, i);
        struct multi_signed object = {0};
        if (i + 1 == count) {
            assert_int_equal(multi_signed_make(arena, label, FED, hex_member(arena, test, "body"), key, &whole),
                             STATUS_OK);
            continue;
        }
        assert_int_equal(multi_signed_parse(arena, whole, &object), STATUS_OK);
        assert_int_equal(multi_signed_add(arena, label, FED, &object, key, &whole), STATUS_OK);
        assert_int_equal(multi_signed_parse(arena, whole, &object), STATUS_OK);
        assert_int_equal(multi_signed_add(arena, label, FED, &object, key, &whole), STATUS_CONFLICT);
    }
    return whole;
}

static void check_multi(struct arena *arena, const json_t *test) {
    const char *label = json_string_value(json_object_get(test, "label"));
    const json_t *publics = json_object_get(test, "publics");
    struct sign_public keys[MOST_KEYS + 1] = {0};
    size_t count = json_array_size(publics);
    assert_in_range(count, 1, MOST_KEYS);
    for (size_t i = 0; i < count; i++) {
        memcpy(keys[i].b, hex_bytes(arena, json_array_get(publics, i)).data, sizeof keys[i].b);
    }
    struct bytes whole = hex_member(arena, test, "whole");
    struct multi_signed object = {0};
    assert_true(bytes_equal(sign_by_all(arena, test, label, count), whole));
    assert_int_equal(multi_signed_parse(arena, whole, &object), STATUS_OK);
    assert_int_equal(object.n_signatures, count);
    assert_int_equal(multi_signed_verify_threshold(label, FED, &object, keys, count, count), STATUS_OK);
    assert_int_equal(multi_signed_verify_threshold(label, FED, &object, keys, count, 0), STATUS_SIGNATURE);
    assert_int_equal(multi_signed_verify_threshold(label, FED, &object, keys, count, count + 1), STATUS_SIGNATURE);
    /* The same key again, and a key that did not sign, count for nothing. */
    keys[count] = keys[0];
    assert_int_equal(multi_signed_verify_threshold(label, FED, &object, keys, count + 1, count + 1), STATUS_SIGNATURE);
    keys[count].b[0] ^= 1;
    assert_int_equal(multi_signed_verify_threshold(label, FED, &object, keys, count + 1, count + 1), STATUS_SIGNATURE);
    assert_int_equal(multi_signed_verify_threshold(label, "other.example", &object, keys, count, 1), STATUS_SIGNATURE);
    struct hash hash = multi_signed_hash(&object);
    assert_true(bytes_equal(hash_bytes(&hash), hex_member(arena, test, "hash")));
}

static void test_multi_vectors(void **state) {
    struct fixture *fixture = *state;
    const json_t *tests = json_object_get(fixture->vectors, "multi_signed");
    assert_int_equal(json_array_size(tests), 4);
    for (size_t i = 0; i < json_array_size(tests); i++) {
        check_multi(fixture->arena, json_array_get(tests, i));
    }
}

/* {body "b", two signatures with these key ids}. */
static struct bytes two_signatures(uint8_t first, uint8_t second, uint8_t memory[207]) {
    memset(memory, 0, 207);
    memcpy(memory,
           "\x0a\x01"
           "b",
           3);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *at = memory + 3 + i * 102;
        memcpy(at, "\x12\x64\x0a\x20", 4);
        at[4] = i == 0 ? first : second;
        memcpy(at + 36, "\x12\x40", 2);
    }
    return BYTES(memory, 207);
}

static void test_multi_order(void **state) {
    struct arena *arena = ((struct fixture *)*state)->arena;
    struct multi_signed object = {0};
    uint8_t memory[207];
    assert_int_equal(multi_signed_parse(arena, two_signatures(2, 1, memory), &object), STATUS_MALFORMED);
    assert_int_equal(multi_signed_parse(arena, two_signatures(1, 1, memory), &object), STATUS_MALFORMED);
    assert_int_equal(multi_signed_parse(arena, two_signatures(1, 2, memory), &object), STATUS_OK);
    assert_int_equal(multi_signed_parse(arena, BYTES(memory, 3), &object), STATUS_MALFORMED);
}

static void test_multi_bad_signature_of_a_listed_key(void **state) {
    struct arena *arena = ((struct fixture *)*state)->arena;
    const json_t *test = json_array_get(json_object_get(((struct fixture *)*state)->vectors, "multi_signed"), 3);
    struct multi_signed object = {0};
    struct sign_public keys[MOST_KEYS];
    assert_int_equal(multi_signed_parse(arena, hex_member(arena, test, "whole"), &object), STATUS_OK);
    for (size_t i = 0; i < MOST_KEYS; i++) {
        memcpy(keys[i].b, hex_bytes(arena, json_array_get(json_object_get(test, "publics"), i)).data, 32);
    }
    struct multi_signature signatures[MOST_KEYS];
    memcpy(signatures, object.signatures, sizeof signatures);
    signatures[1].signature.b[3] ^= 1;
    object.signatures = signatures;
    assert_int_equal(multi_signed_verify_threshold(SIGNED_DIRECTORY, FED, &object, keys, 3, 2), STATUS_SIGNATURE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_signed_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signed_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_multi_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_multi_bad_signature_of_a_listed_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_multi_vectors, setup, teardown),
    };
    return cmocka_run_group_tests_name("proto/signed", tests, NULL, NULL);
}
