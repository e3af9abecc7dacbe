/*
 * The portal: HTTP in, questions to core out, answers of core back. It parses and passes on; proofs, statements and
 * tokens are core's to verify, so that a portal that was broken into can refuse and delay but not decide.
 *
 * Owns: the connections. One loop thread; answers of core arrive on nng's threads and are posted to the loop. At most
 * PORTAL_CALLS questions are with core, PORTAL_RESERVED of them only for what ends or narrows sharing.
 */
#ifndef BROKER_PORTAL_PORTAL_H
#define BROKER_PORTAL_PORTAL_H

#include "base/cleanup.h"
#include "base/http.h"
#include "broker/portal/portal_settings.h"

#define PORTAL_CALLS      64
#define PORTAL_RESERVED   8
#define PORTAL_CALL_MS    5000
#define PORTAL_BODY_BYTES 262144

struct portal;

/* tls NULL: plain HTTP. The settings and tls must outlive it. STATUS_CONFLICT when the port is taken, STATUS_SETTINGS
 * for a public_url that cannot be one. */
enum status portal_new(const struct portal_settings *settings, SSL_CTX *tls, struct portal **out_portal);
/* Waits until the link has done with every question, PORTAL_CALL_MS at most. Takes NULL. */
void portal_free(struct portal *portal);
CLEANUP_POINTER(struct portal, portal_free)

struct http_server *portal_server(struct portal *portal);

#endif
