#include "support/core/core_harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "broker/core/core_start.h"
#include "broker/core/face.h"
#include "broker/core/face_gate.h"
#include "broker/core/face_local.h"
#include "broker/core/store.h"
#include "broker/core/worker.h"
#include "keys/public.h"
#include "proto/derive.h"
#include "proto/leaf.h"
#include "proto/tlog_proof.h"

#define OK(call)          assert_int_equal((call), STATUS_OK)
#define HARNESS_ARENA     ((size_t)64 << 20)
#define HARNESS_WAIT_S    20
#define HARNESS_DISK_MIB  1
#define HARNESS_PAUSE_NS  2000000
#define HARNESS_MAP_MIB   1024
#define HARNESS_KEYD_MS   300
#define HARNESS_KEK_BYTES 32
#define HARNESS_AUTHORITY 3

/* ---- up and down ---- */

static const char *in_scratch(struct core_harness *harness, const char *name) {
    const char *path = arena_printf(harness->arena, "%s/%s", harness->scratch.path, name);
    assert_non_null(path);
    return path;
}

static void fill_settings(struct core_harness *harness) {
    const char **authority = ARENA_ARRAY(harness->arena, const char *, HARNESS_AUTHORITY);
    assert_non_null(authority);
    for (size_t i = 0; i < HARNESS_AUTHORITY; i++)
        authority[i] = public_sign_text(harness->arena, &harness->federation->authority_keys[i]);
    harness->settings = (struct core_settings){
        .federation = FEDERATION_NAME,
        .store_dir = in_scratch(harness, "store"),
        .shred_file = in_scratch(harness, "shred"),
        .credential = in_scratch(harness, "core.credential"),
        .keyd_socket = in_scratch(harness, "keyd.sock"),
        .authority = {.items = authority, .count = HARNESS_AUTHORITY},
        .authority_threshold = 2,
        .map_mib = HARNESS_MAP_MIB,
        .disk_reserve_mib = HARNESS_DISK_MIB,
        .gate_contexts = 1024,
        .portal_contexts = 64,
        .pipes_per_member = 16,
        .calls_per_pipe = 64,
        .calls_per_member = 128,
        .parked_per_member = 8,
        .keyd_deadline_ms = HARNESS_KEYD_MS,
        .clock_step_ms = 10000,
        .clock_start_s = 3600,
        .log_level = "info",
    };
}

void core_harness_init(struct core_harness *harness, enum harness_engine engine) {
    OK(secret_setup());
    *harness = (struct core_harness){.engine = engine, .clock = clock_manual(clock_now_ms(clock_system()))};
    scratch_init(&harness->scratch);
    harness->arena = arena_new(HARNESS_ARENA);
    assert_non_null(harness->arena);
    harness->federation = federation_new();
    harness->keyd = keyd_thread_start(harness->federation, &harness->clock, harness->scratch.path);
    fill_settings(harness);
    struct secret *kek CLEANUP(secret_free_cleanup) = secret_random(HARNESS_KEK_BYTES);
    OK(file_create(harness->settings.credential, secret_bytes(kek), 0600));
    harness->core.settings = &harness->settings;
    harness->core.federation = FEDERATION_NAME;
    harness->core.clock = &harness->clock;
    harness->core.stop_fd = -1;
    if (engine == HARNESS_MEMORY) OK(store_open_memory(FEDERATION_NAME, &harness->core.store));
}

static enum status open_and_start(struct core_harness *harness) {
    TRY(core_open(&harness->core));
    TRY(core_check(&harness->core, harness->arena));
    return core_start(&harness->core);
}

void core_harness_start(struct core_harness *harness) { OK(open_and_start(harness)); }

void core_harness_down(struct core_harness *harness) {
    core_halt(&harness->core);
    core_close(&harness->core, harness->engine == HARNESS_MEMORY ? CORE_KEEP_STORE : CORE_CLOSE_STORE);
}

enum status core_harness_up(struct core_harness *harness) { return open_and_start(harness); }

enum status core_harness_restart(struct core_harness *harness) {
    core_harness_down(harness);
    TRY(core_harness_up(harness));
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new((size_t)1 << 20);
    (void)core_harness_operator(harness, OPERATOR_GO_ON, BYTES_EMPTY, 0, 0, arena);
    return STATUS_OK;
}

void core_harness_admit_all(struct core_harness *harness) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(HARNESS_ARENA);
    for (size_t i = 0; i < harness->federation->n_entries; i++) {
        struct operator_reply reply =
            core_harness_operator(harness, OPERATOR_DIRECTORY_ADD, harness->federation->entries[i], 0, 0, arena);
        assert_int_equal(reply.code, REPLY_DONE);
    }
}

void core_harness_begin(struct core_harness *harness, enum harness_engine engine) {
    core_harness_init(harness, engine);
    core_harness_start(harness);
    core_harness_admit_all(harness);
}

