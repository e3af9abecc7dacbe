/*
 * Proof texts (P4): what is refused, and what a script wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "proto/tlog_proof.h"
#include "support/log_tree.h"
#include "support/vectors.h"

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH  "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define NOTE  "checkpoint\n"

static struct arena *arena;
static json_t *vectors;
static struct note_key keys[2];

static int setup(void **state) {
    (void)state;
    if (secret_setup() != STATUS_OK) return -1;
    arena = arena_new(4 << 20);
    vectors = vectors_load("log.json");
    const json_t *log = json_object_get(vectors, "log");
    const json_t *witness = json_array_get(json_object_get(vectors, "witnesses"), 1);
    assert_int_equal(note_key_parse(bytes_text(json_string_value(json_object_get(log, "vkey"))), &keys[0]), STATUS_OK);
    assert_int_equal(note_key_parse(bytes_text(json_string_value(json_object_get(witness, "vkey"))), &keys[1]),
                     STATUS_OK);
    return arena ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    json_decref(vectors);
    return 0;
}

static void test_bad_texts(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        enum status status;
    } bad[] = {
        {"empty", "", STATUS_VERSION},
        {"another version", "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE, STATUS_VERSION},
        {"carriage return", "c2sp.org/tlog-proof@v1\r\nindex 0\n\n" NOTE, STATUS_VERSION},
        {"nothing more", FIRST, STATUS_MALFORMED},
        {"no index", FIRST "\n" NOTE, STATUS_MALFORMED},
        {"hash for index", FIRST HASH "\n" NOTE, STATUS_MALFORMED},
        {"index without number", FIRST "index \n\n" NOTE, STATUS_MALFORMED},
        {"leading zero", FIRST "index 01\n\n" NOTE, STATUS_MALFORMED},
        {"two spaces", FIRST "index  1\n\n" NOTE, STATUS_MALFORMED},
        {"index beyond 64 bits", FIRST "index 18446744073709551616\n\n" NOTE, STATUS_MALFORMED},
        {"extra after index", FIRST "index 1\nextra AAAA\n\n" NOTE, STATUS_MALFORMED},
        {"extra twice", FIRST "extra AAAA\nextra AAAA\nindex 1\n\n" NOTE, STATUS_MALFORMED},
        {"empty extra", FIRST "extra \nindex 1\n\n" NOTE, STATUS_MALFORMED},
        {"extra without padding", FIRST "extra AAA\nindex 1\n\n" NOTE, STATUS_MALFORMED},
        {"extra in base64url", FIRST "extra A_-A\nindex 1\n\n" NOTE, STATUS_MALFORMED},
        {"short hash", FIRST "index 1\nAAAA\n\n" NOTE, STATUS_MALFORMED},
        {"no empty line", FIRST "index 1\n" HASH NOTE, STATUS_MALFORMED},
        {"no checkpoint", FIRST "index 1\n" HASH "\n", STATUS_MALFORMED},
        {"ends in a hash", FIRST "index 1\n" HASH, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tlog_proof proof = {.index = 77};
        if (tlog_proof_parse(arena, bytes_text(bad[i].text), &proof) != bad[i].status) fail_msg("%s", bad[i].name);
        assert_int_equal(proof.index, 77);
    }
}

static void test_bounds(void **state) {
    (void)state;
    char *text CLEANUP(cleanup_free) = malloc(LIMIT_RECEIPT_BYTES + 1);
    struct tlog_proof proof;
    assert_non_null(text);
    memset(text, 'A', LIMIT_RECEIPT_BYTES + 1);
    assert_int_equal(tlog_proof_parse(arena, BYTES(text, LIMIT_RECEIPT_BYTES + 1), &proof), STATUS_TOO_LARGE);
    /* One hash more than any proof has. */
    size_t len = strlen(FIRST "index 0\n");
    memcpy(text, FIRST "index 0\n", len);
    for (size_t i = 0; i <= MERKLE_PROOF_MAX; i++, len += strlen(HASH))
        memcpy(text + len, HASH, strlen(HASH));
    memcpy(text + len, "\nx\n", 3);
    assert_int_equal(tlog_proof_parse(arena, BYTES(text, len + 3), &proof), STATUS_TOO_LARGE);
    /* What could not be read is not written. */
    struct bytes out = bytes_text("before");
    proof = (struct tlog_proof){.extra = BYTES(text, LIMIT_RECEIPT_BYTES / 4 * 3), .checkpoint = bytes_text(NOTE)};
    assert_int_equal(tlog_proof_format(arena, &proof, &out), STATUS_TOO_LARGE);
    assert_true(bytes_equal_text(out, "before"));
    proof.extra.len -= 96;
    assert_int_equal(tlog_proof_format(arena, &proof, &out), STATUS_OK);
    assert_int_equal(tlog_proof_parse(arena, out, &proof), STATUS_OK);
}

