/*
 * The parts of the auditor by themselves: slot keys, federation.json, tables, the pool, consistency. Failures first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/text.h"
#include "broker/audit/consistency.h"
#include "broker/audit/pool.h"
#include "broker/audit/slot_keys.h"
#include "broker/audit/table.h"
#include "support/log_plot.h"
#include "support/scratch.h"

static void write_at(const char *path, struct bytes content, mode_t mode) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* ---- slot keys ---- */

/* A SlotKey element: the slot's number as one byte, 32 equal bytes as key. */
static size_t put_key(uint8_t *out, uint8_t slot) {
    size_t len = 0;
    out[len++] = 0x0a;
    out[len++] = slot ? 36 : 34;
    if (slot) {
        out[len++] = 0x08;
        out[len++] = slot;
    }
    out[len++] = 0x12;
    out[len++] = 32;
    memset(out + len, 0x40 + slot, 32);
    return len + 32;
}

static void test_slot_keys_refused(void **state) {
    (void)state;
    uint8_t one[64];
    size_t len = put_key(one, 3);
    uint8_t twice[128];
    memcpy(twice, one, len);
    memcpy(twice + len, one, len);
    const struct {
        const char *name;
        struct bytes encoded;
        enum status status;
    } cases[] = {
        {"cut", BYTES(one, len - 1), STATUS_MALFORMED},
        {"more behind", BYTES(twice, len + 1), STATUS_MALFORMED},
        {"a slot twice", BYTES(twice, 2 * len), STATUS_CONFLICT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slot_keys_ring *ring CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
        enum status status = slot_keys_add(ring, cases[i].encoded);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].name, status_name(status));
    }
}

static void test_slot_key_files(void **state) {
    (void)state;
    struct scratch scratch;
    char path[SCRATCH_PATH_MAX];
    uint8_t *content = malloc(100 * 64);
    size_t len = 0;
    assert_non_null(content);
    for (uint8_t slot = 0; slot < 100; slot++) {
        len += put_key(content + len, slot);
    }
    scratch_init(&scratch);
    scratch_path(&scratch, "keys", path);
    struct slot_keys_ring *ring CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    assert_int_equal(slot_keys_read(ring, path), STATUS_NOT_FOUND);
    write_at(path, BYTES(content, len), 0640);
    assert_int_equal(slot_keys_read(ring, path), STATUS_PERMISSION);
    write_at(path, BYTES(content, len - 5), 0600);
    assert_int_equal(slot_keys_read(ring, path), STATUS_MALFORMED);
    struct slot_keys_ring *whole CLEANUP(slot_keys_free_cleanup) = slot_keys_new();
    write_at(path, BYTES(content, len), 0600);
    assert_int_equal(slot_keys_read(whole, path), STATUS_OK);
    for (uint8_t slot = 0; slot < 100; slot++) {
        const struct secret *key = slot_keys_get(whole, slot);
        assert_non_null(key);
        assert_int_equal(secret_bytes(key).data[31], 0x40 + slot);
    }
    assert_null(slot_keys_get(whole, 100));
    scratch_clear(&scratch);
    free(content);
}

/* ---- federation.json ---- */

