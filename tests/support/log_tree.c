#include "support/log_tree.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

struct bytes log_tree_entry(uint64_t index, char text[64]) {
    size_t len = 0;
    for (uint64_t i = 0; i < index % 4; i++)
        len += (size_t)snprintf(text + len, 64 - len, "entry %" PRIu64 ";", index);
    return BYTES(text, len);
}

struct tree_store *log_tree_new(uint64_t size) {
    char text[64];
    struct tree_store *store = tree_store_new();
    assert_non_null(store);
    for (uint64_t i = 0; i < size; i++)
        assert_int_equal(tree_store_append(store, log_tree_entry(i, text)), STATUS_OK);
    return store;
}

static struct hash hash_of(const json_t *value) {
    struct hash hash;
    const char *text = json_string_value(value);
    assert_non_null(text);
    assert_int_equal(text_fixed_hex(bytes_text(text), hash.b, sizeof hash.b), STATUS_OK);
    return hash;
}

struct hash log_tree_hash(const json_t *object, const char *name) {
    return hash_of(json_object_get(object, name));
}

struct merkle_proof log_tree_proof(const json_t *object, const char *name) {
    struct merkle_proof proof = {.count = 0};
    const json_t *list = json_object_get(object, name);
    assert_true(json_is_array(list) && json_array_size(list) <= MERKLE_PROOF_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        proof.hashes[proof.count++] = hash_of(json_array_get(list, i));
    return proof;
}

uint64_t log_tree_number(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}
