/*
 * A hash table of records with a fixed key in front, for the reducer's state. Records never move and are never removed,
 * so that pointers to them stay good until table_clear. Keys come from outside: hashed with SipHash under a key of the
 * table's own. One owner at a time.
 */
#ifndef BROKER_AUDIT_TABLE_H
#define BROKER_AUDIT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TABLE_CHUNK 1024

struct table {
    size_t key_bytes;
    size_t record_bytes;
    uint8_t hash_key[16];
    uint32_t *slots; /* record number + 1; 0: free */
    size_t slot_count;
    void **chunks;
    size_t chunk_count;
    uint32_t count;
};

/* The key is the first key_bytes of a record. */
void table_init(struct table *table, size_t key_bytes, size_t record_bytes);
/* Frees; fine for a zeroed table. */
void table_clear(struct table *table);

/* NULL when there is none. */
void *table_find(const struct table *table, const void *key);
/* The record of the key: found, or new and zeroed behind the key. NULL when memory is out. */
void *table_require(struct table *table, const void *key);
/* The number-th record in the order of adding, number below count. */
void *table_at(const struct table *table, uint32_t number);

#endif