void core_harness_end(struct core_harness *harness) {
    core_halt(&harness->core);
    core_close(&harness->core, CORE_CLOSE_STORE);
    keyd_thread_stop(harness->keyd);
    federation_free(harness->federation);
    arena_free(harness->arena);
    scratch_clear(&harness->scratch);
    *harness = (struct core_harness){.engine = HARNESS_MEMORY};
}

void core_harness_admit(struct core_harness *harness, enum directory_type type, struct bytes object) {
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(HARNESS_ARENA);
    struct bytes entry = federation_admit(harness->federation, type, object);
    struct operator_reply reply = core_harness_operator(harness, OPERATOR_DIRECTORY_ADD, entry, 0, 0, arena);
    assert_int_equal(reply.code, REPLY_DONE);
}

/* ---- asking ---- */

typedef enum status bring_fn(struct harness_call *at, struct call *call);
typedef struct bytes carry_fn(struct call *call);

struct harness_call {
    struct completion base;
    struct arena *arena; /* of request and answer */
    const char *member;
    struct bytes request;
    bring_fn *bring;
    carry_fn *carry;
    const struct handler *row;
    void *arg;
    pthread_mutex_t mutex; /* guards the three below */
    pthread_cond_t changed;
    bool done;
    bool dropped;
    struct bytes answer;
};

static void complete(struct harness_call *at, struct bytes answer, bool dropped) {
    if (pthread_mutex_lock(&at->mutex) != 0) abort();
    at->done = true;
    at->dropped = dropped || arena_copy(at->arena, answer, &at->answer) != STATUS_OK;
    (void)pthread_cond_broadcast(&at->changed);
    if (pthread_mutex_unlock(&at->mutex) != 0) abort();
}

static enum status harness_decode(struct call *call) {
    struct harness_call *at = (struct harness_call *)call->completion;
    return at->bring(at, call);
}

static void harness_send(struct call *call) {
    struct harness_call *at = (struct harness_call *)call->completion;
    complete(at, at->carry(call), false);
}

static void harness_drop(struct call *call) { complete((struct harness_call *)call->completion, BYTES_EMPTY, true); }

static const struct face_ops harness_ops = {.decode = harness_decode, .send = harness_send, .drop = harness_drop};

static enum status bring_gate(struct harness_call *at, struct call *call) {
    return face_gate_open_envelope(call, at->member, at->request);
}

static enum status bring_portal(struct harness_call *at, struct call *call) {
    return face_portal_parse(call, at->request);
}

static enum status bring_operator(struct harness_call *at, struct call *call) {
    return face_operator_parse(call, at->request);
}

static enum status bring_row(struct harness_call *at, struct call *call) {
    call->handler = at->row;
    call->body = at->arg;
    return STATUS_OK;
}

static struct harness_call *new_call(const struct harness_call *form) {
    struct harness_call *at = calloc(1, sizeof *at);
    assert_non_null(at);
    *at = *form;
    at->base.ops = &harness_ops;
    at->arena = arena_new(HARNESS_ARENA);
    assert_non_null(at->arena);
    OK(arena_copy(at->arena, form->request, &at->request));
    assert_int_equal(pthread_mutex_init(&at->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&at->changed, NULL), 0);
    return at;
}

static struct harness_call *push(struct core_harness *harness, enum face face, struct harness_call *at) {
    struct call *call = call_new(&harness->core, face, &at->base);
    assert_non_null(call);
    call->pipe = ++harness->next_pipe;
    workers_push(harness->core.workers, call);
    return at;
}

static struct harness_call *begin(struct core_harness *harness, enum face face, const char *member,
                                  struct bytes request) {
    static const struct {
        bring_fn *bring;
        carry_fn *carry;
    } faces[] = {[FACE_GATE] = {bring_gate, face_gate_encode_reply},
                 [FACE_PORTAL] = {bring_portal, face_portal_encode_reply},
                 [FACE_OPERATOR] = {bring_operator, face_operator_encode_reply}};
    const struct harness_call form = {
        .member = member, .request = request, .bring = faces[face].bring, .carry = faces[face].carry};
    return push(harness, face, new_call(&form));
}

struct harness_call *core_harness_run(struct core_harness *harness, const struct handler *row, void *arg) {
    const struct harness_call form = {.row = row, .arg = arg, .bring = bring_row, .carry = face_operator_encode_reply};
    return push(harness, FACE_OPERATOR, new_call(&form));
}

static void finish(struct harness_call *at) {
    (void)pthread_cond_destroy(&at->changed);
    (void)pthread_mutex_destroy(&at->mutex);
    arena_free(at->arena);
    free(at);
}

