/*
 * A route is a row: method, path, what core is asked. A question keeps the HTTP request and a copy of core's answer; it
 * is freed when the HTTP answer has been given.
 */
#include "broker/portal/portal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/http_reply.h"
#include "base/log.h"
#include "base/service.h"
#include "base/text.h"
#include "proto/ids.h"
#include "proto/internal_msg.h"
#include "proto/limits.h"
#include "proto/link_client.h"
#include "proto/tile.h"

#define PORTAL_BACKLOG     512
#define PORTAL_HEAD_BYTES  16384
#define PORTAL_DEADLINE_MS 20000
#define PORTAL_PAGE        50
#define ASK_ARENA_BYTES    ((size_t)1 << 20)
#define REPLY_ARENA_BYTES  ((size_t)8 << 20)
#define CODE_FIELD         "code="

enum route_flag { ROUTE_PLAIN = 0, ROUTE_RESERVED = 1 };

struct op_row {
    enum portal_op op;
    unsigned flags;
};

struct portal {
    const struct portal_settings *settings;
    struct http_server *server;
    struct link_client *core;
    size_t in_flight; /* loop thread */
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    size_t with_core; /* questions whose on_done is still to come; guarded by mutex */
};

struct question {
    struct portal *portal;
    struct http_request *request;
    enum status status; /* of the call to core */
    uint8_t *answer;
    size_t answer_len;
};

/* Routes carry no portal: there is one in a process, set before the loop runs. */
static struct portal *the_portal;

static void problem(struct http_request *request, int code, const char *detail) {
    http_reply_problem(request, &(struct http_problem){.code = code, .detail = detail});
}

/* ---- answers of core ---- */

static void set_headers(struct http_request *request, struct arena *arena, const struct portal_reply *reply) {
    const char *nonce = NULL;
    if (reply->nonce.len > 0 && arena_text(arena, reply->nonce, &nonce) == STATUS_OK) {
        IGNORE(http_reply_header(request, "DPoP-Nonce", nonce));
    }
    const char *caching =
        reply->max_age_s > 0 ? arena_printf(arena, "public, max-age=%u", reply->max_age_s) : "no-store";
    if (caching) IGNORE(http_reply_header(request, "Cache-Control", caching));
}

static void give_answer(struct question *question) {
    struct http_request *request = question->request;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(REPLY_ARENA_BYTES);
    struct portal_reply reply;
    enum status status = arena ? question->status : STATUS_MEMORY;
    if (status == STATUS_OK) {
        status = internal_portal_reply_parse(arena, BYTES(question->answer, question->answer_len), &reply);
    }
    if (status != STATUS_OK || reply.status < 200 || reply.status > 599) {
        log_limited(LOG_LEVEL_WARN, "core_unavailable", "status=%s", status_name(status));
        IGNORE(http_reply_header(request, "Retry-After", "1"));
        problem(request, 503, "The broker cannot answer now. The same request is safe to repeat.");
        return;
    }
    set_headers(request, arena, &reply);
    http_reply(request, (int)reply.status, reply.body.len ? reply.content_type : NULL, reply.body);
}

/* Loop thread. */
static void on_answer(void *arg) {
    struct question *question = arg;
    question->portal->in_flight--;
    give_answer(question);
    free(question->answer);
    free(question);
}

static void begin_with_core(struct portal *portal) {
    (void)pthread_mutex_lock(&portal->mutex);
    portal->with_core++;
    (void)pthread_mutex_unlock(&portal->mutex);
}

/* The last thing that another thread does with the portal. */
static void end_with_core(struct portal *portal) {
    (void)pthread_mutex_lock(&portal->mutex);
    portal->with_core--;
    if (portal->with_core == 0) (void)pthread_cond_broadcast(&portal->idle);
    (void)pthread_mutex_unlock(&portal->mutex);
}

