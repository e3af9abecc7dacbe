/*
 * keyd's answers over its wire form. It trusts core with nothing that it can check: packets that are wrong, a tree that
 * does not extend the signed one (P7), directory entries that the authority did not sign, evaluations that no member
 * asked for (P6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/msg_enrol.h"
#include "proto/signed.h"
#include "proto/state_statement.h"
#include "support/broker/keyd_bench.h"
#include "support/log_tree.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static int setup(void **state) {
    static struct keyd_bench bench;
    keyd_bench_init(&bench);
    *state = &bench;
    return 0;
}

static int teardown(void **state) {
    keyd_bench_clear(*state);
    return 0;
}

/* ---- packets ---- */

struct packet_case {
    const char *name;
    const char *bytes;
    size_t len;
    enum reply_code expected;
};

#define PACKET(text) text, sizeof(text) - 1
static const struct packet_case packet_cases[] = {
    {"empty", PACKET(""), REPLY_MALFORMED},
    {"version only", PACKET("\1"), REPLY_MALFORMED},
    {"version 0", PACKET("\0\1"), REPLY_VERSION},
    {"version 2", PACKET("\2\1"), REPLY_VERSION},
    {"type 0", PACKET("\1\0"), REPLY_UNSUPPORTED},
    {"type 9", PACKET("\1\11"), REPLY_UNSUPPORTED},
    {"type 255", PACKET("\1\377"), REPLY_UNSUPPORTED},
    {"identity with a body", PACKET("\1\1\0"), REPLY_MALFORMED},
    {"sign without a body", PACKET("\1\2"), REPLY_MALFORMED},
    {"sign cut in the root", PACKET("\1\2\0\0\0\0\0\0\0\1\1\2\3"), REPLY_MALFORMED},
    {"last note with a body", PACKET("\1\3\0"), REPLY_MALFORMED},
    {"state without a body", PACKET("\1\4"), REPLY_MALFORMED},
    {"entry without a body", PACKET("\1\5"), REPLY_MALFORMED},
    {"entry of length 0", PACKET("\1\5\0\0\0\0"), REPLY_TOO_LARGE},
    {"entry longer than the packet", PACKET("\1\5\0\0\0\5abcd"), REPLY_MALFORMED},
    {"entry of length 2^32 - 1", PACKET("\1\5\377\377\377\377"), REPLY_TOO_LARGE},
    {"entry with bytes behind it", PACKET("\1\5\0\0\0\1ab"), REPLY_MALFORMED},
    {"entry that is no object", PACKET("\1\5\0\0\0\1a"), REPLY_MALFORMED},
    {"head without a time", PACKET("\1\6"), REPLY_MALFORMED},
    {"head before there is an entry", PACKET("\1\6\0\0\0\0\0\0\0\0"), REPLY_NOT_FOUND},
    {"evaluate without a body", PACKET("\1\7"), REPLY_MALFORMED},
    {"evaluate of nothing", PACKET("\1\7\0\0\0\0"), REPLY_MALFORMED},
    {"counts with a short day", PACKET("\1\10\0\0\0"), REPLY_MALFORMED},
};

static void test_p11_packets(void **state) {
    struct keyd_bench *bench = *state;
    for (size_t i = 0; i < sizeof packet_cases / sizeof packet_cases[0]; i++) {
        const struct packet_case *one = &packet_cases[i];
        enum reply_code code = keyd_bench_send(bench, BYTES(one->bytes, one->len), NULL);
        if (code != one->expected) fail_msg("%s: %s", one->name, reply_code_name(code));
    }
}

static void test_identity(void **state) {
    struct keyd_bench *bench = *state;
    struct bytes body;
    assert_int_equal(keyd_bench_ask(bench, KEYD_IDENTITY, BYTES_EMPTY, &body), REPLY_DONE);
    struct sign_public status_key = sign_public_of(bench->federation->status_key);
    struct voprf_public pseudonym_key = voprf_public_of(bench->federation->pseudonym_key);
    struct reader reader = reader_init(body);
    assert_int_equal(reader_u64(&reader), 1);
    assert_true(bytes_equal_text(reader_vector(&reader, 300), bench->federation->log_vkey));
    assert_true(bytes_equal(reader_take(&reader, 32), BYTES_ARRAY(status_key.b)));
    assert_int_equal(reader_u32(&reader), 1);
    assert_true(bytes_equal(reader_take(&reader, 32), BYTES_ARRAY(pseudonym_key.b)));
    OK(reader_end(&reader));
}

