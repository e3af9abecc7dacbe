/*
 * One HTTPS request by libcurl, as a person's client makes it. Any thread; a connection for each request.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_HTTPS_H
#define TESTS_SUPPORT_LINK_WORLD_HTTPS_H

#include "base/arena.h"
#include "base/status.h"
#include "proto/internal_msg.h"

/* body "" sends none. ca: PEM file that the server's certificate must come from. Status, body and nonce of the answer
 * are in the arena. STATUS_UNREACHABLE, STATUS_TIMEOUT, STATUS_MEMORY, STATUS_TOO_LARGE. */
enum status world_https(const char *ca, const char *method, const char *url, const char *proof, const char *body,
                        struct arena *arena, struct portal_reply *out_reply);

#endif
