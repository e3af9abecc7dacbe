/*
 * A person's own reading: a device that asked this source gets grants for every fragment about its person
 * (docs/protocol.md, statement "read"). The link thread's.
 */
#ifndef AGENT_SELFREAD_H
#define AGENT_SELFREAD_H

#include "agent/ground.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"
#include "keys/seal.h"
#include "proto/msg_events.h"

struct agent;

struct selfread_row {
    const char *unit; /* source that was asked */
    struct hash subject;
    struct hash device;
    struct seal_public read_key;
    const char *attester;
};

/* Verifies what the mailbox brought: statement by the attested device, receipts of both leaves, and that this source
 * accepts the attester. STATUS_OK only when all of it holds; out_why names the first that does not. Pure. */
enum status selfread_check(struct arena *arena, const struct ground *ground, const struct msg_mail_event *event,
                           uint64_t now_ms, struct selfread_row *out_row, const char **out_why);

/* Notes that grants are due, in a write transaction. */
enum status selfread_put(struct store_txn *txn, struct arena *arena, uint64_t sequence, const struct selfread_row *row);

/* Makes and sends what is due; a request that was served is forgotten. STATUS_EXPIRED when the directory's head is too
 * old; errors of link_ask_done. */
enum status selfread_serve_all(struct agent *agent);

#endif
