/*
 * The tables against the descriptors, and the one encoding that a message has (P11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <protobuf-c/protobuf-c.h>

#include "proto/codec.h"
#include "proto/codec_table.h"
#include "proto/leaf.h"
#include "proto/msg_release.h"
#include "proto/record.h"
#include "proto/reply.h"
#include "support/codecs.h"

static int setup(void **state) {
    *state = arena_new(8 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

/* ---- tables ---- */

static ProtobufCType expected_type(const struct codec_field *field) {
    switch (field->kind) {
    case CODEC_FIXED:
    case CODEC_BYTES:
        return PROTOBUF_C_TYPE_BYTES;
    case CODEC_TEXT:
        return PROTOBUF_C_TYPE_STRING;
    case CODEC_NUMBER:
        return field->size == 8 ? PROTOBUF_C_TYPE_UINT64 : PROTOBUF_C_TYPE_UINT32;
    case CODEC_ENUM:
        return PROTOBUF_C_TYPE_ENUM;
    case CODEC_BOOL:
        return PROTOBUF_C_TYPE_BOOL;
    case CODEC_MESSAGE:
        return PROTOBUF_C_TYPE_MESSAGE;
    }
    return PROTOBUF_C_TYPE_FLOAT;
}

static void check_row(const struct codec *codec, size_t i) {
    const struct codec_field *field = &codec->fields[i];
    const ProtobufCFieldDescriptor *pb = &codec->descriptor->fields[i];
    if (strcmp(field->name, pb->name) != 0)
        fail_msg("%s: row %zu is %s, not %s", codec->name, i, field->name, pb->name);
    if (pb->id != i + 1) fail_msg("%s.%s: number %u in row %zu", codec->name, pb->name, pb->id, i);
    if (pb->type != expected_type(field)) fail_msg("%s.%s: another type", codec->name, pb->name);
    bool list = field->flags & CODEC_LIST;
    if (list != (pb->label == PROTOBUF_C_LABEL_REPEATED)) fail_msg("%s.%s: list or not", codec->name, pb->name);
    if (list && field->utmost == 0) fail_msg("%s.%s: a list without bound", codec->name, pb->name);
    if (field->kind != CODEC_MESSAGE && field->most == 0) fail_msg("%s.%s: no bound", codec->name, pb->name);
    if (field->kind == CODEC_MESSAGE) assert_ptr_equal(field->nested->descriptor, pb->descriptor);
    if (field->kind == CODEC_ENUM) {
        const ProtobufCEnumDescriptor *enumeration = pb->descriptor;
        if (field->most != enumeration->n_values - 1) fail_msg("%s.%s: another last value", codec->name, pb->name);
    }
    if (!strcmp(pb->name, "version")) assert_true(field->flags & CODEC_VERSION);
    if (!strcmp(pb->name, "federation")) assert_true(field->flags & CODEC_FEDERATION);
}

static void check_codec(const struct codec *codec) {
    assert_string_equal(codec->name, codec->descriptor->short_name);
    if (codec->n_fields != codec->descriptor->n_fields) fail_msg("%s: rows and fields differ", codec->name);
    for (size_t i = 0; i < codec->n_fields; i++) {
        check_row(codec, i);
        if (codec->fields[i].nested) check_codec(codec->fields[i].nested);
    }
}

static void test_each_field_has_one_row(void **state) {
    (void)state;
    for (size_t i = 0; i < codecs_count; i++) {
        check_codec(codecs_all[i]);
    }
}

static const struct codec *codec_find(const struct codec *codec, const char *name) {
    if (!strcmp(codec->name, name)) return codec;
    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct codec *nested = codec->fields[i].nested;
        const struct codec *found = nested ? codec_find(nested, name) : NULL;
        if (found) return found;
    }
    return NULL;
}

static void check_proto_file(const char *name) {
    char path[4096];
    char line[1024];
    char message[64];
    unsigned seen = 0;
    assert_true(snprintf(path, sizeof path, "%s/proto/%s", TEST_SOURCE_DIR, name) < (int)sizeof path);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "message %63[A-Za-z] {", message) != 1) continue;
        bool found = false;
        for (size_t i = 0; i < codecs_count && !found; i++) {
            found = codec_find(codecs_all[i], message) != NULL;
        }
        if (!found) fail_msg("%s: message %s has no codec", name, message);
        seen++;
    }
    (void)fclose(file);
    assert_true(seen > 5);
}

static void test_each_message_has_a_codec(void **state) {
    (void)state;
    check_proto_file("object.proto");
    check_proto_file("message.proto");
    check_proto_file("internal.proto");
}

