/*
 * The API's threads and the way of a call through them: loop -> queue -> worker -> (poller ->) loop. Owns the servers,
 * the queue, the workers and the poller. Trusts the HTTP server for form, the kernel for uids.
 *
 * Invariants: a request is answered once, in the loop thread that received it; a call is with one owner at a time.
 */
#include "agent/api/api.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/api/api_call.h"
#include "agent/api/api_idem.h"
#include "agent/api/api_poll.h"
#include "agent/api/api_route.h"
#include "base/http_reply.h"
#include "base/json.h"
#include "base/log.h"
#include "base/queue.h"

enum {
    HEAD_BYTES = 16384,
    BODY_BYTES = 1200000, /* content of 1 MiB and what stands around it */
    PHASE_MS = 30000,
    WORK_MS = 130000, /* a call over the link is repeated for up to 100 s */
    CONNECTIONS = 256,
    SERVERS = 2,
    TAKE_MS = 60000,
};

/* What a handler of the HTTP server needs: one for each route and server. */
struct binding {
    struct api *api;
    const struct api_route *route;
    struct http_server *server;
};

struct listener {
    struct http_server *server;
    struct http_route *routes;
    struct binding *bindings;
};

struct api {
    struct api_options options;
    struct api_idem *idem;
    struct queue *queue;
    struct api_poll *poll;
    pthread_t *workers;
    size_t n_workers;
    struct listener listeners[SERVERS]; /* Unix, TCP */
    pthread_t tcp_thread;
    bool tcp_runs;
};

