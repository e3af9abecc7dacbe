/* This member as a witness, and the word of other witnesses. Guards P4 and P7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cosigned.h"
#include "agent/witness.h"
#include "proto/checkpoint.h"
#include "support/agency/small_agency.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

struct bench {
    struct small_core *core;
    struct small_agency *agency;
};

static int setup(void **state) {
    static struct bench bench;
    bench = (struct bench){.core = small_core_new()};
    bench.agency = small_agency_new(bench.core, MEMBER_COUNTY, SMALL_STORE_LMDB);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    struct bench *bench = *state;
    small_agency_free(bench->agency);
    small_core_free(bench->core);
    return 0;
}

static uint64_t grow(struct bench *bench) {
    struct opening opening = {.actor = "broker"};
    return small_core_append(bench->core, LEAF_EVALUATIONS, ids_random(), &opening);
}

static enum status offer(struct bench *bench, uint64_t from, struct bytes *out_cosigned) {
    struct merkle_proof proof = small_core_consistency(bench->core, from);
    return witness_cosign(bench->agency->agent, bench->core->arena, small_core_note(bench->core), proof.hashes,
                          proof.count, out_cosigned);
}

static void assert_cosigned(struct bench *bench, struct bytes note) {
    struct note_key keys[2];
    struct note_result said[2];
    struct checkpoint checkpoint;
    struct federation *federation = bench->core->federation;
    OK(note_key_parse(bytes_text(federation->log_vkey), &keys[0]));
    OK(note_key_parse(bytes_text(federation->members[MEMBER_COUNTY].witness_vkey), &keys[1]));
    OK(checkpoint_open(bench->core->arena, note, keys, 2, &checkpoint, said));
    assert_true(said[1].verified);
}

/* Another history of the same log: other leaves under the same signature. */
static struct tree_store *fork_log(struct bench *bench, uint64_t size) {
    struct tree_store *other = tree_store_new();
    struct tree_store *real = bench->core->tree;
    assert_non_null(other);
    for (uint64_t i = 0; i < size; i++) {
        char text[8];
        (void)memset(text, 'a' + (int)(i % 20), sizeof text);
        OK(tree_store_append(other, BYTES(text, sizeof text)));
    }
    bench->core->tree = other;
    return real;
}

static void test_cosigns_what_extends(void **state) {
    struct bench *bench = *state;
    struct bytes cosigned;
    assert_true(witness_ready(bench->agency->agent));
    assert_int_equal(witness_size(bench->agency->agent), 0);
    OK(offer(bench, 0, &cosigned));
    assert_cosigned(bench, cosigned);
    for (int i = 0; i < 5; i++) {
        uint64_t last = witness_size(bench->agency->agent);
        (void)grow(bench);
        OK(offer(bench, last, &cosigned));
        assert_cosigned(bench, cosigned);
    }
    assert_int_equal(witness_size(bench->agency->agent), 11);
    OK(offer(bench, 11, &cosigned)); /* the same once more */
}

static void test_remembers_after_restart(void **state) {
    struct bench *bench = *state;
    struct bytes cosigned;
    OK(offer(bench, 0, &cosigned));
    small_agency_reopen(bench->agency);
    assert_int_equal(witness_size(bench->agency->agent), 6);
    struct tree_store *real = fork_log(bench, 9);
    assert_int_equal(offer(bench, 6, &cosigned), STATUS_FORK);
    tree_store_free(bench->core->tree);
    bench->core->tree = real;
}

static void test_refuses_a_fork(void **state) {
    struct bench *bench = *state;
    static const uint64_t sizes[] = {6, 7, 20};
    struct bytes cosigned;
    OK(offer(bench, 0, &cosigned));
    for (size_t i = 0; i < 3; i++) {
        struct tree_store *real = fork_log(bench, sizes[i]);
        assert_int_equal(offer(bench, 6, &cosigned), STATUS_FORK);
        /* Nor without a proof, nor with one from elsewhere. */
        assert_int_equal(
            witness_cosign(bench->agency->agent, bench->core->arena, small_core_note(bench->core), NULL, 0, &cosigned),
            STATUS_FORK);
        tree_store_free(bench->core->tree);
        bench->core->tree = real;
    }
    assert_int_equal(witness_size(bench->agency->agent), 6);
    (void)grow(bench);
    OK(offer(bench, 6, &cosigned));
}

static void test_refuses_what_is_older(void **state) {
    struct bench *bench = *state;
    struct bytes old = small_core_note(bench->core);
    struct bytes cosigned;
    (void)grow(bench);
    OK(offer(bench, 0, &cosigned));
    assert_int_equal(witness_cosign(bench->agency->agent, bench->core->arena, old, NULL, 0, &cosigned), STATUS_REFUSED);
}

static void test_refuses_what_the_log_did_not_sign(void **state) {
    struct bench *bench = *state;
    struct bytes cosigned;
    struct sign_private *real = bench->core->federation->log_key;
    bench->core->federation->log_key = bench->core->federation->status_key;
    assert_int_equal(offer(bench, 0, &cosigned), STATUS_SIGNATURE);
    bench->core->federation->log_key = real;
    assert_int_equal(witness_size(bench->agency->agent), 0);
}

