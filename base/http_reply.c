/*
 * Answers of the HTTP server: writes status line, fields and body into the connection's output, in one piece or as a
 * stream. Trusts the handler's codes and content types, checks every other field it is given.
 */
#include "base/http_reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/http_conn.h"

enum { MAX_ANSWER_FIELDS = 16, STREAM_MARK_BYTES = 1 << 20 };

static const struct {
    int code;
    const char *text;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *phrase(int code) {
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].code == code) return phrases[i].text;
    }
    return "Answer";
}

static bool is_field_name(const char *name) {
    return *name != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(name);
}

enum status http_reply_header(struct http_request *request, const char *name, const char *value) {
    ENSURE(is_field_name(name) && bytes_is_text(bytes_text(value)), STATUS_MALFORMED);
    if (!request->answer_headers) {
        request->answer_headers = ARENA_ARRAY(request->arena, struct http_field, MAX_ANSWER_FIELDS);
    }
    ENSURE(request->answer_headers, STATUS_MEMORY);
    ENSURE(request->answer_headers_count < MAX_ANSWER_FIELDS, STATUS_LIMIT);
    struct http_field field = {arena_string(request->arena, name), arena_string(request->arena, value)};
    ENSURE(field.name && field.value, STATUS_MEMORY);
    request->answer_headers[request->answer_headers_count++] = field;
    return STATUS_OK;
}

/* IMF-fixdate, RFC 9110 section 5.6.7. */
static void write_date(struct evbuffer *out) {
    time_t seconds = (time_t)(clock_now_ms(clock_system()) / 1000);
    struct tm utc;
    char text[40];
    if (gmtime_r(&seconds, &utc) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc) > 0) {
        (void)evbuffer_add_printf(out, "Date: %s\r\n", text);
    }
}

/* Status line and fields, but for those that frame the body and the empty line. */
static void write_head(struct http_request *request, struct evbuffer *out, int code, const char *content_type) {
    const struct http_field *fixed = request->conn->server->options.headers;
    (void)evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", code, phrase(code));
    write_date(out);
    (void)evbuffer_add_printf(out, "X-Request-Id: %s\r\n", request->view.id);
    for (; fixed && fixed->name; fixed++) {
        (void)evbuffer_add_printf(out, "%s: %s\r\n", fixed->name, fixed->value);
    }
    for (size_t i = 0; i < request->answer_headers_count; i++) {
        const struct http_field *field = &request->answer_headers[i];
        (void)evbuffer_add_printf(out, "%s: %s\r\n", field->name, field->value);
    }
    if (content_type) (void)evbuffer_add_printf(out, "Content-Type: %s\r\n", content_type);
    if (!request->conn->keep_alive) (void)evbuffer_add_printf(out, "Connection: close\r\n");
}

static void finish(struct http_request *request) {
    struct http_conn *conn = request->conn;
    http_request_free(request);
    if (conn) http_conn_answered(conn);
}

void http_reply(struct http_request *request, int code, const char *content_type, struct bytes body) {
    assert(!request->started && code >= 200 && code <= 599);
    bool bodiless = code == 204 || code == 304;
    assert(body.len == 0 || (content_type && !bodiless));
    if (request->conn) {
        struct evbuffer *out = bufferevent_get_output(request->conn->events);
        write_head(request, out, code, content_type);
        if (!bodiless) (void)evbuffer_add_printf(out, "Content-Length: %zu\r\n", body.len);
        (void)evbuffer_add(out, "\r\n", 2);
        if (!request->head_only) (void)evbuffer_add(out, body.data, body.len);
    }
    finish(request);
}

static void reply_dumped(struct http_request *request, int code, const char *content_type, const json_t *value) {
    char *text CLEANUP(cleanup_free) = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    http_reply(request, text ? code : 503, text ? content_type : NULL, text ? bytes_text(text) : BYTES_EMPTY);
}

void http_reply_json(struct http_request *request, int code, const json_t *value) {
    reply_dumped(request, code, "application/json", value);
}

static void set_text(json_t *object, const char *name, const char *text) {
    if (text) (void)json_object_set_new(object, name, json_string(text));
}

static json_t *faults_to_json(const struct http_problem *problem) {
    json_t *faults = json_array();
    for (size_t i = 0; i < problem->faults_count; i++) {
        json_t *fault = json_object();
        set_text(fault, "pointer", problem->faults[i].pointer);
        set_text(fault, "text", problem->faults[i].text);
        (void)json_array_append_new(faults, fault);
    }
    return faults;
}

void http_reply_problem(struct http_request *request, const struct http_problem *problem) {
    json_t *value = json_object();
    set_text(value, "type", problem->type ? problem->type : "about:blank");
    set_text(value, "title", problem->title ? problem->title : phrase(problem->code));
    (void)json_object_set_new(value, "status", json_integer(problem->code));
    set_text(value, "detail", problem->detail);
    set_text(value, "request_id", request->view.id);
    if (problem->faults_count > 0) (void)json_object_set_new(value, "errors", faults_to_json(problem));
    reply_dumped(request, problem->code, "application/problem+json", value);
    json_decref(value);
}

void http_reply_start(struct http_request *request, int code, const char *content_type) {
    assert(!request->started);
    request->started = true;
    if (!request->conn) return;
    struct evbuffer *out = bufferevent_get_output(request->conn->events);
    /* To HTTP/1.0 the end of the connection is the end of the body; it is never kept alive. */
    write_head(request, out, code, content_type);
    if (request->chunked) (void)evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
    (void)evbuffer_add(out, "\r\n", 2);
    request->conn->state = CONN_STREAM;
}

enum status http_reply_piece(struct http_request *request, struct bytes piece) {
    assert(request->started);
    ENSURE(request->conn, STATUS_UNREACHABLE);
    struct evbuffer *out = bufferevent_get_output(request->conn->events);
    ENSURE(evbuffer_get_length(out) <= STREAM_MARK_BYTES, STATUS_LIMIT);
    /* An empty chunk would end the stream. */
    if (piece.len == 0 || request->head_only) return STATUS_OK;
    if (request->chunked) (void)evbuffer_add_printf(out, "%zx\r\n", piece.len);
    (void)evbuffer_add(out, piece.data, piece.len);
    if (request->chunked) (void)evbuffer_add(out, "\r\n", 2);
    return STATUS_OK;
}

void http_reply_end(struct http_request *request) {
    assert(request->started);
    if (request->conn && request->chunked && !request->head_only) {
        (void)evbuffer_add(bufferevent_get_output(request->conn->events), "0\r\n\r\n", 5);
    }
    finish(request);
}
