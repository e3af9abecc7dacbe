/*
 * Core's side of keyd's socket (docs/protocol.md section 13): one packet out, one packet back, in time.
 *
 * A client belongs to one thread. It connects when it is first used, and again after any failure: whatever comes late
 * on the old connection is never taken for an answer. Blocks at most the deadline.
 *
 * All calls: STATUS_UNREACHABLE when keyd is not there, STATUS_TIMEOUT when it does not answer in time,
 * STATUS_MALFORMED for an answer that is none, else the status that keyd's reply code stands for. What comes back lies
 * in the arena.
 */
#ifndef BROKER_CORE_KEYD_CLIENT_H
#define BROKER_CORE_KEYD_CLIENT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "keys/sign.h"
#include "keys/voprf.h"
#include "proto/ids.h"
#include "proto/merkle.h"
#include "proto/state_statement.h"

struct keyd_client;

/* path is kept as a view. NULL when memory is out. */
struct keyd_client *keyd_client_new(const char *path, uint32_t deadline_ms);
/* Takes NULL. */
void keyd_client_free(struct keyd_client *client);
CLEANUP_POINTER(struct keyd_client, keyd_client_free)

struct keyd_identity {
    uint64_t epoch;
    const char *log_vkey;
    struct sign_public status_key;
    uint32_t pseudonym_version;
    struct voprf_public pseudonym_key;
};
enum status keyd_client_identity(struct keyd_client *client, struct arena *arena, struct keyd_identity *out_identity);

/* The signed note for a tree. The note is keyd's word: the caller compares it with the tree. */
enum status keyd_client_sign(struct keyd_client *client, uint64_t size, const struct hash *root,
                             const struct merkle_proof *consistency, struct arena *arena, struct bytes *out_note);
/* What it signed last; empty when nothing. */
enum status keyd_client_last_note(struct keyd_client *client, struct arena *arena, struct bytes *out_note);
/* A Signed StateStatement. */
enum status keyd_client_state(struct keyd_client *client, const struct id16 *token, enum consent_state state,
                              uint64_t tree_size, uint64_t time_ms, struct arena *arena, struct bytes *out_statement);
/* Has keyd verify and keep a MultiSigned DirectoryEntry; fine when it is the newest already. */
enum status keyd_client_directory_add(struct keyd_client *client, struct bytes entry);
/* A Signed DirectoryHead. */
enum status keyd_client_directory_head(struct keyd_client *client, uint64_t time_ms, struct arena *arena,
                                       struct bytes *out_head);
/* Forwards a Signed Envelope of EVALUATE; an encoded Evaluated. */
enum status keyd_client_evaluate(struct keyd_client *client, struct bytes envelope, struct arena *arena,
                                 struct bytes *out_evaluated);
/* Evaluations of a day (days since 1970). */
enum status keyd_client_counts(struct keyd_client *client, uint32_t day, uint64_t *out_count);

#endif
