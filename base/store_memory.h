/*
 * The store in memory, for tests: the same behaviour as the others, nothing survives the process. It can be told to
 * fail.
 */
#ifndef BASE_STORE_MEMORY_H
#define BASE_STORE_MEMORY_H

#include "base/status.h"
#include "base/store.h"

/* STATUS_MEMORY, STATUS_INVALID. The caller closes. */
enum status store_memory_open(const char *federation, struct store_tables tables, struct store **out_store);

/* The next count commits end with this status and change nothing: STATUS_RETRY, STATUS_FENCED, STATUS_DISK_FULL,
 * STATUS_UNKNOWN. For stores of store_memory_open only; not while another thread writes. */
void store_memory_fail_commits(struct store *store, enum status status, unsigned count);

#endif
