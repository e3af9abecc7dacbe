/*
 * What the three faces have in common when they begin to listen.
 */
#ifndef BROKER_CORE_FACE_OPEN_H
#define BROKER_CORE_FACE_OPEN_H

#include "base/settings.h"
#include "broker/core/core.h"
#include "proto/link_server.h"

struct face_listen {
    const char *path;
    const struct setting_list *peers; /* users besides our own */
    size_t contexts;
    link_request_fn *on_request;
    link_pipe_fn *on_opened; /* may be NULL */
    link_pipe_fn *on_closed; /* may be NULL */
    void *arg;
};

/* Opens a link server. STATUS_SETTINGS for a user that is not known; errors of link_server_open. */
enum status face_open(struct core *core, const struct face_listen *listen, struct link_server **out_server);

#endif
