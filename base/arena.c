/*
 * The bump allocator. Owns its blocks: the first is part of the arena's own allocation, so that a request that fits
 * into it costs one malloc; later ones form a list and go at reset.
 *
 * Invariants: used <= cap; each allocation counts with its padding, so that the cap bounds real memory; what lies
 * beyond an allocation is poisoned under AddressSanitizer.
 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/poison.h"

#define ARENA_BLOCK_BYTES ((size_t)16 * 1024)
#define ARENA_ALIGN       (_Alignof(max_align_t))

struct arena_block {
    struct arena_block *next;
    _Alignas(max_align_t) uint8_t data[];
};

struct arena {
    size_t cap;
    size_t used;
    uint8_t *at;                /* next free byte of the block being filled */
    size_t left;                /* bytes after it in that block */
    struct arena_block *others; /* every block but the first */
    size_t first_size;
    _Alignas(max_align_t) uint8_t first[];
};

static size_t arena_padded(size_t size) { return (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1); }

static void arena_start_first(struct arena *arena) {
    arena->used = 0;
    arena->at = arena->first;
    arena->left = arena->first_size;
    POISON(arena->first, arena->first_size);
}

struct arena *arena_new(size_t cap_bytes) {
    size_t first_size = cap_bytes < ARENA_BLOCK_BYTES ? arena_padded(cap_bytes) : ARENA_BLOCK_BYTES;
    struct arena *arena = malloc(sizeof *arena + first_size);
    if (!arena) return NULL;
    *arena = (struct arena){.cap = cap_bytes, .first_size = first_size};
    arena_start_first(arena);
    return arena;
}

static void arena_free_others(struct arena *arena) {
    while (arena->others) {
        struct arena_block *next = arena->others->next;
        free(arena->others);
        arena->others = next;
    }
}

void arena_free(struct arena *arena) {
    if (!arena) return;
    arena_free_others(arena);
    free(arena);
}

void arena_reset(struct arena *arena) {
    arena_free_others(arena);
    arena_start_first(arena);
}

size_t arena_used_bytes(const struct arena *arena) { return arena->used; }

/* Data of a new block of its own; NULL when memory is out. */
static uint8_t *arena_add_block(struct arena *arena, size_t size) {
    struct arena_block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->next = arena->others;
    arena->others = block;
    return block->data;
}

/* padded bytes from the block being filled, from a fresh one, or, when they are many, from a block of their own, so
 * that the rest of the current one is not lost. */
static uint8_t *arena_take(struct arena *arena, size_t padded) {
    if (padded > arena->left) {
        if (padded >= ARENA_BLOCK_BYTES / 4) return arena_add_block(arena, padded);
        uint8_t *fresh = arena_add_block(arena, ARENA_BLOCK_BYTES);
        if (!fresh) return NULL;
        POISON(fresh, ARENA_BLOCK_BYTES);
        arena->at = fresh;
        arena->left = ARENA_BLOCK_BYTES;
    }
    uint8_t *taken = arena->at;
    arena->at += padded;
    arena->left -= padded;
    return taken;
}

/* As arena_alloc but not zeroed, for callers that fill all of it. */
static void *arena_reserve(struct arena *arena, size_t size) {
    if (size == 0) size = 1;
    size_t room = arena->cap - arena->used;
    if (size > room) return NULL;
    size_t padded = arena_padded(size);
    if (padded < size) return NULL;
    uint8_t *taken = arena_take(arena, padded);
    if (!taken) return NULL;
    arena->used += padded < room ? padded : room;
    UNPOISON(taken, size);
    return taken;
}

void *arena_alloc(struct arena *arena, size_t size) {
    void *memory = arena_reserve(arena, size);
    if (memory) memset(memory, 0, size);
    return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size) {
    size_t total = 0;
    if (checked_mul_size(count, size, &total) != STATUS_OK) return NULL;
    return arena_alloc(arena, total);
}

enum status arena_copy(struct arena *arena, struct bytes from, struct bytes *out_copy) {
    void *memory = arena_reserve(arena, from.len);
    ENSURE(memory, STATUS_MEMORY);
    if (from.len > 0) memcpy(memory, from.data, from.len);
    *out_copy = BYTES(memory, from.len);
    return STATUS_OK;
}

/* Copies bytes and ends them with NUL. */
static char *arena_copy_ended(struct arena *arena, struct bytes from) {
    size_t size = 0;
    if (checked_add_size(from.len, 1, &size) != STATUS_OK) return NULL;
    char *memory = arena_reserve(arena, size);
    if (!memory) return NULL;
    if (from.len > 0) memcpy(memory, from.data, from.len);
    memory[from.len] = '\0';
    return memory;
}

char *arena_string(struct arena *arena, const char *text) { return arena_copy_ended(arena, bytes_text(text)); }

enum status arena_text(struct arena *arena, struct bytes from, const char **out_text) {
    ENSURE(from.len == 0 || !memchr(from.data, 0, from.len), STATUS_MALFORMED);
    const char *text = arena_copy_ended(arena, from);
    ENSURE(text, STATUS_MEMORY);
    *out_text = text;
    return STATUS_OK;
}

__attribute__((format(printf, 3, 0))) static char *arena_print(struct arena *arena, size_t len, const char *format,
                                                               va_list values) {
    char *memory = arena_reserve(arena, len + 1);
    if (memory) (void)vsnprintf(memory, len + 1, format, values);
    return memory;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list values;
    va_start(values, format);
    va_list again;
    va_copy(again, values);
    int len = vsnprintf(NULL, 0, format, values);
    char *text = len < 0 ? NULL : arena_print(arena, (size_t)len, format, again);
    va_end(again);
    va_end(values);
    return text;
}
