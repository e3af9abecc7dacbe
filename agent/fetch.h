/*
 * What a release leaves for later: ciphertext that was not inline, grants of a consent for once, and the answer of such
 * a consent's only release, kept so that it can be read again until the consent ends.
 */
#ifndef AGENT_FETCH_H
#define AGENT_FETCH_H

#include "agent/agent.h"
#include "agent/release_check.h"
#include "base/arena.h"
#include "base/status.h"

#define FETCH_GRANT_WAIT_MS 3000

/* Fills in the ciphertext, and for access once the grant, of an item whose header was checked. Waits up to 3 s for the
 * source to grant, then STATUS_RETRY. STATUS_PROOF for pieces that do not add up; errors of link_ask_done. */
enum status fetch_missing(struct agent *agent, struct arena *arena, const struct agent_caller *caller,
                          const struct id16 *event, const struct fragment_signed *header, struct release_item *item);

/* Keeps the answer to the release of a consent for once, with the hash of the envelope that asked. */
enum status fetch_keep_once(struct agent *agent, struct arena *arena, const struct id16 *token,
                            const struct hash *cause, struct bytes body);
/* STATUS_NOT_FOUND when it was not released yet. */
enum status fetch_once(struct agent *agent, struct arena *arena, const struct id16 *token, struct hash *out_cause,
                       struct bytes *out_body);

#endif
