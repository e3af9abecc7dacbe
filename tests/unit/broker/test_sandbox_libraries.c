/*
 * The sandbox of base/sandbox.h around what a role really uses: LMDB and nng work on inside Landlock and the filter.
 * Each case runs in a child of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/secret.h"
#include "broker/core/store.h"
#include "proto/link_client.h"
#include "proto/link_server.h"
#include "support/scratch.h"

enum { ROWS = 300 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) return __LINE__ % 200 + 10;                                                                  \
    } while (0)

/* How a child ended that ran fn: its exit status, or 1000 + the signal. */
static int in_child(int (*fn)(const struct scratch *scratch)) {
    struct scratch scratch;
    scratch_init(&scratch);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(fn(&scratch));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    scratch_clear(&scratch);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static enum status drop(const struct scratch *scratch) {
    struct sandbox_path path = {scratch->path, true};
    return sandbox_drop(&path, 1);
}

static enum status put_row(struct store_txn *txn, void *arg) {
    char value[3000] = {0};
    return store_put(txn, STORE_LEAF, BYTES(arg, sizeof(uint32_t)), BYTES_ARRAY(value));
}

static enum status delete_row(struct store_txn *txn, void *arg) {
    return store_delete(txn, STORE_LEAF, BYTES(arg, sizeof(uint32_t)));
}

static enum status find_row(struct store_txn *txn, void *arg) {
    bool present = false;
    TRY(store_has(txn, STORE_LEAF, BYTES(arg, sizeof(uint32_t)), &present));
    return present ? STATUS_OK : STATUS_NOT_FOUND;
}

static int copy_store(const struct scratch *scratch, struct store *store) {
    char path[SCRATCH_PATH_MAX];
    struct store_space space;
    scratch_path(scratch, "copy", path);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && store_copy(store, fd) == STATUS_OK && close(fd) == 0);
    CHECK(store_space(store, &space) == STATUS_OK);
    return 0;
}

static int use_store(const struct scratch *scratch) {
    char path[SCRATCH_PATH_MAX];
    struct store *store = NULL;
    scratch_path(scratch, "store", path);
    CHECK(drop(scratch) == STATUS_OK);
    CHECK(store_open(path, "test", 1 << 26, &store) == STATUS_OK);
    CHECK(sandbox_filter(SANDBOX_LOCAL) == STATUS_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        CHECK(store_write(store, put_row, &i) == STATUS_OK);
    }
    for (uint32_t i = 0; i < ROWS; i += 2) {
        CHECK(store_write(store, delete_row, &i) == STATUS_OK);
    }
    uint32_t odd = 1;
    uint32_t even = 2;
    CHECK(store_read(store, find_row, &odd) == STATUS_OK);
    CHECK(store_read(store, find_row, &even) == STATUS_NOT_FOUND);
    int copied = copy_store(scratch, store);
    store_close(store);
    return copied;
}

static void echo(void *arg, struct link_request *request) {
    (void)arg;
    link_request_reply(request, link_request_body(request));
}

static int use_link(const struct scratch *scratch) {
    char path[SCRATCH_PATH_MAX];
    struct link_server *server = NULL;
    struct link_client *client = NULL;
    scratch_path(scratch, "link", path);
    struct link_server_options options = {
        .path = path, .mode = 0600, .contexts = 4, .max_bytes = 1 << 20, .on_request = echo};
    CHECK(drop(scratch) == STATUS_OK);
    CHECK(link_server_open(&options, &server) == STATUS_OK);
    CHECK(sandbox_filter(SANDBOX_LOCAL) == STATUS_OK);
    CHECK(link_client_open(path, 2, 1 << 20, &client) == STATUS_OK);
    static uint8_t request[500000];
    struct arena *arena = arena_new(1 << 22);
    for (int i = 0; i < 4; i++) {
        struct bytes answer;
        CHECK(link_client_call(client, BYTES_ARRAY(request), 10000, arena, &answer) == STATUS_OK);
        CHECK(answer.len == sizeof request);
    }
    arena_free(arena);
    return 0;
}

static void store_works_inside(void **state) {
    (void)state;
    assert_int_equal(in_child(use_store), 0);
}

static void link_works_inside(void **state) {
    (void)state;
    assert_int_equal(in_child(use_link), 0);
}

static int set_up(void **state) {
    (void)state;
    return secret_setup() == STATUS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(store_works_inside), cmocka_unit_test(link_works_inside)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
