/* The log, the transport, and what can go wrong on the way. */
#include "support/agency/small_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/secret.h"
#include "proto/checkpoint.h"
#include "proto/derive.h"
#include "proto/multi_signed.h"
#include "proto/signed.h"
#include "proto/tlog_proof.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

#define ARENA_BYTES ((size_t)256 << 20)
#define START_MS    1795312800000ULL

/* Wall time stands still and is moved by tests; deadlines run. */
static uint64_t manual_now(const struct clock *clock) { return clock->manual_now_ms; }

static uint64_t real_boot(const struct clock *clock) {
    (void)clock;
    return clock_boot_ms(clock_system());
}

struct bytes small_core_note(struct small_core *core) {
    struct bytes note;
    const struct checkpoint checkpoint = {.origin = bytes_text(core->federation->origin),
                                          .size = tree_store_size(core->tree),
                                          .root = tree_store_root(core->tree)};
    OK(checkpoint_sign(core->arena, &checkpoint, core->federation->log_key, &note));
    return note;
}

uint64_t small_core_append(struct small_core *core, enum leaf_type type, struct id16 event, struct opening *opening) {
    uint64_t index = tree_store_size(core->tree);
    assert_true(index < SMALL_CORE_MAX);
    struct small_leaf *kept = &core->leaves[index];
    opening->version = 1;
    opening->type = type;
    opening->now_ms = core->clock.manual_now_ms;
    opening->directory_sequence = core->n_entry_leaves;
    if (core->lie && core->lie_type == type) core->lie(opening);
    OK(leaf_opening_encode(core->arena, opening, &kept->opening));
    secret_random_public(kept->nonce.b, sizeof kept->nonce.b);
    const struct leaf leaf = {.version = 1,
                              .type = type,
                              .event = event,
                              .time_ms = opening->now_ms,
                              .commitment = derive_leaf_commitment(FEDERATION_NAME, &kept->nonce, kept->opening)};
    OK(leaf_encode(core->arena, &leaf, &kept->leaf));
    OK(tree_store_append(core->tree, kept->leaf));
    kept->event = event;
    return index;
}

struct bytes small_core_receipt(struct small_core *core, uint64_t index) {
    const struct small_leaf *kept = &core->leaves[index];
    const struct receipt_extra extra = {.leaf = kept->leaf, .nonce = kept->nonce, .opening = kept->opening};
    struct tlog_proof proof = {.index = index, .checkpoint = small_core_note(core)};
    struct bytes text;
    OK(leaf_receipt_extra_encode(core->arena, &extra, &proof.extra));
    OK(merkle_prove_inclusion(tree_store_read, core->tree, index, tree_store_size(core->tree), &proof.proof));
    OK(tlog_proof_format(core->arena, &proof, &text));
    return text;
}

struct merkle_proof small_core_consistency(struct small_core *core, uint64_t from) {
    struct merkle_proof proof;
    OK(merkle_prove_consistency(tree_store_read, core->tree, from, tree_store_size(core->tree), &proof));
    return proof;
}

void small_core_cosign(struct small_core *core, unsigned members) {
    struct note note;
    struct note_key key;
    struct bytes lines[FEDERATION_MEMBERS];
    size_t n_lines = 0;
    struct bytes plain = small_core_note(core);
    OK(note_parse(core->arena, plain, &note));
    for (unsigned i = 0; i < FEDERATION_MEMBERS; i++) {
        if (!(members & (1u << i))) continue;
        const struct federation_member_keys *member = &core->federation->members[i];
        OK(note_key_parse(bytes_text(member->witness_vkey), &key));
        OK(note_cosign(core->arena, key.name, member->witness, core->clock.manual_now_ms / 1000, note.text,
                       &lines[n_lines++]));
    }
    OK(note_append(core->arena, plain, lines, n_lines, &core->cosigned));
    core->cosigned_size = tree_store_size(core->tree);
}

static enum leaf_type leaf_of(enum directory_type type) { return (enum leaf_type)type; }

void small_core_admit_new(struct small_core *core) {
    while (core->n_entry_leaves < core->federation->n_entries) {
        struct bytes whole = core->federation->entries[core->n_entry_leaves];
        struct multi_signed object;
        struct directory_entry entry;
        struct hash cause = hash_sha256(whole);
        OK(multi_signed_parse(core->arena, whole, &object));
        OK(record_entry_parse(core->arena, FEDERATION_NAME, object.body, &entry));
        struct id16 event = ids_random();
        struct opening opening = {
            .actor = "authority", .cause = BYTES(cause.b, sizeof cause.b), .number = entry.sequence};
        uint64_t index = small_core_append(core, leaf_of(entry.type), event, &opening);
        core->entry_leaves[core->n_entry_leaves++] = index;
    }
}

struct small_core *small_core_new(void) {
    struct small_core *core = calloc(1, sizeof *core);
    assert_non_null(core);
    core->federation = federation_new();
    core->arena = arena_new(ARENA_BYTES);
    core->tree = tree_store_new();
    assert_non_null(core->arena);
    assert_non_null(core->tree);
    core->clock = (struct clock){.now_ms = manual_now, .boot_ms = real_boot, .manual_now_ms = START_MS};
    assert_int_equal(pthread_mutex_init(&core->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&core->changed, NULL), 0);
    small_core_admit_new(core);
    return core;
}

