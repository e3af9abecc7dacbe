/*
 * The export against a core that is played: every tile and bundle as the tree has it, parts of any size put together,
 * and no checkpoint beside an export that is not whole (P7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "broker/operator_export.h"
#include "proto/checkpoint.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/link_server.h"
#include "proto/reply_code.h"
#include "proto/tree_store.h"
#include "support/scratch.h"

#define OK(call)    assert_int_equal((call), STATUS_OK)
#define LEAVES      65537
#define ORIGIN      "test.sluss.example/log/1"
#define PART_LEAVES 100 /* in one answer */
#define EVIDENCE_AT 5   /* every leaf with this rest modulo 8 has an item */

/* What core answers; set by the test's thread before it asks. */
static struct {
    pthread_mutex_t mutex; /* guards all of it */
    struct tree_store *tree;
    struct sign_private *key;
    uint64_t size;
    uint64_t most_evidence; /* leaves in one answer */
    struct hash root;       /* that the checkpoint says */
    enum operator_verb refused;
    unsigned keys_asked;
} core = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct scratch scratch;
static struct link_client *client;

static struct bytes leaf_bytes(struct arena *arena, uint64_t index) {
    return bytes_text(arena_printf(arena, "leaf %llu", (unsigned long long)index));
}

static enum status answer_leaves(struct arena *arena, const struct operator_ask *ask, struct bytes *out_body) {
    struct export_leaf leaves[PART_LEAVES];
    struct export_part part = {.leaves = leaves};
    struct checkpoint checkpoint = {.origin = bytes_text(ORIGIN), .size = core.size, .root = core.root};
    TRY(checkpoint_sign(arena, &checkpoint, core.key, &part.checkpoint));
    for (uint64_t i = ask->a; i < ask->a + ask->b && i < core.size && part.n_leaves < PART_LEAVES; i++) {
        leaves[part.n_leaves++] =
            (struct export_leaf){.leaf = leaf_bytes(arena, i), .slot = i % 3, .opening = bytes_text("sealed")};
    }
    return internal_export_part_encode(arena, &part, out_body);
}

static enum status answer_evidence(struct arena *arena, const struct operator_ask *ask, struct bytes *out_body) {
    struct evidence_item items[LIMIT_TILE_WIDTH];
    struct evidence_part part = {.items = items};
    ENSURE(ask->b <= core.most_evidence, STATUS_LIMIT);
    for (uint64_t i = ask->a; i < ask->a + ask->b; i++) {
        struct bytes content = leaf_bytes(arena, i);
        if (i % 8 == EVIDENCE_AT) items[part.n_items++] = (struct evidence_item){hash_sha256(content), 0, content};
    }
    return internal_evidence_part_encode(arena, &part, out_body);
}

static enum status answer_keys(struct arena *arena, const struct operator_ask *ask, struct bytes *out_body) {
    static const uint8_t bytes[32] = {7};
    struct slot_key keys[2] = {{.slot = ask->a, .key = BYTES_ARRAY(bytes)},
                               {.slot = ask->a + 1, .key = BYTES_ARRAY(bytes)}};
    const struct slot_keys all = {.keys = keys, .n_keys = 2};
    core.keys_asked++;
    return internal_slot_keys_encode(arena, &all, out_body);
}

static enum status answer_ask(struct arena *arena, const struct operator_ask *ask, struct bytes *out_body) {
    ENSURE(ask->verb != core.refused, STATUS_DENIED);
    if (ask->verb == OPERATOR_EXPORT) return answer_leaves(arena, ask, out_body);
    if (ask->verb == OPERATOR_EXPORT_EVIDENCE) return answer_evidence(arena, ask, out_body);
    if (ask->verb == OPERATOR_EXPORT_KEYS) return answer_keys(arena, ask, out_body);
    if (ask->verb == OPERATOR_IDENTITY) *out_body = bytes_text("{\"federation\":\"test\"}");
    return STATUS_OK;
}

static void on_request(void *arg, struct link_request *request) {
    (void)arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16 << 20);
    struct operator_ask ask;
    struct operator_reply reply = {.text = ""};
    struct bytes encoded = BYTES_EMPTY;
    (void)pthread_mutex_lock(&core.mutex);
    enum status status = internal_operator_ask_parse(arena, link_request_body(request), &ask);
    if (status == STATUS_OK) status = answer_ask(arena, &ask, &reply.body);
    reply.code = reply_code_of(status);
    if (status != STATUS_OK) reply.body = BYTES_EMPTY;
    IGNORE(internal_operator_reply_encode(arena, &reply, &encoded));
    (void)pthread_mutex_unlock(&core.mutex);
    link_request_reply(request, encoded);
}

static int setup(void **state) {
    (void)state;
    struct link_server *server = NULL;
    char path[SCRATCH_PATH_MAX];
    OK(secret_setup());
    OK(sign_generate(&core.key));
    core.tree = tree_store_new();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16 << 20);
    for (uint64_t i = 0; i < LEAVES; i++) {
        OK(tree_store_append(core.tree, leaf_bytes(arena, i)));
    }
    scratch_init(&scratch);
    scratch_path(&scratch, "core.socket", path);
    const struct link_server_options options = {
        .path = path, .mode = 0600, .contexts = 4, .max_bytes = LIMIT_FRAME_BYTES, .on_request = on_request};
    OK(link_server_open(&options, &server));
    OK(link_client_open(path, 1, LIMIT_FRAME_BYTES, &client));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tree_store_free(core.tree);
    sign_free(core.key);
    scratch_clear(&scratch);
    return 0;
}