/* ---- checkpoints ---- */

/* What keyd says it signed last, verified with the log's key. */
static uint64_t last_size(struct keyd_bench *bench) {
    struct bytes body;
    assert_int_equal(keyd_bench_ask(bench, KEYD_LAST_NOTE, BYTES_EMPTY, &body), REPLY_DONE);
    struct bytes note = keyd_bench_vector(body);
    if (note.len == 0) return 0;
    struct note_key key;
    struct checkpoint checkpoint;
    struct note_result result;
    OK(note_key_parse(bytes_text(bench->federation->log_vkey), &key));
    OK(checkpoint_open(bench->arena, note, &key, 1, &checkpoint, &result));
    assert_true(result.verified);
    return checkpoint.size;
}

/* Another tree: the same entries, but for the one at index. */
static struct tree_store *forked_tree(uint64_t size, uint64_t index) {
    struct tree_store *tree = tree_store_new();
    assert_non_null(tree);
    for (uint64_t i = 0; i < size; i++) {
        char text[64];
        OK(tree_store_append(tree, i == index ? bytes_text("another") : log_tree_entry(i, text)));
    }
    return tree;
}

static void test_p7_signs_only_what_extends(void **state) {
    struct keyd_bench *bench = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(40);
    struct tree_store *fork CLEANUP(tree_store_free_cleanup) = forked_tree(40, 5);
    assert_int_equal(last_size(bench), 0);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 7), REPLY_DONE);
    assert_int_equal(keyd_bench_sign(bench, tree, 7, 20), REPLY_DONE);
    assert_int_equal(last_size(bench), 20);
    /* The same again, safe to repeat. */
    assert_int_equal(keyd_bench_sign(bench, tree, 20, 20), REPLY_DONE);
    /* Rolled back; the same size with another root; a fork with its own proof; a proof from another size. */
    assert_int_equal(keyd_bench_sign(bench, tree, 7, 19), REPLY_CONFLICT);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 0), REPLY_CONFLICT);
    assert_int_equal(keyd_bench_sign(bench, fork, 20, 20), REPLY_INVALID);
    assert_int_equal(keyd_bench_sign(bench, fork, 20, 40), REPLY_INVALID);
    assert_int_equal(keyd_bench_sign(bench, tree, 7, 40), REPLY_INVALID);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 40), REPLY_INVALID);
    assert_int_equal(last_size(bench), 20);
    assert_int_equal(keyd_bench_sign(bench, tree, 20, 40), REPLY_DONE);
    assert_int_equal(last_size(bench), 40);
}

static void test_p7_empty_tree_has_one_root(void **state) {
    struct keyd_bench *bench = *state;
    uint8_t body[41] = {0};
    assert_int_equal(keyd_bench_ask(bench, KEYD_SIGN_CHECKPOINT, BYTES_ARRAY(body), NULL), REPLY_INVALID);
    struct hash empty = merkle_empty_root();
    memcpy(body + 8, empty.b, sizeof empty.b);
    assert_int_equal(keyd_bench_ask(bench, KEYD_SIGN_CHECKPOINT, BYTES_ARRAY(body), NULL), REPLY_DONE);
    /* Above the largest tree; more hashes than a proof can have. */
    memset(body, 0xff, 8);
    assert_int_equal(keyd_bench_ask(bench, KEYD_SIGN_CHECKPOINT, BYTES_ARRAY(body), NULL), REPLY_INVALID);
    body[40] = MERKLE_PROOF_MAX + 1;
    assert_int_equal(keyd_bench_ask(bench, KEYD_SIGN_CHECKPOINT, BYTES_ARRAY(body), NULL), REPLY_TOO_LARGE);
    assert_int_equal(last_size(bench), 0);
}

