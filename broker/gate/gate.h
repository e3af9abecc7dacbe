/*
 * The gate: receives agents over TLS 1.3 and passes their bytes to core. It cannot read a message, holds no key but
 * the one of its certificate, and decides nothing about members: core does, by the preface.
 *
 * One gate belongs to one event base; all calls come from that base's thread.
 */
#ifndef BROKER_GATE_GATE_H
#define BROKER_GATE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/status.h"
#include "broker/gate/gate_metrics.h"
#include "broker/gate/gate_settings.h"

struct event_base;
struct gate;

/* Reads certificate and key, but does not listen yet: what follows may be done under fewer rights. The settings must
 * outlive the gate. Errors of keys/tls.h, STATUS_MEMORY. */
enum status gate_new(struct event_base *base, const struct gate_settings *settings, struct gate **out_gate);

/* Closes everything at once. Takes NULL. */
void gate_free(struct gate *gate);
CLEANUP_POINTER(struct gate, gate_free)

/* Listens on every address of the settings. STATUS_SETTINGS for what is no numeric address, STATUS_IO when an address
 * cannot be bound. */
enum status gate_listen(struct gate *gate);

/* The port of the nth address; 0 before gate_listen. */
uint16_t gate_port(const struct gate *gate, size_t index);

/* Reads certificate and key again, for connections that come from now on. On failure the old ones stay in use. */
enum status gate_reload(struct gate *gate);

/* Takes no new connection and begins to end the others: within 5 s gate_is_idle. */
void gate_stop(struct gate *gate);
bool gate_is_idle(const struct gate *gate);

const struct gate_metrics *gate_metrics(const struct gate *gate);

#endif
