/*
 * The published proof cases for RFC 6962 (transparency-dev/merkle test data), when a checkout has them beside it in
 * ../shared/vectors/rfc6962: every file must give its verdict. A choice of them stands in tests/vectors/rfc6962.json
 * and is always run.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "proto/merkle.h"

#define PUBLISHED_DIR TEST_SOURCE_DIR "/../shared/vectors/rfc6962"

static unsigned checked;

/* Hashes of another length than 32 bytes cannot even be said in our types: such a case counts as refused. */
static enum status take_hash(const json_t *value, struct hash *out_hash) {
    const char *text = json_string_value(value);
    ENSURE(text, STATUS_MALFORMED);
    return text_fixed_base64(bytes_text(text), out_hash->b, sizeof out_hash->b);
}

static enum status take_proof(const json_t *list, struct merkle_proof *out_proof) {
    out_proof->count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        ENSURE(out_proof->count < MERKLE_PROOF_MAX, STATUS_MALFORMED);
        TRY(take_hash(json_array_get(list, i), &out_proof->hashes[out_proof->count++]));
    }
    return STATUS_OK;
}

/* Some cases say 2^64 - 1, which jansson reads only as a real; all others are small and exact. */
static uint64_t number_of(const json_t *row, const char *name) {
    double value = json_number_value(json_object_get(row, name));
    return value >= 0x1p63 ? UINT64_MAX : (uint64_t)value;
}

static enum status verdict_of(const json_t *row) {
    struct hash first;
    struct hash root;
    struct merkle_proof proof;
    TRY(take_proof(json_object_get(row, "proof"), &proof));
    if (json_object_get(row, "leafHash")) {
        TRY(take_hash(json_object_get(row, "leafHash"), &first));
        TRY(take_hash(json_object_get(row, "root"), &root));
        return merkle_check_inclusion(number_of(row, "leafIdx"), number_of(row, "treeSize"), &first, proof.hashes,
                                      proof.count, &root);
    }
    TRY(take_hash(json_object_get(row, "root1"), &first));
    TRY(take_hash(json_object_get(row, "root2"), &root));
    return merkle_check_consistency(number_of(row, "size1"), number_of(row, "size2"), &first, &root, proof.hashes,
                                    proof.count);
}

static int check_file(const char *path, const struct stat *stat, int type, struct FTW *at) {
    (void)stat;
    (void)at;
    if (type != FTW_F || !strstr(path, ".json")) return 0;
    json_error_t error;
    json_t *row CLEANUP(json_cleanup) = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (!row) fail_msg("%s: %s", path, error.text);
    if ((verdict_of(row) != STATUS_OK) != json_is_true(json_object_get(row, "wantErr"))) fail_msg("%s", path);
    checked++;
    return 0;
}

static void test_every_published_case(void **state) {
    (void)state;
    if (access(PUBLISHED_DIR, R_OK) != 0) {
        print_message("skipped: 96 published cases, %s is not there\n", PUBLISHED_DIR);
        skip();
    }
    assert_int_equal(nftw(PUBLISHED_DIR, check_file, 8, FTW_PHYS), 0);
    print_message("%u published cases\n", checked);
    assert_true(checked >= 90);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_published_case)};
    return cmocka_run_group_tests_name("proto/merkle_published", tests, NULL, NULL);
}
