/*
 * Signed notes and cosignatures (P7): refusals first; values by an independent script; published keys and notes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "proto/note.h"
#include "support/log_tree.h"
#include "support/vectors.h"

enum { KEY_COUNT = 3 };

struct fixture {
    struct arena *arena;
    json_t *vectors;
    /* The log's, then the two witnesses'. */
    struct note_key keys[KEY_COUNT];
};

static const char *member_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static const json_t *signer_of(const struct fixture *f, size_t i) {
    if (i == 0) return json_object_get(f->vectors, "log");
    return json_array_get(json_object_get(f->vectors, "witnesses"), i - 1);
}

static int setup(void **state) {
    static struct fixture f;
    if (secret_setup() != STATUS_OK) return -1;
    f.arena = arena_new(1 << 20);
    f.vectors = vectors_load("log.json");
    for (size_t i = 0; i < KEY_COUNT; i++)
        assert_int_equal(note_key_parse(bytes_text(member_text(signer_of(&f, i), "vkey")), &f.keys[i]), STATUS_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_free(f->arena);
    json_decref(f->vectors);
    return 0;
}

static struct sign_private *private_of(const struct fixture *f, size_t i) {
    uint8_t seed[SIGN_SEED_BYTES];
    struct sign_private *key = NULL;
    assert_int_equal(text_fixed_hex(bytes_text(member_text(signer_of(f, i), "seed")), seed, sizeof seed), STATUS_OK);
    struct secret *secret CLEANUP(secret_free_cleanup) = secret_from(BYTES_ARRAY(seed));
    assert_int_equal(sign_from_seed(secret, &key), STATUS_OK);
    return key;
}

/* Text that is no verifier key; where an id is given it is the right one. */
static const struct {
    const char *name;
    const char *text;
    enum status status;
} bad_keys[] = {
    {"empty", "", STATUS_MALFORMED},
    {"name only", "PeterNeumann", STATUS_MALFORMED},
    {"no key", "PeterNeumann+c74f20a3+", STATUS_MALFORMED},
    {"no name", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"space before", " PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"another id", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"another name", "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"upper case id", "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"seven digits", "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_MALFORMED},
    {"short key", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=", STATUS_MALFORMED},
    {"longer key", "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", STATUS_MALFORMED},
    {"newline after", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", STATUS_MALFORMED},
    {"unknown type", "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", STATUS_UNSUPPORTED},
};

static void test_bad_verifier_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
        struct note_key key = {.id = 77};
        if (note_key_parse(bytes_text(bad_keys[i].text), &key) != bad_keys[i].status) fail_msg("%s", bad_keys[i].name);
        assert_int_equal(key.id, 77);
    }
}

/* Published by golang.org/x/mod/sumdb/note, the signed-note text and transparency-dev/formats. */
static const char *const published_keys[] = {
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
};

static void test_published_verifier_keys(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof published_keys / sizeof *published_keys; i++) {
        struct note_key key;
        assert_int_equal(note_key_parse(bytes_text(published_keys[i]), &key), STATUS_OK);
        assert_string_equal(note_key_format(f->arena, &key), published_keys[i]);
    }
}

static void test_names(void **state) {
    (void)state;
    static const char *const bad[] = {"",           "a b",          "a+b",           " a",        "a\tb",     "a\x7f",
                                      "a\xC2\xA0z", "\xE2\x80\xAF", "a\xE3\x80\x80", "a\xC2\x85", "\xC3\x28", "a\nb"};
    static const char *const good[] = {"a", "sn\xC3\xB6.example/log/1", "0007:2120000142", "\xE2\x80\x94"};
    uint8_t name[NOTE_NAME_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(note_name_ok(bytes_text(bad[i])));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(note_name_ok(bytes_text(good[i])));
    memset(name, 'n', sizeof name);
    assert_false(note_name_ok(BYTES_ARRAY(name)));
    assert_true(note_name_ok(BYTES(name, NOTE_NAME_BYTES_MAX)));
}

static enum status open_note(struct arena *arena, struct bytes from, const struct note_key *keys, size_t count,
                             struct note_result *out_results) {
    struct note note;
    TRY(note_parse(arena, from, &note));
    return note_verify(arena, &note, keys, count, out_results);
}

static void test_script_notes(void **state) {
    struct fixture *f = *state;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(f->vectors, "notes"), i, row) {
        struct note_result results[KEY_COUNT] = {{.time_s = 7}};
        arena_reset(f->arena);
        enum status status = open_note(f->arena, bytes_text(member_text(row, "note")), f->keys, KEY_COUNT, results);
        if (strcmp(status == STATUS_OK ? "ok" : status_name(status), member_text(row, "verdict")) != 0)
            fail_msg("%s: %s", member_text(row, "name"), status_name(status));
        for (size_t w = 0; status == STATUS_OK && w < 2; w++) {
            uint64_t time_s = (uint64_t)json_integer_value(json_array_get(json_object_get(row, "times"), w));
            assert_int_equal(results[w + 1].time_s, time_s);
            assert_int_equal(results[w + 1].verified, time_s > 0);
        }
        if (status != STATUS_OK) assert_int_equal(results[0].time_s, 7);
    }
    assert_true(i > 30);
}