static const struct http_field fixed_headers[] = {
    {"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}, {NULL, NULL}};

/* ---- answering: loop thread ---- */

static void set_header(struct http_request *request, const char *name, const char *value) {
    if (value) IGNORE(http_reply_header(request, name, value));
}

static void reply_problem(struct api_call *call) {
    const struct api_answer *answer = &call->answer;
    const struct http_problem problem = {.code = api_problem_code(answer->problem),
                                         .type = api_problem_type(answer->problem),
                                         .title = api_problem_title(answer->problem),
                                         .detail = answer->detail,
                                         .faults = call->faults.items,
                                         .faults_count = call->faults.count};
    if (answer->problem == API_PROBLEM_TOKEN) set_header(call->request, "WWW-Authenticate", "Bearer");
    if (api_problem_passes(answer->problem)) set_header(call->request, "Retry-After", "5");
    http_reply_problem(call->request, &problem);
}

/* Consumes the call. The line names the route's pattern, never the path: ids are not for logs. */
static void finish(void *arg) {
    struct api_call *call CLEANUP(api_call_free_cleanup) = arg;
    const struct api_answer *answer = &call->answer;
    bool failed = answer->problem != API_PROBLEM_NONE;
    int code = failed ? api_problem_code(answer->problem) : answer->code;
    log_line(LOG_LEVEL_DEBUG, "api_call", "client=%s method=%d route=%s code=%d ms=%llu request=%s",
             call->client ? call->client->name : "-", (int)call->route->method, call->route->pattern, code,
             (unsigned long long)(clock_boot_ms(call->clock) - call->begun_ms), http_request_view(call->request)->id);
    if (failed) {
        reply_problem(call);
        return;
    }
    set_header(call->request, "Location", answer->location);
    http_reply(call->request, code, answer->content_type, bytes_text(answer->body));
}

/* One post for each request in flight always fits; without memory for it there is no other way to answer. */
static void hand_back(struct api_call *call) {
    if (http_loop_post(call->server, finish, call) != STATUS_OK) abort();
}

/* ---- working: worker thread ---- */

static enum status read_body(struct api_call *call) {
    if (call->route->method != HTTP_POST) return STATUS_OK;
    enum status status = json_read(http_request_view(call->request)->body, BODY_BYTES, &call->body);
    if (status == STATUS_MEMORY) return status;
    if (status != STATUS_OK) return api_call_fail(call, API_PROBLEM_JSON, status_text(status));
    if (json_is_object(call->body)) return STATUS_OK;
    return api_call_fail(call, API_PROBLEM_JSON, "it must be an object");
}

static enum status perform(struct api_call *call) {
    TRY(read_body(call));
    return call->route->run(call);
}

static enum status repeat_answer(struct api_call *call, const struct api_idem_answer *before) {
    char *body = strndup((const char *)before->body.data, before->body.len);
    ENSURE(body, STATUS_MEMORY);
    call->answer = (struct api_answer){
        .code = before->code, .content_type = "application/json", .body = body, .location = before->location};
    return STATUS_OK;
}

/* What was done is done, also when its answer cannot be kept: then a repetition is told that it is not known. */
static enum status perform_first(struct api *api, struct api_call *call, const struct api_idem_ask *ask) {
    enum status status = perform(call);
    if (status != STATUS_OK) {
        IGNORE(api_idem_failed(api->idem, ask));
        return status;
    }
    const struct api_idem_answer answer = {
        .code = call->answer.code, .body = bytes_text(call->answer.body), .location = call->answer.location};
    status = api_idem_done(api->idem, call->arena, ask, &answer);
    if (status != STATUS_OK) log_limited(LOG_LEVEL_ERROR, "api_answer_not_kept", "status=%s", status_name(status));
    return STATUS_OK;
}

static enum status perform_with_key(struct api *api, struct api_call *call, const char *key) {
    const struct http_view *view = http_request_view(call->request);
    const struct api_idem_ask ask = {.client = call->client->name,
                                     .key = key,
                                     .request = api_idem_request(call->caller.unit, view->path, view->body)};
    enum api_idem_verdict verdict = API_IDEM_FIRST;
    struct api_idem_answer before;
    if (!api_idem_is_key(key)) return api_call_fail(call, API_PROBLEM_IDEMPOTENCY_KEY, NULL);
    TRY(api_idem_begin(api->idem, call->arena, &ask, &verdict, &before));
    switch (verdict) {
    case API_IDEM_FIRST:
        return perform_first(api, call, &ask);
    case API_IDEM_REPEATED:
        return repeat_answer(call, &before);
    case API_IDEM_MISMATCH:
        return api_call_fail(call, API_PROBLEM_IDEMPOTENCY_MISMATCH, NULL);
    case API_IDEM_BUSY:
        return api_call_fail(call, API_PROBLEM_IDEMPOTENCY_BUSY, NULL);
    default:
        return api_call_fail(call, API_PROBLEM_IDEMPOTENCY_UNKNOWN, NULL);
    }
}

static void work(struct api *api, struct api_call *call) {
    const char *key = http_request_header(call->request, "idempotency-key");
    bool keyed = call->route->method == HTTP_POST && key;
    enum status status = keyed ? perform_with_key(api, call, key) : perform(call);
    if (status == STATUS_OK && call->parked) {
        status = api_poll_park(api->poll, call);
        if (status == STATUS_OK) return;
        status = api_call_fail(call, API_PROBLEM_BUSY, NULL);
    }
    api_call_settle(call, status);
    hand_back(call);
}

static void *worker_main(void *arg) {
    struct api *api = arg;
    void *item = NULL;
    size_t count = 0;
    while (queue_take(api->queue, TAKE_MS, &item, 1, &count) == STATUS_OK) {
        if (count == 1) work(api, item);
    }
    return NULL;
}

/* ---- receiving: loop thread ---- */

static bool is_json(const char *type) {
    size_t len = strlen("application/json");
    return type && strncasecmp(type, "application/json", len) == 0 && (type[len] == '\0' || type[len] == ';');
}

/* Whether JSON is among what the caller takes; q-values are not weighed, there is nothing to choose from. */
static bool takes_answer(const char *accept) {
    return !accept || strstr(accept, "*/*") || strstr(accept, "application/*") || strstr(accept, "application/json");
}

static enum api_problem check_form(struct api_call *call) {
    const struct http_view *view = http_request_view(call->request);
    for (size_t i = 0; i < view->query_count; i++) {
        if (!api_route_takes(call->route, view->query[i].name)) return API_PROBLEM_QUERY;
    }
    if (call->route->method == HTTP_POST && !is_json(http_request_header(call->request, "content-type"))) {
        return API_PROBLEM_MEDIA_TYPE;
    }
    bool is_resource = strncmp(call->route->pattern, "/v1/", 4) == 0;
    if (is_resource && !takes_answer(http_request_header(call->request, "accept"))) return API_PROBLEM_ACCEPT;
    return API_PROBLEM_NONE;
}

static enum api_problem admit(struct api *api, struct api_call *call) {
    const struct http_view *view = http_request_view(call->request);
    const struct api_asking asking = {.is_local = view->peer_is_local,
                                      .uid = view->peer_uid,
                                      .authorization = http_request_header(call->request, "authorization"),
                                      .unit = http_request_header(call->request, "sluss-unit"),
                                      .official = http_request_header(call->request, "sluss-official")};
    enum api_problem problem = api_auth_client(api->options.clients, &asking, &call->client);
    if (problem == API_PROBLEM_NONE) problem = api_auth_right(call->client, call->route->rights);
    if (problem == API_PROBLEM_NONE) problem = api_auth_caller(call->client, &asking, call->route->unit, &call->caller);
    return problem == API_PROBLEM_NONE ? check_form(call) : problem;
}

static void on_gone(struct http_request *request, void *arg) {
    (void)request;
    struct api_call *call = arg;
    atomic_store(&call->gone, true);
}

static struct api_call *call_new(const struct binding *binding, struct http_request *request) {
    const struct api_options *options = &binding->api->options;
    struct api_call *call = api_call_new();
    if (!call) return NULL;
    call->server = binding->server;
    call->request = request;
    call->route = binding->route;
    call->agent = options->agent;
    call->portal_url = options->portal_url;
    call->clock = options->clock;
    call->begun_ms = clock_boot_ms(options->clock);
    return call;
}

static void dispatch(struct api *api, struct api_call *call) {
    if (call->route->where == API_ON_LOOP) {
        api_call_settle(call, call->route->run(call));
        finish(call);
        return;
    }
    http_request_extend(call->request, WORK_MS);
    http_request_on_gone(call->request, on_gone, call);
    if (queue_push(api->queue, call) == STATUS_OK) return;
    IGNORE(api_call_fail(call, API_PROBLEM_BUSY, NULL));
    finish(call);
}

static void receive(struct http_request *request, void *arg) {
    const struct binding *binding = arg;
    struct api_call *call = call_new(binding, request);
    if (!call) {
        http_reply(request, 503, NULL, BYTES_EMPTY);
        return;
    }
    enum api_problem problem = admit(binding->api, call);
    if (problem == API_PROBLEM_NONE) {
        dispatch(binding->api, call);
        return;
    }
    IGNORE(api_call_fail(call, problem, NULL));
    finish(call);
}

/* ---- life ---- */

static enum status listener_open(struct api *api, struct listener *listener, int *fd) {
    listener->routes = calloc(api_route_count + 1, sizeof *listener->routes);
    listener->bindings = calloc(api_route_count, sizeof *listener->bindings);
    ENSURE(listener->routes && listener->bindings, STATUS_MEMORY);
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        listener->bindings[i] = (struct binding){.api = api, .route = route};
        listener->routes[i] = (struct http_route){route->method, route->pattern, receive, &listener->bindings[i]};
    }
    const struct http_options options = {.listen_fd = *fd,
                                         .max_head_bytes = HEAD_BYTES,
                                         .max_body_bytes = BODY_BYTES,
                                         .deadline_ms = PHASE_MS,
                                         .max_connections = CONNECTIONS,
                                         .routes = listener->routes,
                                         .headers = fixed_headers};
    *fd = -1;
    TRY(http_server_new(&options, &listener->server));
    for (size_t i = 0; i < api_route_count; i++) {
        listener->bindings[i].server = listener->server;
    }
    return STATUS_OK;
}

static enum status start_threads(struct api *api) {
    const struct api_poll_options poll = {
        .agent = api->options.agent, .clients = api->options.clients, .clock = api->options.clock, .done = hand_back};
    api->queue = queue_new(API_QUEUE_MAX);
    api->workers = calloc(api->options.workers, sizeof *api->workers);
    ENSURE(api->queue && api->workers, STATUS_MEMORY);
    TRY(api_poll_start(&poll, &api->poll));
    for (; api->n_workers < api->options.workers; api->n_workers++) {
        ENSURE(pthread_create(&api->workers[api->n_workers], NULL, worker_main, api) == 0, STATUS_IO);
    }
    return STATUS_OK;
}

static enum status open_all(struct api *api, int *unix_fd, int *tcp_fd) {
    TRY(api_idem_new(api->options.agent, &api->idem));
    TRY(listener_open(api, &api->listeners[0], unix_fd));
    if (*tcp_fd >= 0) TRY(listener_open(api, &api->listeners[1], tcp_fd));
    return start_threads(api);
}

enum status api_new(const struct api_options *options, struct api **out_api) {
    int unix_fd CLEANUP(cleanup_fd) = options->unix_fd;
    int tcp_fd CLEANUP(cleanup_fd) = options->tcp_fd;
    struct api *api CLEANUP(api_free_cleanup) = calloc(1, sizeof *api);
    ENSURE(api, STATUS_MEMORY);
    api->options = *options;
    TRY(open_all(api, &unix_fd, &tcp_fd));
    *out_api = MOVE(api);
    return STATUS_OK;
}

static void *tcp_main(void *arg) {
    struct api *api = arg;
    if (http_server_run(api->listeners[1].server) == STATUS_OK) return NULL;
    log_line(LOG_LEVEL_ERROR, "api_tcp_failed", "");
    http_server_stop(api->listeners[0].server);
    return NULL;
}

enum status api_run(struct api *api) {
    if (api->listeners[1].server) {
        ENSURE(pthread_create(&api->tcp_thread, NULL, tcp_main, api) == 0, STATUS_IO);
        api->tcp_runs = true;
    }
    return http_server_run(api->listeners[0].server);
}

void api_stop(struct api *api) { http_server_stop(api->listeners[0].server); }

struct event_base *api_base(struct api *api) {
    return http_server_base(api->listeners[0].server);
}

static void join_threads(struct api *api) {
    if (api->tcp_runs) {
        http_server_stop(api->listeners[1].server);
        (void)pthread_join(api->tcp_thread, NULL);
    }
    if (api->queue) queue_close(api->queue);
    for (size_t i = 0; i < api->n_workers; i++) {
        (void)pthread_join(api->workers[i], NULL);
    }
    api_poll_stop(api->poll);
}

/* The servers go last: freeing one runs what was handed back to its loop, so that every call is answered and freed. */
void api_free(struct api *api) {
    if (!api) return;
    join_threads(api);
    for (size_t i = 0; i < SERVERS; i++) {
        http_server_free(api->listeners[i].server);
        free(api->listeners[i].routes);
        free(api->listeners[i].bindings);
    }
    queue_free(api->queue);
    api_idem_free(api->idem);
    free(api->workers);
    free(api);
}
