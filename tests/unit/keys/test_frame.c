#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/frame.h"
#include "support/vectors.h"

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 22);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void test_full_memory_is_reported(void **state) {
    (void)state;
    struct arena *small = arena_new(16);
    struct bytes out = BYTES("untouched", 9);
    assert_int_equal(frame_encode("sluss test v1", "plan.example", NULL, 0, small, &out), STATUS_MEMORY);
    assert_true(bytes_equal_text(out, "untouched"));
    arena_free(small);
    uint8_t memory[20];
    struct writer writer = writer_init(memory, sizeof memory);
    frame_write(&writer, "sluss test v1", "plan.example", NULL, 0);
    assert_int_equal(writer_end(&writer, &out), STATUS_TOO_LARGE);
}

static void test_vectors(void **state) {
    json_t *vectors = vectors_load("keys.json");
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(vectors, "frames"), index, one) {
        const json_t *list = json_object_get(one, "fields");
        struct bytes fields[4];
        size_t count = json_array_size(list);
        assert_true(count <= 4);
        for (size_t i = 0; i < count; i++) {
            json_t *wrapped = json_pack("{s:O}", "field", json_array_get(list, i));
            fields[i] = vectors_hex(*state, wrapped, "field");
            json_decref(wrapped);
        }
        const char *label = vectors_text(one, "label");
        const char *federation = vectors_text(one, "federation");
        struct bytes frame;
        assert_int_equal(frame_encode(label, federation, fields, count, *state, &frame), STATUS_OK);
        if (!bytes_equal(frame, vectors_hex(*state, one, "frame"))) fail_msg("%s", vectors_text(one, "name"));
        assert_int_equal(frame.len, frame_len(label, federation, fields, count));
        struct hash hash = frame_hash(label, federation, fields, count);
        assert_true(bytes_equal(hash_bytes(&hash), vectors_hex(*state, one, "hash")));
    }
    assert_true(index >= 5);
    json_decref(vectors);
}

static void test_stream_of_numbers(void **state) {
    (void)state;
    const uint8_t u8[] = {7};
    const uint8_t u32[] = {1, 2, 3, 4};
    const uint8_t u64[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct hash expected = FRAME_HASH("sluss test v1", "plan.example", BYTES_ARRAY(u8), BYTES_ARRAY(u32),
                                      BYTES_ARRAY(u64), bytes_text("text"));
    struct frame frame;
    frame_init(&frame, "sluss test v1", "plan.example");
    frame_put_u8(&frame, 7);
    frame_put_u32(&frame, 0x01020304);
    frame_put_u64(&frame, 0x0102030405060708);
    frame_put_text(&frame, "text");
    struct hash hash = frame_final(&frame);
    assert_true(hash_equal(&hash, &expected));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_memory_is_reported),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_stream_of_numbers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
