/*
 * The agent's end of the link: a thread that listens on an ipc socket for nng's dialer and carries each connection to
 * the gate over TLS 1.3.
 *
 * nng dials the ipc path and knows nothing of TLS; the tunnel connects to the gate when nng has connected. After a
 * failure or a refusal it receives nng's next attempt only when its back-off is over: 0.2 s, doubled up to 10 s, with
 * jitter, or what the refusal asks for; back to the start once a line stood for 5 s. nng's own reconnect times may be
 * short.
 *
 * Start and stop: one owner, any thread. `report` is called in the tunnel's thread and must not block, nor start or
 * stop the tunnel.
 */
#ifndef AGENT_LINK_TUNNEL_H
#define AGENT_LINK_TUNNEL_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/status.h"
#include "proto/preface.h"

struct link_tunnel;

enum link_tunnel_state {
    LINK_TUNNEL_CONNECTING,
    LINK_TUNNEL_UP,
    LINK_TUNNEL_REFUSED,
    LINK_TUNNEL_DOWN, /* not reachable, or a line that was up has ended */
};

struct link_tunnel_report {
    enum link_tunnel_state state;
    enum preface_verdict verdict; /* of LINK_TUNNEL_REFUSED */
    uint32_t retry_ms;            /* REFUSED and DOWN: when the tunnel tries again, at the earliest */
};

struct link_tunnel_config {
    const char *ipc_path;  /* its directory is made when missing, and must not be looser than 0700 */
    const char *gate_host; /* name or numeric address */
    const char *gate_port;
    const char *gate_name; /* that the gate's certificate must carry; NULL: gate_host */
    SSL_CTX *context;      /* keys/tls.h, tls_client with the member's identity; the tunnel takes a reference */
    struct preface_hello hello;
    uint32_t connect_ms;    /* for connection, handshake and answer together; 0: 5 s */
    uint32_t retry_most_ms; /* longest back-off; 0: 10 s */
    void (*report)(void *arg, const struct link_tunnel_report *report); /* may be NULL */
    void *arg;
};

/* Copies what it keeps. Listens when it returns. Errors of file_make_dir and service_listen, STATUS_MEMORY. */
enum status link_tunnel_start(const struct link_tunnel_config *config, struct link_tunnel **out_tunnel);

/* Ends every line in order (within 5 s), ends the thread, removes the socket, frees. Takes NULL. */
void link_tunnel_stop(struct link_tunnel *tunnel);
CLEANUP_POINTER(struct link_tunnel, link_tunnel_stop)

#endif
