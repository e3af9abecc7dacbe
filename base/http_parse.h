/*
 * What is accepted on the wire (RFC 9112), as pure functions.
 *
 * Strict where leniency lets two readers of the same bytes disagree: lines end in CRLF, no folding, no space before
 * the colon, no bare CR, LF or NUL; Content-Length and Transfer-Encoding never twice and never together; a field that
 * is not a list stands once; targets are paths of decodable UTF-8 without dot segments or encoded slashes; no chunk
 * extensions, no trailers. Any thread.
 */
#ifndef BASE_HTTP_PARSE_H
#define BASE_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/http.h"
#include "base/status.h"

enum { HTTP_MAX_FIELDS = 64, HTTP_MAX_SEGMENTS = 32, HTTP_MAX_PARAMETERS = 32 };

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

struct http_head {
    enum http_method method;
    unsigned minor; /* of the version: 0 or 1 */
    const char *path;
    const char **segments; /* decoded; "/" has one empty segment */
    size_t segments_count;
    struct http_field *query;
    size_t query_count;
    struct http_field *headers;
    size_t headers_count;
    enum http_framing framing;
    uint64_t content_length; /* HTTP_LENGTH */
    bool keep_alive;
    bool expects_continue;
};

/* Why a request is not accepted: the code to answer with, and a sentence that holds nothing of the request. */
struct http_refusal {
    int code;
    const char *detail;
};

/* text is the request line and all fields, up to and with the empty line. Strings live in the arena. STATUS_MALFORMED
 * or STATUS_MEMORY, then *out_refusal says why and *out_head is untouched. */
enum status http_parse_head(struct bytes text, struct arena *arena, struct http_head *out_head,
                            struct http_refusal *out_refusal);

/* Looks for the empty line in bytes of which the first scanned ones were seen before. *out_len is the length of the
 * head, or 0 when it is not complete. STATUS_MALFORMED when a line ends in LF alone. */
enum status http_parse_find_end(struct bytes text, size_t scanned, size_t *out_len);

/* The size line of a chunk without its CRLF: 1 to 8 hex digits. */
enum status http_parse_chunk_size(struct bytes line, uint64_t *out_size);

/* NULL when absent. */
const char *http_parse_field(const struct http_field *fields, size_t count, const char *name);

/* "GET" and so on. */
const char *http_parse_method_name(enum http_method method);

#endif
