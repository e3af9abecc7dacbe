/*
 * The faces towards portal and operator: internal messages over Unix sockets of this host (proto/internal_msg.h).
 */
#ifndef BROKER_CORE_FACE_LOCAL_H
#define BROKER_CORE_FACE_LOCAL_H

#include "broker/core/face.h"

struct face_local;

/* Listen at settings->portal_socket and settings->operator_socket. The workers must run. They live as long as the
 * process. STATUS_SETTINGS for an unknown peer; errors of link_server_open. */
enum status face_portal_open(struct core *core, struct face_local **out_face);
enum status face_operator_open(struct core *core, struct face_local **out_face);

/* ---- parts of them, for those who bring requests without a link server ---- */

enum status face_portal_parse(struct call *call, struct bytes request);
struct bytes face_portal_encode_reply(struct call *call);
enum status face_operator_parse(struct call *call, struct bytes request);
struct bytes face_operator_encode_reply(struct call *call);

#endif
