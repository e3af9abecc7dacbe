#include "support/broker/keyd_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/secret.h"
#include "keys/keyfile.h"
#include "keys/public.h"
#include "keys/voprf.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static const char *path_of(struct keyd_bench *bench, const char *name) {
    const char *path = arena_printf(bench->arena, "%s/%s", bench->scratch.path, name);
    assert_non_null(path);
    return path;
}

static void put_sign_key(struct keyfile_bundle *bundle, const char *name, const struct sign_private *key) {
    struct secret *seed CLEANUP(secret_free_cleanup) = NULL;
    OK(sign_seed(key, &seed));
    OK(keyfile_bundle_put(bundle, name, KEYFILE_SIGN, seed));
}

static void write_keys(struct keyd_bench *bench) {
    struct secret *credential CLEANUP(secret_free_cleanup) = secret_random(64);
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    struct secret *scalar CLEANUP(secret_free_cleanup) = NULL;
    struct secret *payload CLEANUP(secret_free_cleanup) = NULL;
    assert_true(credential && bundle);
    put_sign_key(bundle, "log", bench->federation->log_key);
    put_sign_key(bundle, "status", bench->federation->status_key);
    OK(voprf_scalar(bench->federation->pseudonym_key, &scalar));
    OK(keyfile_bundle_put(bundle, "pseudonym", KEYFILE_VOPRF, scalar));
    OK(keyfile_bundle_encode(bundle, &payload));
    struct keyfile_lock lock = {.protection = KEYFILE_CREDENTIAL, .secret = credential};
    OK(keyfile_create(bench->settings.keys, KEYFILE_BUNDLE, payload, &lock));
    OK(file_create(bench->settings.credential, secret_bytes(credential), 0600));
}

static void make_settings(struct keyd_bench *bench) {
    static const char *authority[3];
    for (size_t i = 0; i < 3; i++) {
        authority[i] = public_sign_text(bench->arena, &bench->federation->authority_keys[i]);
        assert_non_null(authority[i]);
    }
    bench->settings = (struct keyd_settings){.federation = FEDERATION_NAME,
                                             .epoch = 1,
                                             .pseudonym_version = 1,
                                             .keys = path_of(bench, "keyd.keys"),
                                             .credential = path_of(bench, "keyd.credential"),
                                             .state_dir = path_of(bench, "state"),
                                             .socket = path_of(bench, "keyd.socket"),
                                             .authority = {authority, 3},
                                             .authority_threshold = 2,
                                             .evaluations_a_day = KEYD_BENCH_DAILY,
                                             .log_level = "error"};
}

void keyd_bench_init(struct keyd_bench *bench) {
    *bench = (struct keyd_bench){.federation = federation_new(), .now_ms = KEYD_BENCH_NOW_MS};
    bench->arena = arena_new(64 << 20);
    assert_non_null(bench->arena);
    scratch_init(&bench->scratch);
    make_settings(bench);
    write_keys(bench);
    OK(keyd_open(&bench->settings, &bench->keyd));
}

void keyd_bench_clear(struct keyd_bench *bench) {
    keyd_close(bench->keyd);
    scratch_clear(&bench->scratch);
    arena_free(bench->arena);
    federation_free(bench->federation);
}

enum status keyd_bench_restart(struct keyd_bench *bench) {
    keyd_close(bench->keyd);
    bench->keyd = NULL;
    return keyd_open(&bench->settings, &bench->keyd);
}

const char *keyd_bench_file(struct keyd_bench *bench, const char *name) {
    return path_of(bench, arena_printf(bench->arena, "state/%s", name));
}

