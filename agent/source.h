/*
 * This agent as a source: it makes key grants for consents that it verified, and for nothing else. Grants are never
 * queued. What is to be granted follows from the consents and the own fragments that stand in the store; what was
 * granted is noted, so that nothing is granted twice to the same key.
 *
 * Before each upload the consent is verified again from its evidence, the directory's newest head must be fresh, the
 * release rule is asked at stage GRANT, and the status key must have said within ten minutes that the consent is
 * active. The link thread's, but for source_grants_for, which any thread may call.
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/consent_store.h"
#include "agent/fragment_store.h"
#include "agent/ground.h"
#include "base/arena.h"
#include "base/status.h"
#include "proto/ids.h"

struct agent;

/* Grants what is due under this token. STATUS_OK also when nothing is, or the rule says no. STATUS_EXPIRED when the
 * directory's head is too old; errors of link_ask_done. */
enum status source_serve(struct agent *agent, const struct id16 *token);

/* The same for every consent that is active and lets this agent be the source. Goes on after a failure and returns the
 * first. */
enum status source_serve_all(struct agent *agent);

struct source_grants {
    const struct bytes *grants; /* Signed KeyGrant */
    const struct id16 *tokens;  /* what each is for */
    const struct hash *key_ids; /* to which key */
    uint64_t epoch;
    size_t count;
};

/* Grants for a fragment that is about to be published, under the consents that are active now; its header is signed.
 * Never fails: what cannot be granted now is granted later. */
void source_grants_for(struct agent *agent, struct arena *arena, const struct fragment_row *row,
                       struct source_grants *out_grants);

/* Judges a state statement: signed by the status key, about this token, at most ten minutes old. STATUS_SIGNATURE,
 * STATUS_PROOF (another token), STATUS_TIME; errors of codec_parse. */
enum status source_judge_state(struct arena *arena, const struct directory *directory, const struct id16 *token,
                               uint64_t now_ms, struct bytes statement, enum consent_state *out_state);

/* What was granted: in transactions. `who` is a token or a device's thumbprint. */
enum status source_was_granted(struct store_txn *txn, struct arena *arena, struct bytes who,
                               const struct fragment_row *row, const struct hash *key_id, uint64_t epoch,
                               bool *out_was);
enum status source_note_granted(struct store_txn *txn, struct arena *arena, struct bytes who,
                                const struct id16 *fragment, uint32_t revision, const struct hash *key_id,
                                uint64_t epoch);

#endif
