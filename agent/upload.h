/*
 * Sending key grants, in chunks, and noting which were kept. Every grant of one upload is for one token or one device.
 */
#ifndef AGENT_UPLOAD_H
#define AGENT_UPLOAD_H

#include <stddef.h>

#include "agent/fragment_store.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"

struct agent;

struct upload_item {
    struct bytes grant; /* Signed KeyGrant */
    struct id16 fragment;
    uint32_t revision;
};

struct upload {
    const char *unit;   /* source */
    struct bytes who;   /* token or device's thumbprint: what the receipt must name */
    struct hash key_id; /* recipient's */
    uint64_t epoch;
    const struct upload_item *items;
    size_t count;
};

/* STATUS_OK when core answered for all of them, kept or discarded, and its receipts hold. STATUS_PROOF when a receipt
 * does not name a grant that was said to be kept; errors of link_ask_done. */
enum status upload_send(struct agent *agent, struct arena *arena, const struct upload *upload);

#endif
