/*
 * Open addressing with linear probing, at most three quarters full. Invariant: every slot's number is below count.
 */
#include "broker/audit/table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define FIRST_SLOTS 1024

void table_init(struct table *table, size_t key_bytes, size_t record_bytes) {
    *table = (struct table){.key_bytes = key_bytes, .record_bytes = record_bytes};
    secret_random_public(table->hash_key, sizeof table->hash_key);
}

void table_clear(struct table *table) {
    for (size_t i = 0; i < table->chunk_count; i++) {
        free(table->chunks[i]);
    }
    free((void *)table->chunks);
    free(table->slots);
    *table = (struct table){.count = 0};
}

void *table_at(const struct table *table, uint32_t number) {
    return (uint8_t *)table->chunks[number / TABLE_CHUNK] + (size_t)(number % TABLE_CHUNK) * table->record_bytes;
}

static size_t first_slot(const struct table *table, const void *key) {
    uint64_t hash = 0;
    (void)crypto_shorthash((unsigned char *)&hash, key, table->key_bytes, table->hash_key);
    return (size_t)hash & (table->slot_count - 1);
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t probe(const struct table *table, const void *key) {
    size_t slot = first_slot(table, key);
    while (table->slots[slot] && memcmp(table_at(table, table->slots[slot] - 1), key, table->key_bytes) != 0) {
        slot = (slot + 1) & (table->slot_count - 1);
    }
    return slot;
}

void *table_find(const struct table *table, const void *key) {
    if (table->slot_count == 0) return NULL;
    uint32_t number = table->slots[probe(table, key)];
    return number ? table_at(table, number - 1) : NULL;
}

static enum status grow_slots(struct table *table) {
    if (table->slot_count && table->count < table->slot_count / 4 * 3) return STATUS_OK;
    size_t slot_count = table->slot_count ? table->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    ENSURE(slots, STATUS_MEMORY);
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (uint32_t i = 0; i < table->count; i++) {
        table->slots[probe(table, table_at(table, i))] = i + 1;
    }
    return STATUS_OK;
}

static enum status grow_chunks(struct table *table) {
    if (table->count < table->chunk_count * TABLE_CHUNK) return STATUS_OK;
    ENSURE(table->count < UINT32_MAX - TABLE_CHUNK, STATUS_LIMIT);
    void **chunks = realloc((void *)table->chunks, (table->chunk_count + 1) * sizeof *chunks);
    ENSURE(chunks, STATUS_MEMORY);
    table->chunks = chunks;
    void *chunk = calloc(TABLE_CHUNK, table->record_bytes);
    ENSURE(chunk, STATUS_MEMORY);
    table->chunks[table->chunk_count++] = chunk;
    return STATUS_OK;
}

void *table_require(struct table *table, const void *key) {
    void *found = table_find(table, key);
    if (found) return found;
    if (grow_slots(table) != STATUS_OK || grow_chunks(table) != STATUS_OK) return NULL;
    table->slots[probe(table, key)] = table->count + 1;
    void *record = table_at(table, table->count++);
    memcpy(record, key, table->key_bytes);
    return record;
}
