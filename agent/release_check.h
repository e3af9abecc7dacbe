/*
 * What came back from a release, taken apart and checked before anything is opened (docs/protocol.md sections 4, 7 and
 * 9). Guards P3 and P4: a header, a grant, a ciphertext or a receipt of another release fits nowhere. Pure but for the
 * keys; any thread.
 */
#ifndef AGENT_RELEASE_CHECK_H
#define AGENT_RELEASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "agent/ground.h"
#include "agent/keystore.h"
#include "agent/receipt.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "proto/fragment_header.h"
#include "proto/msg_release.h"
#include "proto/token.h"

/* What was asked. */
struct release_asked {
    const char *unit;
    const struct token *token;
    const uint32_t *kinds;
    size_t n_kinds;
    struct hash cause; /* of the envelope that asked */
};

/* The receipt of a page speaks of this question: RELEASED, or REFUSED for a refusal. STATUS_PROOF when it does not;
 * errors of receipt_open. */
enum status release_check_receipt(struct arena *arena, const struct directory *directory,
                                  const struct release_asked *asked, enum leaf_type type, struct bytes text,
                                  struct receipt *out_receipt);

/* The items of a page are those that the opening passed: as many, in the same order, with the same hashes.
 * STATUS_PROOF. out_passed holds the opening's items that passed. */
enum status release_check_items(struct arena *arena, const struct opening *opening, const struct msg_released *page,
                                const struct opening_item **out_passed);

/* One item with all that belongs to it. */
struct release_item {
    const struct opening_item *named; /* by the opening */
    struct bytes header;
    struct bytes grant;
    struct bytes ciphertext;
    struct bytes release_event; /* of the page, for access once; else empty */
};

/* Checks a header against the opening and the token: source's signature, subject, source, kind, hashes. STATUS_PROOF,
 * STATUS_SIGNATURE, STATUS_DENIED; errors of codec_parse. */
enum status release_check_header(struct arena *arena, const struct directory *directory,
                                 const struct release_asked *asked, const struct opening_item *named,
                                 struct bytes header, struct fragment_signed *out_header);

/* Header, grant, every bound field, HPKE, commitment, content, in this order. out_content lies in the arena.
 * STATUS_PROOF, STATUS_SIGNATURE, STATUS_NOT_FOUND (sealed to a key that this unit does not hold); errors of the
 * primitives. */
enum status release_open(struct arena *arena, const struct directory *directory, const struct keystore *keystore,
                         const struct release_asked *asked, const struct release_item *item,
                         struct fragment_signed *out_header, struct bytes *out_content);

#endif
