/*
 * One line of the agent's link: nng's ipc connection on one side, TLS to the gate on the other. Connects, says hello,
 * reads the answer, then splices. An absolute deadline covers all that comes before the splice.
 *
 * Runs in the thread of the event base. A line frees itself when it ends.
 */
#ifndef AGENT_LINK_LINE_H
#define AGENT_LINK_LINE_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"
#include "proto/preface.h"
#include "proto/splice.h"

struct event_base;
struct link_line;

enum link_line_end {
    LINK_LINE_FAILED,  /* no connection, no handshake, or no answer in time */
    LINK_LINE_REFUSED, /* the gate answered with a verdict */
    LINK_LINE_CLOSED,  /* was up, and ended */
};

struct link_line_config {
    struct event_base *base;
    SSL_CTX *context;
    const struct sockaddr *gate;
    socklen_t gate_len;
    const char *gate_name; /* that the gate's certificate must carry */
    struct preface_hello hello;
    struct splice_limits limits;
    uint32_t connect_ms;
    void (*up)(void *arg);
    /* Once, as the last thing before the line is gone; from the loop only. The answer is the verdict of a refusal. */
    void (*ended)(void *arg, enum link_line_end end, struct preface_answer answer);
    void *arg;
};

/* Takes over ipc_fd, nng's accepted connection; closed on failure: STATUS_UNREACHABLE, STATUS_CRYPTO, STATUS_MEMORY.
 * config is read only during the call. */
enum status link_line_open(const struct link_line_config *config, int ipc_fd, struct link_line **out_line);

/* Begins an orderly end; a line that is not up ends at once. `ended` may be called before this returns. */
void link_line_stop(struct link_line *line);

/* Closes at once; `ended` is not called. Takes NULL. */
void link_line_free(struct link_line *line);

#endif
