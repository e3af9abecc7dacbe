/*
 * HTTP for the command line: one call at a time by libcurl, over a Unix socket or HTTPS, with deadlines and a bound on
 * the answer. No redirects, no proxies, no cookies, no other protocol. One owner.
 */
#ifndef AGENT_CLI_CLI_HTTP_H
#define AGENT_CLI_CLI_HTTP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

struct cli_http;

struct cli_http_target {
    const char *url;    /* "https://portal.example", or "http://localhost" with a socket; no slash at the end */
    const char *socket; /* path of a Unix socket; NULL: none */
    const char *ca;     /* PEM file of the issuers that count instead of the system's; NULL: the system's */
};

/* The strings must outlive it. STATUS_MEMORY. Call secret_setup() before; the first call of a process must come before
 * its threads. */
enum status cli_http_new(const struct cli_http_target *target, struct cli_http **out_http);
/* Takes NULL. */
void cli_http_free(struct cli_http *http);
CLEANUP_POINTER(struct cli_http, cli_http_free)

struct cli_http_field {
    const char *name;
    const char *value; /* NULL: the field is left out */
};

#define CLI_HTTP_FIELDS_MAX 8

struct cli_http_ask {
    const char *method;
    const char *path; /* with the query */
    struct cli_http_field fields[CLI_HTTP_FIELDS_MAX];
    const char *content_type; /* NULL: no body */
    struct bytes body;
    uint32_t timeout_s; /* for all of it */
};

struct cli_http_answer {
    int code;
    struct bytes body;        /* in the arena, with a NUL behind it */
    const char *dpop_nonce;   /* of the field DPoP-Nonce; NULL when absent */
    const char *content_type; /* "" when absent */
};

/* STATUS_OK whatever the code is. STATUS_UNREACHABLE (no connection, or a server that does not prove its name),
 * STATUS_TIMEOUT, STATUS_TOO_LARGE when the arena cannot hold the answer, STATUS_MALFORMED for a field that cannot
 * stand in a request, STATUS_MEMORY, STATUS_IO for the rest. */
enum status cli_http_send(struct cli_http *http, struct arena *arena, const struct cli_http_ask *ask,
                          struct cli_http_answer *out_answer);

/* Why the last call failed, one sentence, "" when it did not. */
const char *cli_http_reason(const struct cli_http *http);

/* Percent-encodes for a path segment or a query value (RFC 3986, unreserved stays). NULL when the arena is full. */
const char *cli_http_escape(struct arena *arena, const char *text);

#endif
