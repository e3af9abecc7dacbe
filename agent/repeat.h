/*
 * Answers of the local API by Idempotency-Key, kept for a day, sealed under the agent's own key. Any thread.
 */
#ifndef AGENT_REPEAT_H
#define AGENT_REPEAT_H

#include "agent/agent.h"

/* As agent_repeat_find and agent_repeat_keep. */
enum status repeat_find(struct agent *agent, struct arena *arena, const char *client, const char *key,
                        const struct hash *request, struct bytes *out_answer);
enum status repeat_keep(struct agent *agent, const char *client, const char *key, const struct hash *request,
                        struct bytes answer);

#endif
