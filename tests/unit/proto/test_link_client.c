/*
 * Both ends of the link over a real socket: every call ends once, nothing is executed twice, and whoever misbehaves
 * loses one connection and no more. Guards P10 and P11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/service.h"
#include "proto/link_client.h"
#include "proto/link_server.h"
#include "support/scratch.h"

#define OK(call)   assert_int_equal((call), STATUS_OK)
#define WAIT_MS    20000
#define SERVER_MAX 65536
#define CLIENT_MAX 131072
#define NNG_HEAD   4 /* the request's number, which nng counts */
#define HELD_MAX   64
#define PIPELINED  2000
#define CONTEXTS   64

/* DROP_SOME: every hundredth request. */
enum answer { ANSWER_ECHO, ANSWER_HOLD, ANSWER_DROP, ANSWER_DROP_SOME, ANSWER_LARGE };

/* A server, and what it has seen. Lives as long as the program. */
struct peer {
    char path[SCRATCH_PATH_MAX];
    struct link_server *server;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t cond;
    enum answer answer;
    struct link_request *held[HELD_MAX];
    size_t n_held;
    unsigned executed;
    unsigned closed;
    uint32_t last_pipe;
    unsigned char seen[PIPELINED]; /* executions of the request with this number */
};

static struct scratch scratch;
static struct peer peers[32];
static size_t n_peers;

static void wait_on(struct peer *peer) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    assert_int_equal(pthread_cond_timedwait(&peer->cond, &peer->mutex, &until), 0);
}

static void answer_large(struct link_request *request) {
    static const uint8_t large[CLIENT_MAX - NNG_HEAD + 1] = {1};
    link_request_reply(request, BYTES_ARRAY(large));
}

static void on_request(void *arg, struct link_request *request) {
    struct peer *peer = arg;
    struct bytes body = link_request_body(request);
    (void)pthread_mutex_lock(&peer->mutex);
    enum answer answer = peer->answer;
    peer->executed++;
    if (answer == ANSWER_DROP_SOME) answer = peer->executed % 100 == 0 ? ANSWER_DROP : ANSWER_ECHO;
    peer->last_pipe = link_request_pipe(request);
    if (body.len == 4) {
        struct reader reader = reader_init(body);
        uint32_t number = reader_u32(&reader);
        if (number < PIPELINED) peer->seen[number]++;
    }
    if (answer == ANSWER_HOLD && peer->n_held < HELD_MAX) peer->held[peer->n_held++] = request;
    (void)pthread_cond_broadcast(&peer->cond);
    (void)pthread_mutex_unlock(&peer->mutex);
    if (answer == ANSWER_ECHO) link_request_reply(request, body);
    if (answer == ANSWER_DROP) link_request_drop(request);
    if (answer == ANSWER_LARGE) answer_large(request);
}

static void on_closed(void *arg, uint32_t pipe) {
    struct peer *peer = arg;
    (void)pipe;
    (void)pthread_mutex_lock(&peer->mutex);
    peer->closed++;
    (void)pthread_cond_broadcast(&peer->cond);
    (void)pthread_mutex_unlock(&peer->mutex);
}

static struct link_server_options options_of(struct peer *peer) {
    return (struct link_server_options){.path = peer->path,
                                        .mode = 0600,
                                        .contexts = HELD_MAX,
                                        .max_bytes = SERVER_MAX,
                                        .on_request = on_request,
                                        .on_closed = on_closed,
                                        .arg = peer};
}

static struct peer *new_peer(void) {
    assert_true(n_peers < sizeof peers / sizeof peers[0]);
    struct peer *peer = &peers[n_peers++];
    char name[16];
    (void)snprintf(name, sizeof name, "link%zu", n_peers);
    scratch_path(&scratch, name, peer->path);
    assert_int_equal(pthread_mutex_init(&peer->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&peer->cond, NULL), 0);
    return peer;
}

static struct peer *start_peer(void) {
    struct peer *peer = new_peer();
    struct link_server_options options = options_of(peer);
    OK(link_server_open(&options, &peer->server));
    return peer;
}

static void set_answer(struct peer *peer, enum answer answer) {
    (void)pthread_mutex_lock(&peer->mutex);
    peer->answer = answer;
    (void)pthread_mutex_unlock(&peer->mutex);
}

static unsigned executed(struct peer *peer) {
    (void)pthread_mutex_lock(&peer->mutex);
    unsigned count = peer->executed;
    (void)pthread_mutex_unlock(&peer->mutex);
    return count;
}

static void wait_held(struct peer *peer, size_t count) {
    (void)pthread_mutex_lock(&peer->mutex);
    while (peer->n_held < count) {
        wait_on(peer);
    }
    (void)pthread_mutex_unlock(&peer->mutex);
}

