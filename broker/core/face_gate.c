/*
 * Trusts the gate for the certificate's fingerprint in the preface, and for nothing else: whose message it is, the
 * envelope's signature says, and it must be the member's that the connection is bound to.
 */
#include "broker/core/face_gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "broker/core/core_settings.h"
#include "broker/core/face_open.h"
#include "broker/core/gate_pipes.h"
#include "broker/core/mailroom.h"
#include "broker/core/metrics.h"
#include "broker/core/worker.h"
#include "proto/limits.h"
#include "proto/link_server.h"
#include "proto/reply.h"

enum { GATE_VERSION = 1, GATE_RETRY_MS = 1000 };

/* Bytes of requests in hand: each is parsed into about three times its size. */
#define GATE_BYTES_MAX ((size_t)32 << 20)

struct face_gate {
    struct core *core;
    struct gate_pipes *pipes;
    struct link_server *server;
    struct bytes limit_reply; /* made once: answered on nng's thread */
    struct arena *arena;
    atomic_size_t bytes; /* of requests in hand */
};

struct gate_completion {
    struct completion base;
    struct face_gate *gate;
    struct link_request *request;
    size_t bytes;                          /* of the request */
    enum gate_entry entry;                 /* GATE_PREFACE or GATE_CALL */
    uint8_t verdict[PREFACE_ANSWER_BYTES]; /* GATE_PREFACE: kept here, since checking clears a call's answer */
};

/* ---- answers ---- */

struct bytes face_gate_encode_reply(struct call *call) {
    static const uint8_t unavailable[] = {0x08, REPLY_UNAVAILABLE};
    struct reply reply = reply_from_status(call->status);
    if (call->code != REPLY_DONE) {
        reply.code = call->code;
        reply.text = reply_code_name(call->code);
        if (call->code == REPLY_TRY_LATER) reply.retry_after_ms = GATE_RETRY_MS;
    }
    reply.clause = call->clause;
    reply.body = call->answer_body;
    if (call->retry_after_ms) reply.retry_after_ms = call->retry_after_ms;
    struct bytes encoded;
    if (call->arena && reply_encode(call->arena, &reply, &encoded) == STATUS_OK) return encoded;
    return BYTES_ARRAY(unavailable);
}

static void leave(struct gate_completion *completion, uint32_t pipe) {
    if (completion->entry == GATE_CALL) gate_pipes_leave(completion->gate->pipes, pipe);
    atomic_fetch_sub(&completion->gate->bytes, completion->bytes);
    free(completion);
}

static void gate_send(struct call *call) {
    struct gate_completion *completion = (struct gate_completion *)call->completion;
    bool raw = completion->entry == GATE_PREFACE;
    link_request_reply(completion->request, raw ? BYTES_ARRAY(completion->verdict) : face_gate_encode_reply(call));
    leave(completion, call->pipe);
}

static void gate_drop(struct call *call) {
    struct gate_completion *completion = (struct gate_completion *)call->completion;
    link_request_drop(completion->request);
    leave(completion, call->pipe);
}

/* ---- the preface ---- */

static const struct handler preface_row = {
    .name = "preface", .faces = FACE_GATE, .pace = PACE_NOW, .flags = HANDLER_EARLY | HANDLER_LEAFLESS};

/* The parked polls of an instance that was displaced. */
static void drop_parked(struct face_gate *gate, const char *member) {
    struct call *list = mailroom_notify(gate->core->mailroom, member);
    while (list) {
        struct call *next = list->next;
        call_drop(list);
        list = next;
    }
}

static enum preface_verdict judge(struct face_gate *gate, const struct call *call, const struct preface *preface) {
    bool version = preface->hello.lowest_version <= GATE_VERSION && GATE_VERSION <= preface->hello.highest_version;
    if (!version) return PREFACE_PROTOCOL_VERSION;
    const struct member_record *member = directory_member_by_cert(call->directory, preface->fingerprint);
    if (!member) return PREFACE_UNKNOWN_CERTIFICATE;
    bool displaced = false;
    enum preface_verdict verdict =
        gate_pipes_bind(gate->pipes, call->pipe, member->member, &preface->hello, &displaced);
    if (displaced) drop_parked(gate, member->member);
    log_limited(LOG_LEVEL_INFO, "agent_connected", "member=%s verdict=%s", member->member,
                preface_verdict_name(verdict));
    return verdict;
}

static enum status decode_preface(struct gate_completion *completion, struct call *call, struct bytes request) {
    struct preface preface;
    ENSURE(preface_parse(request, &preface) == STATUS_OK, STATUS_REFUSED);
    struct preface_answer answer = {.verdict = judge(completion->gate, call, &preface)};
    if (answer.verdict != PREFACE_ADMITTED) answer.retry_after_ms = GATE_RETRY_MS;
    preface_answer_encode(answer, completion->verdict);
    call->handler = &preface_row;
    return STATUS_OK;
}

/* ---- requests ---- */

static enum status find_key(void *arg, const struct hash *key_id, struct envelope_key *out_key) {
    enum status found = directory_find_key(arg, key_id, &out_key->key, &out_key->member);
    return found == STATUS_NOT_FOUND ? STATUS_SIGNATURE : found;
}

