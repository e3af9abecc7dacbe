#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "keys/voprf.h"
#include "keys/voprf_internal.h"
#include "support/alloc_fail.h"
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

/* The order of the group, little-endian: one above the last canonical scalar. */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static void test_bad_scalars(void **state) {
    (void)state;
    static const uint8_t zero[32];
    const struct bytes cases[] = {BYTES_ARRAY(order), BYTES_ARRAY(zero), BYTES(order, 31)};
    for (size_t i = 0; i < 3; i++) {
        struct secret *scalar = secret_from(cases[i]);
        struct voprf_secret *secret = NULL;
        assert_int_equal(voprf_from_scalar(scalar, &secret), STATUS_MALFORMED);
        assert_null(secret);
        secret_free(scalar);
    }
}

/* The identity, a value that is not canonical, and one that is no element. */
static void test_bad_elements(void **state) {
    (void)state;
    struct voprf_secret *secret = NULL;
    assert_int_equal(voprf_generate(&secret), STATUS_OK);
    struct voprf_element bad[3] = {{{0}}, {{2}}, {{0}}};
    memset(bad[2].b, 0xff, 32);
    for (size_t i = 0; i < 3; i++) {
        struct voprf_element out = {{9}};
        struct voprf_proof proof = {{9}};
        assert_int_equal(voprf_evaluate(secret, &bad[i], 1, &out, &proof), STATUS_MALFORMED);
        assert_true(out.b[0] == 9 && proof.b[0] == 9);
    }
    voprf_free(secret);
}

static void test_batch_bounds(void **state) {
    (void)state;
    struct voprf_secret *secret = NULL;
    assert_int_equal(voprf_generate(&secret), STATUS_OK);
    struct voprf_element elements[VOPRF_BATCH_MAX + 1] = {0};
    struct voprf_proof proof;
    struct voprf_public public = voprf_public_of(secret);
    struct voprf_output output;
    struct voprf_query query = {0};
    assert_int_equal(voprf_evaluate(secret, elements, 0, elements, &proof), STATUS_LIMIT);
    assert_int_equal(voprf_evaluate(secret, elements, VOPRF_BATCH_MAX + 1, elements, &proof), STATUS_LIMIT);
    assert_int_equal(voprf_finalize(&public, &query, elements, 0, &proof, &output), STATUS_LIMIT);
    uint8_t *large = calloc(1, VOPRF_INPUT_MAX + 1);
    assert_int_equal(voprf_blind(BYTES(large, VOPRF_INPUT_MAX + 1), &query), STATUS_TOO_LARGE);
    free(large);
    voprf_free(secret);
}

/* A batch under way between a client and a server. */
struct batch {
    struct voprf_secret *secret;
    struct voprf_public public;
    uint8_t inputs[VOPRF_BATCH_MAX];
    struct voprf_query queries[VOPRF_BATCH_MAX];
    struct voprf_element evaluated[VOPRF_BATCH_MAX];
    struct voprf_proof proof;
    struct voprf_output outputs[VOPRF_BATCH_MAX];
};

static void batch_run(struct batch *batch, struct voprf_secret *secret, size_t count) {
    batch->secret = secret;
    batch->public = voprf_public_of(secret);
    struct voprf_element blinded[VOPRF_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        batch->inputs[i] = (uint8_t)i;
        assert_int_equal(voprf_blind(BYTES(&batch->inputs[i], 1), &batch->queries[i]), STATUS_OK);
        blinded[i] = batch->queries[i].blinded;
    }
    assert_int_equal(voprf_evaluate(secret, blinded, count, batch->evaluated, &batch->proof), STATUS_OK);
}

static enum status batch_finalize(struct batch *batch, size_t count) {
    return voprf_finalize(&batch->public, batch->queries, batch->evaluated, count, &batch->proof, batch->outputs);
}

static void batch_clear(struct batch *batch) {
    for (size_t i = 0; i < VOPRF_BATCH_MAX; i++)
        voprf_query_clear(&batch->queries[i]);
}

