/*
 * Release of resources by scope. CLEANUP(fn) calls `void fn(T *variable)` when the variable leaves its scope; MOVE
 * hands a pointer on and disarms the clean-up.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stddef.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Yields the pointer and sets the variable to NULL, so that its clean-up finds nothing to do. */
#define MOVE(pointer)                                                                                                  \
    (__extension__({                                                                                                   \
        __auto_type moved = (pointer);                                                                                 \
        (pointer) = NULL;                                                                                              \
        moved;                                                                                                         \
    }))

/* Defines `name_cleanup(T **)` for a free function that takes T* and accepts NULL. */
#define CLEANUP_POINTER(type, free_function)                                                                           \
    static inline void free_function##_cleanup(type **pointer) { free_function(*pointer); }

/* For plain malloc'ed memory: `char *text CLEANUP(cleanup_free) = NULL;`. */
void cleanup_free(void *pointer_to_pointer);

/* For file descriptors, -1 is nothing: `int fd CLEANUP(cleanup_fd) = -1;`. */
void cleanup_fd(int *fd);

#endif