/* ---- the bounds in the comments of the .proto files ---- */

/* "[32]" or "[<=300]": of a value. "[1..16]" or "[..64]": of a list. Whether the row says the same. */
static bool same_bound(const struct codec_field *field, const char *bound) {
    unsigned first = 0;
    unsigned second = 0;
    if (sscanf(bound, "[%u..%u]", &first, &second) == 2) return field->fewest == first && field->utmost == second;
    if (sscanf(bound, "[..%u]", &second) == 1) return field->fewest == 0 && field->utmost == second;
    if (sscanf(bound, "[<=%u]", &second) == 1) return field->most == second;
    if (sscanf(bound, "[%u]", &second) == 1) return field->least == second && field->most == second;
    return true;
}

/* Checks one line of a .proto file within a message; gives how many bounds stood there. */
static unsigned check_bounds(const struct codec *codec, const char *line) {
    unsigned number = 0;
    unsigned seen = 0;
    const char *comment = strstr(line, "//");
    if (!comment || sscanf(line, "%*[^=]= %u;", &number) != 1) return 0;
    assert_in_range(number, 1, codec->n_fields);
    const struct codec_field *field = &codec->fields[number - 1];
    for (const char *at = strchr(comment, '['); at; at = strchr(at + 1, '[')) {
        bool leads = at == comment + 3 || !strncmp(at - 3, "of ", 3);
        if (!leads) continue;
        if (!same_bound(field, at)) fail_msg("%s.%s: another bound than %.12s", codec->name, field->name, at);
        seen++;
    }
    return seen;
}

static unsigned check_file_bounds(const char *name) {
    char path[4096];
    char line[1024];
    char message[64];
    const struct codec *codec = NULL;
    unsigned seen = 0;
    assert_true(snprintf(path, sizeof path, "%s/proto/%s", TEST_SOURCE_DIR, name) < (int)sizeof path);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("cannot open %s", path);
    while (fgets(line, sizeof line, file)) {
        if (line[0] != ' ') codec = NULL;
        if (codec) seen += check_bounds(codec, line);
        if (sscanf(line, "message %63[A-Za-z] {", message) != 1) continue;
        for (size_t i = 0; i < codecs_count && !codec; i++) {
            codec = codec_find(codecs_all[i], message);
        }
    }
    (void)fclose(file);
    return seen;
}

static void test_bounds_are_those_of_the_proto_files(void **state) {
    (void)state;
    assert_true(check_file_bounds("object.proto") > 80);
    assert_true(check_file_bounds("message.proto") > 30);
    assert_true(check_file_bounds("internal.proto") >= 7);
}

/* ---- wire form ---- */

#define ID16                                                                                                           \
    "\x10"                                                                                                             \
    "0123456789abcdef"
#define ID32                                                                                                           \
    "\x20"                                                                                                             \
    "0123456789abcdef0123456789abcdef"
#define FED "\x12\x12" CODECS_FEDERATION
/* StateStatement without its version: federation, token, state, tree_size, time_ms. */
#define STATE_TAIL "\x1a" ID16 "\x20\x01\x28\x07\x30\x05"

struct wire_case {
    const char *name;
    const struct codec *codec;
    const char *wire;
    size_t len;
    enum status expected;
};
#define WIRE(text) (text), sizeof(text) - 1

extern const struct codec state_statement_codec;

