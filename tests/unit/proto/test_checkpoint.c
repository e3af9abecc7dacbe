/*
 * Checkpoints (P7): what is refused, and what a script wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "proto/checkpoint.h"
#include "support/log_tree.h"
#include "support/vectors.h"

#define ROOT  "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static int setup(void **state) {
    if (secret_setup() != STATUS_OK) return -1;
    *state = arena_new(1 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static void test_bad_texts(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } bad[] = {
        {"empty", ""},
        {"one line", "log\n"},
        {"two lines", "log\n5\n"},
        {"no final newline", "log\n5\n" ROOT},
        {"empty origin", "\n5\n" ROOT "\n"},
        {"empty size", "log\n\n" ROOT "\n"},
        {"empty root", "log\n5\n\n"},
        {"leading zero", "log\n05\n" ROOT "\n"},
        {"sign", "log\n+5\n" ROOT "\n"},
        {"hexadecimal", "log\n0x5\n" ROOT "\n"},
        {"space after the size", "log\n5 \n" ROOT "\n"},
        {"size above the bound", "log\n4611686018427387905\n" ROOT "\n"},
        {"size beyond 64 bits", "log\n18446744073709551616\n" ROOT "\n"},
        {"root too short", "log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n"},
        {"root without padding", "log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n"},
        {"root with bits left over", "log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n"},
        {"empty tree, other root", "log\n0\n" ROOT "\n"},
        {"carriage return", "log\r\n5\n" ROOT "\n"},
        {"empty extension line", "log\n5\n" ROOT "\n\n"},
        {"empty line between extensions", "log\n5\n" ROOT "\na\n\nb\n"},
        {"extension without newline", "log\n5\n" ROOT "\nextension"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct checkpoint checkpoint = {.size = 77};
        if (checkpoint_parse(bytes_text(bad[i].text), &checkpoint) != STATUS_MALFORMED) fail_msg("%s", bad[i].name);
        assert_int_equal(checkpoint.size, 77);
    }
}

static void test_texts_that_come_back(void **state) {
    static const char *const good[] = {
        "example.com/behind-the-sofa\n20852163\n" ROOT "\n",
        "log\n0\n" EMPTY "\n",
        "log\n4611686018427387904\n" ROOT "\n",
        "log\n5\n" ROOT "\nextension one\ntwo\n",
        "a name with spaces + plus\n5\n" ROOT "\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct checkpoint checkpoint;
        struct bytes text;
        assert_int_equal(checkpoint_parse(bytes_text(good[i]), &checkpoint), STATUS_OK);
        assert_int_equal(checkpoint_format(*state, &checkpoint, &text), STATUS_OK);
        assert_true(bytes_equal_text(text, good[i]));
    }
}

static void test_what_could_not_be_read_is_not_written(void **state) {
    struct checkpoint checkpoint;
    struct bytes text = bytes_text("before");
    static const char *const origins[] = {"", "a\n5", "a\nb", "\xFF"};
    assert_int_equal(checkpoint_parse(bytes_text("log\n5\n" ROOT "\n"), &checkpoint), STATUS_OK);
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        struct checkpoint bad = checkpoint;
        bad.origin = bytes_text(origins[i]);
        assert_int_equal(checkpoint_format(*state, &bad, &text), STATUS_MALFORMED);
    }
    struct checkpoint empty = checkpoint;
    empty.size = 0;
    assert_int_equal(checkpoint_format(*state, &empty, &text), STATUS_MALFORMED);
    assert_true(bytes_equal_text(text, "before"));
}

struct keys {
    struct note_key key[3];
    struct sign_private *log;
    struct sign_private *witness;
};

static void keys_clear(struct keys *keys) {
    sign_free(keys->log);
    sign_free(keys->witness);
}

static void make_keys(struct keys *keys, const char *origin) {
    assert_int_equal(sign_generate(&keys->log), STATUS_OK);
    assert_int_equal(sign_generate(&keys->witness), STATUS_OK);
    struct sign_public log = sign_public_of(keys->log);
    struct sign_public witness = sign_public_of(keys->witness);
    assert_int_equal(note_key_make(bytes_text(origin), NOTE_ED25519, &log, &keys->key[0]), STATUS_OK);
    assert_int_equal(note_key_make(bytes_text("w"), NOTE_COSIGNATURE, &witness, &keys->key[1]), STATUS_OK);
    assert_int_equal(note_key_make(bytes_text("w2"), NOTE_ED25519, &witness, &keys->key[2]), STATUS_OK);
}

static void test_only_the_log_speaks_for_the_log(void **state) {
    struct arena *arena = *state;
    struct keys keys CLEANUP(keys_clear) = {.log = NULL};
    struct checkpoint checkpoint = {.size = 77};
    struct note_result results[3];
    struct bytes line;
    struct bytes note;
    make_keys(&keys, "jobb.example/log/1");
    struct bytes text = bytes_text("jobb.example/log/1\n5\n" ROOT "\n");

    assert_int_equal(note_cosign(arena, bytes_text("w"), keys.witness, 1700000000, text, &line), STATUS_OK);
    assert_int_equal(note_build(arena, text, &line, 1, &note), STATUS_OK);
    assert_int_equal(checkpoint_open(arena, note, keys.key, 3, &checkpoint, results), STATUS_SIGNATURE);
    assert_int_equal(checkpoint_open(arena, note, &keys.key[1], 1, &checkpoint, results), STATUS_SIGNATURE);
    assert_int_equal(checkpoint_open(arena, note, keys.key, 0, &checkpoint, results), STATUS_SIGNATURE);

    /* The log's key under the log's name, on the checkpoint of another epoch. */
    struct bytes other = bytes_text("jobb.example/log/2\n5\n" ROOT "\n");
    assert_int_equal(note_sign(arena, bytes_text("jobb.example/log/1"), keys.log, other, &line), STATUS_OK);
    assert_int_equal(note_build(arena, other, &line, 1, &note), STATUS_OK);
    assert_int_equal(checkpoint_open(arena, note, keys.key, 3, &checkpoint, results), STATUS_MALFORMED);

    /* Signed by the log, but no checkpoint. */
    other = bytes_text("jobb.example/log/1\nfive\n" ROOT "\n");
    assert_int_equal(note_sign(arena, bytes_text("jobb.example/log/1"), keys.log, other, &line), STATUS_OK);
    assert_int_equal(note_build(arena, other, &line, 1, &note), STATUS_OK);
    assert_int_equal(checkpoint_open(arena, note, keys.key, 3, &checkpoint, results), STATUS_MALFORMED);
    assert_int_equal(checkpoint.size, 77);
}

