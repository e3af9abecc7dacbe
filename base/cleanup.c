/*
 * The clean-up functions that belong to no type of ours. They keep errno, since they run between a failed call and the
 * caller that looks at it.
 */
#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cleanup_free(void *pointer_to_pointer) {
    void *memory = NULL;
    memcpy(&memory, pointer_to_pointer, sizeof memory);
    free(memory);
}

void cleanup_fd(int *fd) {
    if (*fd < 0) return;
    int saved = errno;
    (void)close(*fd);
    errno = saved;
}
