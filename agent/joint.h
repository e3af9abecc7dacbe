/*
 * What a unit may read about a person: the joint plan, and single fragments. Any thread; blocks on the link.
 */
#ifndef AGENT_JOINT_H
#define AGENT_JOINT_H

#include "agent/agent.h"

/* As agent_plan. */
enum status joint_plan(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                       const struct hash *subject, const char *purpose, json_t **out);
/* As agent_fragment. */
enum status joint_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct id16 *fragment, json_t **out);

#endif