enum status face_gate_open_envelope(struct call *call, const char *member, struct bytes request) {
    struct core *core = call->core;
    struct envelope_opened opened;
    ENSURE(directory_member(call->directory, member), STATUS_DENIED);
    TRY(envelope_open(call->arena, core->federation, request, find_key, call->directory, &opened));
    ENSURE(strcmp(opened.member, member) == 0, STATUS_DENIED);
    TRY(envelope_check_time(&opened.envelope, clock_now_ms(core->clock)));
    call->member = member;
    call->envelope = opened.envelope;
    call->envelope_bytes = request;
    call->envelope_hash = signed_hash(&opened.object);
    call->handler = dispatch_find(FACE_GATE, opened.envelope.type);
    return STATUS_OK;
}

static enum status gate_decode(struct call *call) {
    struct gate_completion *completion = (struct gate_completion *)call->completion;
    struct bytes request = link_request_body(completion->request);
    if (completion->entry == GATE_PREFACE) return decode_preface(completion, call, request);
    const char *member = NULL;
    ENSURE(gate_pipes_member(completion->gate->pipes, call->pipe, call->arena, &member) == STATUS_OK, STATUS_REFUSED);
    return face_gate_open_envelope(call, member, request);
}

static const struct face_ops gate_ops = {.decode = gate_decode, .send = gate_send, .drop = gate_drop};

/* ---- nng's threads ---- */

static void hand_in(struct face_gate *gate, struct link_request *request, uint32_t pipe, enum gate_entry entry) {
    struct gate_completion *completion = calloc(1, sizeof *completion);
    struct call *call = completion ? call_new(gate->core, FACE_GATE, &completion->base) : NULL;
    if (!call) {
        if (entry == GATE_CALL) gate_pipes_leave(gate->pipes, pipe);
        free(completion);
        link_request_drop(request);
        return;
    }
    *completion =
        (struct gate_completion){.base = {.ops = &gate_ops}, .gate = gate, .request = request, .entry = entry};
    preface_answer_encode((struct preface_answer){.verdict = PREFACE_NOT_NOW, .retry_after_ms = GATE_RETRY_MS},
                          completion->verdict);
    completion->bytes = link_request_body(request).len;
    atomic_fetch_add(&gate->bytes, completion->bytes);
    call->pipe = pipe;
    workers_push(gate->core->workers, call);
}

/* What core holds in memory is bounded, whoever asks. */
static enum gate_entry enter(struct face_gate *gate, const struct link_request *request, uint32_t pipe) {
    enum gate_entry entry = gate_pipes_enter(gate->pipes, pipe);
    if (entry != GATE_CALL) return entry;
    if (atomic_load(&gate->bytes) + link_request_body(request).len <= GATE_BYTES_MAX) return entry;
    gate_pipes_leave(gate->pipes, pipe);
    return GATE_LIMIT;
}

static void on_request(void *arg, struct link_request *request) {
    struct face_gate *gate = arg;
    uint32_t pipe = link_request_pipe(request);
    enum gate_entry entry = enter(gate, request, pipe);
    switch (entry) {
    case GATE_PREFACE:
    case GATE_CALL:
        hand_in(gate, request, pipe, entry);
        return;
    case GATE_LIMIT:
        metrics_add(&gate->core->metrics->over_limit, 1);
        link_request_reply(request, gate->limit_reply);
        return;
    case GATE_UNBOUND:
        break;
    }
    metrics_add(&gate->core->metrics->unbound, 1);
    link_request_drop(request);
}

static void on_opened(void *arg, uint32_t pipe) {
    struct face_gate *gate = arg;
    gate_pipes_opened(gate->pipes, pipe);
}

static void on_closed(void *arg, uint32_t pipe) {
    struct face_gate *gate = arg;
    gate_pipes_closed(gate->pipes, pipe);
    struct call *list = mailroom_take_pipe(gate->core->mailroom, pipe);
    while (list) {
        struct call *next = list->next;
        call_drop(list);
        list = next;
    }
}

static enum status open_parts(struct face_gate *gate) {
    const struct core_settings *settings = gate->core->settings;
    gate->pipes = gate_pipes_new((size_t)settings->calls_per_pipe, (size_t)settings->calls_per_member,
                                 (size_t)settings->pipes_per_member);
    gate->arena = arena_new(4096);
    ENSURE(gate->pipes && gate->arena, STATUS_MEMORY);
    struct reply limit = reply_from_status(STATUS_LIMIT);
    TRY(reply_encode(gate->arena, &limit, &gate->limit_reply));
    const struct face_listen listen = {.path = settings->gate_socket,
                                       .peers = &settings->gate_peers,
                                       .contexts = (size_t)settings->gate_contexts,
                                       .on_request = on_request,
                                       .on_opened = on_opened,
                                       .on_closed = on_closed,
                                       .arg = gate};
    return face_open(gate->core, &listen, &gate->server);
}

enum status face_gate_open(struct core *core, struct face_gate **out_gate) {
    struct face_gate *gate = calloc(1, sizeof *gate);
    ENSURE(gate, STATUS_MEMORY);
    gate->core = core;
    /* A face that does not open is left as it is: the process ends. */
    TRY(open_parts(gate));
    *out_gate = gate;
    return STATUS_OK;
}

size_t face_gate_bound(struct face_gate *gate) { return gate_pipes_bound(gate->pipes); }
