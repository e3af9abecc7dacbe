/*
 * The HTTP server: listener, loop, connections' list, and the way from other threads into the loop. Owns the event base
 * and everything on it. Trusts its options.
 */
#include "base/http.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/http_conn.h"
#include "base/http_parse.h"
#include "base/log.h"

enum { POST_SPARE = 1024, POST_BATCH = 64, RESUME_MS = 100 };

struct post {
    void (*fn)(void *arg);
    void *arg;
};

static void run_posts(struct http_server *server) {
    void *items[POST_BATCH];
    size_t count = 0;
    do {
        if (queue_take(server->posts, 0, items, POST_BATCH, &count) != STATUS_OK) return;
        for (size_t i = 0; i < count; i++) {
            struct post post = *(struct post *)items[i];
            free(items[i]);
            post.fn(post.arg);
        }
    } while (count == POST_BATCH);
}

static void on_posts(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    run_posts(arg);
}

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    struct http_server *server = arg;
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(server->base);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
                      void *arg) {
    struct http_server *server = arg;
    (void)len;
    http_conn_open(server, fd, address);
    if (server->counts.open >= server->options.max_connections) (void)evconnlistener_disable(listener);
}

/* Mostly out of descriptors: trying again at once would spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg) {
    struct http_server *server = arg;
    log_limited(LOG_LEVEL_WARN, "http_accept_failed", "errno=%d", EVUTIL_SOCKET_ERROR());
    (void)evconnlistener_disable(listener);
    struct timeval wait = {.tv_usec = RESUME_MS * 1000};
    (void)evtimer_add(server->resume, &wait);
}

static void resume_accepting(struct http_server *server) {
    bool waits = evtimer_pending(server->resume, NULL) != 0;
    if (server->listener && !waits && server->counts.open < server->options.max_connections) {
        (void)evconnlistener_enable(server->listener);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    resume_accepting(arg);
}

void http_server_closed_one(struct http_server *server) { resume_accepting(server); }

static struct event *watch(struct http_server *server, int fd, event_callback_fn fn) {
    struct event *event = event_new(server->base, fd, EV_READ | EV_PERSIST, fn, server);
    if (event && event_add(event, NULL) != 0) {
        event_free(event);
        return NULL;
    }
    return event;
}

static enum status start_listening(struct http_server *server, int fd) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    ENSURE(getsockname(fd, (struct sockaddr *)&address, &len) == 0, file_status(errno));
    ENSURE(evutil_make_socket_nonblocking(fd) == 0, STATUS_IO);
    server->local = address.ss_family == AF_UNIX;
    server->listener =
        evconnlistener_new(server->base, on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    ENSURE(server->listener, STATUS_MEMORY);
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    return STATUS_OK;
}

static enum status build(struct http_server *server) {
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ENSURE(server->stop_fd >= 0, file_status(errno));
    server->base = event_base_new();
    server->posts = queue_new(server->options.max_connections + POST_SPARE);
    ENSURE(server->base && server->posts, STATUS_MEMORY);
    server->resume = evtimer_new(server->base, on_resume, server);
    server->posted = watch(server, queue_event_fd(server->posts), on_posts);
    server->stopped = watch(server, server->stop_fd, on_stop);
    ENSURE(server->resume && server->posted && server->stopped, STATUS_MEMORY);
    return STATUS_OK;
}

enum status http_server_new(const struct http_options *options, struct http_server **out_server) {
    int listen_fd CLEANUP(cleanup_fd) = options->listen_fd;
    struct http_server *server CLEANUP(http_server_free_cleanup) = calloc(1, sizeof *server);
    ENSURE(server, STATUS_MEMORY);
    server->options = *options;
    server->stop_fd = -1;
    LIST_INIT(&server->connections);
    TRY(build(server));
    TRY(start_listening(server, listen_fd));
    listen_fd = -1;
    *out_server = MOVE(server);
    return STATUS_OK;
}

static void free_event(struct event *event) {
    if (event) event_free(event);
}

void http_server_free(struct http_server *server) {
    if (!server) return;
    if (server->listener) evconnlistener_free(server->listener);
    server->listener = NULL;
    struct http_conn *conn;
    while ((conn = LIST_FIRST(&server->connections))) {
        http_conn_free(conn);
    }
    if (server->posts) {
        queue_close(server->posts);
        run_posts(server);
    }
    free_event(server->resume);
    free_event(server->posted);
    free_event(server->stopped);
    queue_free(server->posts);
    if (server->base) event_base_free(server->base);
    cleanup_fd(&server->stop_fd);
    free(server);
}

enum status http_server_run(struct http_server *server) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, STATUS_IO);
    ENSURE(event_base_dispatch(server->base) == 0, STATUS_IO);
    return STATUS_OK;
}

void http_server_stop(struct http_server *server) {
    uint64_t one = 1;
    ssize_t written = write(server->stop_fd, &one, sizeof one);
    (void)written;
}

struct event_base *http_server_base(struct http_server *server) {
    return server->base;
}

enum status http_loop_post(struct http_server *server, void (*fn)(void *arg), void *arg) {
    struct post *post = malloc(sizeof *post);
    ENSURE(post, STATUS_MEMORY);
    *post = (struct post){fn, arg};
    enum status status = queue_push(server->posts, post);
    if (status != STATUS_OK) free(post);
    return status;
}

struct http_counts http_server_counts(const struct http_server *server) {
    return server->counts;
}

const struct http_view *http_request_view(const struct http_request *request) { return &request->view; }

const char *http_request_capture(const struct http_request *request, const char *name) {
    return http_parse_field(request->view.captures, request->view.captures_count, name);
}

const char *http_request_query(const struct http_request *request, const char *name) {
    return http_parse_field(request->view.query, request->view.query_count, name);
}

const char *http_request_header(const struct http_request *request, const char *name) {
    return http_parse_field(request->view.headers, request->view.headers_count, name);
}

void http_request_on_gone(struct http_request *request, void (*fn)(struct http_request *request, void *arg),
                          void *arg) {
    request->on_gone = fn;
    request->on_gone_arg = arg;
}

bool http_request_is_gone(const struct http_request *request) { return request->conn == NULL; }

void http_request_extend(struct http_request *request, uint32_t ms) {
    if (request->conn) http_conn_arm(request->conn, ms);
}
