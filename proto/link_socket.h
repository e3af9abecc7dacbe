/*
 * How connections of nng end. nng 1.5 has two faults that a peer can bring about: a write to a peer that has left is
 * taken by listeners and dialers for their own end, so that they never accept or dial again; and a connection that is
 * closed from this side while bytes come in can leave nng's reaper waiting for ever, so that no connection is cleaned
 * up or dialled again. A connection that ends because reading says so has neither. So this file defines sendmsg() for
 * the whole program, nng included: the system's, except that on a Unix stream socket
 *   - a peer that has left swallows what is sent (reading then finds the end), and
 *   - a message that is the end mark is not sent, but shuts the connection down.
 */
#ifndef PROTO_LINK_SOCKET_H
#define PROTO_LINK_SOCKET_H

#include "base/bytes.h"
#include "base/status.h"

#define LINK_SOCKET_MARK_BYTES 32

/* Called by whoever opens an nng socket, before. Any thread. */
void link_socket_use(void);

/* The body of a message that ends the connection it is sent over: random, of this process. Call link_socket_use()
 * before. Lives as long as the process. */
struct bytes link_socket_end_mark(void);

#endif