static void damage(const char *path, off_t at) {
    int fd CLEANUP(cleanup_fd) = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void test_p7_restart_keeps_the_last_note(void **state) {
    struct keyd_bench *bench = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(40);
    struct tree_store *fork CLEANUP(tree_store_free_cleanup) = forked_tree(40, 5);
    const char *path = keyd_bench_file(bench, "note");
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 10), REPLY_DONE);
    assert_int_equal(keyd_bench_sign(bench, tree, 10, 20), REPLY_DONE);
    OK(keyd_bench_restart(bench));
    assert_int_equal(last_size(bench), 20);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 10), REPLY_CONFLICT);
    assert_int_equal(keyd_bench_sign(bench, fork, 20, 40), REPLY_INVALID);
    /* The newest slot (the second) is damaged: the note before it holds what follows. */
    damage(path, 4096 + 20);
    OK(keyd_bench_restart(bench));
    assert_int_equal(last_size(bench), 10);
    assert_int_equal(keyd_bench_sign(bench, fork, 10, 20), REPLY_INVALID);
    assert_int_equal(keyd_bench_sign(bench, tree, 10, 20), REPLY_DONE);
    /* The older slot is damaged: nothing changes. */
    damage(path, 20);
    OK(keyd_bench_restart(bench));
    assert_int_equal(last_size(bench), 20);
    /* Both: keyd does not start. */
    damage(path, 20);
    damage(path, 100);
    damage(path, 4096 + 100);
    assert_int_equal(keyd_bench_restart(bench), STATUS_INTEGRITY);
}

/* A note that another key signed, in a slot that is whole. */
static void test_p7_note_of_another_log(void **state) {
    struct keyd_bench *bench = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(4);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 4), REPLY_DONE);
    bench->settings.epoch = 2;
    assert_int_equal(keyd_bench_restart(bench), STATUS_INTEGRITY);
}

/* The file changes under keyd: it stops rather than tell an older note as its last. */
static void test_p7_damage_while_running(void **state) {
    struct keyd_bench *bench = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(8);
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 4), REPLY_DONE);
    assert_int_equal(keyd_bench_sign(bench, tree, 4, 8), REPLY_DONE);
    damage(keyd_bench_file(bench, "note"), 4096 + 20);
    struct bytes reply;
    assert_int_equal(keyd_answer(bench->keyd, BYTES("\1\3", 2), bench->now_ms, bench->memory, &reply),
                     STATUS_INTEGRITY);
    assert_int_equal(reply.data[2], REPLY_INTEGRITY);
}

/* ---- state statements ---- */

static enum reply_code ask_state(struct keyd_bench *bench, uint8_t consent_state, uint64_t size, uint64_t time_ms,
                                 struct bytes *out_body) {
    uint8_t memory[33];
    struct bytes body;
    struct writer writer = writer_init(memory, sizeof memory);
    writer_put(&writer, BYTES("0123456789abcdef", 16));
    writer_u8(&writer, consent_state);
    writer_u64(&writer, size);
    writer_u64(&writer, time_ms);
    OK(writer_end(&writer, &body));
    return keyd_bench_ask(bench, KEYD_STATE, body, out_body);
}

static void test_state(void **state) {
    struct keyd_bench *bench = *state;
    struct tree_store *tree CLEANUP(tree_store_free_cleanup) = log_tree_new(8);
    uint64_t now = bench->now_ms;
    assert_int_equal(keyd_bench_sign(bench, tree, 0, 8), REPLY_DONE);
    assert_int_equal(ask_state(bench, 0, 8, now, NULL), REPLY_INVALID);
    assert_int_equal(ask_state(bench, 6, 8, now, NULL), REPLY_INVALID);
    assert_int_equal(ask_state(bench, 1, 9, now, NULL), REPLY_INVALID);
    assert_int_equal(ask_state(bench, 1, UINT64_MAX, now, NULL), REPLY_INVALID);
    assert_int_equal(ask_state(bench, 1, 8, now + 5001, NULL), REPLY_TIME);
    assert_int_equal(ask_state(bench, 1, 8, now - 5001, NULL), REPLY_TIME);
    assert_int_equal(ask_state(bench, 1, 8, 0, NULL), REPLY_TIME);
    assert_int_equal(ask_state(bench, 1, 8, UINT64_MAX, NULL), REPLY_TIME);
    struct bytes body;
    assert_int_equal(ask_state(bench, 1, 8, now - 5000, &body), REPLY_DONE);
    assert_int_equal(ask_state(bench, 3, 7, now + 5000, &body), REPLY_DONE);
    struct sign_public key = sign_public_of(bench->federation->status_key);
    struct signed_object object;
    struct state_statement statement;
    OK(signed_parse(bench->arena, keyd_bench_vector(body), &object));
    OK(signed_verify(SIGNED_STATE, FEDERATION_NAME, &object, &key));
    OK(state_statement_parse(bench->arena, FEDERATION_NAME, object.body, &statement));
    assert_memory_equal(statement.token.b, "0123456789abcdef", 16);
    assert_int_equal(statement.state, CONSENT_STATE_REVOKED);
    assert_int_equal(statement.tree_size, 7);
    assert_int_equal(statement.time_ms, now + 5000);
}

