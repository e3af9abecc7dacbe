/*
 * The face towards the gate: signed envelopes in, Reply out (docs/protocol.md section 7), the preface first (section
 * 13).
 */
#ifndef BROKER_CORE_FACE_GATE_H
#define BROKER_CORE_FACE_GATE_H

#include "broker/core/face.h"
#include "proto/preface.h"

struct face_gate;

/* Listens at settings->gate_socket. The workers must run. Lives as long as the process, as nng's sockets do.
 * STATUS_SETTINGS for an unknown peer; errors of link_server_open. */
enum status face_gate_open(struct core *core, struct face_gate **out_gate);

/* How many connections are bound. */
size_t face_gate_bound(struct face_gate *gate);

/* ---- parts of it, for those who bring requests without a link server ---- */

/* Verifies an envelope and fills in the call as a decode of the gate does; call->arena and call->directory are set,
 * member is whom the connection is bound to. */
enum status face_gate_open_envelope(struct call *call, const char *member, struct bytes request);
/* The encoded Reply, in the call's arena or constant. */
struct bytes face_gate_encode_reply(struct call *call);

#endif
