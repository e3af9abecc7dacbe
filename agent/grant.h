/*
 * Making one key grant: the content key of an own fragment, sealed to one recipient key, bound to what it is for, and
 * signed (docs/protocol.md section 4). Whether it may be made is judged by agent/source.h. Pure but for randomness; any
 * thread.
 */
#ifndef AGENT_GRANT_H
#define AGENT_GRANT_H

#include "agent/fragment_store.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/seal.h"
#include "keys/sign.h"

/* For whom and what. Token, purpose, state are empty for a device's own reading. */
struct grant_target {
    struct bytes token;
    const char *purpose;
    const char *recipient; /* unit, or text form of a device's thumbprint */
    struct seal_public key;
    struct bytes state;
    struct bytes release_event; /* of a consent for once; else empty */
};

/* The row's header is signed already. subject_key is the source's key for the person. out_grant is the Signed KeyGrant.
 * STATUS_INTEGRITY when the key gives another commitment than the header has; STATUS_INVALID for a recipient key of
 * small order; STATUS_MEMORY, STATUS_CRYPTO. */
enum status grant_make(struct arena *arena, const char *federation, const struct sign_private *sign_key,
                       const struct secret *subject_key, const struct fragment_row *row,
                       const struct grant_target *target, struct bytes *out_grant);

/* The content key of an own fragment. The caller frees. STATUS_INTEGRITY as above. */
enum status grant_content_key(struct arena *arena, const char *federation, const struct secret *subject_key,
                              const struct fragment_row *row, struct secret **out_key);

#endif