/* Lets go what is held: each answered with itself, or dropped. */
static void release_held(struct peer *peer, enum answer how) {
    struct link_request *held[HELD_MAX];
    (void)pthread_mutex_lock(&peer->mutex);
    size_t count = peer->n_held;
    memcpy(held, peer->held, sizeof held);
    peer->n_held = 0;
    peer->answer = ANSWER_ECHO;
    (void)pthread_mutex_unlock(&peer->mutex);
    for (size_t i = 0; i < count; i++) {
        if (how == ANSWER_DROP) link_request_drop(held[i]);
        if (how == ANSWER_ECHO) link_request_reply(held[i], link_request_body(held[i]));
    }
}

/* Clients live as long as the program too. */
static struct link_client *clients[32];
static size_t n_clients;

static struct link_client *new_client(const struct peer *peer, size_t contexts) {
    assert_true(n_clients < sizeof clients / sizeof clients[0]);
    OK(link_client_open(peer->path, contexts, CLIENT_MAX, &clients[n_clients]));
    return clients[n_clients++];
}

static enum status call(struct link_client *client, struct bytes request, uint32_t timeout_ms) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4 * CLIENT_MAX);
    struct bytes answer = BYTES("untouched", 9);
    enum status status = link_client_call(client, request, timeout_ms, arena, &answer);
    if (status == STATUS_OK && !bytes_equal(answer, request)) fail_msg("another answer");
    if (status != STATUS_OK) assert_true(bytes_equal_text(answer, "untouched"));
    return status;
}

/* Calls that were started: how often each was done, and with what. */
struct started {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t cond;
    unsigned done[PIPELINED];
    enum status status[PIPELINED];
    unsigned total;
};

struct started_call {
    struct started *started;
    uint32_t number;
};

static struct started_call started_calls[PIPELINED];

static void on_done(void *arg, enum status status, struct bytes answer) {
    const struct started_call *one = arg;
    struct started *started = one->started;
    struct reader reader = reader_init(answer);
    if (status == STATUS_OK && reader_u32(&reader) != one->number) status = STATUS_INTEGRITY;
    (void)pthread_mutex_lock(&started->mutex);
    started->done[one->number]++;
    started->status[one->number] = status;
    started->total++;
    (void)pthread_cond_broadcast(&started->cond);
    (void)pthread_mutex_unlock(&started->mutex);
}

static void wait_done(struct started *started, unsigned count) {
    (void)pthread_mutex_lock(&started->mutex);
    while (started->total < count) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += WAIT_MS / 1000;
        assert_int_equal(pthread_cond_timedwait(&started->cond, &started->mutex, &until), 0);
    }
    (void)pthread_mutex_unlock(&started->mutex);
}

static enum status start_numbered(struct link_client *client, struct started *started, uint32_t number) {
    uint8_t body[4];
    struct writer writer = writer_init(body, sizeof body);
    writer_u32(&writer, number);
    started_calls[number] = (struct started_call){started, number};
    return link_client_start(client, BYTES_ARRAY(body), WAIT_MS, on_done, &started_calls[number]);
}

static struct started *new_started(void) {
    static struct started all[4];
    static size_t used;
    assert_true(used < 4);
    struct started *started = &all[used++];
    assert_int_equal(pthread_mutex_init(&started->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&started->cond, NULL), 0);
    return started;
}

/* ---- cases ---- */

static void test_options_refused(void **state) {
    (void)state;
    struct peer *peer = new_peer();
    struct link_server_options options = options_of(peer);
    struct link_client *client = NULL;
    char longest[128];
    memset(longest, 'a', 101);
    longest[101] = '\0';
    options.contexts = 0;
    assert_int_equal(link_server_open(&options, &peer->server), STATUS_SETTINGS);
    options.contexts = 8193;
    assert_int_equal(link_server_open(&options, &peer->server), STATUS_SETTINGS);
    options = options_of(peer);
    options.path = longest;
    assert_int_equal(link_server_open(&options, &peer->server), STATUS_SETTINGS);
    assert_int_equal(link_client_open(longest, 1, CLIENT_MAX, &client), STATUS_SETTINGS);
    assert_int_equal(link_client_open(peer->path, 0, CLIENT_MAX, &client), STATUS_SETTINGS);
    assert_int_equal(link_client_open(peer->path, 1025, CLIENT_MAX, &client), STATUS_SETTINGS);
    assert_null(peer->server);
    assert_null(client);
}