/* nng's thread. */
static void on_done(void *arg, enum status status, struct bytes answer) {
    struct question *question = arg;
    struct portal *portal = question->portal;
    question->status = status;
    if (status == STATUS_OK) {
        question->answer = malloc(answer.len + 1);
        if (question->answer) {
            memcpy(question->answer, answer.data, answer.len);
            question->answer_len = answer.len;
        } else {
            question->status = STATUS_MEMORY;
        }
    }
    if (http_loop_post(portal->server, on_answer, question) != STATUS_OK) {
        log_limited(LOG_LEVEL_ERROR, "answer_lost", "%s", "");
    }
    end_with_core(portal);
}

/* ---- questions to core ---- */

static enum status send_question(struct question *question, struct portal_ask *ask, struct arena *arena) {
    struct bytes encoded;
    TRY(internal_portal_ask_encode(arena, ask, &encoded));
    struct portal *portal = question->portal;
    begin_with_core(portal);
    enum status status = link_client_start(portal->core, encoded, PORTAL_CALL_MS, on_done, question);
    if (status != STATUS_OK) end_with_core(portal);
    return status;
}

static bool has_room(const struct portal *portal, unsigned flags) {
    size_t most = flags & ROUTE_RESERVED ? PORTAL_CALLS : PORTAL_CALLS - PORTAL_RESERVED;
    return portal->in_flight < most;
}

static void ask_core(struct http_request *request, struct portal_ask *ask, unsigned flags, struct arena *arena) {
    struct portal *portal = the_portal;
    struct question *question = has_room(portal, flags) ? calloc(1, sizeof *question) : NULL;
    enum status status = STATUS_LIMIT;
    if (question) {
        *question = (struct question){.portal = portal, .request = request};
        portal->in_flight++;
        status = send_question(question, ask, arena);
        if (status == STATUS_OK) return;
        portal->in_flight--;
        free(question);
    }
    if (status == STATUS_TOO_LARGE || status == STATUS_MALFORMED) {
        problem(request, 400, "A part of the request is longer than it may be, or no text.");
        return;
    }
    IGNORE(http_reply_header(request, "Retry-After", "1"));
    problem(request, 503, "Too many requests are under way.");
}

static const char *method_text(enum http_method method) {
    static const char *const texts[HTTP_METHOD_COUNT] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    return texts[method];
}

/* An unsigned number in the query; the default when it is absent. */
static enum status query_number(const struct http_request *request, const char *name, uint64_t absent,
                                uint64_t *out_number) {
    const char *text = http_request_query(request, name);
    *out_number = absent;
    return text ? text_to_u64(bytes_text(text), out_number) : STATUS_OK;
}

static void handle_op(struct http_request *request, void *arg) {
    const struct op_row *row = arg;
    const struct http_view *view = http_request_view(request);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ASK_ARENA_BYTES);
    const char *proof = http_request_header(request, "dpop");
    const char *id = http_request_capture(request, "id");
    struct portal_ask ask = {.op = row->op, .method = method_text(view->method), .body = view->body};
    ask.url = arena ? arena_printf(arena, "%s%s", the_portal->settings->public_url, view->path) : NULL;
    ask.proof = proof ? bytes_text(proof) : BYTES_EMPTY;
    ask.id = id ? bytes_text(id) : BYTES_EMPTY;
    if (!ask.url) {
        problem(request, 503, NULL);
        return;
    }
    if (query_number(request, "cursor", 0, &ask.a) != STATUS_OK ||
        query_number(request, "limit", PORTAL_PAGE, &ask.b) != STATUS_OK) {
        problem(request, 400, "cursor and limit are whole numbers.");
        return;
    }
    ask_core(request, &ask, row->flags, arena);
}

/* ---- the log ---- */

