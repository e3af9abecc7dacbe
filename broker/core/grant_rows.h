/*
 * Key grants that wait for their recipient: key tag of the token (or of the device), fragment 16. Sealed under the slot
 * of the consent, so that they end with it; a grant to a person's own device under the person's slot. One grant stands
 * for each token and fragment: a newer one, for another revision or another key of the recipient, takes its place.
 */
#ifndef BROKER_CORE_GRANT_ROWS_H
#define BROKER_CORE_GRANT_ROWS_H

#include <stdint.h>

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/core/store.h"
#include "broker/core/subject.h"
#include "keys/hash.h"
#include "proto/ids.h"

struct grant_row {
    struct id16 fragment;
    uint32_t revision;
    struct hash recipient_key_id;
    struct hash hash;          /* of the Signed grant */
    struct id16 release_event; /* access once: granted against this; else zeros */
    struct bytes grant;        /* Signed KeyGrant, in the arena */
};

struct grant_list {
    const struct grant_row *items;
    size_t count;
};

/* Whose grants: a token's or a device's. */
struct grant_owner {
    uint8_t tag[SUBJECT_TAG_BYTES];
    uint32_t slot; /* the consent's own, or the person's */
};
struct grant_owner grant_rows_of_token(const struct core *core, const struct id16 *token, uint32_t consent_slot);
struct grant_owner grant_rows_of_device(const struct core *core, const struct hash *device, uint32_t slot);

/* STATUS_NOT_FOUND when there is none or it was destroyed; errors of row_get. */
enum status grant_rows_get(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                           const struct id16 *fragment, struct arena *arena, struct grant_row *out);
/* Writer. */
enum status grant_rows_put(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                           const struct grant_row *row, struct arena *arena);
/* The owner's grants after a fragment id (zeros: from the beginning), at most `most`. */
enum status grant_rows_list(const struct core *core, struct store_txn *txn, const struct grant_owner *owner,
                            const struct id16 *after, size_t most, struct arena *arena, struct grant_list *out);
/* Removes every row of the owner. Writer. */
enum status grant_rows_delete_all(struct store_txn *txn, const struct grant_owner *owner, struct arena *arena);

#endif
