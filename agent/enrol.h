/*
 * Enrolment of a person's device: a one-time code for an identified person, and the attestation of the device that
 * comes with it (docs/protocol.md section 6). Any thread.
 */
#ifndef AGENT_ENROL_H
#define AGENT_ENROL_H

#include "agent/agent.h"
#include "base/store.h"
#include "proto/msg_events.h"

#define ENROL_VALID_MS ((uint64_t)900000)

/* As agent_enrol. */
enum status enrol_open(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, uint32_t assurance, const char *how, bool others_lost,
                       struct agent_enrolment *out_enrolment);

/* A registration that came by mail: checked against the code, which is used up by it; its attestation goes into the
 * outbox. In a write transaction. STATUS_NOT_FOUND (no such code, or used), STATUS_EXPIRED, STATUS_SIGNATURE (not made
 * with the secret, which never reached the broker), STATUS_MALFORMED. */
enum status enrol_registered(struct agent *agent, struct store_txn *txn, struct arena *arena, struct bytes compact);

#endif
