/*
 * Which route of a table fits a request. Pure.
 */
#ifndef BASE_HTTP_ROUTE_H
#define BASE_HTTP_ROUTE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/http.h"
#include "base/http_parse.h"
#include "base/status.h"

struct http_match {
    const struct http_route *route;
    struct http_field *captures;
    size_t captures_count;
};

/* STATUS_NOT_FOUND when no pattern fits the path; STATUS_UNSUPPORTED when one fits but not for this method:
 * *out_allow then is the value of an Allow field; STATUS_MEMORY. Any thread. */
enum status http_route_find(const struct http_route *routes, const struct http_head *head, struct arena *arena,
                            struct http_match *out_match, const char **out_allow);

#endif
