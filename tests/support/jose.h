/*
 * Signed JSON of any form, for tests of what parses it: payloads come as text, are changed by a path, and are signed as
 * they stand. Every failure fails the running test.
 */
#ifndef TESTS_SUPPORT_JOSE_H
#define TESTS_SUPPORT_JOSE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "keys/sign.h"

/* The key of a seed that is SHA-256 of a name: the same as in tests/vectors/make_jose.mjs. The caller frees. */
struct sign_private *jose_key(const char *name);

/* Text form of the key's thumbprint. */
const char *jose_kid(struct arena *arena, const struct sign_private *key);

/* A copy of text with the member at the path ("notice.lang", "authorization_details.0.to") set to the JSON value;
 * value NULL removes it. */
const char *jose_patch(struct arena *arena, const char *text, const char *path, const char *value);

/* Compact JWS over exactly this header and payload. */
struct bytes jose_sign_exact(struct arena *arena, const char *header, const char *payload,
                             const struct sign_private *key);
/* The same with the usual header of a typ. */
struct bytes jose_sign(struct arena *arena, const char *typ, const char *payload, const struct sign_private *key);

/* The JWS with another payload under the signature that it had. */
struct bytes jose_swap_payload(struct arena *arena, struct bytes compact, const char *payload);

/* The decoded payload, ended with NUL. */
const char *jose_payload(struct arena *arena, struct bytes compact);

#endif