static void test_signed_and_cosigned(void **state) {
    struct arena *arena = *state;
    struct keys keys CLEANUP(keys_clear) = {.log = NULL};
    struct checkpoint made;
    struct checkpoint opened;
    struct note_result results[3];
    struct bytes line;
    struct bytes note;
    struct bytes text;
    const char *origin = checkpoint_origin(arena, "jobb.example", 12);
    assert_string_equal(origin, "jobb.example/log/12");
    make_keys(&keys, origin);
    assert_int_equal(checkpoint_parse(bytes_text("jobb.example/log/12\n5\n" ROOT "\n"), &made), STATUS_OK);
    assert_int_equal(checkpoint_sign(arena, &made, keys.log, &note), STATUS_OK);
    assert_int_equal(checkpoint_format(arena, &made, &text), STATUS_OK);
    assert_int_equal(note_cosign(arena, bytes_text("w"), keys.witness, 1700000000, text, &line), STATUS_OK);
    assert_int_equal(note_append(arena, note, &line, 1, &note), STATUS_OK);
    assert_int_equal(checkpoint_open(arena, note, keys.key, 3, &opened, results), STATUS_OK);
    assert_int_equal(opened.size, 5);
    assert_memory_equal(opened.root.b, made.root.b, sizeof made.root.b);
    assert_true(results[0].verified && results[1].verified && !results[2].verified);
    assert_int_equal(results[1].time_s, 1700000000);
}

static void test_script_checkpoint(void **state) {
    struct arena *arena = *state;
    json_t *vectors CLEANUP(json_cleanup) = vectors_load("log.json");
    const json_t *row = json_object_get(vectors, "checkpoint");
    const json_t *log = json_object_get(vectors, "log");
    struct note_key key;
    struct checkpoint checkpoint;
    struct note_result result;
    struct hash root = log_tree_hash(row, "root");
    const char *text = json_string_value(json_object_get(row, "text"));
    const char *note = arena_printf(arena, "%s\n%s", text, json_string_value(json_object_get(row, "line")));
    assert_int_equal(note_key_parse(bytes_text(json_string_value(json_object_get(log, "vkey"))), &key), STATUS_OK);
    assert_int_equal(checkpoint_open(arena, bytes_text(note), &key, 1, &checkpoint, &result), STATUS_OK);
    assert_int_equal(checkpoint.size, log_tree_number(row, "size"));
    assert_memory_equal(checkpoint.root.b, root.b, sizeof root.b);
    assert_true(bytes_equal_text(checkpoint.origin, json_string_value(json_object_get(vectors, "origin"))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_texts_that_come_back),
        cmocka_unit_test(test_what_could_not_be_read_is_not_written),
        cmocka_unit_test(test_only_the_log_speaks_for_the_log),
        cmocka_unit_test(test_signed_and_cosigned),
        cmocka_unit_test(test_script_checkpoint),
    };
    return cmocka_run_group_tests_name("proto/checkpoint", tests, setup, teardown);
}