static enum status export_size(uint64_t size, const char *dir, enum export_keys keys) {
    (void)pthread_mutex_lock(&core.mutex);
    core.size = size;
    enum status status = merkle_root(tree_store_read, core.tree, size, &core.root);
    if (core.most_evidence == 0) core.most_evidence = 16;
    (void)pthread_mutex_unlock(&core.mutex);
    OK(status);
    return operator_export_run(client, dir, keys, NULL);
}

static bool is_there(const char *dir, const char *name) {
    char path[2 * SCRATCH_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static struct bytes read_file(struct arena *arena, const char *dir, const char *name) {
    struct bytes content;
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    if (file_read(path, 4 << 20, arena, &content) != STATUS_OK) fail_msg("no %s", path);
    return content;
}

/* A tile of the export is what the tree of this size has there. */
static void check_tile(const char *dir, struct tile tile, uint64_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    struct bytes expected;
    tile.width = tile_width(tile.level, tile.number, size);
    if (tile.width == 0) return;
    OK(tree_store_fetch(core.tree, &tile, arena, &expected));
    struct bytes found = read_file(arena, dir, tile_format(arena, &tile));
    if (!bytes_equal(found, expected)) fail_msg("%s", tile_format(arena, &tile));
}

static void check_export(const char *dir, uint64_t size) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16 << 20);
    struct export_part part;
    struct evidence_part evidence;
    for (uint64_t number = 0; number * TILE_WIDTH < size; number++) {
        check_tile(dir, (struct tile){.kind = TILE_ENTRIES, .number = number}, size);
        check_tile(dir, (struct tile){.kind = TILE_HASHES, .number = number}, size);
        if (number < 2) check_tile(dir, (struct tile){.kind = TILE_HASHES, .level = 1, .number = number}, size);
    }
    check_tile(dir, (struct tile){.kind = TILE_HASHES, .level = 2, .number = 0}, size);
    uint64_t first = size < TILE_WIDTH ? size : TILE_WIDTH;
    OK(internal_export_part_parse(arena, read_file(arena, dir, "openings/00000000"), &part));
    assert_int_equal(part.n_leaves, first);
    OK(internal_evidence_part_parse(arena, read_file(arena, dir, "evidence/00000000"), &evidence));
    assert_int_equal(evidence.n_items, (first + 8 - 1 - EVIDENCE_AT) / 8);
    assert_true(bytes_equal_text(read_file(arena, dir, "federation.json"), "{\"federation\":\"test\"}"));
    assert_true(memmem(read_file(arena, dir, "checkpoint").data, 24, ORIGIN, strlen(ORIGIN)) != NULL);
}

static void test_sizes(void **state) {
    (void)state;
    static const uint64_t sizes[] = {1, 5, 6, 255, 256, 257, 600, LEAVES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char dir[SCRATCH_PATH_MAX];
        char name[32];
        (void)snprintf(name, sizeof name, "export-%zu", i);
        scratch_path(&scratch, name, dir);
        core.most_evidence = i % 2 ? 3 : 16; /* less than is asked for, at first */
        OK(export_size(sizes[i], dir, EXPORT_WITHOUT_KEYS));
        check_export(dir, sizes[i]);
        assert_false(is_there(dir, "keys"));
    }
    assert_int_equal(core.keys_asked, 0);
}

static void test_p7_no_checkpoint_beside_what_is_not_whole(void **state) {
    (void)state;
    char dir[SCRATCH_PATH_MAX];
    scratch_path(&scratch, "twice", dir);
    OK(export_size(300, dir, EXPORT_WITHOUT_KEYS));
    assert_true(is_there(dir, "checkpoint"));
    /* Over the first, each step refused: the old checkpoint is gone. */
    static const enum operator_verb verbs[] = {OPERATOR_EXPORT, OPERATOR_IDENTITY, OPERATOR_EXPORT_EVIDENCE};
    for (size_t i = 0; i < 3; i++) {
        core.refused = verbs[i];
        assert_int_equal(export_size(400, dir, EXPORT_WITHOUT_KEYS), STATUS_DENIED);
        assert_false(is_there(dir, "checkpoint"));
    }
    core.refused = OPERATOR_NONE;
    OK(export_size(400, dir, EXPORT_WITHOUT_KEYS));
    check_export(dir, 400);
    /* The leaves are not those of the checkpoint. */
    core.root.b[0] ^= 1;
    assert_int_equal(operator_export_run(client, dir, EXPORT_WITHOUT_KEYS, NULL), STATUS_INTEGRITY);
    assert_false(is_there(dir, "checkpoint"));
    core.most_evidence = 0;
}

static void test_keys_only_when_asked(void **state) {
    (void)state;
    char dir[SCRATCH_PATH_MAX];
    struct stat info;
    struct slot_keys keys;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    scratch_path(&scratch, "keys", dir);
    core.refused = OPERATOR_EXPORT_KEYS;
    assert_int_equal(export_size(20, dir, EXPORT_WITH_KEYS), STATUS_DENIED);
    assert_false(is_there(dir, "checkpoint"));
    core.refused = OPERATOR_NONE;
    OK(export_size(20, dir, EXPORT_WITH_KEYS));
    OK(internal_slot_keys_parse(arena, read_file(arena, dir, "keys"), &keys));
    assert_int_equal(keys.n_keys, 2);
    assert_int_equal(keys.keys[0].key.data[0], 7);
    assert_int_equal(stat(arena_printf(arena, "%s/keys", dir), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_p7_no_checkpoint_beside_what_is_not_whole),
        cmocka_unit_test(test_keys_only_when_asked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