/* P6: the client notices a server that uses another key than the published one, even for one of many. */
static void test_p6_proof_is_checked(void **state) {
    (void)state;
    struct voprf_secret *secret = NULL;
    struct voprf_secret *other = NULL;
    assert_int_equal(voprf_generate(&secret), STATUS_OK);
    assert_int_equal(voprf_generate(&other), STATUS_OK);
    static struct batch batch;
    batch_run(&batch, secret, 3);
    assert_int_equal(batch_finalize(&batch, 3), STATUS_OK);
    static struct batch before;
    before = batch;

    assert_int_equal(voprf_evaluate_plain(other, &batch.queries[1].blinded, 1, &batch.evaluated[1]), STATUS_OK);
    assert_int_equal(batch_finalize(&batch, 3), STATUS_PROOF);
    batch.evaluated[1] = before.evaluated[1];
    assert_int_equal(batch_finalize(&batch, 2), STATUS_PROOF);
    batch.evaluated[0] = before.evaluated[1];
    assert_int_equal(batch_finalize(&batch, 3), STATUS_PROOF);
    batch.evaluated[0] = before.evaluated[0];
    batch.public = voprf_public_of(other);
    assert_int_equal(batch_finalize(&batch, 3), STATUS_PROOF);
    batch.public = before.public;
    for (size_t i = 0; i < sizeof batch.proof.b; i += 9) {
        batch.proof.b[i] ^= 1;
        assert_int_equal(batch_finalize(&batch, 3), STATUS_PROOF);
        batch.proof = before.proof;
    }
    memcpy(batch.proof.b + 32, order, sizeof order);
    assert_int_equal(batch_finalize(&batch, 3), STATUS_PROOF);
    assert_memory_equal(batch.outputs, before.outputs, sizeof batch.outputs);
    batch_clear(&batch);
    voprf_free(secret);
    voprf_free(other);
}

static void test_outputs_do_not_depend_on_the_blind(void **state) {
    (void)state;
    struct voprf_secret *secret = NULL;
    assert_int_equal(voprf_generate(&secret), STATUS_OK);
    static struct batch first;
    static struct batch second;
    batch_run(&first, secret, VOPRF_BATCH_MAX);
    batch_run(&second, secret, VOPRF_BATCH_MAX);
    assert_int_equal(batch_finalize(&first, VOPRF_BATCH_MAX), STATUS_OK);
    assert_int_equal(batch_finalize(&second, VOPRF_BATCH_MAX), STATUS_OK);
    assert_memory_not_equal(&first.queries[0].blinded, &second.queries[0].blinded, 32);
    assert_memory_equal(first.outputs, second.outputs, sizeof first.outputs);
    assert_memory_not_equal(&first.outputs[0], &first.outputs[1], 64);
    batch_clear(&first);
    batch_clear(&second);
    voprf_free(secret);
}

static struct bytes item(struct arena *arena, const json_t *one, const char *list, size_t index) {
    struct bytes out;
    const char *text = json_string_value(json_array_get(json_object_get(one, list), index));
    assert_non_null(text);
    assert_int_equal(text_from_hex(arena, bytes_text(text), &out), STATUS_OK);
    return out;
}

static void element(struct arena *arena, const json_t *one, const char *list, size_t index, void *out, size_t len) {
    struct bytes from = item(arena, one, list, index);
    assert_int_equal(from.len, len);
    memcpy(out, from.data, len);
}