/* ---- directory ---- */

static enum reply_code add_entry(struct keyd_bench *bench, struct bytes entry) {
    return keyd_bench_ask(bench, KEYD_DIRECTORY_ADD, keyd_bench_as_vector(bench, entry), NULL);
}

/* The head as keyd signs it; verified. */
static struct directory_head ask_head(struct keyd_bench *bench) {
    static const uint8_t no_time[8] = {0};
    struct bytes body;
    struct signed_object object;
    struct directory_head head;
    struct sign_public key = sign_public_of(bench->federation->status_key);
    assert_int_equal(keyd_bench_ask(bench, KEYD_DIRECTORY_HEAD, BYTES_ARRAY(no_time), &body), REPLY_DONE);
    struct bytes whole;
    OK(arena_copy(bench->arena, keyd_bench_vector(body), &whole));
    OK(signed_parse(bench->arena, whole, &object));
    OK(signed_verify(SIGNED_DIRECTORY_HEAD, FEDERATION_NAME, &object, &key));
    OK(state_statement_head_parse(bench->arena, FEDERATION_NAME, object.body, &head));
    return head;
}

static void test_directory_refuses(void **state) {
    struct keyd_bench *bench = *state;
    struct federation *f = bench->federation;
    struct rules rules = federation_rules(f, 2);
    struct bytes object;
    OK(record_rules_encode(f->arena, &rules, &object));
    /* Not the first; then, with some in place, one that is missing between, one again that is not the newest. */
    assert_int_equal(add_entry(bench, f->entries[1]), REPLY_CONFLICT);
    keyd_bench_tell_directory(bench, 3);
    assert_int_equal(add_entry(bench, f->entries[4]), REPLY_CONFLICT);
    assert_int_equal(add_entry(bench, f->entries[1]), REPLY_CONFLICT);
    assert_int_equal(add_entry(bench, f->entries[2]), REPLY_DONE); /* the newest again */
    for (size_t i = 3; i < f->n_entries; i++) {
        assert_int_equal(add_entry(bench, f->entries[i]), REPLY_DONE);
    }
    uint64_t next = directory_sequence(f->directory) + 1;
    struct hash head = directory_head(f->directory);
    /* One signature where two are asked; a signature changed; out of sequence; on another head. */
    assert_int_equal(add_entry(bench, federation_entry(f, DIRECTORY_RULES, object, next, head, 1)), REPLY_SIGNATURE);
    struct bytes good = federation_entry(f, DIRECTORY_RULES, object, next, head, 2);
    uint8_t *changed = arena_alloc(bench->arena, good.len);
    memcpy(changed, good.data, good.len);
    changed[good.len - 1] ^= 1;
    assert_int_equal(add_entry(bench, BYTES(changed, good.len)), REPLY_SIGNATURE);
    assert_int_equal(add_entry(bench, federation_entry(f, DIRECTORY_RULES, object, next + 1, head, 2)), REPLY_CONFLICT);
    struct hash other = head;
    other.b[0] ^= 1;
    assert_int_equal(add_entry(bench, federation_entry(f, DIRECTORY_RULES, object, next, other, 2)), REPLY_CONFLICT);
    assert_int_equal(ask_head(bench).sequence, next - 1);
    assert_int_equal(add_entry(bench, good), REPLY_DONE);
    assert_int_equal(ask_head(bench).sequence, next);
}