/* A path in use is refused; a socket that nobody answers any more is replaced. */
static void test_path_in_use_and_stale(void **state) {
    (void)state;
    struct peer *first = start_peer();
    struct stat info;
    assert_int_equal(stat(first->path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 07777, 0600);
    struct peer *second = new_peer();
    struct link_server_options options = options_of(second);
    options.path = first->path;
    assert_int_equal(link_server_open(&options, &second->server), STATUS_IO);
    OK(call(new_client(first, 1), bytes_text("still there"), WAIT_MS));
    int fd = -1;
    struct peer *third = new_peer();
    OK(service_listen(third->path, SOCK_STREAM, 0600, 1, &fd));
    (void)close(fd);
    options = options_of(third);
    OK(link_server_open(&options, &third->server));
    OK(call(new_client(third, 1), bytes_text("fresh"), WAIT_MS));
}

static void test_nobody_there(void **state) {
    (void)state;
    struct peer *peer = new_peer();
    struct link_client *client = new_client(peer, 1);
    uint64_t start_ms = clock_boot_ms(clock_system());
    assert_int_equal(call(client, bytes_text("hello"), 100), STATUS_UNREACHABLE);
    assert_in_range(clock_boot_ms(clock_system()) - start_ms, 90, 5000);
    /* Who comes later is found, and the call that was given up is not delivered after all. */
    struct link_server_options options = options_of(peer);
    OK(link_server_open(&options, &peer->server));
    OK(call(client, bytes_text("later"), WAIT_MS));
    assert_int_equal(executed(peer), 1);
}

/* Only listed users; nobody listed means the own one. */
static void test_peer_user(void **state) {
    (void)state;
    struct peer *peer = new_peer();
    struct link_server_options options = options_of(peer);
    const uid_t other = geteuid() + 1;
    const uid_t both[] = {other, geteuid()};
    options.uids = &other;
    options.n_uids = 1;
    OK(link_server_open(&options, &peer->server));
    assert_int_equal(call(new_client(peer, 1), bytes_text("hello"), 500), STATUS_UNREACHABLE);
    assert_int_equal(executed(peer), 0);
    struct peer *open = new_peer();
    options = options_of(open);
    options.uids = both;
    options.n_uids = 2;
    OK(link_server_open(&options, &open->server));
    OK(call(new_client(open, 1), bytes_text("hello"), WAIT_MS));
}

static void test_sizes(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *client = new_client(peer, 2);
    static uint8_t large[SERVER_MAX - NNG_HEAD + 1] = {7};
    OK(call(client, BYTES_EMPTY, WAIT_MS));
    OK(call(client, BYTES(large, SERVER_MAX - NNG_HEAD), WAIT_MS));
    unsigned before = executed(peer);
    /* A request above the bound: its connection ends, nothing is executed, and the next call has a new one. */
    assert_int_equal(call(client, BYTES_ARRAY(large), WAIT_MS), STATUS_UNREACHABLE);
    assert_int_equal(executed(peer), before);
    OK(call(client, bytes_text("next"), WAIT_MS));
    /* An answer above the bound: executed once, not again and again. */
    set_answer(peer, ANSWER_LARGE);
    before = executed(peer);
    assert_int_equal(call(client, bytes_text("large"), WAIT_MS), STATUS_UNREACHABLE);
    set_answer(peer, ANSWER_ECHO);
    OK(call(client, bytes_text("next"), WAIT_MS));
    assert_int_equal(executed(peer), before + 2);
}

/* Who connects and leaves before a byte is exchanged costs nobody else anything. */
static void test_p11_peers_that_leave_at_once(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    for (unsigned i = 0; i < 200; i++) {
        int fd = -1;
        OK(service_connect(peer->path, SOCK_STREAM, &fd));
        (void)close(fd);
    }
    OK(call(new_client(peer, 1), bytes_text("hello"), WAIT_MS));
}

/* A server that leaves as soon as it is connected to, again and again, is found when it is well. */
static void test_p10_server_that_leaves_at_once(void **state) {
    (void)state;
    struct peer *peer = new_peer();
    int listener = -1;
    OK(service_listen(peer->path, SOCK_STREAM, 0600, 1, &listener));
    struct link_client *client = new_client(peer, 1);
    for (unsigned i = 0; i < 5; i++) {
        int fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        /* What was not read makes the end abrupt. */
        (void)close(fd);
    }
    (void)close(listener);
    struct link_server_options options = options_of(peer);
    OK(link_server_open(&options, &peer->server));
    OK(call(client, bytes_text("hello"), WAIT_MS));
}

static void test_timeout_and_late_answer(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *client = new_client(peer, 1);
    OK(call(client, bytes_text("warm"), WAIT_MS));
    set_answer(peer, ANSWER_HOLD);
    uint64_t start_ms = clock_boot_ms(clock_system());
    assert_int_equal(call(client, bytes_text("slow"), 200), STATUS_TIMEOUT);
    assert_in_range(clock_boot_ms(clock_system()) - start_ms, 190, 5000);
    wait_held(peer, 1);
    /* The late answer belongs to nobody: the next call gets its own. */
    release_held(peer, ANSWER_ECHO);
    OK(call(client, bytes_text("next"), WAIT_MS));
    assert_int_equal(executed(peer), 3);
}

static void test_contexts_are_bounded(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *client = new_client(peer, 3);
    struct started *started = new_started();
    set_answer(peer, ANSWER_HOLD);
    for (uint32_t i = 0; i < 3; i++) {
        OK(start_numbered(client, started, i));
    }
    assert_int_equal(start_numbered(client, started, 3), STATUS_LIMIT);
    assert_int_equal(call(client, bytes_text("no place"), WAIT_MS), STATUS_LIMIT);
    wait_held(peer, 3);
    release_held(peer, ANSWER_ECHO);
    wait_done(started, 3);
    OK(call(client, bytes_text("place"), WAIT_MS));
    assert_int_equal(started->done[3], 0);
}

/* One of several requests is dropped: their connection ends, each call ends once, none is executed again. */
static void test_dropped_request(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct peer *beside = start_peer();
    struct link_client *client = new_client(peer, 8);
    struct link_client *other = new_client(beside, 1);
    struct started *started = new_started();
    set_answer(peer, ANSWER_HOLD);
    for (uint32_t i = 0; i < 8; i++) {
        OK(start_numbered(client, started, i));
    }
    wait_held(peer, 8);
    release_held(peer, ANSWER_DROP);
    wait_done(started, 8);
    OK(call(client, bytes_text("next"), WAIT_MS));
    OK(call(other, bytes_text("beside"), WAIT_MS));
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(started->done[i], 1);
        assert_int_equal(started->status[i], STATUS_UNREACHABLE);
        assert_int_equal(peer->seen[i], 1);
    }
    assert_int_equal(executed(peer), 9);
    (void)pthread_mutex_lock(&peer->mutex);
    while (peer->closed == 0) {
        wait_on(peer);
    }
    (void)pthread_mutex_unlock(&peer->mutex);
}

