/*
 * The agent's own fragments: what was published here, in which state, with its ciphertext. In transactions of the
 * agent's store; results lie in the arena given.
 */
#ifndef AGENT_FRAGMENT_STORE_H
#define AGENT_FRAGMENT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/store.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/ids.h"

enum fragment_state {
    FRAGMENT_STATE_QUEUED = 1,
    FRAGMENT_STATE_STORED = 2,
    FRAGMENT_STATE_WITHDRAWN = 3,
    FRAGMENT_STATE_REFUSED = 4, /* the broker did not take it, and never will */
};

struct fragment_row {
    struct id16 fragment;
    uint32_t revision;
    uint32_t state; /* enum fragment_state */
    uint32_t kind;  /* enum kind */
    struct hash subject;
    const char *unit;
    uint64_t created_ms;
    uint64_t expires_ms; /* 0: none */
    struct bytes core;   /* exact bytes */
    uint64_t ciphertext_len;
    struct hash ciphertext_hash;
    struct hash commitment;
    struct bytes header;  /* Signed; empty until it is needed first */
    struct bytes receipt; /* empty until stored */
    uint32_t slot;        /* of the subject key */
    uint32_t refusal;     /* enum status, with FRAGMENT_STATE_REFUSED */
};

/* One revision. STATUS_NOT_FOUND. */
enum status fragment_store_get(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                               uint32_t revision, struct fragment_row *out_row);
/* The newest revision. STATUS_NOT_FOUND. */
enum status fragment_store_newest(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                  struct fragment_row *out_row);
/* The newest revision of every fragment about a person. */
enum status fragment_store_list(struct store_txn *txn, struct arena *arena, const struct hash *subject,
                                const struct fragment_row **out_rows, size_t *out_count);
/* Writes a row; it becomes the newest of its fragment when its revision is the highest. */
enum status fragment_store_put(struct store_txn *txn, struct arena *arena, const struct fragment_row *row);

enum status fragment_store_put_ciphertext(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                          uint32_t revision, struct bytes ciphertext);
enum status fragment_store_ciphertext(struct store_txn *txn, struct arena *arena, const struct id16 *fragment,
                                      uint32_t revision, struct bytes *out_ciphertext);

/* Removes everything about a person. */
enum status fragment_store_forget(struct store_txn *txn, struct arena *arena, const struct hash *subject);

/* Makes the signed header of a row, unless it stands there already. The same row gives the same bytes. */
enum status fragment_store_sign(struct arena *arena, const char *federation, const struct sign_private *key,
                                struct fragment_row *row);

#endif
