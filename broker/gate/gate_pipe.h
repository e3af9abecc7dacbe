/*
 * The gate's pipe to core: connects to core's socket, speaks nng's framing as REQ, sends the preface as first request
 * and waits for its answer. Has no deadline of its own: its owner frees it. Runs in the event base's thread.
 */
#ifndef BROKER_GATE_GATE_PIPE_H
#define BROKER_GATE_GATE_PIPE_H

#include "base/status.h"
#include "proto/preface.h"

struct bufferevent;
struct event_base;
struct gate_pipe;

/* Called once, from the loop. STATUS_OK: core has answered, and gate_pipe_take gives the connection. Otherwise
 * STATUS_UNREACHABLE (connection failed or ended) or STATUS_MALFORMED (not an answer). The callee may free the pipe. */
typedef void gate_pipe_done(void *arg, enum status status, struct preface_answer answer);

/* STATUS_UNREACHABLE when nobody listens, STATUS_TOO_LARGE for a path that does not fit, STATUS_MEMORY; done is not
 * called then. */
enum status gate_pipe_open(struct event_base *base, const char *path, const struct preface *preface,
                           gate_pipe_done *done, void *arg, struct gate_pipe **out_pipe);

/* The connection after done(STATUS_OK): the next byte from core is nng's next frame. Once. */
struct bufferevent *gate_pipe_take(struct gate_pipe *pipe);

/* Takes NULL. */
void gate_pipe_free(struct gate_pipe *pipe);

#endif
