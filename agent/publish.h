/*
 * Publishing and withdrawing one's own fragments, and reading them again. See agent/agent.h for what the outer
 * functions promise. Any thread; blocks on disk and, for a few seconds, on the link.
 */
#ifndef AGENT_PUBLISH_H
#define AGENT_PUBLISH_H

#include "agent/agent.h"
#include "agent/fragment_store.h"

/* As agent_publish. */
enum status publish_fragment(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                             const struct agent_publish *ask, struct agent_published *out_published,
                             struct fragment_problems *out_problems);

/* The first half: sealed and durable, with its row in the outbox. */
enum status publish_commit(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct agent_publish *ask, struct fragment_row *out_row, uint64_t *out_order,
                           struct fragment_problems *out_problems);

/* As agent_withdraw. */
enum status publish_withdraw(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                             const struct id16 *fragment, struct bytes *out_receipt);

/* Opens an own fragment's content. STATUS_NOT_FOUND when the person's key is shredded; STATUS_INTEGRITY. The caller
 * owns *out_content. */
enum status publish_open(struct agent *agent, struct arena *arena, const struct fragment_row *row,
                         json_t **out_content);

#endif
