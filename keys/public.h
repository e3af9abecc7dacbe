/*
 * Public keys as a line of text, "sluss-sign:BASE64URL", "sluss-seal:...", "sluss-voprf:...": for settings, records and
 * the command line. Parsing is strict: the right prefix, 43 characters of canonical base64url, nothing after. Any
 * thread.
 */
#ifndef KEYS_PUBLIC_H
#define KEYS_PUBLIC_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "keys/seal.h"
#include "keys/sign.h"
#include "keys/voprf.h"

/* NULL when the arena is full. */
const char *public_sign_text(struct arena *arena, const struct sign_public *key);
const char *public_seal_text(struct arena *arena, const struct seal_public *key);
const char *public_voprf_text(struct arena *arena, const struct voprf_public *key);

/* STATUS_MALFORMED. A parsed key is well-formed text, not yet a valid point: use checks that. */
enum status public_sign_parse(struct bytes text, struct sign_public *out_key);
enum status public_seal_parse(struct bytes text, struct seal_public *out_key);
enum status public_voprf_parse(struct bytes text, struct voprf_public *out_key);

#endif