/* The record names another key than this agent holds: it keeps quiet. */
static void test_key_that_the_record_does_not_name(void **state) {
    struct bench *bench = *state;
    struct federation *federation = bench->core->federation;
    struct bytes cosigned;
    struct member_record record = federation_member_record(federation, MEMBER_COUNTY, 2);
    record.witness = federation->members[MEMBER_CITY].witness_vkey;
    (void)federation_admit(federation, DIRECTORY_MEMBER, federation_sign_member(federation, &record, MEMBER_COUNTY));
    small_core_admit_new(bench->core);
    OK(dirsync_run(bench->agency->agent));
    assert_false(witness_ready(bench->agency->agent));
    assert_int_equal(offer(bench, 0, &cosigned), STATUS_REFUSED);
}

/* ---- what others cosigned ---- */

struct judged {
    unsigned cosigners; /* mask of members */
    uint32_t needed;
    enum status expected;
};

static void test_enough_cosignatures_of_others(void **state) {
    static const struct judged rows[] = {
        {0, 1, STATUS_RETRY},
        {1u << MEMBER_COUNTY, 1, STATUS_RETRY}, /* one's own never counts */
        {1u << MEMBER_CITY, 1, STATUS_OK},
        {1u << MEMBER_CITY, 2, STATUS_RETRY},
        {1u << MEMBER_CITY | 1u << MEMBER_COUNTY, 2, STATUS_RETRY},
        {1u << MEMBER_CITY | 1u << MEMBER_SERVICE, 2, STATUS_OK},
    };
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    const struct directory *directory = core->federation->directory;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cosigned_keys keys;
        struct receipt receipt;
        uint64_t size = 0;
        OK(receipt_open_any(core->arena, directory, small_core_receipt(core, 3), &receipt));
        OK(cosigned_keys(directory, FEDERATION_COUNTY, &keys));
        (void)grow(bench);
        small_core_cosign(core, rows[i].cosigners);
        struct merkle_proof proof = small_core_consistency(core, receipt.size);
        struct msg_checkpoint_answer answer = {
            .checkpoint = core->cosigned, .consistency = proof.hashes, .n_consistency = proof.count};
        enum status status = cosigned_judge(core->arena, &keys, rows[i].needed, &receipt, &answer, &size);
        if (status != rows[i].expected) fail_msg("row %zu: %s", i, status_name(status));
        if (status != STATUS_OK) continue;
        /* A proof of something else shows a fork. */
        answer.n_consistency = 0;
        assert_int_equal(cosigned_judge(core->arena, &keys, rows[i].needed, &receipt, &answer, &size), STATUS_FORK);
    }
}

/* The cosigned checkpoint is older than the receipt's. */
static void test_covered_later(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    struct cosigned_keys keys;
    struct receipt receipt;
    uint64_t size = 0;
    small_core_cosign(core, 1u << MEMBER_CITY);
    uint64_t leaf = grow(bench);
    OK(receipt_open_any(core->arena, core->federation->directory, small_core_receipt(core, leaf), &receipt));
    OK(cosigned_keys(core->federation->directory, FEDERATION_COUNTY, &keys));
    struct msg_checkpoint_answer answer = {.checkpoint = core->cosigned};
    assert_int_equal(cosigned_judge(core->arena, &keys, 1, &receipt, &answer, &size), STATUS_RETRY);
    small_core_cosign(core, 1u << MEMBER_CITY);
    answer.checkpoint = core->cosigned;
    OK(cosigned_judge(core->arena, &keys, 1, &receipt, &answer, &size));
}

/* The witnessed log is another than the one that this agent was shown. */
static void test_split_view(void **state) {
    struct bench *bench = *state;
    struct small_core *core = bench->core;
    struct cosigned_keys keys;
    struct receipt receipt;
    uint64_t size = 0;
    OK(receipt_open_any(core->arena, core->federation->directory, small_core_receipt(core, 3), &receipt));
    OK(cosigned_keys(core->federation->directory, FEDERATION_COUNTY, &keys));
    struct tree_store *real = fork_log(bench, 9);
    small_core_cosign(core, 1u << MEMBER_CITY);
    struct merkle_proof proof = small_core_consistency(core, receipt.size);
    const struct msg_checkpoint_answer answer = {
        .checkpoint = core->cosigned, .consistency = proof.hashes, .n_consistency = proof.count};
    assert_int_equal(cosigned_judge(core->arena, &keys, 1, &receipt, &answer, &size), STATUS_FORK);
    tree_store_free(core->tree);
    core->tree = real;
}

static void test_how_many_are_needed(void **state) {
    static const struct {
        int64_t setting;
        uint32_t rules;
        uint32_t expected;
    } rows[] = {{-1, 1, 1}, {-1, 0, 1}, {-1, 3, 3}, {0, 3, 0}, {2, 1, 2}};
    struct bench *bench = *state;
    struct federation *federation = bench->core->federation;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes body;
        struct rules rules = federation_rules(federation, 2 + i);
        rules.cosignatures = rows[i].rules;
        OK(record_rules_encode(federation->arena, &rules, &body));
        (void)federation_admit(federation, DIRECTORY_RULES, body);
        bench->agency->settings.cosignatures = rows[i].setting;
        assert_int_equal(cosigned_needed(bench->agency->agent, federation->directory), rows[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_a_fork, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_older, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_the_log_did_not_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_that_the_record_does_not_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remembers_after_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cosigns_what_extends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split_view, setup, teardown),
        cmocka_unit_test_setup_teardown(test_covered_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enough_cosignatures_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_many_are_needed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