static void handle_tile(struct http_request *request, void *arg) {
    (void)arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ASK_ARENA_BYTES);
    struct tile tile;
    const char *path = http_request_capture(request, "path");
    const char *name = arena && path ? arena_printf(arena, "tile/%s", path) : NULL;
    if (!name || tile_parse(bytes_text(name), &tile) != STATUS_OK) {
        problem(request, 404, "No such tile.");
        return;
    }
    struct portal_ask ask = {.op = tile.kind == TILE_ENTRIES ? PORTAL_ENTRIES : PORTAL_TILE,
                             .method = "GET",
                             .url = "",
                             .a = tile.level,
                             .b = tile.number,
                             .width = tile.width == TILE_WIDTH ? 0 : tile.width};
    ask_core(request, &ask, ROUTE_PLAIN, arena);
}

/* ---- the form for a revocation code: no JavaScript, no key ---- */

static const char revoke_form[] =
    "<!doctype html>\n<html lang=\"sv\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Sluta dela</title>\n</head>\n"
    "<body>\n<main>\n<h1>Sluta dela</h1>\n<form method=\"post\" action=\"/revoke\">\n"
    "<p><label for=\"code\">Återkallelsekod från ditt kvitto</label><br>\n"
    "<input id=\"code\" name=\"code\" required minlength=\"22\" maxlength=\"22\" autocomplete=\"off\" "
    "spellcheck=\"false\"></p>\n<p><button>Sluta dela</button></p>\n</form>\n</main>\n</body>\n</html>\n";

static void handle_revoke_form(struct http_request *request, void *arg) {
    (void)arg;
    http_reply(request, 200, "text/html; charset=utf-8", bytes_text(revoke_form));
}

static void handle_revoke_code(struct http_request *request, void *arg) {
    (void)arg;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(ASK_ARENA_BYTES);
    struct bytes body = http_request_view(request)->body;
    size_t prefix = strlen(CODE_FIELD);
    struct id16 code;
    bool is_code =
        body.len > prefix && memcmp(body.data, CODE_FIELD, prefix) == 0 &&
        text_fixed_base64url(BYTES(body.data + prefix, body.len - prefix), code.b, sizeof code.b) == STATUS_OK;
    if (!arena || !is_code) {
        problem(request, 400, "The code has 22 letters, digits, dashes and underscores.");
        return;
    }
    struct portal_ask ask = {
        .op = PORTAL_CODE, .method = "POST", .url = "", .id = BYTES(body.data + prefix, body.len - prefix)};
    ask_core(request, &ask, ROUTE_RESERVED, arena);
}

static void handle_health(struct http_request *request, void *arg) {
    (void)arg;
    http_reply(request, 200, "application/json", bytes_text("{\"status\":\"ok\"}"));
}

/* ---- the table ---- */

#define OP(name, op, flags) static struct op_row name = {(op), (flags)}
OP(devices_post, PORTAL_DEVICES_POST, ROUTE_PLAIN);
OP(devices_get, PORTAL_DEVICES_GET, ROUTE_PLAIN);
OP(devices_delete, PORTAL_DEVICES_DELETE, ROUTE_RESERVED);
OP(requests_get, PORTAL_REQUESTS_GET, ROUTE_PLAIN);
OP(decision, PORTAL_DECISION, ROUTE_PLAIN);
OP(read_request, PORTAL_READ_REQUEST, ROUTE_PLAIN);
OP(consents_get, PORTAL_CONSENTS_GET, ROUTE_PLAIN);
OP(consent_revoke, PORTAL_CONSENT_REVOKE, ROUTE_RESERVED);
OP(consent_suspend, PORTAL_CONSENT_SUSPEND, ROUTE_RESERVED);
OP(consent_resume, PORTAL_CONSENT_RESUME, ROUTE_PLAIN);
OP(accesses_get, PORTAL_ACCESSES_GET, ROUTE_PLAIN);
OP(plan_get, PORTAL_PLAN_GET, ROUTE_PLAIN);
OP(time_get, PORTAL_TIME, ROUTE_PLAIN);
OP(checkpoint_get, PORTAL_CHECKPOINT, ROUTE_PLAIN);