static void test_head(void **state) {
    struct keyd_bench *bench = *state;
    struct federation *f = bench->federation;
    keyd_bench_tell_directory(bench, f->n_entries);
    struct hash expected = directory_head(f->directory);
    struct directory_head head = ask_head(bench);
    assert_int_equal(head.sequence, f->n_entries);
    assert_true(hash_equal(&head.head, &expected));
    assert_int_equal(head.time_ms, bench->now_ms);
    /* The same for ten minutes; a clock that went back makes a new one, as does a new entry. */
    bench->now_ms += 599999;
    assert_int_equal(ask_head(bench).time_ms, KEYD_BENCH_NOW_MS);
    bench->now_ms += 1;
    assert_int_equal(ask_head(bench).time_ms, KEYD_BENCH_NOW_MS + 600000);
    bench->now_ms -= 1;
    assert_int_equal(ask_head(bench).time_ms, KEYD_BENCH_NOW_MS + 599999);
    bench->now_ms += 10;
    struct rules rules = federation_rules(f, 2);
    struct bytes object;
    OK(record_rules_encode(f->arena, &rules, &object));
    assert_int_equal(add_entry(bench, federation_admit(f, DIRECTORY_RULES, object)), REPLY_DONE);
    head = ask_head(bench);
    assert_int_equal(head.sequence, f->n_entries);
    assert_int_equal(head.time_ms, bench->now_ms);
}

/* The file ends anywhere in the last entry: the prefix tells whether it was acknowledged. */
static void test_p10_directory_file(void **state) {
    struct keyd_bench *bench = *state;
    struct federation *f = bench->federation;
    const char *path = keyd_bench_file(bench, "directory");
    keyd_bench_tell_directory(bench, f->n_entries - 1);
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    struct bytes last = f->entries[f->n_entries - 1];
    /* Written, but for its prefix, to various lengths, with longer rubbish behind. */
    static const size_t behind[] = {0, 1, 100};
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        int fd CLEANUP(cleanup_fd) = open(path, O_RDWR | O_CLOEXEC);
        static const uint8_t rubbish[100] = {0xff, 0xff};
        OK(file_pwrite_all(fd, last, (uint64_t)before.st_size + 4));
        OK(file_pwrite_all(fd, BYTES(rubbish, behind[i]), (uint64_t)before.st_size + 4 + last.len));
        OK(keyd_bench_restart(bench));
        assert_int_equal(ask_head(bench).sequence, f->n_entries - 1);
    }
    assert_int_equal(add_entry(bench, last), REPLY_DONE);
    OK(keyd_bench_restart(bench));
    assert_int_equal(ask_head(bench).sequence, f->n_entries);
    /* Acknowledged, and now not whole any more: that is no crash. */
    assert_int_equal(truncate(path, before.st_size + 4 + (off_t)last.len - 1), 0);
    assert_int_equal(keyd_bench_restart(bench), STATUS_INTEGRITY);
    assert_int_equal(truncate(path, before.st_size + 3), 0);
    OK(keyd_bench_restart(bench));
    assert_int_equal(ask_head(bench).sequence, f->n_entries - 1);
}

/* Somebody else's entries, or entries changed on disk, are not believed because they lie in the file. */
static void test_directory_file_is_verified(void **state) {
    struct keyd_bench *bench = *state;
    keyd_bench_tell_directory(bench, bench->federation->n_entries);
    const char *path = keyd_bench_file(bench, "directory");
    damage(path, 200);
    assert_int_equal(keyd_bench_restart(bench), STATUS_INTEGRITY);
    damage(path, 200);
    OK(keyd_bench_restart(bench));
    bench->settings.authority_threshold = 3;
    assert_int_equal(keyd_bench_restart(bench), STATUS_INTEGRITY);
}

/* ---- evaluations ---- */

/* An EVALUATE of a unit with n blinded inputs. */
static struct bytes evaluate_body(struct keyd_bench *bench, enum federation_unit unit, size_t n, uint32_t version,
                                  uint64_t time_ms) {
    struct voprf_element blinded[VOPRF_BATCH_MAX];
    for (size_t i = 0; i < n; i++) {
        struct voprf_query query;
        OK(voprf_blind(bytes_text("an input"), &query));
        blinded[i] = query.blinded;
        voprf_query_clear(&query);
    }
    const struct msg_evaluate ask = {.key_version = version, .blinded = blinded, .n_blinded = n};
    struct bytes body;
    OK(msg_evaluate_encode(bench->arena, &ask, &body));
    return keyd_bench_as_vector(
        bench, federation_envelope(bench->federation, unit, MESSAGE_EVALUATE, body, time_ms, bench->arena));
}

