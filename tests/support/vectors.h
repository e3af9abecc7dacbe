/*
 * Paths of test data: the project's own under tests/vectors, and larger published sets that a checkout may have
 * beside it.
 */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"

/* Loads tests/vectors/NAME; fails the running test when it is missing or not JSON. The caller owns the result. */
json_t *vectors_load(const char *name);

/* Members of a case; each fails the running test when it is missing or of another form. */
const char *vectors_text(const json_t *object, const char *name);
struct bytes vectors_hex(struct arena *arena, const json_t *object, const char *name);
/* Hex of exactly len bytes. */
void vectors_copy(struct arena *arena, const json_t *object, const char *name, void *out, size_t len);
/* The caller frees. */
struct secret *vectors_secret(struct arena *arena, const json_t *object, const char *name);
size_t vectors_number(const json_t *object, const char *name);

#endif
