/*
 * Paths of test data: the project's own under tests/vectors, and larger published sets that a checkout may have
 * beside it.
 */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <jansson.h>

/* Loads tests/vectors/NAME; fails the running test when it is missing or not JSON. The caller owns the result. */
json_t *vectors_load(const char *name);

#endif