enum reply_code keyd_bench_send(struct keyd_bench *bench, struct bytes packet, struct bytes *out_body) {
    struct bytes reply = BYTES_EMPTY;
    OK(keyd_answer(bench->keyd, packet, bench->now_ms, bench->memory, &reply));
    assert_in_range(reply.len, 3, KEYD_PACKET_MAX);
    assert_int_equal(reply.data[0], 1);
    if (packet.len >= 2) assert_int_equal(reply.data[1], packet.data[1]);
    enum reply_code code = (enum reply_code)reply.data[2];
    if (code != REPLY_DONE) assert_int_equal(reply.len, 3);
    if (out_body) *out_body = BYTES(reply.data + 3, reply.len - 3);
    return code;
}

enum reply_code keyd_bench_ask(struct keyd_bench *bench, enum keyd_type type, struct bytes body,
                               struct bytes *out_body) {
    uint8_t *packet = arena_alloc(bench->arena, 2 + body.len);
    assert_non_null(packet);
    packet[0] = 1;
    packet[1] = (uint8_t)type;
    if (body.len) memcpy(packet + 2, body.data, body.len);
    return keyd_bench_send(bench, BYTES(packet, 2 + body.len), out_body);
}

struct bytes keyd_bench_vector(struct bytes body) {
    struct reader reader = reader_init(body);
    struct bytes content = reader_vector(&reader, KEYD_PACKET_MAX);
    OK(reader_end(&reader));
    return content;
}

struct bytes keyd_bench_as_vector(struct keyd_bench *bench, struct bytes content) {
    void *memory = arena_alloc(bench->arena, content.len + 4);
    assert_non_null(memory);
    struct writer writer = writer_init(memory, content.len + 4);
    struct bytes body;
    writer_vector(&writer, content);
    OK(writer_end(&writer, &body));
    return body;
}

struct bytes keyd_bench_sign_body(struct keyd_bench *bench, struct tree_store *tree, uint64_t old_size, uint64_t size) {
    struct merkle_proof proof;
    struct hash root;
    OK(merkle_prove_consistency(tree_store_read, tree, old_size, size, &proof));
    OK(merkle_root(tree_store_read, tree, size, &root));
    void *memory = arena_alloc(bench->arena, 4096);
    assert_non_null(memory);
    struct writer writer = writer_init(memory, 4096);
    writer_u64(&writer, size);
    writer_put(&writer, hash_bytes(&root));
    writer_u8(&writer, (uint8_t)proof.count);
    for (size_t i = 0; i < proof.count; i++) {
        writer_put(&writer, hash_bytes(&proof.hashes[i]));
    }
    struct bytes body;
    OK(writer_end(&writer, &body));
    return body;
}

enum reply_code keyd_bench_sign(struct keyd_bench *bench, struct tree_store *tree, uint64_t old_size, uint64_t size) {
    return keyd_bench_ask(bench, KEYD_SIGN_CHECKPOINT, keyd_bench_sign_body(bench, tree, old_size, size), NULL);
}

void keyd_bench_tell_directory(struct keyd_bench *bench, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct bytes body = keyd_bench_as_vector(bench, bench->federation->entries[i]);
        assert_int_equal(keyd_bench_ask(bench, KEYD_DIRECTORY_ADD, body, NULL), REPLY_DONE);
    }
}

const char *keyd_bench_settings_file(struct keyd_bench *bench, const char *more) {
    const struct keyd_settings *s = &bench->settings;
    const char *path = path_of(bench, "keyd.conf");
    const char *text = arena_printf(
        bench->arena,
        "federation = \"%s\"\nkeys = \"%s\"\ncredential = \"%s\"\nstate_dir = \"%s\"\nsocket = \"%s\"\n"
        "authority = {\"%s\", \"%s\", \"%s\"}\nauthority_threshold = %d\nevaluations_a_day = %d\n%s\n",
        s->federation, s->keys, s->credential, s->state_dir, s->socket, s->authority.items[0], s->authority.items[1],
        s->authority.items[2], (int)s->authority_threshold, (int)s->evaluations_a_day, more);
    assert_non_null(text);
    OK(file_replace(path, bytes_text(text), 0600));
    return path;
}