static void test_federation_refused(void **state) {
    (void)state;
    struct federation *f = federation_new();
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    const char *key = text_base64url(arena, BYTES_ARRAY(f->authority_keys[0].b));
    const struct {
        const char *name;
        const char *text;
    } cases[] = {
        {"empty", ""},
        {"a list", "[]"},
        {"nothing in it", "{}"},
        {"no keys",
         arena_printf(arena, "{\"federation\":\"%s\",\"epoch\":1,\"log_vkey\":\"%s\",\"authority\":[],\"threshold\":1}",
                      FEDERATION_NAME, f->log_vkey)},
        {"a threshold above the keys",
         arena_printf(arena,
                      "{\"federation\":\"%s\",\"epoch\":1,\"log_vkey\":\"%s\",\"authority\":[\"%s\"],\"threshold\":2}",
                      FEDERATION_NAME, f->log_vkey, key)},
        {"a log of another epoch",
         arena_printf(arena,
                      "{\"federation\":\"%s\",\"epoch\":2,\"log_vkey\":\"%s\",\"authority\":[\"%s\"],\"threshold\":1}",
                      FEDERATION_NAME, f->log_vkey, key)},
        {"a key that is none",
         arena_printf(arena,
                      "{\"federation\":\"%s\",\"epoch\":1,\"log_vkey\":\"%s\",\"authority\":[\"x\"],"
                      "\"threshold\":1}",
                      FEDERATION_NAME, f->log_vkey)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mirror_federation federation;
        enum status status = mirror_federation_parse(arena, bytes_text(cases[i].text), &federation);
        if (status != STATUS_MALFORMED) fail_msg("%s: %s", cases[i].name, status_name(status));
    }
    struct mirror_federation federation;
    const char *good = arena_printf(
        arena, "{\"federation\":\"%s\",\"epoch\":1,\"log_vkey\":\"%s\",\"authority\":[\"%s\"],\"threshold\":1}",
        FEDERATION_NAME, f->log_vkey, key);
    assert_int_equal(mirror_federation_parse(arena, bytes_text(good), &federation), STATUS_OK);
    assert_memory_equal(federation.authority[0].b, f->authority_keys[0].b, 32);
    federation_free(f);
}

/* ---- tables ---- */

struct number_row {
    uint64_t key;
    uint64_t square;
};

static void test_table_finds_what_it_holds(void **state) {
    (void)state;
    struct table table;
    table_init(&table, sizeof(uint64_t), sizeof(struct number_row));
    struct number_row *first = NULL;
    for (uint64_t i = 0; i < 5000; i++) {
        struct number_row *row = table_require(&table, &i);
        assert_non_null(row);
        assert_int_equal(row->square, 0);
        row->square = i * i;
        if (i == 0) first = row;
    }
    for (uint64_t i = 0; i < 5000; i++) {
        struct number_row *row = table_find(&table, &i);
        assert_non_null(row);
        assert_int_equal(row->square, i * i);
    }
    uint64_t absent = 5000;
    uint64_t zero = 0;
    assert_null(table_find(&table, &absent));
    assert_ptr_equal(table_require(&table, &zero), first);
    assert_int_equal(table.count, 5000);
    table_clear(&table);
}

/* ---- pool ---- */

struct tally {
    atomic_uint run[1000];
};

static void count_piece(void *arg, size_t piece) {
    struct tally *tally = arg;
    atomic_fetch_add(&tally->run[piece], 1);
}

static void test_pool_runs_each_piece_once(void **state) {
    (void)state;
    static struct tally tallies[8];
    struct pool_job jobs[8];
    struct pool *pool CLEANUP(pool_free_cleanup) = pool_new();
    assert_non_null(pool);
    for (size_t i = 0; i < 8; i++) {
        jobs[i] = (struct pool_job){.run = count_piece, .arg = &tallies[i], .pieces = i == 3 ? 0 : 1000};
        pool_submit(pool, &jobs[i]);
    }
    for (size_t i = 8; i > 0; i--) {
        pool_finish(pool, &jobs[i - 1]);
    }
    for (size_t i = 0; i < 8; i++) {
        for (size_t piece = 0; piece < 1000; piece++) {
            assert_int_equal(atomic_load(&tallies[i].run[piece]), i == 3 ? 0 : 1);
        }
    }
}

/* ---- consistency ---- */

struct logs {
    struct scratch older;
    struct scratch newer;
    struct log_plot plot;
};

static void grow(struct log_plot *plot, unsigned leaves) {
    for (unsigned i = 0; i < leaves; i++) {
        (void)log_plot_release(plot, RULE_PASS);
    }
}

static uint64_t divergences(const char *older, const char *newer, const char **out_text) {
    static char text[4096];
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(1 << 20);
    const struct mirror mirror = {.dir = newer};
    struct mirror_federation federation;
    struct report report;
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    assert_int_equal(mirror_federation_read(&mirror, arena, &federation), STATUS_OK);
    report_begin(&report, "consistency", REPORT_TEXT, out, NULL);
    assert_int_equal(consistency_run(older, newer, &federation, &report), STATUS_OK);
    (void)report_end(&report);
    assert_int_equal(fclose(out), 0);
    *out_text = text;
    return report.divergences;
}

static void logs_init(struct logs *logs) {
    scratch_init(&logs->older);
    scratch_init(&logs->newer);
    log_plot_begin(&logs->plot);
    grow(&logs->plot, 300);
    log_world_write(logs->plot.world, logs->older.path);
    grow(&logs->plot, 400);
}

static void logs_clear(struct logs *logs) {
    log_plot_end(&logs->plot);
    scratch_clear(&logs->older);
    scratch_clear(&logs->newer);
}

static void test_a_log_that_grew_is_consistent(void **state) {
    (void)state;
    struct logs logs;
    char checkpoint[SCRATCH_PATH_MAX];
    const char *text = NULL;
    logs_init(&logs);
    log_world_write(logs.plot.world, logs.newer.path);
    assert_int_equal(divergences(logs.older.path, logs.newer.path, &text), 0);
    scratch_path(&logs.older, "checkpoint", checkpoint);
    assert_int_equal(divergences(checkpoint, logs.newer.path, &text), 0);
    assert_int_equal(divergences(logs.newer.path, logs.newer.path, &text), 0);
    assert_int_equal(divergences(logs.newer.path, logs.older.path, &text), 1);
    assert_non_null(strstr(text, "consistency"));
    logs_clear(&logs);
}

/* P7: the log's own key has signed both, and one of them leaves a leaf out. */
static void test_a_log_rewritten_is_named(void **state) {
    (void)state;
    struct logs logs;
    const char *text = NULL;
    logs_init(&logs);
    struct log_world *world = logs.plot.world;
    memmove((void *)&world->leaves[200], (void *)&world->leaves[201],
            (world->n_leaves - 201) * sizeof(struct log_world_leaf *));
    world->n_leaves--;
    log_world_write(world, logs.newer.path);
    assert_int_equal(divergences(logs.older.path, logs.newer.path, &text), 1);
    assert_non_null(strstr(text, "log: consistency: "));
    logs_clear(&logs);
}

static void test_a_checkpoint_by_another_key_is_named(void **state) {
    (void)state;
    struct logs logs;
    struct log_plot other;
    const char *text = NULL;
    logs_init(&logs);
    log_plot_begin(&other);
    log_world_write(other.world, logs.newer.path);
    assert_int_equal(divergences(logs.older.path, logs.newer.path, &text), 1);
    assert_non_null(strstr(text, "log: checkpoint: "));
    log_plot_end(&other);
    logs_clear(&logs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot_keys_refused),         cmocka_unit_test(test_slot_key_files),
        cmocka_unit_test(test_federation_refused),        cmocka_unit_test(test_table_finds_what_it_holds),
        cmocka_unit_test(test_pool_runs_each_piece_once), cmocka_unit_test(test_a_log_that_grew_is_consistent),
        cmocka_unit_test(test_a_log_rewritten_is_named),  cmocka_unit_test(test_a_checkpoint_by_another_key_is_named),
    };
    if (secret_setup() != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
