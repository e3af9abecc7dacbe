/*
 * One agent's connection at the gate, from accept to close: TLS handshake, hello, preface to core, answer, and then a
 * splice between it and the pipe to core. An absolute deadline covers all that comes before the splice.
 *
 * Everything runs in the thread of the event base. A connection frees itself when it ends.
 */
#ifndef BROKER_GATE_GATE_CONN_H
#define BROKER_GATE_GATE_CONN_H

#include <openssl/ssl.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/status.h"
#include "broker/gate/gate_metrics.h"
#include "broker/gate/gate_settings.h"

struct event_base;
struct gate_conn;
TAILQ_HEAD(gate_conn_list, gate_conn);

/* What all connections of a gate share; outlives them. `pending` is in order of arrival. */
struct gate_conn_shared {
    struct event_base *base;
    const struct gate_settings *settings;
    struct splice_budget *budget;
    struct gate_metrics metrics;
    struct gate_conn_list pending;
    struct gate_conn_list admitted;
};

/* Takes over an accepted TCP socket. When connections_total is reached, the oldest pending connection gives way, or,
 * when there is none, this one (STATUS_LIMIT). On any failure fd is closed: STATUS_LIMIT, STATUS_MEMORY. */
enum status gate_conn_accept(struct gate_conn_shared *shared, int fd, const struct sockaddr *from, SSL_CTX *context);

/* Begins the orderly end of every connection: pending ones close at once, the others are flushed. */
void gate_conn_stop_all(struct gate_conn_shared *shared);

/* Closes every connection at once. */
void gate_conn_free_all(struct gate_conn_shared *shared);

#endif
