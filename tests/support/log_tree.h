/*
 * The tree that tests/vectors/make_log.mjs describes, and hashes read from its JSON.
 */
#ifndef TESTS_SUPPORT_LOG_TREE_H
#define TESTS_SUPPORT_LOG_TREE_H

#include <jansson.h>
#include <stdint.h>

#include "proto/merkle.h"
#include "proto/tree_store.h"

/* Entry i: "entry I;" repeated i mod 4 times. text has room for 64 bytes; returns a view of it. */
struct bytes log_tree_entry(uint64_t index, char text[64]);

/* The first `size` entries. Fails the running test when memory is out; the caller frees. */
struct tree_store *log_tree_new(uint64_t size);

/* A member in hex, exactly 32 bytes; fails the running test otherwise. */
struct hash log_tree_hash(const json_t *object, const char *name);

/* A member that is a list of hashes in hex. */
struct merkle_proof log_tree_proof(const json_t *object, const char *name);

/* A member that is a number. */
uint64_t log_tree_number(const json_t *object, const char *name);

#endif
