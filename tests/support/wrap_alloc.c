#include "support/alloc_fail.h"

#include <errno.h>
#include <stddef.h>

/* What the linker's --wrap makes of the names. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);
void *__real_sodium_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
void *__wrap_sodium_malloc(size_t size);

static _Thread_local unsigned alloc_left;
static _Thread_local int alloc_happened;

void alloc_fail_at(unsigned nth) {
    alloc_left = nth;
    alloc_happened = 0;
}

int alloc_fail_happened(void) { return alloc_happened; }

static int alloc_fails_now(void) {
    if (alloc_left == 0 || --alloc_left > 0) return 0;
    alloc_happened = 1;
    errno = ENOMEM;
    return 1;
}

void *__wrap_malloc(size_t size) { return alloc_fails_now() ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size) { return alloc_fails_now() ? NULL : __real_calloc(count, size); }

void *__wrap_realloc(void *memory, size_t size) { return alloc_fails_now() ? NULL : __real_realloc(memory, size); }

char *__wrap_strdup(const char *text) { return alloc_fails_now() ? NULL : __real_strdup(text); }

char *__wrap_strndup(const char *text, size_t max) { return alloc_fails_now() ? NULL : __real_strndup(text, max); }

void *__wrap_sodium_malloc(size_t size) { return alloc_fails_now() ? NULL : __real_sodium_malloc(size); }
