/*
 * Signed objects: {body, key_id, signature}, Ed25519 over F(label, federation, body) (docs/protocol.md section 1).
 * Verify first, then parse the body. Any thread.
 */
#ifndef PROTO_SIGNED_H
#define PROTO_SIGNED_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/hash.h"
#include "keys/sign.h"
#include "proto/codec.h"

/* The labels, one for each object. */
#define SIGNED_ENVELOPE       "sluss envelope v1"
#define SIGNED_MEMBER         "sluss member v1"
#define SIGNED_AGREEMENT      "sluss agreement v1"
#define SIGNED_AGREEMENT_END  "sluss agreement end v1"
#define SIGNED_DIRECTORY      "sluss directory v1"
#define SIGNED_HEADER         "sluss header v1"
#define SIGNED_GRANT          "sluss grant v1"
#define SIGNED_REQUEST        "sluss request v1"
#define SIGNED_ATTESTATION    "sluss attestation v1"
#define SIGNED_STATE          "sluss state v1"
#define SIGNED_DIRECTORY_HEAD "sluss directory head v1"

/* Not yet verified when it was just parsed. whole is the view that was parsed: what is stored and hashed. */
struct signed_object {
    struct bytes body;
    struct hash key_id;
    struct sign_signature signature;
    struct bytes whole;
};

/* Errors of codec_parse. Nothing is verified. whole is a view of from, the rest lies in the arena. */
enum status signed_parse(struct arena *arena, struct bytes from, struct signed_object *out);

/* Signs a body; out_whole is the encoding, in the arena. STATUS_TOO_LARGE, STATUS_MALFORMED for an empty body,
 * STATUS_MEMORY. */
enum status signed_make(struct arena *arena, const char *label, const char *federation, struct bytes body,
                        const struct sign_private *key, struct bytes *out_whole);

/* STATUS_SIGNATURE unless key_id is that of the key and the signature verifies. STATUS_MEMORY. */
enum status signed_verify(const char *label, const char *federation, const struct signed_object *object,
                          const struct sign_public *key);

/* The key id of an encoded object that was parsed before, without parsing it again. STATUS_MALFORMED when its end does
 * not have the form of a Signed. */
enum status signed_key_id(struct bytes whole, struct hash *out_key_id);

/* SHA-256 of the whole encoding: the object's hash everywhere. */
struct hash signed_hash(const struct signed_object *object);

#endif