void small_core_settle(struct small_core *core) {
    (void)pthread_mutex_lock(&core->mutex);
    while (core->parked > 0) {
        (void)pthread_cond_wait(&core->changed, &core->mutex);
    }
    (void)pthread_mutex_unlock(&core->mutex);
}

void small_core_free(struct small_core *core) {
    if (!core) return;
    for (size_t i = 0; i < core->n_devices; i++) {
        sign_free(core->devices[i].sign);
        seal_free(core->devices[i].read);
    }
    tree_store_free(core->tree);
    federation_free(core->federation);
    arena_free(core->arena);
    (void)pthread_cond_destroy(&core->changed);
    (void)pthread_mutex_destroy(&core->mutex);
    free(core);
}

/* ---- the transport ---- */

static enum status find_key(void *arg, const struct hash *key_id, struct envelope_key *out_key) {
    struct small_core *core = arg;
    return directory_find_key(core->federation->directory, key_id, &out_key->key, &out_key->member);
}

static struct bytes answer_locked(struct small_core *core, const char *member, struct bytes request) {
    struct envelope_opened opened;
    struct reply reply = {.text = ""};
    struct bytes encoded;
    struct bytes whole;
    OK(arena_copy(core->arena, request, &whole));
    struct hash cause = hash_sha256(whole);
    OK(envelope_open(core->arena, FEDERATION_NAME, whole, find_key, core, &opened));
    assert_string_equal(opened.member, member);
    core->received[opened.envelope.type]++;
    if (core->refuse != REPLY_DONE) {
        reply.code = core->refuse;
        core->refuse = REPLY_DONE;
    } else {
        small_core_handle(core, member, &opened.envelope, &cause, &reply);
    }
    if (core->tweak) core->tweak(core, opened.envelope.type, &reply);
    OK(reply_encode(core->arena, &reply, &encoded));
    return encoded;
}

static bool take(unsigned *count) {
    if (*count == 0) return false;
    (*count)--;
    return true;
}

static enum status port_call(void *arg, struct bytes request, uint32_t timeout_ms, struct arena *arena,
                             struct bytes *out_answer) {
    struct small_port *port = arg;
    struct small_core *core = port->core;
    (void)timeout_ms;
    assert_int_equal(pthread_mutex_lock(&core->mutex), 0);
    bool lost = take(&core->lose_before);
    struct bytes answer = lost ? BYTES_EMPTY : answer_locked(core, port->member, request);
    lost = lost || take(&core->lose_after);
    (void)pthread_cond_broadcast(&core->changed);
    assert_int_equal(pthread_mutex_unlock(&core->mutex), 0);
    return lost ? STATUS_TIMEOUT : arena_copy(arena, answer, out_answer);
}

/* A parked poll: answered at once when there is mail, else after a moment. */
struct parked {
    struct small_port *port;
    uint8_t *request;
    size_t len;
    link_done_fn *done;
    void *done_arg;
};

static bool has_mail(const struct small_core *core, const char *member) {
    return core->n_mails > 0 && strcmp(core->mails[core->n_mails - 1].member, member) == 0;
}

static void *answer_parked(void *arg) {
    struct parked *parked = arg;
    struct small_core *core = parked->port->core;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&core->mutex);
    int failed = 0;
    while (failed == 0 && !has_mail(core, parked->port->member)) {
        failed = pthread_cond_timedwait(&core->changed, &core->mutex, &until);
    }
    struct bytes answer = answer_locked(core, parked->port->member, BYTES(parked->request, parked->len));
    (void)pthread_mutex_unlock(&core->mutex);
    parked->done(parked->done_arg, STATUS_OK, answer);
    free(parked->request);
    free(parked);
    (void)pthread_mutex_lock(&core->mutex);
    core->parked--;
    (void)pthread_cond_broadcast(&core->changed);
    (void)pthread_mutex_unlock(&core->mutex);
    return NULL;
}

static enum status port_start(void *arg, struct bytes request, uint32_t timeout_ms, link_done_fn *done,
                              void *done_arg) {
    pthread_t thread;
    struct parked *parked = calloc(1, sizeof *parked);
    (void)timeout_ms;
    assert_non_null(parked);
    *parked = (struct parked){
        .port = arg, .request = malloc(request.len), .len = request.len, .done = done, .done_arg = done_arg};
    assert_non_null(parked->request);
    memcpy(parked->request, request.data, request.len);
    (void)pthread_mutex_lock(&parked->port->core->mutex);
    parked->port->core->parked++;
    (void)pthread_mutex_unlock(&parked->port->core->mutex);
    assert_int_equal(pthread_create(&thread, NULL, answer_parked, parked), 0);
    assert_int_equal(pthread_detach(thread), 0);
    return STATUS_OK;
}

struct link_port small_core_port(struct small_port *port) {
    return (struct link_port){.call = port_call, .start = port_start, .arg = port};
}