static struct hash leaf_hash(uint64_t index) {
    char text[64];
    return merkle_leaf_hash(log_tree_entry(index, text));
}

static void test_script_proofs(void **state) {
    (void)state;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(vectors, "proofs"), i, row) {
        struct tlog_proof proof;
        struct checkpoint checkpoint;
        struct note_result results[2];
        struct bytes again;
        struct bytes text = bytes_text(json_string_value(json_object_get(row, "text")));
        uint64_t index = log_tree_number(row, "index");
        struct hash leaf = leaf_hash(index);
        arena_reset(arena);
        assert_int_equal(tlog_proof_parse(arena, text, &proof), STATUS_OK);
        assert_int_equal(proof.index, index);
        assert_string_equal(text_hex(arena, proof.extra), json_string_value(json_object_get(row, "extra")));
        assert_int_equal(tlog_proof_verify(arena, &proof, &leaf, keys, 2, &checkpoint, results), STATUS_OK);
        assert_int_equal(checkpoint.size, log_tree_number(row, "size"));
        assert_true(results[0].verified && results[1].verified);
        assert_int_equal(results[1].time_s, 1700000002);
        assert_int_equal(tlog_proof_format(arena, &proof, &again), STATUS_OK);
        assert_true(bytes_equal(again, text));
    }
    assert_int_equal(i, 5);
}

/* A proof holds for its own leaf at its own place under its own checkpoint, and for nothing else. */
static void test_swapped_parts_do_not_hold(void **state) {
    (void)state;
    struct tlog_proof proof;
    struct tlog_proof other;
    struct tlog_proof mixed;
    struct checkpoint checkpoint = {.size = 77};
    struct note_result results[2];
    const json_t *proofs = json_object_get(vectors, "proofs");
    const char *text = json_string_value(json_object_get(json_array_get(proofs, 2), "text"));
    const char *other_text = json_string_value(json_object_get(json_array_get(proofs, 3), "text"));
    struct hash leaf = leaf_hash(5);
    struct hash other_leaf = leaf_hash(511);
    arena_reset(arena);
    assert_int_equal(tlog_proof_parse(arena, bytes_text(text), &proof), STATUS_OK);
    assert_int_equal(tlog_proof_parse(arena, bytes_text(other_text), &other), STATUS_OK);

    assert_int_equal(tlog_proof_verify(arena, &proof, &other_leaf, keys, 2, &checkpoint, results), STATUS_PROOF);
    mixed = proof;
    mixed.index = 4;
    assert_int_equal(tlog_proof_verify(arena, &mixed, &leaf, keys, 2, &checkpoint, results), STATUS_PROOF);
    mixed = proof;
    mixed.checkpoint = other.checkpoint;
    assert_int_equal(tlog_proof_verify(arena, &mixed, &leaf, keys, 2, &checkpoint, results), STATUS_PROOF);
    mixed = proof;
    mixed.proof = other.proof;
    assert_int_equal(tlog_proof_verify(arena, &mixed, &leaf, keys, 2, &checkpoint, results), STATUS_PROOF);
    /* Only the witness's key is known. */
    assert_int_equal(tlog_proof_verify(arena, &proof, &leaf, &keys[1], 1, &checkpoint, results), STATUS_SIGNATURE);
    assert_int_equal(checkpoint.size, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_swapped_parts_do_not_hold),
        cmocka_unit_test(test_script_proofs),
    };
    return cmocka_run_group_tests_name("proto/tlog_proof", tests, setup, teardown);
}