static void check_case(struct arena *arena, enum voprf_mode mode, const struct voprf_secret *secret,
                       const json_t *one) {
    size_t count = json_array_size(json_object_get(one, "inputs"));
    struct voprf_query queries[2] = {0};
    struct voprf_element blinded[2];
    struct voprf_element evaluated[2];
    struct voprf_output outputs[2];
    assert_true(count >= 1 && count <= 2);
    for (size_t i = 0; i < count; i++) {
        struct secret *blind = secret_from(item(arena, one, "blinds", i));
        assert_int_equal(voprf_blind_mode(mode, item(arena, one, "inputs", i), blind, &queries[i]), STATUS_OK);
        element(arena, one, "blinded", i, blinded[i].b, 32);
        assert_memory_equal(queries[i].blinded.b, blinded[i].b, 32);
    }
    assert_int_equal(voprf_evaluate_plain(secret, blinded, count, evaluated), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        struct voprf_element expected;
        struct voprf_output output;
        element(arena, one, "evaluated", i, expected.b, 32);
        assert_memory_equal(evaluated[i].b, expected.b, 32);
        element(arena, one, "outputs", i, outputs[i].b, 64);
        assert_int_equal(voprf_output_of(&queries[i], &evaluated[i], &output), STATUS_OK);
        assert_memory_equal(output.b, outputs[i].b, 64);
    }
    if (mode == VOPRF_MODE_VOPRF) {
        struct secret *nonce = vectors_secret(arena, one, "nonce");
        struct voprf_proof proof;
        struct voprf_output finalized[2];
        struct voprf_public public = voprf_public_of(secret);
        assert_int_equal(voprf_prove(secret, blinded, evaluated, count, nonce, &proof), STATUS_OK);
        assert_true(bytes_equal(BYTES_ARRAY(proof.b), vectors_hex(arena, one, "proof")));
        assert_int_equal(voprf_finalize(&public, queries, evaluated, count, &proof, finalized), STATUS_OK);
        assert_memory_equal(finalized, outputs, count * sizeof *outputs);
        secret_free(nonce);
    }
    for (size_t i = 0; i < count; i++)
        voprf_query_clear(&queries[i]);
}

/* RFC 9497 appendix A.1.1 and A.1.2, single and batch. */
static void test_vectors(void **state) {
    json_t *vectors = vectors_load("voprf.json");
    size_t index;
    size_t cases = 0;
    json_t *suite;
    json_array_foreach(json_object_get(vectors, "suites"), index, suite) {
        enum voprf_mode mode = (enum voprf_mode)vectors_number(suite, "mode");
        struct secret *seed = vectors_secret(*state, suite, "seed");
        struct voprf_secret *secret = NULL;
        assert_int_equal(voprf_derive_mode(mode, seed, vectors_hex(*state, suite, "key_info"), &secret), STATUS_OK);
        struct secret *scalar = NULL;
        assert_int_equal(voprf_scalar(secret, &scalar), STATUS_OK);
        assert_true(bytes_equal(secret_bytes(scalar), vectors_hex(*state, suite, "private")));
        struct voprf_public public = voprf_public_of(secret);
        if (mode == VOPRF_MODE_VOPRF)
            assert_true(bytes_equal(BYTES_ARRAY(public.b), vectors_hex(*state, suite, "public")));
        size_t number;
        json_t *one;
        json_array_foreach(json_object_get(suite, "cases"), number, one) check_case(*state, mode, secret, one);
        cases += number;
        secret_free(seed);
        secret_free(scalar);
        voprf_free(secret);
    }
    assert_int_equal(cases, 5);
    json_decref(vectors);
}

static void test_memory_is_out(void **state) {
    (void)state;
    enum status status = STATUS_MEMORY;
    for (unsigned nth = 1; status != STATUS_OK; nth++) {
        struct voprf_secret *secret CLEANUP(voprf_free_cleanup) = NULL;
        struct voprf_query query CLEANUP(voprf_query_clear) = {0};
        struct voprf_element element;
        struct voprf_proof proof;
        struct voprf_output output;
        alloc_fail_at(nth);
        status = voprf_generate(&secret);
        if (status == STATUS_OK) status = voprf_blind(bytes_text("input"), &query);
        if (status == STATUS_OK) status = voprf_evaluate(secret, &query.blinded, 1, &element, &proof);
        struct voprf_public public = secret ? voprf_public_of(secret) : (struct voprf_public){0};
        if (status == STATUS_OK) status = voprf_finalize(&public, &query, &element, 1, &proof, &output);
        assert_int_equal(status, alloc_fail_happened() ? STATUS_MEMORY : STATUS_OK);
        assert_in_range(nth, 1, 1000);
    }
    alloc_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_scalars),
        cmocka_unit_test(test_bad_elements),
        cmocka_unit_test(test_batch_bounds),
        cmocka_unit_test(test_p6_proof_is_checked),
        cmocka_unit_test(test_outputs_do_not_depend_on_the_blind),
        cmocka_unit_test(test_memory_is_out),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