static enum reply_code evaluate(struct keyd_bench *bench, enum federation_unit unit, size_t n) {
    return keyd_bench_ask(bench, KEYD_EVALUATE, evaluate_body(bench, unit, n, 1, bench->now_ms), NULL);
}

static uint64_t count_of_today(struct keyd_bench *bench) {
    uint8_t day[4];
    struct writer writer = writer_init(day, sizeof day);
    writer_u32(&writer, (uint32_t)(bench->now_ms / 86400000));
    OK(writer.status);
    struct bytes body;
    assert_int_equal(keyd_bench_ask(bench, KEYD_COUNTS, BYTES_ARRAY(day), &body), REPLY_DONE);
    struct reader reader = reader_init(body);
    uint64_t count = reader_u64(&reader);
    OK(reader_end(&reader));
    return count;
}

static void test_p6_evaluate_refuses(void **state) {
    struct keyd_bench *bench = *state;
    struct federation *f = bench->federation;
    uint64_t now = bench->now_ms;
    /* Before the directory is known nobody is. */
    assert_int_not_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    keyd_bench_tell_directory(bench, f->n_entries);
    /* A member signs in the name of another's unit. */
    struct sign_private *own = f->members[MEMBER_COUNTY].sign;
    f->members[MEMBER_COUNTY].sign = f->members[MEMBER_CITY].sign;
    assert_int_not_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    /* A key that stands nowhere. */
    f->members[MEMBER_COUNTY].sign = f->status_key;
    assert_int_not_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    f->members[MEMBER_COUNTY].sign = own;
    /* A changed byte of body, of the signature. */
    struct bytes good = evaluate_body(bench, UNIT_CAREER, 2, 1, now);
    uint8_t *changed = arena_alloc(bench->arena, good.len);
    memcpy(changed, good.data, good.len);
    changed[good.len - 1] ^= 1;
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, BYTES(changed, good.len), NULL), REPLY_SIGNATURE);
    /* Another message, old or early, another key's version. */
    struct bytes other = keyd_bench_as_vector(
        bench, federation_envelope(f, UNIT_CAREER, MESSAGE_CHECKPOINT, BYTES_EMPTY, now, bench->arena));
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, other, NULL), REPLY_UNSUPPORTED);
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, evaluate_body(bench, UNIT_CAREER, 1, 1, now - 120001), NULL),
                     REPLY_TIME);
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, evaluate_body(bench, UNIT_CAREER, 1, 1, now + 120001), NULL),
                     REPLY_TIME);
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, evaluate_body(bench, UNIT_CAREER, 1, 2, now), NULL),
                     REPLY_VERSION);
    assert_int_equal(count_of_today(bench), 0);
    assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, good, NULL), REPLY_DONE);
    assert_int_equal(count_of_today(bench), 2);
}

static void test_p6_removed_member(void **state) {
    struct keyd_bench *bench = *state;
    struct federation *f = bench->federation;
    keyd_bench_tell_directory(bench, f->n_entries);
    assert_int_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    const struct member_removal removal = {
        .version = 1, .federation = FEDERATION_NAME, .member = FEDERATION_COUNTY, .reason = "left"};
    struct bytes object;
    OK(record_removal_encode(f->arena, &removal, &object));
    assert_int_equal(add_entry(bench, federation_admit(f, DIRECTORY_MEMBER_REMOVED, object)), REPLY_DONE);
    assert_int_not_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    OK(keyd_bench_restart(bench));
    assert_int_not_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    assert_int_equal(evaluate(bench, UNIT_LABOUR, 1), REPLY_DONE);
}

