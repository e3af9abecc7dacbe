/*
 * Whether a release may be opened: its checkpoint must lie under one that K witnesses have cosigned, so that the broker
 * cannot show a log of its own to this member alone. Cosignatures count by members other than this one and by the
 * outside witnesses of the rules, each key once. Any thread.
 */
#ifndef AGENT_COSIGNED_H
#define AGENT_COSIGNED_H

#include <stdint.h>

#include "agent/receipt.h"
#include "base/arena.h"
#include "base/status.h"
#include "proto/directory.h"
#include "proto/msg_directory.h"
#include "proto/note.h"

#define COSIGNED_KEYS_MAX 256
#define COSIGNED_WAIT_MS  2000

struct agent;

/* Witnesses whose word counts; keys[0] is the log's. */
struct cosigned_keys {
    struct note_key keys[COSIGNED_KEYS_MAX];
    size_t count;
};

/* The keys of a directory for this member: never its own. Views live as long as the directory. Errors of
 * receipt_log_key. */
enum status cosigned_keys(const struct directory *directory, const char *own_member, struct cosigned_keys *out_keys);

/* K for this agent: its setting, else the rules', and at least 1. */
uint32_t cosigned_needed(struct agent *agent, const struct directory *directory);

/* Judges an answer to CHECKPOINT about a receipt: signed by the log, cosigned by `needed` of the keys, and an extension
 * of the receipt's checkpoint. STATUS_RETRY when it is smaller or has too few cosignatures, STATUS_FORK when it
 * contradicts the receipt; errors of checkpoint_open. */
enum status cosigned_judge(struct arena *arena, const struct cosigned_keys *keys, uint32_t needed,
                           const struct receipt *receipt, const struct msg_checkpoint_answer *answer,
                           uint64_t *out_size);

/* Asks until it is covered, for at most 2 s: then STATUS_RETRY. STATUS_FORK; errors of link_ask_done. */
enum status cosigned_wait(struct agent *agent, struct arena *arena, const struct receipt *receipt);

#endif