static void test_published_note(void **state) {
    struct fixture *f = *state;
    static const char text[] = "If you think cryptography is the answer to your problem,\n"
                               "then you don't know what your problem is.\n"
                               "\n"
                               "\xE2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZS"
                               "NXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    struct note_key key;
    struct note_result result;
    char altered[sizeof text];
    assert_int_equal(note_key_parse(bytes_text(published_keys[0]), &key), STATUS_OK);
    assert_int_equal(open_note(f->arena, bytes_text(text), &key, 1, &result), STATUS_OK);
    assert_true(result.verified);
    memcpy(altered, text, sizeof text);
    altered[0] = 'i';
    assert_int_equal(open_note(f->arena, bytes_text(altered), &key, 1, &result), STATUS_SIGNATURE);
}

static void test_note_above_the_bound(void **state) {
    struct fixture *f = *state;
    static uint8_t large[NOTE_BYTES_MAX + 1];
    struct note note;
    memset(large, 'a', sizeof large);
    assert_int_equal(note_parse(f->arena, BYTES_ARRAY(large), &note), STATUS_TOO_LARGE);
    assert_int_equal(note_parse(f->arena, BYTES(large, NOTE_BYTES_MAX), &note), STATUS_MALFORMED);
    assert_int_equal(note_parse(f->arena, BYTES_EMPTY, &note), STATUS_MALFORMED);
}

static void test_bad_input_is_not_signed(void **state) {
    struct fixture *f = *state;
    struct sign_private *key CLEANUP(sign_free_cleanup) = private_of(f, 0);
    struct bytes line = bytes_text("before");
    struct bytes good = bytes_text("a\n");
    static const char *const bad[] = {"", "a", "a\r\n", "a\n\xFF\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(note_sign(f->arena, bytes_text("n"), key, bytes_text(bad[i]), &line), STATUS_MALFORMED);
        assert_int_equal(note_cosign(f->arena, bytes_text("n"), key, 1, bytes_text(bad[i]), &line), STATUS_MALFORMED);
        assert_int_equal(note_build(f->arena, bytes_text(bad[i]), &good, 1, &line), STATUS_MALFORMED);
    }
    assert_int_equal(note_sign(f->arena, bytes_text("n+"), key, good, &line), STATUS_MALFORMED);
    assert_int_equal(note_cosign(f->arena, bytes_text("n n"), key, 1, good, &line), STATUS_MALFORMED);
    assert_int_equal(note_cosign(f->arena, bytes_text("n"), key, (uint64_t)1 << 63, good, &line), STATUS_TIME);
    assert_int_equal(note_build(f->arena, good, NULL, 0, &line), STATUS_MALFORMED);
    assert_true(bytes_equal_text(line, "before"));
}

static void test_script_signatures(void **state) {
    struct fixture *f = *state;
    const json_t *given = json_object_get(f->vectors, "checkpoint");
    struct sign_private *log_key CLEANUP(sign_free_cleanup) = private_of(f, 0);
    struct sign_private *witness_key CLEANUP(sign_free_cleanup) = private_of(f, 1);
    struct bytes text = bytes_text(member_text(given, "text"));
    struct bytes lines[2];
    struct bytes note;
    struct bytes appended;
    struct note_result results[KEY_COUNT];
    assert_int_equal(note_sign(f->arena, f->keys[0].name, log_key, text, &lines[0]), STATUS_OK);
    assert_true(bytes_equal_text(lines[0], member_text(given, "line")));
    uint64_t time_s = log_tree_number(given, "time");
    assert_int_equal(note_cosign(f->arena, f->keys[1].name, witness_key, time_s, text, &lines[1]), STATUS_OK);
    assert_true(bytes_equal_text(lines[1], member_text(given, "cosigned")));

    assert_int_equal(note_build(f->arena, text, lines, 1, &note), STATUS_OK);
    assert_int_equal(note_append(f->arena, note, &lines[1], 1, &appended), STATUS_OK);
    assert_int_equal(open_note(f->arena, appended, f->keys, KEY_COUNT, results), STATUS_OK);
    assert_true(results[0].verified && results[1].verified && !results[2].verified);
    assert_int_equal(results[1].time_s, time_s);
}

static void test_small_arena(void **state) {
    struct fixture *f = *state;
    const json_t *row = json_array_get(json_object_get(f->vectors, "notes"), 1);
    struct note_result results[KEY_COUNT];
    for (size_t cap = 1; cap < 200; cap += 40) {
        struct arena *small CLEANUP(arena_free_cleanup) = arena_new(cap);
        assert_non_null(small);
        assert_int_equal(open_note(small, bytes_text(member_text(row, "note")), f->keys, KEY_COUNT, results),
                         STATUS_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_verifier_keys),
        cmocka_unit_test(test_published_verifier_keys),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_script_notes),
        cmocka_unit_test(test_published_note),
        cmocka_unit_test(test_note_above_the_bound),
        cmocka_unit_test(test_bad_input_is_not_signed),
        cmocka_unit_test(test_script_signatures),
        cmocka_unit_test(test_small_arena),
    };
    return cmocka_run_group_tests_name("proto/note", tests, setup, teardown);
}