/* One connection a client, told apart by the server. */
static void test_pipes(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *one = new_client(peer, 1);
    struct link_client *two = new_client(peer, 1);
    OK(call(one, bytes_text("one"), WAIT_MS));
    uint32_t first = peer->last_pipe;
    OK(call(two, bytes_text("two"), WAIT_MS));
    assert_int_not_equal(peer->last_pipe, first);
    OK(call(one, bytes_text("one"), WAIT_MS));
    assert_int_equal(peer->last_pipe, first);
}

static void test_pipelined(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *client = new_client(peer, CONTEXTS);
    struct started *started = new_started();
    for (uint32_t i = 0; i < PIPELINED; i++) {
        if (i >= CONTEXTS) wait_done(started, i - CONTEXTS + 1);
        OK(start_numbered(client, started, i));
    }
    wait_done(started, PIPELINED);
    for (uint32_t i = 0; i < PIPELINED; i++) {
        assert_int_equal(started->done[i], 1);
        assert_int_equal(started->status[i], STATUS_OK);
        assert_int_equal(peer->seen[i], 1);
    }
}

/* Connections are lost under load, again and again: every call ends once, and nothing was executed twice. */
static void test_p10_lost_under_load(void **state) {
    (void)state;
    struct peer *peer = start_peer();
    struct link_client *client = new_client(peer, CONTEXTS);
    struct started *started = new_started();
    unsigned lost = 0;
    set_answer(peer, ANSWER_DROP_SOME);
    for (uint32_t i = 0; i < PIPELINED; i++) {
        if (i >= CONTEXTS) wait_done(started, i - CONTEXTS + 1);
        OK(start_numbered(client, started, i));
    }
    wait_done(started, PIPELINED);
    for (uint32_t i = 0; i < PIPELINED; i++) {
        assert_int_equal(started->done[i], 1);
        if (started->status[i] == STATUS_OK) assert_int_equal(peer->seen[i], 1);
        if (started->status[i] != STATUS_OK) assert_int_equal(started->status[i], STATUS_UNREACHABLE);
        assert_true(peer->seen[i] <= 1);
        lost += started->status[i] == STATUS_UNREACHABLE;
    }
    set_answer(peer, ANSWER_ECHO);
    OK(call(client, bytes_text("and on"), WAIT_MS));
    assert_in_range(lost, 10, PIPELINED - 100);
}

static int setup(void **state) {
    (void)state;
    scratch_init(&scratch);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_clear(&scratch);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_path_in_use_and_stale),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_peer_user),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_p11_peers_that_leave_at_once),
        cmocka_unit_test(test_p10_server_that_leaves_at_once),
        cmocka_unit_test(test_timeout_and_late_answer),
        cmocka_unit_test(test_contexts_are_bounded),
        cmocka_unit_test(test_dropped_request),
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_p10_lost_under_load),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
