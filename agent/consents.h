/*
 * The consents that concern a unit: listing, assisted revocation, erasure of a person. Any thread; blocks on the link.
 */
#ifndef AGENT_CONSENTS_H
#define AGENT_CONSENTS_H

#include "agent/agent.h"

/* As agent_consents. */
enum status consents_list(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct hash *subject, json_t **out);
/* As agent_revoke. */
enum status consents_revoke(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                            const struct id16 *consent, const char *reason, struct bytes *out_receipt);
/* As agent_erase. */
enum status consents_erase(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                           const struct hash *subject, const char *reason, struct bytes *out_receipt);

#endif
