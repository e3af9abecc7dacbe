/*
 * Answers to HTTP requests (base/http.h). http_reply, its variants and http_reply_end consume the request: it must not
 * be used after. All are for the loop thread; none fails towards the caller, because there is nothing left to do when
 * the client has gone. Every answer carries Date and X-Request-Id. HEAD gets the fields of GET without the body.
 */
#ifndef BASE_HTTP_REPLY_H
#define BASE_HTTP_REPLY_H

#include <jansson.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/http.h"
#include "base/status.h"

/* A field for the answer to come. Copied. STATUS_MALFORMED when name or value cannot stand in a header field. */
enum status http_reply_header(struct http_request *request, const char *name, const char *value);

/* code 200-599; content_type NULL only with an empty body. The body is copied. 204 and 304 have no body. */
void http_reply(struct http_request *request, int code, const char *content_type, struct bytes body);

/* application/json; value stays the caller's. */
void http_reply_json(struct http_request *request, int code, const json_t *value);

/* One fault of the content. */
struct http_fault {
    const char *pointer; /* RFC 6901 */
    const char *text;
};

/* RFC 9457 application/problem+json {type, title, status, detail, request_id, errors}. Views only. */
struct http_problem {
    int code;
    const char *type;   /* URI reference; NULL: about:blank */
    const char *title;  /* NULL: the code's phrase */
    const char *detail; /* NULL: left out. Never what the peer sent */
    const struct http_fault *faults;
    size_t faults_count;
};
void http_reply_problem(struct http_request *request, const struct http_problem *problem);

/* An answer in pieces, e.g. text/event-stream: start, any number of sends, end. The deadline stands until extended
 * (http_request_extend). */
void http_reply_start(struct http_request *request, int code, const char *content_type);

/* Copied. STATUS_UNREACHABLE when the client has left, STATUS_LIMIT when more than 1 MiB waits to be sent: nothing was
 * taken then. In both cases http_reply_end is still due. */
enum status http_reply_piece(struct http_request *request, struct bytes piece);
void http_reply_end(struct http_request *request);

#endif
