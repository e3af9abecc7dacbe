/*
 * Capped bump allocator: one for each request. All that is allocated lives until arena_reset or arena_free.
 * Not thread-safe: one owner at a time. Memory is not wiped: no key bytes in an arena (base/secret.h).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/status.h"

struct arena;

/* Makes an arena that will hold at most cap_bytes in all. NULL when memory is out. Grows in blocks of 16 KiB or the
 * size asked for; the first block is kept over arena_reset. */
struct arena *arena_new(size_t cap_bytes);

/* Takes NULL. */
void arena_free(struct arena *arena);
CLEANUP_POINTER(struct arena, arena_free)

/* Forgets everything allocated, keeps the first block for reuse. */
void arena_reset(struct arena *arena);

/* Bytes handed out since the last reset, with the padding to the alignment. */
size_t arena_used_bytes(const struct arena *arena);

/* Zeroed memory aligned for any type; NULL when the cap is reached or memory is out. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc for count * size with an overflow check. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* Copies bytes; STATUS_MEMORY when the arena is full. An empty view gives an empty view with non-NULL data. */
enum status arena_copy(struct arena *arena, struct bytes from, struct bytes *out_copy);

/* Copies a string and ends it with NUL; NULL when the arena is full. */
char *arena_string(struct arena *arena, const char *text);

/* NUL-terminated copy of bytes; refuses (STATUS_MALFORMED) bytes that hold a NUL. */
enum status arena_text(struct arena *arena, struct bytes from, const char **out_text);

/* printf into the arena; NULL when the arena is full. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

#endif
