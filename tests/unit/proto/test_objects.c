/*
 * Every message against an encoder that shares no code with ours (tests/vectors/make_objects.mjs): what it wrote parses
 * to the values it was given, and encodes to the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/codec.h"
#include "proto/codec_table.h"
#include "support/codecs.h"
#include "support/vectors.h"

struct fixture {
    struct arena *arena;
    json_t *vectors;
};

static int setup(void **state) {
    static struct fixture fixture;
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

static const struct codec *codec_named(const char *name) {
    for (size_t i = 0; i < codecs_count; i++) {
        if (!strcmp(codecs_all[i]->name, name)) return codecs_all[i];
    }
    return NULL;
}

static struct bytes hex_bytes(struct arena *arena, const json_t *text) {
    struct bytes out = BYTES_EMPTY;
    assert_non_null(json_string_value(text));
    assert_int_equal(text_from_hex(arena, bytes_text(json_string_value(text)), &out), STATUS_OK);
    return out;
}

static uint64_t number_at(const struct codec_field *field, const void *at) {
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (field->kind == CODEC_BOOL) return *(const bool *)at;
    if (field->size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static uint64_t number_of(const json_t *value) {
    if (json_is_boolean(value)) return json_is_true(value);
    return value ? (uint64_t)json_integer_value(value) : 0;
}

static void compare_message(struct arena *arena, const struct codec *codec, const void *out, const json_t *value);

/* value NULL: the field was not given. */
static bool same_value(struct arena *arena, const struct codec_field *field, const void *at, const json_t *value) {
    switch (field->kind) {
    case CODEC_FIXED:
        return bytes_equal(BYTES(at, field->size), hex_bytes(arena, value));
    case CODEC_BYTES: {
        struct bytes view = *(const struct bytes *)at;
        return value ? bytes_equal(view, hex_bytes(arena, value)) : view.len == 0;
    }
    case CODEC_TEXT:
        return !strcmp(*(const char *const *)at, value ? json_string_value(value) : "");
    case CODEC_NUMBER:
    case CODEC_ENUM:
    case CODEC_BOOL:
        return number_at(field, at) == number_of(value);
    case CODEC_MESSAGE:
        compare_message(arena, field->nested, at, value);
        return true;
    }
    return false;
}

static bool same_list(struct arena *arena, const struct codec_field *field, const void *out, const json_t *values) {
    const uint8_t *elements = *(const uint8_t *const *)((const uint8_t *)out + field->offset);
    size_t count = *(const size_t *)((const uint8_t *)out + field->count_offset);
    if (count != json_array_size(values)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!same_value(arena, field, elements + i * field->size, json_array_get(values, i))) return false;
    }
    return true;
}

static void compare_message(struct arena *arena, const struct codec *codec, const void *out, const json_t *value) {
    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct codec_field *field = &codec->fields[i];
        const json_t *expected = json_object_get(value, field->name);
        bool same = field->flags & CODEC_LIST
                        ? same_list(arena, field, out, expected)
                        : same_value(arena, field, (const uint8_t *)out + field->offset, expected);
        if (!same) fail_msg("%s.%s has another value", codec->name, field->name);
    }
}

static void check_case(struct fixture *fixture, const struct codec *codec, const json_t *test) {
    struct bytes wire = hex_bytes(fixture->arena, json_object_get(test, "encoding"));
    struct bytes again = BYTES_EMPTY;
    void *out = arena_alloc(fixture->arena, codec->size);
    enum status status = codec_parse(codec, fixture->arena, CODECS_FEDERATION, wire, out);
    if (status != STATUS_OK) fail_msg("%s: %s", codec->name, status_name(status));
    compare_message(fixture->arena, codec, out, json_object_get(test, "value"));
    assert_int_equal(codec_encode(codec, fixture->arena, out, &again), STATUS_OK);
    if (!bytes_equal(again, wire)) fail_msg("%s: encoded otherwise", codec->name);
}

static void test_every_message(void **state) {
    struct fixture *fixture = *state;
    const json_t *messages = json_object_get(fixture->vectors, "messages");
    assert_int_equal(json_array_size(messages), codecs_count);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *test = json_array_get(messages, i);
        const char *name = json_string_value(json_object_get(test, "message"));
        const struct codec *codec = codec_named(name);
        if (!codec) fail_msg("no codec for %s", name);
        check_case(fixture, codec, test);
    }
}

/* A message cut anywhere is refused, or it is a whole message by itself whose encoding is the cut. */
static void test_every_cut(void **state) {
    struct fixture *fixture = *state;
    const json_t *messages = json_object_get(fixture->vectors, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *test = json_array_get(messages, i);
        const struct codec *codec = codec_named(json_string_value(json_object_get(test, "message")));
        struct bytes wire = BYTES_EMPTY;
        struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
        wire = hex_bytes(fixture->arena, json_object_get(test, "encoding"));
        for (size_t len = 0; len < wire.len; len++) {
            arena_reset(arena);
            void *out = arena_alloc(arena, codec->size);
            struct bytes again = BYTES_EMPTY;
            if (codec_parse(codec, arena, CODECS_FEDERATION, BYTES(wire.data, len), out) != STATUS_OK) continue;
            assert_int_equal(codec_encode(codec, arena, out, &again), STATUS_OK);
            assert_true(bytes_equal(again, BYTES(wire.data, len)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
    };
    return cmocka_run_group_tests_name("proto/objects", tests, NULL, NULL);
}
