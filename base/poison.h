/*
 * Marks memory that a free list or a bump allocator holds, so that AddressSanitizer reports any use of it. Nothing in
 * builds without it. Any thread.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POISON_WORKS
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define POISON_WORKS
#endif

#ifdef POISON_WORKS
#include <sanitizer/asan_interface.h>
#define POISON(memory, size)   __asan_poison_memory_region((memory), (size))
#define UNPOISON(memory, size) __asan_unpoison_memory_region((memory), (size))
#else
#define POISON(memory, size)   ((void)(memory), (void)(size))
#define UNPOISON(memory, size) ((void)(memory), (void)(size))
#endif

#endif
