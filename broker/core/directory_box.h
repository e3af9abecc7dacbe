/*
 * Where the newest directory is kept. The mutex guards the reference.
 */
#ifndef BROKER_CORE_DIRECTORY_BOX_H
#define BROKER_CORE_DIRECTORY_BOX_H

#include <pthread.h>

#include "base/cleanup.h"
#include "proto/directory.h"

struct directory_box {
    pthread_mutex_t mutex;
    struct directory *directory;
};

/* Takes over the reference. NULL when memory is out: then the caller keeps it. */
struct directory_box *directory_box_new(struct directory *first);
/* Takes NULL. */
void directory_box_free(struct directory_box *box);
CLEANUP_POINTER(struct directory_box, directory_box_free)

#endif
