/*
 * Secret memory. Owns regions of 64-byte slots (kept for the life of the process) and one guarded allocation for each
 * larger secret. Trusts libsodium for guard pages, locking and exclusion from core dumps; when the lock limit
 * (RLIMIT_MEMLOCK) is used up the memory is guarded and wiped but may be swapped.
 *
 * Invariants: a slot on the free list holds zeros only; freeing twice is a caller's bug and stops the process.
 */
#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/poison.h"

enum {
    SECRET_SLOT_BYTES = 64,
    SECRET_MAX_BYTES = 1 << 20,
    /* 255 slots and libsodium's canary fill four pages. */
    SECRET_REGION_SLOTS = 255,
};

enum secret_place { SECRET_FREE, SECRET_IN_SLOT, SECRET_ALONE };

struct secret {
    uint8_t *data;
    size_t len;
    enum secret_place place;
    struct secret *next_free;
};

struct secret_region {
    struct secret_region *next;
    struct secret secrets[SECRET_REGION_SLOTS];
};

/* The mutex guards both lists and the place of every slot. */
static pthread_mutex_t secret_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct secret_region *secret_regions;
static struct secret *secret_free_slots;

enum status secret_setup(void) { return sodium_init() >= 0 ? STATUS_OK : STATUS_CRYPTO; }

/* Adds a region's slots to the free list; the mutex is held. */
static enum status secret_add_region(void) {
    struct secret_region *region = calloc(1, sizeof *region);
    ENSURE(region, STATUS_MEMORY);
    uint8_t *slots = sodium_malloc((size_t)SECRET_REGION_SLOTS * SECRET_SLOT_BYTES);
    if (!slots) {
        free(region);
        return STATUS_MEMORY;
    }
    memset(slots, 0, (size_t)SECRET_REGION_SLOTS * SECRET_SLOT_BYTES);
    region->next = secret_regions;
    secret_regions = region;
    for (size_t i = 0; i < SECRET_REGION_SLOTS; i++) {
        region->secrets[i] = (struct secret){.data = slots + i * SECRET_SLOT_BYTES, .next_free = secret_free_slots};
        secret_free_slots = &region->secrets[i];
    }
    POISON(slots, (size_t)SECRET_REGION_SLOTS * SECRET_SLOT_BYTES);
    return STATUS_OK;
}

static struct secret *secret_take_slot(size_t len) {
    if (pthread_mutex_lock(&secret_mutex) != 0) abort();
    if (!secret_free_slots) IGNORE(secret_add_region());
    struct secret *taken = secret_free_slots;
    if (taken) {
        secret_free_slots = taken->next_free;
        taken->next_free = NULL;
        taken->place = SECRET_IN_SLOT;
        taken->len = len;
        UNPOISON(taken->data, len);
    }
    (void)pthread_mutex_unlock(&secret_mutex);
    return taken;
}

static void secret_return_slot(struct secret *secret) {
    if (pthread_mutex_lock(&secret_mutex) != 0) abort();
    if (secret->place != SECRET_IN_SLOT) abort();
    UNPOISON(secret->data, SECRET_SLOT_BYTES);
    sodium_memzero(secret->data, SECRET_SLOT_BYTES);
    POISON(secret->data, SECRET_SLOT_BYTES);
    secret->place = SECRET_FREE;
    secret->len = 0;
    secret->next_free = secret_free_slots;
    secret_free_slots = secret;
    (void)pthread_mutex_unlock(&secret_mutex);
}

static struct secret *secret_new_alone(size_t len) {
    struct secret *secret = calloc(1, sizeof *secret);
    if (!secret) return NULL;
    uint8_t *data = sodium_malloc(len);
    if (!data) {
        free(secret);
        return NULL;
    }
    memset(data, 0, len);
    *secret = (struct secret){.data = data, .len = len, .place = SECRET_ALONE};
    return secret;
}

struct secret *secret_new(size_t len) {
    if (len == 0 || len > SECRET_MAX_BYTES) return NULL;
    return len <= SECRET_SLOT_BYTES ? secret_take_slot(len) : secret_new_alone(len);
}

struct secret *secret_from(struct bytes from) {
    struct secret *secret = secret_new(from.len);
    if (secret) memcpy(secret->data, from.data, from.len);
    return secret;
}

struct secret *secret_random(size_t len) {
    struct secret *secret = secret_new(len);
    if (secret) randombytes_buf(secret->data, len);
    return secret;
}

void secret_free(struct secret *secret) {
    if (!secret) return;
    if (secret->place == SECRET_ALONE) {
        /* sodium_free checks the canary and wipes. */
        sodium_free(secret->data);
        free(secret);
        return;
    }
    secret_return_slot(secret);
}

uint8_t *secret_data(struct secret *secret) { return secret->data; }

struct bytes secret_bytes(const struct secret *secret) {
    return (struct bytes){secret->data, secret->len};
}

size_t secret_len(const struct secret *secret) { return secret->len; }

void secret_wipe(void *memory, size_t len) { sodium_memzero(memory, len); }

void secret_random_public(void *out, size_t len) { randombytes_buf(out, len); }