/* False: dropped. Fails the test after 20 s. */
static bool wait_for(struct harness_call *at, struct arena *arena, struct bytes *out_answer) {
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += HARNESS_WAIT_S;
    assert_int_equal(pthread_mutex_lock(&at->mutex), 0);
    int waited = 0;
    while (!at->done && waited == 0)
        waited = pthread_cond_timedwait(&at->changed, &at->mutex, &until);
    bool done = at->done, dropped = at->dropped;
    assert_int_equal(pthread_mutex_unlock(&at->mutex), 0);
    assert_true(done);
    if (!dropped) OK(arena_copy(arena, at->answer, out_answer));
    finish(at);
    return !dropped;
}

bool core_harness_answered(struct harness_call *at) {
    assert_int_equal(pthread_mutex_lock(&at->mutex), 0);
    bool done = at->done;
    assert_int_equal(pthread_mutex_unlock(&at->mutex), 0);
    return done;
}

struct harness_call *core_harness_send(struct core_harness *harness, enum federation_member member,
                                       struct bytes envelope) {
    return begin(harness, FACE_GATE, harness->federation->members[member].id, envelope);
}

bool core_harness_wait(struct harness_call *call, struct arena *arena, struct reply *out_reply) {
    struct bytes answer;
    if (!wait_for(call, arena, &answer)) return false;
    OK(reply_parse(arena, answer, out_reply));
    return true;
}

struct bytes core_harness_envelope(struct core_harness *harness, enum federation_unit unit, enum message_type type,
                                   struct bytes body, struct arena *arena) {
    return federation_envelope(harness->federation, unit, type, body, clock_now_ms(&harness->clock), arena);
}

struct reply core_harness_ask(struct core_harness *harness, enum federation_unit unit, enum message_type type,
                              struct bytes body, struct arena *arena) {
    struct bytes envelope = core_harness_envelope(harness, unit, type, body, arena);
    struct reply reply;
    enum federation_member member = harness->federation->units[unit].member;
    assert_true(core_harness_wait(core_harness_send(harness, member, envelope), arena, &reply));
    return reply;
}

struct operator_reply core_harness_result(struct harness_call *call, struct arena *arena) {
    struct bytes answer;
    struct operator_reply reply;
    assert_true(wait_for(call, arena, &answer));
    OK(internal_operator_reply_parse(arena, answer, &reply));
    return reply;
}

struct portal_reply core_harness_portal(struct core_harness *harness, const struct portal_ask *ask,
                                        struct arena *arena) {
    struct bytes request, answer;
    struct portal_reply reply;
    OK(internal_portal_ask_encode(arena, ask, &request));
    assert_true(wait_for(begin(harness, FACE_PORTAL, NULL, request), arena, &answer));
    OK(internal_portal_reply_parse(arena, answer, &reply));
    return reply;
}

struct operator_reply core_harness_operator(struct core_harness *harness, enum operator_verb verb, struct bytes body,
                                            uint64_t a, uint64_t b, struct arena *arena) {
    const struct operator_ask ask = {.verb = verb, .body = body, .a = a, .b = b};
    struct bytes request, answer;
    struct operator_reply reply;
    OK(internal_operator_ask_encode(arena, &ask, &request));
    assert_true(wait_for(begin(harness, FACE_OPERATOR, NULL, request), arena, &answer));
    OK(internal_operator_reply_parse(arena, answer, &reply));
    return reply;
}

void core_harness_advance(struct core_harness *harness, uint64_t by_ms) {
    clock_advance(&harness->clock, by_ms);
    core_tick(&harness->core);
}

void core_harness_until(struct core_harness *harness, bool (*condition)(void *arg), void *arg) {
    const struct timespec pause = {.tv_nsec = HARNESS_PAUSE_NS};
    time_t end = time(NULL) + HARNESS_WAIT_S;
    while (!condition(arg)) {
        assert_true(time(NULL) < end);
        core_tick(&harness->core);
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- checking ---- */

struct harness_receipt core_harness_receipt(struct core_harness *harness, struct bytes receipt, struct arena *arena) {
    struct note_key key;
    struct note_result result;
    struct tlog_proof proof;
    struct receipt_extra extra;
    struct checkpoint checkpoint;
    struct harness_receipt checked;
    OK(note_key_parse(bytes_text(harness->federation->log_vkey), &key));
    OK(tlog_proof_parse(arena, receipt, &proof));
    OK(leaf_receipt_extra_parse(arena, proof.extra, &extra));
    struct hash leaf_hash = merkle_leaf_hash(extra.leaf);
    OK(tlog_proof_verify(arena, &proof, &leaf_hash, &key, 1, &checkpoint, &result));
    OK(leaf_parse(arena, extra.leaf, &checked.leaf));
    OK(leaf_opening_parse(arena, extra.opening, &checked.opening));
    struct hash commitment = derive_leaf_commitment(FEDERATION_NAME, &extra.nonce, extra.opening);
    assert_true(hash_equal(&commitment, &checked.leaf.commitment));
    assert_int_equal(checked.leaf.type, checked.opening.type);
    assert_int_equal(checked.leaf.time_ms, checked.opening.now_ms);
    checked.index = proof.index;
    checked.size = checkpoint.size;
    return checked;
}