static const struct http_route routes[] = {
    {HTTP_GET, "/v1/time", handle_op, &time_get},
    {HTTP_POST, "/v1/devices", handle_op, &devices_post},
    {HTTP_GET, "/v1/devices", handle_op, &devices_get},
    {HTTP_DELETE, "/v1/devices/{id}", handle_op, &devices_delete},
    {HTTP_GET, "/v1/requests", handle_op, &requests_get},
    {HTTP_POST, "/v1/requests/{id}/decision", handle_op, &decision},
    {HTTP_POST, "/v1/read-requests", handle_op, &read_request},
    {HTTP_GET, "/v1/consents", handle_op, &consents_get},
    {HTTP_POST, "/v1/consents/{id}/revoke", handle_op, &consent_revoke},
    {HTTP_POST, "/v1/consents/{id}/suspend", handle_op, &consent_suspend},
    {HTTP_POST, "/v1/consents/{id}/resume", handle_op, &consent_resume},
    {HTTP_GET, "/v1/accesses", handle_op, &accesses_get},
    {HTTP_GET, "/v1/plan", handle_op, &plan_get},
    {HTTP_GET, "/log/checkpoint", handle_op, &checkpoint_get},
    {HTTP_GET, "/log/tile/{path*}", handle_tile, NULL},
    {HTTP_GET, "/revoke", handle_revoke_form, NULL},
    {HTTP_POST, "/revoke", handle_revoke_code, NULL},
    {HTTP_GET, "/healthz", handle_health, NULL},
    {HTTP_GET, NULL, NULL, NULL},
};

static const struct http_field headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
    {"Strict-Transport-Security", "max-age=31536000"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {NULL, NULL},
};

/* ---- making it ---- */

static bool url_ok(const char *url) {
    bool known = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    size_t len = strlen(url);
    return known && bytes_is_text(bytes_text(url)) && url[len - 1] != '/';
}

static enum status open_server(struct portal *portal, SSL_CTX *tls) {
    struct http_options options = {.tls = tls,
                                   .max_head_bytes = PORTAL_HEAD_BYTES,
                                   .max_body_bytes = PORTAL_BODY_BYTES,
                                   .deadline_ms = PORTAL_DEADLINE_MS,
                                   .max_connections = (size_t)portal->settings->connections,
                                   .routes = routes,
                                   .headers = headers};
    TRY(service_listen_tcp(portal->settings->address, (uint16_t)portal->settings->port, PORTAL_BACKLOG,
                           &options.listen_fd));
    return http_server_new(&options, &portal->server);
}

enum status portal_new(const struct portal_settings *settings, SSL_CTX *tls, struct portal **out_portal) {
    ENSURE(url_ok(settings->public_url), STATUS_SETTINGS);
    ENSURE(!the_portal, STATUS_CONFLICT);
    struct portal *portal CLEANUP(portal_free_cleanup) = calloc(1, sizeof *portal);
    ENSURE(portal, STATUS_MEMORY);
    portal->settings = settings;
    (void)pthread_mutex_init(&portal->mutex, NULL);
    (void)pthread_cond_init(&portal->idle, NULL);
    TRY(open_server(portal, tls));
    TRY(link_client_open(settings->core_socket, PORTAL_CALLS, LIMIT_FRAME_BYTES, &portal->core));
    the_portal = portal;
    *out_portal = MOVE(portal);
    return STATUS_OK;
}

/* Each question ends within PORTAL_CALL_MS, by an answer or by the link's own time-out. */
static void wait_for_core(struct portal *portal) {
    (void)pthread_mutex_lock(&portal->mutex);
    while (portal->with_core > 0) {
        (void)pthread_cond_wait(&portal->idle, &portal->mutex);
    }
    (void)pthread_mutex_unlock(&portal->mutex);
}

void portal_free(struct portal *portal) {
    if (!portal) return;
    wait_for_core(portal);
    http_server_free(portal->server);
    (void)pthread_cond_destroy(&portal->idle);
    (void)pthread_mutex_destroy(&portal->mutex);
    if (the_portal == portal) the_portal = NULL;
    free(portal);
}

struct http_server *portal_server(struct portal *portal) {
    return portal->server;
}