static void test_p6_daily_limit_over_restart(void **state) {
    struct keyd_bench *bench = *state;
    keyd_bench_tell_directory(bench, bench->federation->n_entries);
    assert_int_equal(evaluate(bench, UNIT_LABOUR, 64), REPLY_DONE);
    assert_int_equal(evaluate(bench, UNIT_EDUCATION, 37), REPLY_LIMIT); /* the same member */
    OK(keyd_bench_restart(bench));
    assert_int_equal(evaluate(bench, UNIT_LABOUR, 37), REPLY_LIMIT);
    assert_int_equal(evaluate(bench, UNIT_LABOUR, 36), REPLY_DONE);
    OK(keyd_bench_restart(bench));
    assert_int_equal(evaluate(bench, UNIT_EDUCATION, 1), REPLY_LIMIT);
    assert_int_equal(evaluate(bench, UNIT_CAREER, 1), REPLY_DONE);
    assert_int_equal(count_of_today(bench), KEYD_BENCH_DAILY + 1);
    bench->now_ms += 86400000;
    assert_int_equal(evaluate(bench, UNIT_LABOUR, 1), REPLY_DONE);
    assert_int_equal(count_of_today(bench), 1);
}

/* What comes back finalises under the pinned key, to the same output each time. */
static void test_evaluate(void **state) {
    struct keyd_bench *bench = *state;
    keyd_bench_tell_directory(bench, bench->federation->n_entries);
    struct voprf_public key = voprf_public_of(bench->federation->pseudonym_key);
    struct voprf_output outputs[2];
    for (size_t i = 0; i < 2; i++) {
        struct voprf_query query;
        OK(voprf_blind(bytes_text("an input"), &query));
        const struct msg_evaluate ask = {.key_version = 1, .blinded = &query.blinded, .n_blinded = 1};
        struct bytes body;
        OK(msg_evaluate_encode(bench->arena, &ask, &body));
        struct bytes envelope =
            federation_envelope(bench->federation, UNIT_GUIDANCE, MESSAGE_EVALUATE, body, bench->now_ms, bench->arena);
        assert_int_equal(keyd_bench_ask(bench, KEYD_EVALUATE, keyd_bench_as_vector(bench, envelope), &body),
                         REPLY_DONE);
        struct msg_evaluated answer;
        OK(msg_evaluated_parse(bench->arena, keyd_bench_vector(body), &answer));
        assert_int_equal(answer.n_evaluated, 1);
        OK(voprf_finalize(&key, &query, answer.evaluated, 1, &answer.proof, &outputs[i]));
        voprf_query_clear(&query);
    }
    assert_memory_equal(&outputs[0], &outputs[1], sizeof outputs[0]);
}

/* ---- opening ---- */

static void test_opening_refuses(void **state) {
    struct keyd_bench *bench = *state;
    const struct keyd_settings good = bench->settings;
    static const char *no_keys[] = {"sluss-sign:AAAA"};
    bench->settings.authority = (struct setting_list){no_keys, 1};
    assert_int_equal(keyd_bench_restart(bench), STATUS_SETTINGS);
    bench->settings.authority = (struct setting_list){no_keys, 0};
    assert_int_equal(keyd_bench_restart(bench), STATUS_SETTINGS);
    bench->settings = good;
    bench->settings.authority_threshold = 4;
    assert_int_not_equal(keyd_bench_restart(bench), STATUS_OK);
    bench->settings = good;
    bench->settings.credential = good.keys; /* another secret */
    assert_int_not_equal(keyd_bench_restart(bench), STATUS_OK);
    bench->settings = good;
    assert_int_equal(chmod(good.credential, 0644), 0);
    assert_int_equal(keyd_bench_restart(bench), STATUS_PERMISSION);
    assert_int_equal(chmod(good.credential, 0600), 0);
    assert_int_equal(chmod(good.state_dir, 0750), 0);
    assert_int_equal(keyd_bench_restart(bench), STATUS_PERMISSION);
    assert_int_equal(chmod(good.state_dir, 0700), 0);
    OK(keyd_bench_restart(bench));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_p11_packets),
        CASE(test_identity),
        CASE(test_p7_signs_only_what_extends),
        CASE(test_p7_empty_tree_has_one_root),
        CASE(test_p7_restart_keeps_the_last_note),
        CASE(test_p7_note_of_another_log),
        CASE(test_p7_damage_while_running),
        CASE(test_state),
        CASE(test_directory_refuses),
        CASE(test_head),
        CASE(test_p10_directory_file),
        CASE(test_directory_file_is_verified),
        CASE(test_p6_evaluate_refuses),
        CASE(test_p6_removed_member),
        CASE(test_p6_daily_limit_over_restart),
        CASE(test_evaluate),
        CASE(test_opening_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
