/*
 * Fragments of a world: a real header, key and commitment around random bytes as ciphertext. Nobody opens the content;
 * what is checked is everything that the broker and the log say about it.
 */
#ifndef TESTS_SUPPORT_LINK_WORLD_FRAGMENT_H
#define TESTS_SUPPORT_LINK_WORLD_FRAGMENT_H

#include "proto/fragment_header.h"
#include "proto/msg_release.h"
#include "support/link/world_consent.h"

struct world_fragment {
    size_t unit;
    struct hash subject;
    enum kind kind;
    uint32_t revision;
    struct id16 id;
    struct hash header_hash;
    struct hash ciphertext_hash;
    struct secret *key; /* until it is not needed: world_fragment_clear */
};

/* A new fragment, first revision. */
enum status world_fragment_init(struct world_fragment *fragment, size_t unit, const struct hash *subject,
                                enum kind kind);
void world_fragment_clear(struct world_fragment *fragment);

/* Encoded PUBLISH with a ciphertext of this many random bytes (at least 16); fills in the hashes. */
enum status world_publish_body(const struct world *world, struct world_fragment *fragment, size_t ciphertext_bytes,
                               struct arena *arena, struct bytes *out_body);
/* Verifies the receipt: PUBLISHED, of this fragment and header. */
enum status world_publish_check(struct world_notes *notes, const struct world_fragment *fragment, struct bytes text,
                                struct arena *arena, struct world_receipt *out_receipt);
/* Both, with the call. out_receipt may be NULL. */
enum status world_publish(struct world *world, struct world_notes *notes, struct world_fragment *fragment,
                          size_t ciphertext_bytes, uint32_t patience_ms, struct world_receipt *out_receipt);

/* STATE of a consent's token as its source asks it: the Signed StateStatement, in the arena. */
enum status world_state(struct world *world, const struct world_consent *consent, size_t source, uint32_t patience_ms,
                        struct arena *arena, struct bytes *out_state);
/* A Signed KeyGrant for a fragment under a token. */
enum status world_grant_make(const struct world *world, const struct world_fragment *fragment,
                             const struct world_consent *consent, size_t source, struct bytes state,
                             struct arena *arena, struct bytes *out_grant);
/* UPLOAD_GRANTS for up to 64 fragments of one source, relying on a state from before. STATUS_REFUSED when a grant was
 * discarded. out_receipt may be NULL. */
enum status world_upload(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                         size_t source, struct bytes state, const struct world_fragment *fragments, size_t count,
                         uint32_t patience_ms, struct world_receipt *out_receipt);
/* The same after asking for the state. */
enum status world_grant(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                        size_t source, const struct world_fragment *fragments, size_t count, uint32_t patience_ms);

/* Encoded RELEASE for one fragment under a token. */
enum status world_release_body(const struct world_consent *consent, size_t source,
                               const struct world_fragment *fragment, struct arena *arena, struct bytes *out_body);
/* Verifies an answer to it: RELEASED with this fragment, or REFUSED, under this token; header and ciphertext as
 * published. */
enum status world_release_check(struct world_notes *notes, const struct world_consent *consent, size_t source,
                                const struct world_fragment *fragment, const struct reply *reply, struct arena *arena,
                                struct world_receipt *out_receipt);
/* Both, with the call. The outcome is out_code; STATUS_OK also for a refusal. out_receipt lies in no arena that lives
 * on: only its index, tree, leaf_hash and leaf are of use. */
enum status world_release(struct world *world, struct world_notes *notes, const struct world_consent *consent,
                          size_t source, const struct world_fragment *fragment, uint32_t patience_ms,
                          enum reply_code *out_code, struct world_receipt *out_receipt);

#endif
