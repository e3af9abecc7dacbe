/*
 * Trusts whoever may connect (the socket's peers) to be portal or operator. The portal's word about a person counts for
 * nothing: proofs and statements are verified by the handlers.
 */
#include "broker/core/face_local.h"

#include <stdlib.h>

#include "broker/core/core_settings.h"
#include "broker/core/face_open.h"
#include "broker/core/worker.h"
#include "proto/link_server.h"
#include "proto/reply.h"

enum { OPERATOR_CONTEXTS = 16 };

typedef enum status parse_fn(struct call *call, struct bytes request);
typedef struct bytes encode_fn(struct call *call);

struct face_local {
    struct core *core;
    enum face face;
    parse_fn *parse;
    encode_fn *encode;
    struct link_server *server;
};

struct local_completion {
    struct completion base;
    struct face_local *face;
    struct link_request *request;
};

/* ---- portal ---- */

/* HTTP status and title by reply code (RFC 9110). */
struct problem {
    enum reply_code code;
    unsigned http;
};

static const struct problem problems[] = {
    {REPLY_MALFORMED, 400}, {REPLY_VERSION, 400},   {REPLY_FEDERATION, 400},  {REPLY_SIGNATURE, 401},
    {REPLY_TOO_LARGE, 413}, {REPLY_TIME, 401},      {REPLY_UNSUPPORTED, 404}, {REPLY_INVALID, 422},
    {REPLY_TRY_LATER, 503}, {REPLY_NOT_FOUND, 404}, {REPLY_CONFLICT, 409},    {REPLY_DENIED, 403},
    {REPLY_EXPIRED, 410},   {REPLY_LIMIT, 429},     {REPLY_TIMEOUT, 503},     {REPLY_UNAVAILABLE, 503},
    {REPLY_DISK_FULL, 503}, {REPLY_INTEGRITY, 503},
};

static unsigned http_of(enum reply_code code) {
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if (problems[i].code == code) return problems[i].http;
    }
    return code == REPLY_DONE ? 200 : 403;
}

/* RFC 9457; type is relative to the portal's documents. */
static struct bytes problem_body(struct call *call, const struct reply *reply, unsigned http) {
    const char *name = reply_code_name((enum reply_code)reply->code);
    const char *text = arena_printf(call->arena, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u}", name,
                                    reply->text, http);
    return text ? bytes_text(text) : BYTES_EMPTY;
}

enum status face_portal_parse(struct call *call, struct bytes request) {
    struct portal_ask *ask = ARENA_NEW(call->arena, struct portal_ask);
    ENSURE(ask, STATUS_MEMORY);
    TRY(internal_portal_ask_parse(call->arena, request, ask));
    call->portal = ask;
    call->handler = dispatch_find(FACE_PORTAL, ask->op);
    return STATUS_OK;
}

struct bytes face_portal_encode_reply(struct call *call) {
    if (!call->arena) return BYTES_EMPTY;
    struct reply reply = reply_from_status(call->status);
    if (call->code != REPLY_DONE) {
        reply.code = call->code;
        reply.text = reply_code_name(call->code);
    }
    bool failed = reply.code != REPLY_DONE && call->answer_body.len == 0;
    struct portal_reply answer = {.status =
                                      call->http_status ? call->http_status : http_of((enum reply_code)reply.code),
                                  .content_type = call->content_type ? call->content_type : "application/json",
                                  .body = call->answer_body,
                                  .nonce = call->nonce ? bytes_text(call->nonce) : BYTES_EMPTY,
                                  .max_age_s = call->max_age_s};
    if (failed) {
        answer.content_type = "application/problem+json";
        answer.body = problem_body(call, &reply, answer.status);
    }
    struct bytes encoded;
    return internal_portal_reply_encode(call->arena, &answer, &encoded) == STATUS_OK ? encoded : BYTES_EMPTY;
}

/* ---- operator ---- */

enum status face_operator_parse(struct call *call, struct bytes request) {
    struct operator_ask *ask = ARENA_NEW(call->arena, struct operator_ask);
    ENSURE(ask, STATUS_MEMORY);
    TRY(internal_operator_ask_parse(call->arena, request, ask));
    call->order = ask;
    call->handler = dispatch_find(FACE_OPERATOR, ask->verb);
    return STATUS_OK;
}

/* The operator may know what failed. */
struct bytes face_operator_encode_reply(struct call *call) {
    if (!call->arena) return BYTES_EMPTY;
    enum reply_code code = call->code != REPLY_DONE ? call->code : reply_code_of(call->status);
    struct operator_reply answer = {
        .code = code, .text = code == REPLY_DONE ? "" : status_text(call->status), .body = call->answer_body};
    struct bytes encoded;
    return internal_operator_reply_encode(call->arena, &answer, &encoded) == STATUS_OK ? encoded : BYTES_EMPTY;
}

/* ---- both ---- */

static enum status local_decode(struct call *call) {
    struct local_completion *completion = (struct local_completion *)call->completion;
    return completion->face->parse(call, link_request_body(completion->request));
}

static void local_drop(struct call *call) {
    struct local_completion *completion = (struct local_completion *)call->completion;
    link_request_drop(completion->request);
    free(completion);
}

static void local_send(struct call *call) {
    struct local_completion *completion = (struct local_completion *)call->completion;
    struct bytes encoded = completion->face->encode(call);
    /* A plain `done` has no bytes at all, but a place. */
    if (!encoded.data) {
        local_drop(call);
        return;
    }
    link_request_reply(completion->request, encoded);
    free(completion);
}

static const struct face_ops local_ops = {.decode = local_decode, .send = local_send, .drop = local_drop};

static void on_request(void *arg, struct link_request *request) {
    struct face_local *face = arg;
    struct local_completion *completion = calloc(1, sizeof *completion);
    struct call *call = completion ? call_new(face->core, face->face, &completion->base) : NULL;
    if (!call) {
        free(completion);
        link_request_drop(request);
        return;
    }
    *completion = (struct local_completion){.base = {.ops = &local_ops}, .face = face, .request = request};
    workers_push(face->core->workers, call);
}

static enum status open_face(const struct face_local *form, const char *path, const struct setting_list *peers,
                             size_t contexts, struct face_local **out_face) {
    struct face_local *face = calloc(1, sizeof *face);
    ENSURE(face, STATUS_MEMORY);
    *face = *form;
    const struct face_listen listen = {
        .path = path, .peers = peers, .contexts = contexts, .on_request = on_request, .arg = face};
    /* A face that does not open is left as it is: the process ends. */
    TRY(face_open(face->core, &listen, &face->server));
    *out_face = face;
    return STATUS_OK;
}

enum status face_portal_open(struct core *core, struct face_local **out_face) {
    const struct core_settings *settings = core->settings;
    const struct face_local form = {
        .core = core, .face = FACE_PORTAL, .parse = face_portal_parse, .encode = face_portal_encode_reply};
    return open_face(&form, settings->portal_socket, &settings->portal_peers, (size_t)settings->portal_contexts,
                     out_face);
}

enum status face_operator_open(struct core *core, struct face_local **out_face) {
    const struct core_settings *settings = core->settings;
    const struct face_local form = {
        .core = core, .face = FACE_OPERATOR, .parse = face_operator_parse, .encode = face_operator_encode_reply};
    return open_face(&form, settings->operator_socket, &settings->operator_peers, OPERATOR_CONTEXTS, out_face);
}
