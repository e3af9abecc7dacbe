/*
 * Consent requests of one's own, and what became of them. Any thread; blocks on the link.
 */
#ifndef AGENT_REQUEST_H
#define AGENT_REQUEST_H

#include "agent/agent.h"
#include "base/store.h"

/* As agent_request_consent. */
enum status request_consent(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                            const struct agent_request *ask, struct id16 *out_request, struct bytes *out_receipt,
                            const char **out_reason);

/* As agent_request_state. */
enum status request_state(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct id16 *request, json_t **out);

/* The salt that this agent chose for a source of its own request: what a recipient verifies a token with. In a
 * transaction. STATUS_NOT_FOUND. */
enum status request_salt(struct store_txn *txn, struct arena *arena, const struct id16 *request, const char *source,
                         struct bytes *out_salt);

#endif
