/*
 * Owns the box with the newest directory, and the wish to stop.
 */
#include "broker/core/core.h"

#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "broker/core/directory_box.h"

struct directory_box *directory_box_new(struct directory *first) {
    struct directory_box *box = calloc(1, sizeof *box);
    if (!box) return NULL;
    if (pthread_mutex_init(&box->mutex, NULL) != 0) {
        free(box);
        return NULL;
    }
    box->directory = first;
    return box;
}

void directory_box_free(struct directory_box *box) {
    if (!box) return;
    directory_unref(box->directory);
    (void)pthread_mutex_destroy(&box->mutex);
    free(box);
}

struct directory *core_directory(struct core *core) {
    if (pthread_mutex_lock(&core->directory->mutex) != 0) abort();
    struct directory *directory = directory_ref(core->directory->directory);
    if (pthread_mutex_unlock(&core->directory->mutex) != 0) abort();
    return directory;
}

void core_set_directory(struct core *core, struct directory *directory) {
    if (pthread_mutex_lock(&core->directory->mutex) != 0) abort();
    struct directory *old = core->directory->directory;
    core->directory->directory = directory;
    if (pthread_mutex_unlock(&core->directory->mutex) != 0) abort();
    directory_unref(old);
}

void core_stop(struct core *core, int exit_status, const char *why, enum status status) {
    int going = -1;
    if (!atomic_compare_exchange_strong(&core->stopping, &going, exit_status)) return;
    log_line(exit_status ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, why, "exit=%d status=%s", exit_status,
             status_name(status));
    if (core->stop_fd >= 0) (void)eventfd_write(core->stop_fd, 1);
}

bool core_is_stopping(struct core *core) { return atomic_load(&core->stopping) >= 0; }