static const struct wire_case wire_cases[] = {
    {"version missing", &state_statement_codec, WIRE(FED STATE_TAIL), STATUS_VERSION},
    {"version 2", &state_statement_codec, WIRE("\x08\x02" FED STATE_TAIL), STATUS_VERSION},
    {"version 0 written out", &state_statement_codec, WIRE("\x08\x00" FED STATE_TAIL), STATUS_VERSION},
    {"version before anything else", &state_statement_codec, WIRE("\x08\x02\xff"), STATUS_VERSION},
    {"version twice", &state_statement_codec, WIRE("\x08\x01\x08\x01" FED STATE_TAIL), STATUS_MALFORMED},
    {"federation missing", &state_statement_codec, WIRE("\x08\x01" STATE_TAIL), STATUS_MALFORMED},
    {"another federation", &state_statement_codec,
     WIRE("\x08\x01\x12\x05"
          "other" STATE_TAIL),
     STATUS_FEDERATION},
    {"no name of a federation", &state_statement_codec,
     WIRE("\x08\x01\x12\x05"
          "Other" STATE_TAIL),
     STATUS_MALFORMED},
    {"federation twice", &state_statement_codec, WIRE("\x08\x01" FED FED STATE_TAIL), STATUS_MALFORMED},
    {"fixed bytes missing", &state_statement_codec, WIRE("\x08\x01" FED "\x20\x01\x28\x07\x30\x05"), STATUS_MALFORMED},
    {"fixed bytes short", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a\x0f"
          "0123456789abcde"
          "\x20\x01\x30\x05"),
     STATUS_MALFORMED},
    {"fixed bytes long", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a\x11"
          "0123456789abcdefg"
          "\x20\x01\x30\x05"),
     STATUS_MALFORMED},
    {"enum missing", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x30\x05"), STATUS_MALFORMED},
    {"enum zero", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x00\x30\x05"), STATUS_MALFORMED},
    {"enum not in the list", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x06\x30\x05"),
     STATUS_MALFORMED},
    {"enum negative", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a" ID16 "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x30\x05"), STATUS_MALFORMED},
    {"unknown field", &state_statement_codec, WIRE("\x08\x01" FED STATE_TAIL "\x38\x01"), STATUS_MALFORMED},
    {"field number 0", &state_statement_codec, WIRE("\x00\x01\x08\x01" FED STATE_TAIL), STATUS_MALFORMED},
    {"trailing byte", &state_statement_codec, WIRE("\x08\x01" FED STATE_TAIL "\x00"), STATUS_MALFORMED},
    {"fields out of order", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x30\x05\x28\x07"),
     STATUS_MALFORMED},
    {"default written out", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x28\x00\x30\x05"),
     STATUS_MALFORMED},
    {"varint of two bytes for 7", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x28\x87\x00\x30\x05"), STATUS_MALFORMED},
    {"varint above 64 bits", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x30\x05"), STATUS_MALFORMED},
    {"varint without end", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x28\x80"),
     STATUS_MALFORMED},
    {"length in two bytes", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a\x90\x00"
          "0123456789abcdef"
          "\x20\x01\x30\x05"),
     STATUS_MALFORMED},
    {"length beyond the end", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a\x10"
          "0123"),
     STATUS_MALFORMED},
    {"length of 2^63", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
          "0123"),
     STATUS_MALFORMED},
    {"key in two bytes", &state_statement_codec, WIRE("\x88\x00\x01" FED STATE_TAIL), STATUS_MALFORMED},
    {"varint where bytes stand", &state_statement_codec, WIRE("\x08\x01\x10\x01" STATE_TAIL), STATUS_MALFORMED},
    {"bytes where a varint stands", &state_statement_codec, WIRE("\x0a\x01\x01" FED STATE_TAIL), STATUS_MALFORMED},
    {"64-bit wire type", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x29\x07\x00\x00\x00\x00\x00\x00\x00\x30\x05"), STATUS_MALFORMED},
    {"group wire type", &state_statement_codec, WIRE("\x0b\x0c"), STATUS_MALFORMED},
    {"nothing", &state_statement_codec, WIRE(""), STATUS_VERSION},
    {"time above year 9999", &state_statement_codec,
     WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), STATUS_TOO_LARGE},
    {"list not packed", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x18\x01\x30\x01"),
     STATUS_MALFORMED},
    {"list packed twice", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x01\x01\x1a\x01\x02\x30\x01"),
     STATUS_MALFORMED},
    {"list empty but written out", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x00\x30\x01"),
     STATUS_MALFORMED},
    {"list missing", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x30\x01"),
     STATUS_MALFORMED},
    {"list descending", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x02\x02\x01\x30\x01"),
     STATUS_MALFORMED},
    {"list with a repeat", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x02\x01\x01\x30\x01"),
     STATUS_MALFORMED},
    {"list with a zero", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x02\x00\x01\x30\x01"),
     STATUS_MALFORMED},
    {"list value above the bound", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x01\x0a\x30\x01"),
     STATUS_TOO_LARGE},
    {"list of 17", &leaf_opening_codec,
     WIRE("\x08\x01\x10\x01\x28\x01\x92\x01\x11\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
     STATUS_TOO_LARGE},
    {"optional list empty but written out", &leaf_opening_codec, WIRE("\x08\x01\x10\x01\x28\x01\x92\x01\x00"),
     STATUS_MALFORMED},
    {"bytes empty but written out", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x01\x01\x2a\x00\x30\x01"),
     STATUS_MALFORMED},
    {"text empty but written out", &reply_codec, WIRE("\x1a\x00"), STATUS_MALFORMED},
    {"text with a newline", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "\n"
          "\x1a\x01\x01\x30\x01"),
     STATUS_MALFORMED},
    {"number above the bound", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x01\x01\x30\x41"),
     STATUS_TOO_LARGE},
    {"absent-or-16 with 15", &msg_release_codec,
     WIRE("\x0a" ID16 "\x12\x01"
          "p"
          "\x1a\x01\x01\x22\x0f"
          "0123456789abcde"
          "\x30\x01"),
     STATUS_MALFORMED},
    {"text not UTF-8", &reply_codec, WIRE("\x1a\x02\xc0\x80"), STATUS_MALFORMED},
    {"text with NUL", &reply_codec,
     WIRE("\x1a\x03"
          "a\x00"
          "b"),
     STATUS_MALFORMED},
    {"text with DEL", &reply_codec, WIRE("\x1a\x01\x7f"), STATUS_MALFORMED},
    {"unknown field in a nested message", &msg_released_codec, WIRE("\x0a\x01r\x12\x05\x0a\x01h\x20\x01"),
     STATUS_MALFORMED},
    {"nested field twice", &msg_released_codec, WIRE("\x0a\x01r\x12\x06\x0a\x01h\x0a\x01h"), STATUS_MALFORMED},
    {"nested message empty", &msg_released_codec, WIRE("\x0a\x01r\x12\x00"), STATUS_MALFORMED},
    {"list broken off and gone on", &msg_released_codec,
     WIRE("\x0a\x01r\x12\x03\x0a\x01h\x1a\x01"
          "c"
          "\x12\x03\x0a\x01h"),
     STATUS_MALFORMED},
};

static void test_refuses(void **state) {
    for (size_t i = 0; i < sizeof wire_cases / sizeof wire_cases[0]; i++) {
        const struct wire_case *wire = &wire_cases[i];
        uint8_t out[512];
        uint8_t untouched[sizeof out];
        memset(out, 0xa5, sizeof out);
        memset(untouched, 0xa5, sizeof untouched);
        assert_true(wire->codec->size <= sizeof out);
        enum status status = codec_parse(wire->codec, *state, CODECS_FEDERATION, BYTES(wire->wire, wire->len), out);
        if (status != wire->expected) fail_msg("%s: %s", wire->name, status_name(status));
        assert_memory_equal(out, untouched, sizeof out);
    }
}

static void test_takes_the_one_encoding(void **state) {
    static const struct wire_case good[] = {
        {"state", &state_statement_codec, WIRE("\x08\x01" FED STATE_TAIL), STATUS_OK},
        {"defaults left out", &state_statement_codec, WIRE("\x08\x01" FED "\x1a" ID16 "\x20\x01\x30\x05"), STATUS_OK},
        {"release", &msg_release_codec,
         WIRE("\x0a" ID16 "\x12\x01"
              "p"
              "\x1a\x02\x01\x09\x30\x40"),
         STATUS_OK},
        {"empty reply", &reply_codec, WIRE(""), STATUS_OK},
        {"nested", &msg_released_codec,
         WIRE("\x0a\x01r\x12\x03\x0a\x01h\x12\x06\x0a\x01h\x1a\x01"
              "c"
              "\x1a\x01"
              "d"),
         STATUS_OK},
        {"opening with hashes", &leaf_opening_codec, WIRE("\x08\x01\x10\x01\x28\x01\x82\x01" ID32 "\x82\x01" ID32),
         STATUS_OK},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct wire_case *wire = &good[i];
        _Alignas(16) uint8_t out[512];
        struct bytes again = BYTES_EMPTY;
        enum status status = codec_parse(wire->codec, *state, CODECS_FEDERATION, BYTES(wire->wire, wire->len), out);
        if (status != STATUS_OK) fail_msg("%s: %s", wire->name, status_name(status));
        assert_int_equal(codec_encode(wire->codec, *state, out, &again), STATUS_OK);
        if (!bytes_equal(again, BYTES(wire->wire, wire->len))) fail_msg("%s: encoded otherwise", wire->name);
    }
}

static void test_values_arrive(void **state) {
    struct msg_release out = {0};
    static const char wire[] = "\x0a" ID16 "\x12\x04"
                               "plan"
                               "\x1a\x02\x01\x09\x22" ID16 "\x30\x40";
    assert_int_equal(msg_release_parse(*state, BYTES(wire, sizeof wire - 1), &out), STATUS_OK);
    assert_memory_equal(out.token.b, "0123456789abcdef", 16);
    assert_string_equal(out.purpose, "plan");
    assert_int_equal(out.n_kinds, 2);
    assert_int_equal(out.kinds[0], 1);
    assert_int_equal(out.kinds[1], 9);
    assert_int_equal(out.fragment.len, 16);
    assert_int_equal(out.cursor.len, 0);
    assert_int_equal(out.most, 64);
}

static void test_encoding_checks_as_a_reader_would(void **state) {
    struct bytes out = BYTES("kept", 4);
    uint32_t kinds[] = {2, 1};
    struct msg_release release = {.purpose = "p", .kinds = kinds, .n_kinds = 2, .most = 1};
    assert_int_equal(msg_release_encode(*state, &release, &out), STATUS_MALFORMED);
    kinds[1] = 3;
    release.most = 65;
    assert_int_equal(msg_release_encode(*state, &release, &out), STATUS_TOO_LARGE);
    release.most = 64;
    release.n_kinds = 17;
    assert_int_equal(msg_release_encode(*state, &release, &out), STATUS_TOO_LARGE);
    assert_true(bytes_equal_text(out, "kept"));
    release.n_kinds = 2;
    assert_int_equal(msg_release_encode(*state, &release, &out), STATUS_OK);
    struct leaf leaf = {.version = 2, .type = LEAF_EPOCH, .time_ms = 1};
    assert_int_equal(leaf_encode(*state, &leaf, &out), STATUS_VERSION);
}

static void test_lists_are_bounded(void **state) {
    struct bytes out = BYTES_EMPTY;
    struct msg_upload_grants grants = {0};
    uint8_t wire[65 * 3];
    for (size_t i = 0; i < 65; i++) {
        memcpy(wire + i * 3, "\x0a\x01g", 3);
    }
    assert_int_equal(msg_upload_grants_parse(*state, BYTES(wire, 0), &grants), STATUS_MALFORMED);
    assert_int_equal(msg_upload_grants_parse(*state, BYTES_ARRAY(wire), &grants), STATUS_TOO_LARGE);
    assert_int_equal(msg_upload_grants_parse(*state, BYTES(wire, 64 * 3), &grants), STATUS_OK);
    assert_int_equal(grants.n_grants, 64);
    assert_true(bytes_equal_text(grants.grants[63], "g"));
    assert_int_equal(msg_upload_grants_encode(*state, &grants, &out), STATUS_OK);
}

static void test_ascending_text(void **state) {
    const char *units[] = {"0007:1234567890/b", "0007:1234567890/a"};
    const char *one[] = {"p"};
    const char *member[] = {"0007:1234567890"};
    const uint32_t kinds[] = {1};
    const struct agreement agreement = {
        .version = 1,
        .federation = CODECS_FEDERATION,
        .revision = 1,
        .units = units,
        .n_units = 2,
        .kinds = kinds,
        .n_kinds = 1,
        .purposes = one,
        .n_purposes = 1,
        .longest_consent_s = 1,
        .attesters = member,
        .n_attesters = 1,
    };
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(record_agreement_encode(*state, &agreement, &out), STATUS_MALFORMED);
    units[0] = units[1];
    assert_int_equal(record_agreement_encode(*state, &agreement, &out), STATUS_MALFORMED);
    units[1] = "0007:1234567890/aa";
    assert_int_equal(record_agreement_encode(*state, &agreement, &out), STATUS_OK);
}

static void test_null_text_is_empty(void **state) {
    struct bytes out = BYTES("x", 1);
    struct reply reply = {0};
    assert_int_equal(reply_encode(*state, &reply, &out), STATUS_OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(reply_parse(*state, out, &reply), STATUS_OK);
    assert_string_equal(reply.text, "");
}

static void test_full_arena(void **state) {
    (void)state;
    static const char wire[] = "\x0a" ID16 "\x12\x04"
                               "plan"
                               "\x1a\x02\x01\x09\x22" ID16 "\x30\x40";
    enum status status = STATUS_MEMORY;
    for (size_t cap = 0; cap < 4096 && status == STATUS_MEMORY; cap += 8) {
        struct arena *arena = arena_new(cap);
        struct msg_release out = {0};
        status = msg_release_parse(arena, BYTES(wire, sizeof wire - 1), &out);
        arena_free(arena);
    }
    assert_int_equal(status, STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_has_one_row),
        cmocka_unit_test(test_each_message_has_a_codec),
        cmocka_unit_test(test_bounds_are_those_of_the_proto_files),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_takes_the_one_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_arrive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encoding_checks_as_a_reader_would, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ascending_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_text_is_empty, setup, teardown),
        cmocka_unit_test(test_full_arena),
    };
    return cmocka_run_group_tests_name("proto/codec", tests, NULL, NULL);
}
