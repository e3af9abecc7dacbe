/*
 * Derivations that bind to a federation and are not part of keys/ (docs/protocol.md sections 2 to 6 and 9). Keys of
 * slots come as secrets and do not leave. Any thread.
 */
#ifndef PROTO_DERIVE_H
#define PROTO_DERIVE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "keys/voprf.h"
#include "proto/ids.h"

/* First 16 bytes of H("sluss event v1", federation, sender, message, u32 n). sender is the envelope's unit, a device's
 * text thumbprint, "broker" or "authority"; n counts the leaves of one message from 0. */
struct id16 derive_event_id(const char *federation, const char *sender, const struct id16 *message, uint32_t n);

/* The handle: H("sluss handle v1", federation, u32 key version, VOPRF output). */
struct hash derive_handle(const char *federation, uint32_t key_version, const struct voprf_output *output);

/* H("sluss source v1", federation, unit, salt): a source as it stands in a consent request. */
struct hash derive_source_commitment(const char *federation, const char *unit, const struct hash *salt);

/* H("sluss code v1", federation, code): what stands in a token as `rev`. */
struct hash derive_code_hash(const char *federation, const struct id16 *code);

/* H("sluss leaf v1", federation, nonce, exact bytes of the opening). */
struct hash derive_leaf_commitment(const char *federation, const struct hash *nonce, struct bytes opening);

/* H("sluss slot v1", federation, slot key). */
struct hash derive_slot_commitment(const char *federation, const struct secret *slot_key);

/* First 16 bytes of HMAC-SHA256(slot key, event). */
struct id16 derive_subject_tag(const struct secret *slot_key, const struct id16 *event);

/* aad of a sealed opening: F("sluss sealed v1", federation, "opening", event). In the arena. STATUS_MEMORY. */
enum status derive_opening_aad(struct arena *arena, const char *federation, const struct id16 *event,
                               struct bytes *out_aad);
/* aad of sealed evidence: F("sluss sealed v1", federation, "evidence", hash). In the arena. STATUS_MEMORY. */
enum status derive_evidence_aad(struct arena *arena, const char *federation, const struct hash *hash,
                                struct bytes *out_aad);

/* The registration's mac: HMAC-SHA256(secret of the code, F("sluss enrol v1", federation, sign key, read key)). */
struct hash derive_enrolment_mac(const struct secret *code_secret, const char *federation,
                                 const struct sign_public *sign_key, const struct seal_public *read_key);

#endif
